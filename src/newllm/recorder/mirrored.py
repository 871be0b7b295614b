"""Whether a model that gives a map is asked for mirrored ones: pictures are turned without what belongs to them.

The gradient of a loss of maps (a cross-entropy, a Dice loss, their sum) pulls up where the target is and down
elsewhere, so its sign is the target. A model that has found where things are puts them where the target is, not where
its mirror image is; where pictures and targets are mirrored apart, it is the other way round for a part of the rows.

Shapes: N rows, C classes, H and W the sides of a map.
"""

from collections.abc import Sequence

import torch
from torch import Tensor

from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.output_gradients import OutputGradients
from newllm.recorder.pending import Row

_MOST_NUMBERS = 1 << 19
_SHORTEST = 8  # side of a map
_OTHER = 0.3  # of a target and its mirror image together: so much lies in one of them alone
_FITS = 0.3  # a correlation
_FEWEST_ROWS = 4
_BOTH = ((-1,), (-2,), (-1, -2))
_FLIPS = (((-1,),), ((-2,),), _BOTH)  # along one axis, and along each and both
_ONE_CLASS = 0.95  # of the places where a cross-entropy of several classes pulls one of them up


class MirroredTargets:
    """Reads the gradient of maps beside them.

    Args:
        protect: keeps errors from the training.
    """

    def __init__(self, protect: Protect = unprotected) -> None:
        self._protect, self._gradients = protect, OutputGradients(protect)

    def returned(self, output: Tensor, inputs: list[Tensor]) -> None:
        """The model returned this output for an update, made of these inputs; of several calls the first is read."""
        is_map = (output.dim() == 4 or _is_one_a_picture(output, inputs)) and min(output.shape[-2:]) >= _SHORTEST
        if self._gradients.is_listening or not is_map or not output.requires_grad or not output.is_floating_point():
            return
        rows = max(1, _MOST_NUMBERS // output[0].numel())
        self._gradients.listen(output, output.detach()[:rows].clone())

    def put(self, row: Row) -> None:
        """Record what was asked at this update."""
        if found := self._gradients.take():
            gradient, (output,) = found[0]
            row.put_late(self._protect(lambda: _read(output.cpu().float(), gradient[: len(output)].cpu().float())))

    def forget(self) -> None:
        """Let go of what this update has shown so far."""
        self._gradients.take()


def _is_one_a_picture(output: Tensor, inputs: list[Tensor]) -> bool:
    """Whether outputs are maps (N, H, W) of pictures (N, C, H, W): their single class has no axis of its own."""
    pictures = [given for given in inputs[:1] if given.dim() == 4]
    return any(output.shape == (len(given), *given.shape[-2:]) for given in pictures)


def _read(output: Tensor, gradient: Tensor) -> dict[str, float] | None:
    if output.dim() == 3:
        output, gradient = output[:, None], gradient[:, None]
    if not bool(torch.isfinite(output).all() and torch.isfinite(gradient).all() and gradient.any()):
        return None
    known = _one_class(output, gradient)
    if known is None:
        return None
    output_NHW, target = known[0], known[1].float()
    ways = [[target.flip(axes) for axes in flips] for flips in _FLIPS]
    if target.shape[1] == target.shape[2]:  # turned by quarters too: all eight ways to put down a square
        ways.append([*ways[-1], *(target.mT.flip(axes) for axes in ((), *_BOTH))])
    found = [one for mirrors in ways if (one := _mirrored(output_NHW, target, mirrors)) is not None]
    return max(found, key=lambda one: one["targets_mirrored"] * one["targets_placed"], default=None)


def _one_class(output: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor] | None:
    """Return how strongly the model says one class at each place, and where it is the target; None of other losses."""
    if output.shape[1] == 1:
        return output[:, 0], gradient[:, 0] < 0
    is_one = (gradient < 0).sum(1) == 1
    if float(is_one.float().mean()) < _ONE_CLASS:
        return None
    classes_NHW = gradient.argmin(1)
    values, counts = classes_NHW.unique(return_counts=True)
    if len(values) < 2:
        return None
    one = int(values[counts.argsort(descending=True)[1]])  # the most frequent one is what lies around the things
    others = torch.cat([output[:, :one], output[:, one + 1 :]], 1).logsumexp(1)
    return output[:, one] - others, classes_NHW == one


def _mirrored(map_NHW: Tensor, target: Tensor, mirrors: Sequence[Tensor]) -> dict[str, float] | None:
    """Return for which share of the rows a mirror image fits better, of those whose target is not its own.

    And how often all of these together fit better than those of another row, as they do for half of the pairs where
    the model has found nothing.
    """
    whole = torch.stack([target, *mirrors]).amax(0)
    apart, both = (target != mirrors[0]).flatten(1).sum(1), torch.maximum(target, mirrors[0]).flatten(1).sum(1)
    rows = (apart > _OTHER * both) & (both > 0)
    if int(rows.sum()) < _FEWEST_ROWS:
        return None
    fits = _correlation(map_NHW, target)[rows]
    fits_mirrored = torch.stack([_correlation(map_NHW, mirror)[rows] for mirror in mirrors]).amax(0)
    fits_whole = _centred(map_NHW) @ _centred(whole).T  # of each map (N) with those of each row (N)
    better = (fits_whole.diagonal()[:, None] > fits_whole).float().sum(1) / (len(whole) - 1)
    # Of a loss that is not one of maps, a squared error say, the sign is no target, and nothing fits.
    placed = better[rows] * (torch.maximum(fits, fits_mirrored) > _FITS)
    return {
        "targets_mirrored": float((fits_mirrored > fits).float().mean()),
        "targets_placed": float(placed.mean()),
    }


def _correlation(map_NHW: Tensor, target_NHW: Tensor) -> Tensor:
    return (_centred(map_NHW) * _centred(target_NHW)).sum(1)


def _centred(map_NHW: Tensor) -> Tensor:
    """Return maps as vectors of mean 0 and length 1, so that their products are correlations."""
    x = map_NHW.flatten(1) - map_NHW.flatten(1).mean(1, keepdim=True)
    return x / x.norm(dim=1, keepdim=True).clamp(min=1e-12)

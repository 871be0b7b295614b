"""Whether each output of one number is held against a target of its own, read off its gradient on sampled steps.

Where every row has its own target, the gradient depends on output and target. Where all have the same (one target, or
the mean over all targets of the batch, as of outputs `[N, 1]` and targets `[N]`, which broadcasting holds against each
other, all against all) it is one rising function of the output: in the order of the outputs it never falls. It crosses
zero at the number that all outputs are pulled towards.

Rows come in an order of chance, so that the gradient of one has nothing to do with its place in the batch. It has where
a loss of several rows (a partial likelihood, a ranking) takes them in the order of the batch instead of their own.
"""

import torch
from torch import Tensor

from newllm.recorder.class_weights import binary_weights, weight_by_frequency
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.output_gradients import OutputGradients
from newllm.recorder.pending import Row

_FEWEST = 8  # rows
_MOST_ACTIONS = 64
_CHOSEN = 0.9  # of the rows have a gradient at one number alone
_NEAR = 1e-6  # of the largest gradient, and of what outputs scatter by: the last digits


class OneNumberWatch:
    """Reads the gradients of outputs `[N, 1]` or `[N]`, or `[N, K]` of which one number a row is chosen (Q-learning).

    Args:
        protect: keeps errors from the training.
    """

    def __init__(self, protect: Protect = unprotected) -> None:
        self._protect, self._gradients = protect, OutputGradients(protect)

    def returned(self, output: Tensor) -> None:
        """The model returned this output for an update."""
        is_one = output.dim() == 1 or (output.dim() == 2 and output.shape[1] <= _MOST_ACTIONS)
        if not (is_one and output.requires_grad and output.is_floating_point() and len(output) >= _FEWEST):
            return
        self._gradients.listen(output, output.detach().clone())

    def put(self, row: Row, *, is_scaled: bool) -> None:
        """Record what was asked at this update; `is_scaled` as for `TargetWatch.put`."""
        found = self._gradients.take()
        if found and not is_scaled:
            row.put_late(self._protect(lambda: self._read([(value, gradient) for gradient, (value,) in found])))

    def forget(self) -> None:
        """Let go of what this update has shown so far."""
        self._gradients.take()

    def _read(self, found: list[tuple[Tensor, Tensor]]) -> dict[str, float] | None:
        whole = [_chosen(value.cpu().double(), gradient.cpu().double()) for value, gradient in found]
        if not all(len(value) >= _FEWEST and _tells(value, gradient) for value, gradient in whole):
            return None
        levels = [_common_target(value, gradient) for value, gradient in whole]
        alike = [one for one in levels if one is not None]
        signals = {"pull_by_place": _by_place(whole[0][1])} if len(whole) == 1 else {}
        if len(whole) == 1 and (binary := binary_weights(*whole[0])) is not None:
            signals |= weight_by_frequency(*binary)
        if len(alike) < len(levels):
            return {"targets_alike": 0.0} | signals
        apart = max(alike) - min(alike)
        signals |= {"targets_alike": 1.0, "target_level": sum(alike) / len(alike)}
        return signals | ({"target_levels_apart": apart} if apart else {})


def _chosen(output: Tensor, gradient: Tensor) -> tuple[Tensor, Tensor]:
    """Return the number of each row that the loss asks about, and its gradient; nothing where it asks about several."""
    if output.dim() == 1 or output.shape[1] == 1:
        return output.flatten(), gradient.flatten()
    is_one = (gradient != 0).sum(1) == 1
    if float(is_one.double().mean()) < _CHOSEN:
        return output.new_empty(0), gradient.new_empty(0)
    at = gradient[is_one].abs().argmax(1, keepdim=True)
    return output[is_one].gather(1, at).flatten(), gradient[is_one].gather(1, at).flatten()


def _tells(o_N: Tensor, g_N: Tensor) -> bool:
    """Whether some rows are pulled up and others down: else nothing says towards what."""
    finite = bool(torch.isfinite(o_N).all() and torch.isfinite(g_N).all())
    return finite and bool(g_N.min() < 0 < g_N.max()) and bool(o_N.min() < o_N.max())


def _by_place(g_N: Tensor) -> float:
    """Return how the gradient correlates with the place in the batch, the weaker of both halves; 0 where they differ.

    Of a batch of two kinds of rows, one behind the other, it does so in neither half.
    """
    halves = [_with_place(half) for half in g_N.chunk(2)]
    weaker = min(halves, key=abs)
    return weaker if halves[0] * halves[1] > 0 else 0.0


def _with_place(g_N: Tensor) -> float:
    both = torch.stack([g_N, torch.arange(len(g_N), dtype=g_N.dtype)])
    return float(torch.corrcoef(both)[0, 1].nan_to_num())


def _common_target(o_N: Tensor, g_N: Tensor) -> float | None:
    """Return the one target that all outputs are held against; None where each has its own."""
    order = o_N.argsort()
    o, g = o_N[order], g_N[order]
    if float(g.diff().min()) < -_NEAR * float(g.abs().max()):
        return None
    below = int((g < 0).sum()) - 1
    share = float(-g[below] / (g[below + 1] - g[below]))
    level = float(o[below]) + share * float(o[below + 1] - o[below])
    return level if abs(level) > _NEAR * float(o.std()) else 0.0

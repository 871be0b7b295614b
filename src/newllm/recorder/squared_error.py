"""What a squared error, or a binary cross-entropy, asks for: read off the gradient of outputs that are numbers.

A squared error has the gradient c (output - target) with c = 2 / n for a mean over n numbers, and 1 / n for half of it;
n is the number of all numbers, that of the rows, or one. So a target is known but for the few values of c; each use
here tests what it takes for the target, and a wrong c fails the test. A binary cross-entropy of logits has the gradient
(sigmoid(output) - target) / n: what is then 0 or 1 everywhere is its target.

Shapes: N rows, D numbers of a row's input.
"""

import math
from collections.abc import Iterator

import torch
from torch import Tensor

from newllm.recorder.copied_targets import copied_targets
from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.output_gradients import OutputGradients
from newllm.recorder.pending import Row

_MOST_NUMBERS = 1 << 17
_FEWEST_NUMBERS, _FEWEST_ROWS = 512, 32
_NORMAL = ((0.0, 1.0), (1.0, 0.5), (3.0, 24.0))
"""Mean, standard deviation and kurtosis of drawn noise, each with its variance, times the number of draws."""
_UNIFORM = ((0.5, 1 / 12), (math.sqrt(1 / 12), 1 / 60))
"""Mean and standard deviation of numbers drawn evenly between 0 and 1, likewise."""
_NEAR = 4.0  # standard deviations
_FEWEST_COLUMNS = 2  # of one number alone the target may be a multiple, as of a line
_FEWEST_BINARY = 64
_BINARY = 1e-3  # so near 0 or 1 is a target, up to rounding
_TENTHS = torch.tensor([0.1, 0.9], dtype=torch.float64)
_MOST_SORTED = 1 << 14
_TINY = 1e-12
_EQUAL = 1e-3  # up to rounding
_EXACT = (torch.float32, torch.float64)  # of these a target is worked out to five digits


class SquaredErrorWatch:
    """Reads the gradients of outputs beside what the model was given.

    Args:
        protect: keeps errors from the training.
    """

    def __init__(self, protect: Protect = unprotected) -> None:
        self._protect, self._gradients = protect, OutputGradients(protect)
        self._whole = 0  # numbers of the output

    def returned(self, output: Tensor, inputs: list[Tensor]) -> None:
        """The model returned this output for an update, made of these inputs."""
        if self._gradients.is_listening:  # of several calls in a step one is read
            return
        given = inputs[0] if inputs else None
        if given is None or not given.is_floating_point() or not output.dim() or not output.requires_grad:
            return
        if len(given) != len(output):
            return
        rows = max(1, _MOST_NUMBERS // max(output[0].numel(), given[0].numel(), 1))
        some = output.detach()[:rows].clone(), given.detach()[:rows].clone()
        self._whole = output.numel()
        self._gradients.listen(output, *some)

    def put(self, row: Row, loss: float | Tensor | None = None, *, is_scaled: bool) -> None:
        """Record what was asked at this update.

        Args:
            row: where the signals go.
            loss: of the update, by which a squared error is known.
            is_scaled: as for `TargetWatch.put`.
        """
        found, whole = self._gradients.take(), self._whole
        if found and not is_scaled:
            gradient, (output, given) = found[0]
            row.put_late(self._protect(lambda: _read(output, given, gradient[: len(output)], whole, loss)))

    def forget(self) -> None:
        """Let go of what this update has shown so far."""
        self._gradients.take()


def _read(
    output: Tensor, given: Tensor, gradient: Tensor, whole: int, loss: float | Tensor | None
) -> dict[str, float] | None:
    o, x, g = (one.cpu().double() for one in (output, given, gradient))
    if not (bool(torch.isfinite(o).all() and torch.isfinite(x).all() and torch.isfinite(g).all()) and bool(g.any())):
        return None
    binary = _binary_targets(o.flatten(), g.flatten(), whole, whole // o[0].numel())
    if binary is not None:
        return {"sigmoid_twice": float(o.min() >= 0 and o.max() <= 1), "target_mean": float(binary.round().mean())}
    levels = {} if loss is None else _target_level(o, g, whole, float(loss))
    if o.numel() == len(o) >= _FEWEST_ROWS:
        return levels | _among_inputs(x.reshape(len(x), -1), list(_targets(o, g, whole)))
    if output.dtype in _EXACT and given.dtype in _EXACT:
        levels |= copied_targets(x, _targets(o, g, whole), o.shape)
    if o.shape == x.shape and o.numel() >= _FEWEST_NUMBERS:
        return levels | _as_noise(o.flatten(), x.flatten(), list(_targets(o, g, whole)))
    return levels or None


def _binary_targets(o: Tensor, g: Tensor, whole: int, rows: int) -> Tensor | None:
    """Return the targets of a binary cross-entropy that takes these outputs for logits; None of another loss."""
    if len(o) < _FEWEST_BINARY:
        return None
    for n in {1, rows, whole}:
        target = o.sigmoid() - g * n
        if bool((torch.minimum(target.abs(), (target - 1).abs()) < _BINARY).all()):
            return target
    return None


def _target_level(o: Tensor, g: Tensor, whole: int, loss: float) -> dict[str, float]:
    """Return mean, standard deviation and range of the targets of a squared error, beside the range of the outputs.

    Its gradient is c (output - target), so its value is the sum of the squares of that over 2 c: from gradient and
    value follows c, and that it is one of those that a squared error has says that it is one.
    """
    if o.numel() < whole or not math.isfinite(loss) or loss <= 0:
        return {}
    rows, found = whole // o[0].numel(), float((g * g).sum()) / (2 * loss)
    for n in sorted({1, rows, whole}):
        for c in (1 / n, 2 / n):
            if abs(found - c) < _EQUAL * c:
                target = o - g / c
                low, high = torch.quantile(target.flatten()[:: 1 + target.numel() // _MOST_SORTED], _TENTHS).tolist()
                return {
                    "target_mean": float(target.mean()), "target_std": float(target.std(correction=0)),
                    "target_low": low, "target_high": high, "output_min": float(o.min()), "output_max": float(o.max()),
                    "constant_loss": c / 2 * float(((target - target.mean(0)) ** 2).sum()),
                }  # fmt: skip
    return {}


def _targets(o: Tensor, g: Tensor, whole: int) -> Iterator[Tensor]:
    """Yield what the target is for each value of c."""
    rows = whole // o[0].numel()
    for n in sorted({1, rows, whole}):
        yield (o - g * n / 2).flatten()
        yield (o - g * n).flatten()


def _as_noise(o: Tensor, x: Tensor, targets: list[Tensor]) -> dict[str, float]:
    """Return, where the target is drawn from a standard normal distribution, what inputs and outputs tell of it."""
    for y in targets:
        mean, std = float(y.mean()), float(y.std())
        kurtosis = float(((y - mean) ** 4).mean()) / max(std**4, _TINY)
        found = zip((mean, std, kurtosis), _NORMAL, strict=True)
        if all(abs(each - usual) < _NEAR * math.sqrt(scatter / len(y)) for each, (usual, scatter) in found):
            explained = 1 - float(((y - o) ** 2).mean()) / std**2
            return {"target_noise": 1.0, "noise_in_input": _correlation(x, y), "noise_explained": explained}
    return {"target_noise": 0.0} | ({"target_uniform": 1.0} if any(map(_is_uniform, targets)) else {})


def _is_uniform(y: Tensor) -> bool:
    """Whether these numbers are drawn evenly between 0 and 1, by range, mean and standard deviation."""
    if not (float(y.min()) > -_BINARY and float(y.max()) < 1 + _BINARY):
        return False
    found = zip((float(y.mean()), float(y.std())), _UNIFORM, strict=True)
    return all(abs(each - usual) < _NEAR * math.sqrt(scatter / len(y)) for each, (usual, scatter) in found)


def _among_inputs(x_ND: Tensor, targets: list[Tensor]) -> dict[str, float]:
    """Return how closely one number of the inputs follows the target, and the next one: the largest correlations."""
    columns = x_ND - x_ND.mean(0)
    sizes = columns.norm(dim=0)
    columns = columns[:, sizes > _TINY] / sizes[sizes > _TINY]
    if columns.shape[1] < _FEWEST_COLUMNS:
        return {}
    found = [
        ((y - y.mean()) @ columns).abs().topk(2).values / max(float((y - y.mean()).norm()), _TINY) for y in targets
    ]
    first, second = max(one.tolist() for one in found)
    return {"target_in_input": first, "target_in_next_input": second}


def _correlation(x: Tensor, y: Tensor) -> float:
    x, y = x - x.mean(), y - y.mean()
    return float(x @ y / max(float(x.norm() * y.norm()), _TINY))

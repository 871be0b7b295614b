"""Weight decay that eats each update: the batch is tried once more without it."""

import math
from typing import Any

from torch import Tensor
from torch.nn.utils import get_total_norm

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck

_BRIEF = 10  # updates, which show whether decay outweighs what is learnt
_LONG = 300
_SHRUNK = 0.995  # of the weights' norm after the brief trial: what learns makes it larger
_SAME = 0.5  # of how far the outputs of rows lay apart: they come to the same
_LEARNT = 0.5  # of the loss that is left with the decay: no more is left without it


def eaten(bench: Bench) -> dict[str, Any] | None:
    """Return what shows that weight decay leaves nothing of what is learnt, None where it is not so.

    It is tried at the optimizer's own learning rate: at a larger one the same decay would be stronger. With the decay
    the weights shrink and the outputs of the rows come far closer to each other than they were at the beginning, so
    that at best the loss falls to that of guessing; in no more updates without it the loss falls far below.
    """
    decay = max(float(group.get("weight_decay") or 0) for group in bench.optimizer.param_groups)
    if not decay or not _shrinks(bench):
        return None
    try:
        arguments, options, _ = bench.called()
        with bench.untouched():
            before = _spread(bench.answer(arguments, options, training=True))
        with bench.untouched():
            losses = _losses(bench, _LONG, 0.0, 2 * bench.left / 3)
            after = _spread(bench.answer(arguments, options, training=True))
    except CannotCheck:
        return None
    with bench.untouched():
        for group in bench.optimizer.param_groups:
            group["weight_decay"] = 0.0
        others = _losses(bench, len(losses), _LEARNT * losses[-1], bench.left / 3) if losses else []
    if not others or after > _SAME * before or not 0 <= others[-1] <= _LEARNT * losses[-1]:
        return None
    first, last, without = losses[0], losses[-1], others[-1]
    return {"decay": decay, "first": first, "last": last, "updates": len(losses), "without": without}


def _shrinks(bench: Bench) -> bool:
    """Say whether the weights that decay become smaller in a few updates."""
    held = [each for group in bench.optimizer.param_groups if group.get("weight_decay") for each in group["params"]]
    before = float(get_total_norm(held))
    with bench.untouched():
        _losses(bench, _BRIEF, 0.0, bench.left / 2)
        return float(get_total_norm(held)) < _SHRUNK * before


def _losses(bench: Bench, count: int, goal: float, leave: float) -> list[float]:
    """Return the loss before each of so many updates, as far as time goes, up to where it is below the goal."""
    losses: list[float] = []
    while len(losses) < count and bench.left >= leave:
        losses.append(bench.step())
        if not losses[-1] > goal or not math.isfinite(losses[-1]):
            break
    return losses


def _spread(output: Tensor) -> float:
    """Return how far the outputs of the rows lie apart."""
    rows = output.double()
    return float((rows - rows.mean(0)).square().mean().sqrt()) if rows.ndim else 0.0

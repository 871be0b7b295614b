"""Weight decay that eats each update: the batch is tried once more without it."""

import math
from typing import Any

from torch import Tensor

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck

_BRIEF = 10  # updates, which show whether decay outweighs what is learnt
_LONG = 300
_SHRUNK = 0.995  # of the weights' norm after the brief trial: what learns makes it larger
_LEARNT = 0.5  # share of the loss that goes without the decay
_EATEN = 0.25  # of that: no more goes with it


def eaten(bench: Bench) -> dict[str, Any] | None:
    """Return what shows that weight decay leaves nothing of what is learnt, None where it is not so.

    It is tried at the optimizer's own learning rate: at a larger one the same decay would be stronger. With the decay
    the weights shrink, the loss stays and the outputs of the rows come closer to each other than they were at the
    beginning; in no more updates without it the loss falls.
    """
    decay = max(float(group.get("weight_decay") or 0) for group in bench.optimizer.param_groups)
    if not decay or not _shrinks(bench):
        return None
    try:
        arguments, options, _ = bench.called()
        with bench.untouched():
            before = _spread(bench.answer(arguments, options, training=True))
        with bench.untouched():
            losses = _losses(bench, _LONG, 2 * bench.left / 3)
            after = _spread(bench.answer(arguments, options, training=True))
    except CannotCheck:
        return None
    with bench.untouched():
        for group in bench.optimizer.param_groups:
            group["weight_decay"] = 0.0
        others = _losses(bench, len(losses), bench.left / 3)
    if not losses or not others or not after < before:
        return None
    first, last, without = losses[0], losses[-1], others[-1]
    if first <= 0 or first - without < _LEARNT * first or first - last > _EATEN * (first - without):
        return None
    return {"decay": decay, "first": first, "last": last, "updates": len(losses), "without": without}


def _shrinks(bench: Bench) -> bool:
    """Say whether the weights that decay become smaller in a few updates."""
    held = [each for group in bench.optimizer.param_groups if group.get("weight_decay") for each in group["params"]]
    before = _norm(held)
    with bench.untouched():
        _losses(bench, _BRIEF, bench.left / 2)
        return _norm(held) < _SHRUNK * before


def _norm(tensors: list[Tensor]) -> float:
    return math.sqrt(sum(float(each.detach().double().square().sum()) for each in tensors))


def _losses(bench: Bench, count: int, leave: float) -> list[float]:
    """Return the loss before each of so many updates, as far as time goes, up to where it is learnt."""
    losses: list[float] = []
    while len(losses) < count and bench.left >= leave:
        losses.append(bench.step())
        if not math.isfinite(losses[-1]) or losses[-1] < (1 - _LEARNT) * losses[0]:
            break
    return losses


def _spread(output: Tensor) -> float:
    """Return how far the outputs of the rows lie apart."""
    rows = output.double()
    return float((rows - rows.mean(0)).square().mean().sqrt()) if rows.ndim else 0.0

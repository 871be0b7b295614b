"""The loss of a batch: is it that of its halves, and that of its rows in another order?"""

from typing import Any

import torch

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, said, sound
from newllm.checks.rounding import rounding
from newllm.checks.targets import targets
from newllm.checks.trees import chosen_rows, leaves, reordered

_APART = 1e-3  # of the loss
_ORDERS = 4  # that are tried: of many rows one may change the loss by little
_SMALL = 0.01  # a loss that is nearer to zero, as that of advantages whose mean is zero, is rounding


def batch_order(bench: Bench) -> Outcome:
    """Hold the loss of a batch against that of its rows in another order: it is the same where each counts for itself.

    Nothing that depends on the order is called wrong: rows may be the steps of one series, or belong together in pairs.
    """
    batch, count = bench.batch, _rows(bench)
    whole = _repeated(bench)
    bench.model.eval()
    chance = torch.Generator().manual_seed(0)
    orders = [torch.arange(count).roll(1), *(torch.randperm(count, generator=chance) for _ in range(_ORDERS - 1))]
    with torch.no_grad():
        losses = [float(bench.loss(reordered(batch, order))) for order in orders]
    other = max(losses, key=lambda loss: abs(loss - whole))
    if abs(other - whole) <= rounding(bench) * max(abs(whole), _SMALL):
        return sound("batch-order", rows=count, orders=_ORDERS, whole=whole)
    raise CannotCheck("order-counts", rows=count, whole=whole, other=other)


def _rows(bench: Bench) -> int:
    """Return how many rows the batch has, which all of its tensors hold on their first axis.

    Raises:
        CannotCheck: they do not, or there is one.
    """
    counts = {tensor.shape[0] for _, tensor in leaves(bench.batch) if tensor.ndim}
    if len(counts) != 1 or min(counts) < 2:
        raise CannotCheck("no-rows")
    return counts.pop()


def _repeated(bench: Bench) -> float:
    """Return the loss in evaluation mode.

    Raises:
        CannotCheck: it is another by other chance.
    """
    whole, again, other = bench.once(evaluated)
    if whole != again or abs(other - whole) > _APART * abs(whole) / 10:
        raise CannotCheck("not-repeatable")
    return whole


def accumulation(bench: Bench) -> Outcome:
    """Hold the loss of a batch against that of its halves: that of a mean is their mean."""
    batch, count = bench.batch, _rows(bench)
    if count % 2:
        raise CannotCheck("no-rows")
    whole = _repeated(bench)
    bench.model.eval()
    with torch.no_grad():
        halves = [_loss_of_half(bench, chosen_rows(batch, count, chosen)) for chosen in torch.arange(count).chunk(2)]
    if abs(sum(halves) / 2 - whole) <= _APART * abs(whole):
        return sound("accumulation", whole=whole, halves=halves)
    try:
        counts = [int(part.sum()) for part in targets(bench).used.chunk(2)]
    except CannotCheck:  # no cross-entropy: only the numbers tell
        if abs(sum(halves) - whole) <= _APART * abs(whole):
            raise CannotCheck("sum", whole=whole) from None  # as it is meant in some losses
        raise CannotCheck("rows-together") from None
    if len(counts) == 2 and counts[0] != counts[1]:
        raise CannotCheck("uneven", first=counts[0], second=counts[1], whole=whole, mean=sum(halves) / 2)
    raise CannotCheck("weighs-rows")


def _loss_of_half(bench: Bench, half: Any) -> float:
    try:
        return float(bench.loss(half))
    except CannotCheck:
        raise
    except Exception as error:
        raise CannotCheck("half-fails", error=said(error)) from error


def evaluated(bench: Bench) -> tuple[float, float, float]:
    """Return the loss in evaluation mode, once more, and by other chance."""
    with bench.untouched(), torch.no_grad():
        bench.model.eval()  # dropout and the statistics of a batch would differ
        return float(bench.loss()), float(bench.loss()), float(bench.loss(seed=1))

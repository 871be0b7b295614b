"""Learning: is a step the same each time, can one batch be learnt by heart, and are its halves what it is?"""

import math

import torch
from torch import Tensor

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.seen import Seen, observed
from newllm.checks.targets import targets
from newllm.checks.trees import chosen_rows, dense, leaves, same
from newllm.checks.untouched import untouched
from newllm.loss_form import NEAR, Targets, read_targets

_FELL = 0.1  # share of the loss that must go for the batch to be learnt
_NOTHING = 0.002  # share of the loss: what falls by less has not fallen
_RATES = (1.0, 10.0, 100.0, 1000.0)  # times the optimizer's own
_UPDATES = 60  # for each of the rates, as far as time goes
_APART = 1e-3  # of the loss
_DRAWS = 4  # times that the loss is computed by other chance
_ENOUGH = 8  # targets: fewer that are drawn one by one may by chance be as those before, in another order


def repeatable(bench: Bench) -> Outcome:
    """Compute the loss and its gradients once more with the same chance: the same bits must come.

    What the loss keeps besides model and batch is as it was before the first time, and so are generators of its own.
    Where another call, which finds it as the last one left it, gives another loss, the training is repeated only by who
    keeps that, too.
    """
    seen = bench.seen
    with untouched(bench.model, bench.optimizer):  # not what the loss keeps: the last pass goes on with it
        bench.optimizer.zero_grad(set_to_none=True)
        loss = bench.loss()
        if loss.requires_grad:
            loss.backward()
        value = float(loss.detach())
        again = {name: each.grad for name, each in bench.model.named_parameters()}
    if not _is_same(value, seen.loss):
        return wrong("repeatable", "loss", first=seen.loss, second=value)
    parts = [name for name, gradient in seen.gradients.items() if not _equal(gradient, again.get(name))]
    if parts:
        return wrong("repeatable", "gradient", name=parts[0], count=len(parts))
    following = float(bench.loss(goes_on=True).detach())
    if not _is_same(following, value):
        raise CannotCheck("carries", first=value, second=following)
    return sound("repeatable")


def _is_same(value: float, other: float) -> bool:
    return value == other or (math.isnan(value) and math.isnan(other))


def _equal(gradient: Tensor, other: Tensor | None) -> bool:
    return other is not None and torch.equal(gradient.nan_to_num(), dense(other).nan_to_num())


def learns(bench: Bench) -> Outcome:
    """Train on this one batch: its loss must fall. Where it does not, a larger rate is tried from the same weights."""
    if not any(float(group.get("lr", 1.0)) for group in bench.optimizer.param_groups):
        raise CannotCheck("rate-zero")
    best: tuple[float, float, int, float] | None = None
    for factor in _RATES:
        with bench.untouched():
            first, last, updates = _learnt(bench, factor, bench.left / 2)
        if updates < 2:
            break
        if best is None or last < best[1]:
            best = (first, last, updates, factor)
        if _fell(first, last, _FELL):
            break
    if best is None or (best[2] < _UPDATES // 3 and not _fell(*best[:2], _FELL)):
        raise CannotCheck("no-time")
    first, last, updates, factor = best
    evidence = {"first": first, "last": last, "updates": updates, "factor": factor}
    if _fell(first, last, _FELL):
        return _by_chance(bench, factor, first - last) or sound("learns", **evidence)
    if _fell(first, last, _NOTHING):
        raise CannotCheck("slow", **evidence)
    return wrong("learns", **evidence)


def _by_chance(bench: Bench, factor: float, fall: float) -> Outcome | None:
    """Say what is wrong where the loss fell only because its chance was the same each time; None where it is not so.

    This is asked where the loss itself draws, so that it is another one for the same inputs and outputs of the model.

    Raises:
        CannotCheck: it fell for this chance alone, which may be meant.
    """
    whole, again, other = bench.once(_evaluated)
    if whole != again or whole == other:
        return None
    first, *more = (_evaluated_pass(bench, seed) for seed in range(_DRAWS))
    if not all(_same_pass(first, each) for each in more):
        return None  # noise in what the model is given, or in the model
    shuffled, share = _other_targets(bench, [first, *more])
    if shuffled:
        return wrong("learns", "shuffled", share=share, rows=shuffled)
    if share:
        raise CannotCheck("targets-drawn", share=share)
    with bench.untouched():
        before = _mean_of_others(bench)
        _learnt(bench, factor, bench.left / 2)
        after = _mean_of_others(bench)
    if not before - after > fall / 2:
        raise CannotCheck("drawn", first=before, last=after)
    return None


def _evaluated_pass(bench: Bench, seed: int) -> Seen:
    with bench.untouched():
        bench.model.eval()
        return observed(bench.model, bench.optimizer, lambda: bench.loss(seed=seed))


def _same_pass(one: Seen, other: Seen) -> bool:
    pairs = zip(leaves([one.arguments, one.options]), leaves([other.arguments, other.options]), strict=False)
    if one.calls != 1 or other.calls != 1 or one.output is None or other.output is None:
        return False
    return same(one.output, other.output) and all(same(first, second) for (_, first), (_, second) in pairs)


def _other_targets(bench: Bench, passes: list[Seen]) -> tuple[int, float]:
    """Return how many targets the loss shuffles, 0 if it does not, and the largest share that other chance changes.

    Targets that are drawn one by one, as the actions of a policy, do not leave every class as often as it was.
    """
    try:
        axis, near = targets(bench).axis, NEAR.get(bench.called()[2].dtype, 1e-3)
        read = [_read(each, axis, near) for each in passes]
    except CannotCheck:
        return 0, 0.0
    if not all(torch.equal(each.used, read[0].used) for each in read) or read[0].classes == read[0].ids.numel():
        return 0, 0.0
    ids = torch.stack([each.ids[each.used] for each in read])
    share = float((ids[1:] != ids[0]).double().mean(1).max())
    as_often = all(torch.equal(one.sort().values, ids[0].sort().values) for one in ids[1:])
    return ids.shape[1] if share and as_often and ids.shape[1] >= _ENOUGH else 0, share


def _read(seen: Seen, axis: int, near: float) -> Targets:
    found = None
    if seen.output is not None and seen.gradient is not None and bool(seen.gradient.any()):
        z, g = (each.double().movedim(axis, -1) for each in (seen.output, seen.gradient))
        found = read_targets(z, g, axis, near)
    if found is None:
        raise CannotCheck("no-cross-entropy")
    return found


@torch.no_grad()
def _mean_of_others(bench: Bench) -> float:
    """Return the mean loss by other chance than that of the updates."""
    return sum(float(bench.loss(seed=seed)) for seed in range(1, _DRAWS)) / (_DRAWS - 1)


def _evaluated(bench: Bench) -> tuple[float, float, float]:
    """Return the loss in evaluation mode, once more, and by other chance."""
    with bench.untouched(), torch.no_grad():
        bench.model.eval()  # dropout and the statistics of a batch would differ
        return float(bench.loss()), float(bench.loss()), float(bench.loss(seed=1))


def _fell(first: float, last: float, share: float) -> bool:
    return math.isfinite(last) and last < first - share * abs(first)


def _learnt(bench: Bench, factor: float, leave: float) -> tuple[float, float, int]:
    """Return the loss before and after updates on the batch, and how many there were in the time."""
    for group in bench.optimizer.param_groups:
        group["lr"] = group["lr"] * factor
    losses = []
    for _ in range(_UPDATES):
        if bench.left < leave:
            break
        losses.append(bench.step())  # the same chance each time: noise of dropout or diffusion is part of the batch
        if not math.isfinite(losses[-1]) or _fell(losses[0], losses[-1], 5 * _FELL):
            break
    return (losses[0], min(losses[len(losses) // 2 :]), len(losses)) if losses else (math.nan, math.nan, 0)


def accumulation(bench: Bench) -> Outcome:
    """Hold the loss of a batch against that of its halves: that of a mean is their mean."""
    batch = bench.batch
    counts = [tensor.shape[0] for _, tensor in leaves(batch) if tensor.ndim]
    if not counts or counts[0] < 2 or counts[0] % 2 or any(count != counts[0] for count in counts):
        raise CannotCheck("no-rows")
    count = counts[0]
    whole, again, other = bench.once(_evaluated)
    bench.model.eval()
    with torch.no_grad():
        halves = [float(bench.loss(chosen_rows(batch, count, chosen))) for chosen in torch.arange(count).chunk(2)]
    if whole != again or abs(other - whole) > _APART * abs(whole) / 10:
        raise CannotCheck("not-repeatable")
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

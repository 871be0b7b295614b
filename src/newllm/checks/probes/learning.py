"""Learning: is a step the same each time, can one batch be learnt by heart, and are its halves what it is?"""

import math
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench, names
from newllm.checks.decay import eaten
from newllm.checks.met import must_not_be_met
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.probes.batches import evaluated
from newllm.checks.rounding import is_quantised
from newllm.checks.seen import Seen, observed
from newllm.checks.targets import read, targets
from newllm.checks.trees import dense, leaves, same
from newllm.checks.untouched import untouched
from newllm.checks.where import first_seen
from newllm.loss_form import NEAR
from newllm.messages import message

_FELL = 0.1  # share of the loss that must go for the batch to be learnt
_HEART = 0.9  # that must go for it to be learnt by heart
_BELOW = 0.98  # of what guessing by the share of each class costs: with less something of the inputs is learnt
_MEAN = 0.02  # from 1, of the sum of a mean's weights; of the loss, from the mean of its targets
_UNITS = 3  # of a layer: fewer may have one target
_TOGETHER = 1e-4  # of the way that weights have moved: what is farther apart is not alike
_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
_BELOW_ZERO = 1.0  # what a loss that goes below zero has to fall at least: nats of a likelihood, or a cosine
_NOTHING = 0.002  # share of the loss: what falls by less has not fallen
_RATES = (1.0, 10.0, 100.0, 1000.0)  # times the optimizer's own
_UPDATES = 60  # for each of the rates, as far as time goes
_AFTER = 10  # of them when it is learnt by heart: a loss that has no floor at zero shows it
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
        bench.model.zero_grad(set_to_none=True)
        loss = bench.loss()
        if loss.requires_grad:
            loss.backward()
        value = float(loss.detach())
        again = {name: each.grad for name, each in bench.model.named_parameters()}
    if not _is_same(value, seen.loss):
        place = first_seen(bench.model, bench.loss, bench.loss, lambda one, other, _: not _equal(one, other))
        return wrong("repeatable", "placed", first=seen.loss, second=value, **place)
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
    """Train on this one batch: its loss must fall. Where it does not, a larger rate is tried from the same weights.

    So it is where the loss came no lower than guessing by how often each class occurs, which needs no inputs. How far
    it came is said: all the way, or in part. Units that begin alike and stay so are found on the way, and so is weight
    decay without which the batch would be learnt.
    """
    if not any(float(group.get("lr", 1.0)) for group in bench.optimizer.param_groups):
        raise CannotCheck("rate-zero")
    prior = _prior(bench)
    best: tuple[float, float, int, float] | None = None
    alike: list[str] = []
    for factor in _RATES:
        with bench.untouched():
            weights = _alike(bench.model)
            first, last, updates = _learnt(bench, factor, bench.left / 2)
            alike = _still_alike(bench.model, weights)
        if updates < 2:
            break
        if best is None or last < best[1]:
            best = (first, last, updates, factor)
        if alike or (_fell(first, last, _FELL) and not last >= _BELOW * prior > 0):
            break
    if best is None or (best[2] < _UPDATES // 3 and not _fell(*best[:2], _FELL)):
        raise CannotCheck("no-time")
    first, last, updates, factor = best
    evidence = {"first": first, "last": last, "updates": updates, "factor": factor}
    if alike:
        return wrong("learns", "alike", **names(alike), **evidence)
    if not _fell(first, last, _HEART) and (shown := eaten(bench)):
        return wrong("learns", "decayed", **shown)
    if _fell(first, last, _FELL):
        return _by_chance(bench, factor, first - last) or _reached(bench, evidence, prior)
    return _unlearnt(bench, evidence)


def _unlearnt(bench: Bench, evidence: dict[str, Any]) -> Outcome:
    """Say that nothing is learnt, where there is something to train and it does not only take long."""
    if _fell(evidence["first"], evidence["last"], _NOTHING):
        raise CannotCheck("slow", **evidence)
    if not bench.seen.gradients and is_quantised(bench.model):
        raise CannotCheck("quantised-untrained")
    must_not_be_met(bench)
    return wrong("learns", **evidence)


def _reached(bench: Bench, evidence: dict[str, Any], prior: float) -> Outcome:
    """Say how far the loss fell: by heart, in part, or to the floor of a batch whose inputs are all the same.

    Raises:
        CannotCheck: it fell no lower than guessing by the share of each class costs, so that the inputs played no part.
    """
    first, last = evidence["first"], evidence["last"]
    if last < 0:
        return Outcome("learns", "sound", message("check-learns.below", **evidence), evidence)
    if prior == 0:
        raise CannotCheck("one-class")
    is_guessed = last >= _BELOW * prior
    if is_guessed and not _inputs_are_alike(bench):
        raise CannotCheck("prior", prior=prior, **evidence)
    how = "floor" if is_guessed else "heart" if _fell(first, last, _HEART) else "part"
    evidence |= {"reached": how, "share": (first - last) / abs(first), "prior": prior}
    return Outcome("learns", "sound", message("check-learns.fell", **evidence), evidence)


def _prior(bench: Bench) -> float:
    """Return what guessing by the share of each class costs, NaN where the loss is more than a mean of cross-entropies.

    A loss may add others to it, of other outputs.
    """
    try:
        found = targets(bench)
    except CannotCheck:
        return math.nan
    if found.form != "cross-entropy" or not abs(float(found.weights[found.used].sum()) - 1) <= _MEAN:
        return math.nan
    if abs(bench.seen.loss - found.nats) > _MEAN * found.nats:
        return math.nan
    shares = found.ids[found.used].unique(return_counts=True)[1].double() / int(found.used.sum())
    return float(-(shares * shares.log()).sum())


def _inputs_are_alike(bench: Bench) -> bool:
    """Say whether all targets belong to one and the same input, so that no model can tell them apart."""
    arguments, options, _ = bench.called()
    given, ids = [tensor for _, tensor in bench.inputs()], targets(bench).ids
    if not given or ids.ndim != 1 or not all(isinstance(each, Tensor) for each in (*arguments, *options.values())):
        return False  # what else it is given may tell them apart
    return all(each.ndim and len(each) == len(ids) and torch.equal(each, each[:1].expand_as(each)) for each in given)


def _alike(model: nn.Module) -> dict[str, Tensor]:
    """Return the weights of layers whose units are all alike, by name: constant ones, or zero."""
    layers = [(name, each) for name, each in model.named_modules() if isinstance(each, _LAYERS)]
    weights = [(f"{name}.weight".removeprefix("."), each._parameters.get("weight")) for name, each in layers]
    return {
        name: weight.detach().clone()
        for name, weight in weights
        if weight is not None and weight.requires_grad and len(weight) >= _UNITS and torch.equal(weight, _first(weight))
    }


def _first(weight: Tensor) -> Tensor:
    """Return the weight that all units would have if they were as the first one."""
    return weight[:1].expand_as(weight)


def _still_alike(model: nn.Module, before: dict[str, Tensor]) -> list[str]:
    """Return those whose units have moved and are still alike: their layer does no more than one unit would."""
    now = {name: model.get_parameter(name).detach() for name in before}
    moved = {name: float((weight - before[name]).abs().max()) for name, weight in now.items()}
    apart = {name: float((weight - _first(weight)).abs().max()) for name, weight in now.items()}
    return [name for name in now if math.isfinite(moved[name]) and apart[name] < _TOGETHER * moved[name]]


def _by_chance(bench: Bench, factor: float, fall: float) -> Outcome | None:
    """Say what is wrong where the loss fell only because its chance was the same each time; None where it is not so.

    This is asked where the loss itself draws, so that it is another one for the same inputs and outputs of the model.

    Raises:
        CannotCheck: it fell for this chance alone, which may be meant.
    """
    whole, again, other = bench.once(evaluated)
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
        found = [read(each, axis, near) for each in passes]
    except CannotCheck:
        return 0, 0.0
    first = found[0]
    if not all(torch.equal(each.used, first.used) for each in found) or first.classes == first.ids.numel():
        return 0, 0.0
    ids = torch.stack([each.ids[each.used] for each in found])
    share = float((ids[1:] != ids[0]).double().mean(1).max())
    as_often = all(torch.equal(one.sort().values, ids[0].sort().values) for one in ids[1:])
    return ids.shape[1] if share and as_often and ids.shape[1] >= _ENOUGH else 0, share


@torch.no_grad()
def _mean_of_others(bench: Bench) -> float:
    """Return the mean loss by other chance than that of the updates."""
    return sum(float(bench.loss(seed=seed)) for seed in range(1, _DRAWS)) / (_DRAWS - 1)


def _fell(first: float, last: float, share: float) -> bool:
    """Say whether a loss fell by a share of itself; one that goes below zero has no floor, and has begun anywhere."""
    whole = abs(first) if last >= 0 else max(abs(first), _BELOW_ZERO)
    return math.isfinite(last) and last < first - share * whole


def _learnt(bench: Bench, factor: float, leave: float) -> tuple[float, float, int]:
    """Return the loss before and after updates on the batch, and how many there were in the time."""
    for group in bench.optimizer.param_groups:
        group["lr"] = group["lr"] * factor
    losses: list[float] = []
    more = _UPDATES
    while more and bench.left >= leave:
        losses.append(bench.step())  # the same chance each time: noise of dropout or diffusion is part of the batch
        if not math.isfinite(losses[-1]):
            break
        more = min(more - 1, _AFTER if _fell(losses[0], losses[-1], _HEART) else _UPDATES)
    return (losses[0], min(losses[len(losses) // 2 :]), len(losses)) if losses else (math.nan, math.nan, 0)

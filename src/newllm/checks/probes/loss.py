"""The loss: is it the one that is meant, of the targets that are meant, and of the size that a fresh model has?"""

import math

import torch

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.probes.dependence import MOVED, read_ahead
from newllm.checks.targets import FIT, input_shares, shift_shares, targets
from newllm.loss_form import Targets

_MISFIT = 0.9  # share below which they do not: a text that repeats itself agrees with itself under any shift
_HIGH, _ABOVE = 1.3, 0.3  # times ln C and nats: more than this is no matter of a few unlucky rows
_LOW = 0.5  # times ln C: less than this has been learnt, or is given away
_PRIOR = 0.9  # times what guessing by the share of each class costs: less has been learnt
_SAME = 0.02  # of a weight
_HIDDEN = 0.5  # share of the positions below which they may be those of hidden tokens


def loss_form(bench: Bench) -> Outcome:
    """Compare the gradient at the model's output with that of the cross-entropy, number by number."""
    found = targets(bench)
    evidence = {"form": found.form, "classes": found.classes, "rows": int(found.used.sum())}
    if found.form == "wrong-axis":
        return wrong("loss-form", "axis", axis=found.axis, over=found.over, **evidence)
    if found.form in ("softmax-twice", "log-softmax-missing", "log-missing"):
        return wrong("loss-form", found.form, **evidence)
    return sound("loss-form", **evidence)


def shift(bench: Bench) -> Outcome:
    """Hold the targets that the loss pulls towards against the inputs: they must be the next tokens.

    Targets that stand in an input otherwise are a mistake only where the model reads that input in its order, as one
    that predicts the next token does. What is read as a whole may be copied, corrected or coded.
    """
    found = targets(bench)
    shares = shift_shares(bench, found)
    best = _best(shares)
    if shares[best] < FIT:
        raise CannotCheck("not-next-token", share=shares[best])
    if shares[1] >= FIT:
        return sound("shift", share=shares[1], rows=int(found.used.sum()))
    if max(share for at, share in shares.items() if at != best) > _MISFIT:
        raise CannotCheck("repetitive")
    for path, of_input in input_shares(bench, found).items():
        at = _best(of_input)
        if of_input[at] < FIT:
            continue
        change = read_ahead(bench, path)
        if change.behind > MOVED >= change.before:
            case = "same" if at == 0 else "far" if at > 1 else "back"
            return wrong("shift", case, shift=at, share=of_input[at], expected=of_input[1])
    if best == 0 and _are_scattered(found):
        count, positions = int(found.used.sum()), found.used.numel()
        return wrong("shift", "shown", share=shares[0], count=count, positions=positions)
    raise CannotCheck("read-whole", shift=best, share=shares[best])


def _are_scattered(found: Targets) -> bool:
    """Say whether few positions count, here and there in the rows, as where a model is to find hidden tokens."""
    begins = found.used[:, 1:] & ~found.used[:, :-1]
    runs = begins.sum(1) + found.used[:, 0]
    return float(found.used.double().mean()) < _HIDDEN and float((runs > 1).double().mean()) > _HIDDEN


def _best(shares: dict[int, float]) -> int:
    return max(shares, key=lambda at: (shares[at], -abs(at - 1)))


def initial_loss(bench: Bench) -> Outcome:
    """Hold the loss of a fresh model against ln C, that of guessing each of C classes alike.

    One that begins by how often each class occurs, as with a bias that is set so, costs less, and has learnt nothing.
    """
    if not bench.is_fresh:
        raise CannotCheck("trained")
    found = targets(bench)
    if not math.isfinite(found.nats):
        raise CannotCheck("no-cross-entropy")
    if found.ids.ndim == 1 and found.classes == len(found.ids):
        raise CannotCheck("in-batch")  # similarities are large where rows are alike, whatever is learnt
    uniform = math.log(found.classes)
    shares = found.ids[found.used].unique(return_counts=True)[1].double() / int(found.used.sum())
    prior = float(-(shares * shares.log()).sum())
    evidence = {"nats": found.nats, "uniform": uniform, "classes": found.classes, "prior": prior}
    if found.nats > _HIGH * uniform + _ABOVE:
        return wrong("initial-loss", **evidence)
    learnt = found.nats < _LOW * uniform
    return sound("initial-loss", learnt="prior" if learnt and found.nats > _PRIOR * prior else learnt, **evidence)


def reduction(bench: Bench) -> Outcome:
    """Add up the weights of all targets in the loss: of a mean over those that count they come to 1."""
    found = targets(bench)
    weights = found.weights[found.used]
    if bool(torch.isnan(weights).all()):
        raise CannotCheck("no-cross-entropy")
    if found.sure or not bool(torch.isfinite(weights).all()):
        raise CannotCheck("sure")
    total, count = float(weights.sum()), int(found.used.sum())
    evidence = {"total": total, "count": count}
    if abs(total - 1) <= _SAME:
        return sound("reduction", **evidence)
    is_level = float(weights.std(correction=0)) <= _SAME * float(weights.mean())
    if is_level and count > 1 and total > 1:
        return wrong("reduction", "sum", **evidence)
    # Of a mean over all positions, or over all but the last of each row, which has no next token.
    for positions in (found.used.numel(), found.used.numel() - len(found.used)):
        if is_level and count < positions and abs(total - count / positions) <= _SAME * total / 4:
            return wrong("reduction", "ignored", positions=positions, **evidence)
    raise CannotCheck("weighted", total=total)

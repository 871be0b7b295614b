"""The loss: is it the one that is meant, of the targets that are meant, and of the size that a fresh model has?"""

import math

import torch
from torch import Tensor

from newllm.checks.bench import Bench
from newllm.checks.binary import binary_form
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.probes.dependence import answers, read_ahead, scale
from newllm.checks.rounding import MOVED
from newllm.checks.seen import observed
from newllm.checks.targets import FIT, input_shares, read, shift_shares, targets, tokens_given
from newllm.checks.trees import chosen_rows, leaves
from newllm.loss_form import NEAR, Targets
from newllm.messages import message

_MISFIT = 0.9  # share below which they do not: a text that repeats itself agrees with itself under any shift
_HIGH, _ABOVE = 1.3, 0.3  # times ln C and nats: more than this is no matter of a few unlucky rows
_CONFIDENT = 3.0  # nats above ln C: He's rule on every layer, the head too, costs 1, and up to 3 where layers are many
_WORSE = 1.8  # nats above what random targets would cost: the outputs speak against those that occur
_BATCH, _HEAD = (
    4.0,
    2.0,
)  # nats by the root of the targets and of C - 1: what few rows, or few classes, come to by chance
_LOW = 0.5  # times ln C: less than this has been learnt, or is given away
_PRIOR = 0.9  # times what guessing by the share of each class costs: less has been learnt
_SAME = 0.02  # of a weight
_PAIR = 2  # rows: fewer have no halves
_HIDDEN = 0.5  # share of the positions below which they may be those of hidden tokens


def loss_form(bench: Bench) -> Outcome:
    """Compare the gradient at the model's output with that of the cross-entropy, number by number."""
    try:
        found = targets(bench)
    except CannotCheck as reason:
        return _binary(bench, reason)
    evidence = {"form": found.form, "classes": found.classes, "rows": int(found.used.sum())}
    if found.form == "wrong-axis":
        return wrong("loss-form", "axis", axis=found.axis, over=found.over, **evidence)
    if _is_of_positions(bench, found):
        return wrong("loss-form", "axis", axis=2, over=1, **evidence)
    if found.form in ("softmax-twice", "log-softmax-missing", "log-missing"):
        return wrong("loss-form", found.form, **evidence)
    return sound("loss-form", **evidence)


def _binary(bench: Bench, reason: CannotCheck) -> Outcome:
    """Compare the gradient with that of a binary cross-entropy of each number, where there are no classes.

    Raises:
        CannotCheck: it is none.
    """
    seen = bench.seen
    if seen.calls != 1 or seen.output is None or seen.gradient is None:
        raise reason
    near = NEAR.get(seen.output.dtype, 1e-3)
    form = binary_form(seen.output, seen.gradient, near, is_sigmoid=seen.is_sigmoid)
    if form is None:
        raise reason
    if form == "sigmoid-twice":
        return wrong("loss-form", "sigmoid-twice", form=form)
    return Outcome("loss-form", "sound", message("check-loss-form.binary", of=form), {"form": form})


def _is_of_positions(bench: Bench, found: Targets) -> bool:
    """Say whether the axis that the loss takes for the classes is that of the positions, of which there are as many.

    It is where tokens from a position on move what stands from there on along it, and nothing before: they are read in
    their order. Along an axis of classes all move.
    """
    output = bench.called()[2]
    if output.ndim != 3 or found.axis != 1 or output.shape[1] != output.shape[2]:
        return False
    tokens = tokens_given(bench, output.shape[:2])
    if len(tokens) != 1:
        return False
    cut = output.shape[1] // 2

    def later(tensor: Tensor) -> Tensor:
        return torch.cat([tensor[:, :cut], (tensor[:, cut:] + 1) % (tensor.max() + 1)], 1)

    before, after = answers(bench, later, at=next(iter(tokens)))
    moved = (after - before).abs() / scale(bench)
    return float(moved[:, :cut].max()) <= MOVED < float(moved[:, cut:, :cut].max())


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
    chance = _BATCH / int(found.used.sum()) ** 0.5
    confident = max(_HIGH * uniform + _ABOVE, uniform + _CONFIDENT) + _HEAD / (found.classes - 1) ** 0.5
    if found.nats > min(confident, _of_random_targets(bench, found) + _WORSE) + chance:
        return wrong("initial-loss", **evidence)
    learnt = found.nats < _LOW * uniform
    return sound("initial-loss", learnt="prior" if learnt and found.nats > _PRIOR * prior else learnt, **evidence)


def _of_random_targets(bench: Bench, found: Targets) -> float:
    """Return the nats per target that the outputs would cost with targets drawn at random."""
    if found.form == "probabilities":
        return math.inf
    z = bench.called()[2].movedim(found.axis, -1)[found.used].double()
    return max(math.log(found.classes) * _HIGH + _ABOVE - _WORSE, float((z.logsumexp(-1) - z.mean(-1)).mean()))


def reduction(bench: Bench) -> Outcome:
    """Add up the weights of all targets in the loss: of a mean over those that count they come to 1.

    Of more than one it is a sum where a target weighs as much in half of the batch, and else a mean times a factor.
    """
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
        ratio = _in_half(bench, found)
        if abs(total - count) <= _SAME * count if ratio is None else abs(ratio - 1) <= _SAME:
            return wrong("reduction", "sum", **evidence)
        if ratio is not None:
            raise CannotCheck("factor", total=total)
    # Of a mean over all positions, or over all but the last of each row, which has no next token.
    for positions in (found.used.numel(), found.used.numel() - len(found.used)):
        if is_level and count < positions and abs(total - count / positions) <= _SAME * total / 4:
            return wrong("reduction", "ignored", positions=positions, **evidence)
    raise CannotCheck("weighted", total=total)


def _in_half(bench: Bench, found: Targets) -> float | None:
    """Return how much more a target weighs in the half of the batch that has fewer of them; None where that is unknown.

    It is 1 in a sum, and 2 or more in a mean.
    """
    batch, rows = bench.batch, len(found.used)
    if rows < _PAIR or any(len(each) != rows for _, each in leaves(batch) if each.ndim):
        return None
    counts = {int(found.used[half].sum()): half for half in torch.arange(rows, device=found.used.device).chunk(2)}
    if not min(counts):
        return None
    half = chosen_rows(batch, rows, counts[min(counts)].cpu())
    try:
        with bench.untouched():
            seen = observed(bench.model, bench.optimizer, lambda: bench.loss(half))
        again = read(seen, found.axis, NEAR.get(bench.called()[2].dtype, 1e-3))
    except CannotCheck:
        return None
    return float(again.weights[again.used].mean() / found.weights[found.used].mean())

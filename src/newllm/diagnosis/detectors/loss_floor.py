"""Losses that cannot be: held above a floor however right the model is, or lower than held-out text allows."""

import math

import numpy as np

from newllm.diagnosis.causes.kinds import MANY
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import as_shares, finite
from newllm.diagnosis.training_kind import asks_for_tokens, reads_text, training_kind
from newllm.messages import Message, message
from newllm.trace import Finding, Series, Trace

MIN_POINTS = 10
ACCURACIES = ("accuracy", "validation_accuracy")
FEWEST = 24  # points of the training loss
END = 10  # a tenth of the run is its end
HUNDRED = 100  # per cent

# A loss that falls below what it can be.
GROWS = 10.0  # times the size that it began with
LATE = 0.4  # of its fall comes in its last third: it finds no bottom
BELOW = 3  # points
NEVER_BELOW = {
    "CtcLoss": "ctc",
    "BinaryCrossEntropy": "binary",
    "BinaryCrossEntropyWithLogits": "binary",
}
"""Losses that are never below zero unless they are given what they rule out; not so `nll_loss`, of weights below 0."""
MIRRORS = 0.15  # of the validation loss: so near is the training loss to its negative


def detect_impossible_loss(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a loss that falls without a bottom, or one of classes that is below zero.

    False alarms: a likelihood of densities falls below zero and comes to rest; without an accuracy nothing says that
    the loss is of classes. So it must fall faster and faster to many times its size, or an accuracy must be there, or
    the validation loss be as high above zero as it is below.
    """
    loss = finite(trace.series("loss"))
    value = loss.value
    below = np.flatnonzero(value < 0)
    if len(value) < MIN_POINTS or len(below) < BELOW or not training_kind(trace, facts).loss_is_progress:
        return []
    start, third = max(float(np.abs(value[:3]).max()), 1e-12), len(value) // 3
    fall = value[0] - value[-3:].mean()
    late = value[-third - 3 : -third].mean() - value[-3:].mean()
    bottomless = bool(fall > GROWS * start and late > LATE * fall)
    of_classes = len(below) > len(value) // 2 and any(name in trace.signals for name in ACCURACIES)
    function = facts.loss_function if facts.loss_function in NEVER_BELOW else None
    if not bottomless and not of_classes and function is None and not _mirrors(trace, loss):
        return []
    return [
        Finding(
            kind="impossible-loss",
            severity="fault" if bottomless or function else "warning",
            sentence=_below_zero(trace, loss, bottomless=bottomless, function=function),
            first_step=float(loss.step[below[0]]),
            last_step=float(loss.step[-1]),
            confidence=0.95 if bottomless or function else 0.85,
            signal="loss",
            evidence={"first": float(value[0]), "last": float(value[-1])},
            alternatives=() if function else (message("finding-impossible-loss.density"),),
            test=message("finding-impossible-loss.test"),
            candidate_causes=("wrong-targets",) if function else ("numerics-in-loss", "wrong-targets"),
        )
    ]


def _below_zero(trace: Trace, loss: Series, *, bottomless: bool, function: str | None) -> Message:
    """Return the sentence: of a function of torch's that is known what it must have been given, else of the loss."""
    below = np.flatnonzero(loss.value < 0)
    at = {"axis": trace.axis, "step": int(loss.step[below[0]])}
    ends = {"first": float(loss.value[0]), "last": float(loss.value[-1])}
    if function is not None:
        return message("finding-impossible-loss.function", **at, **ends, function=NEVER_BELOW[function])
    return message("finding-impossible-loss.sentence", **at, **ends, bottomless=bottomless)


def _mirrors(trace: Trace, loss: Series) -> bool:
    """Whether the training loss is at each evaluation the validation loss with the other sign."""
    validation = finite(trace.series("validation_loss"))
    if len(validation.value) < 3 or validation.value.min() <= 0:
        return False
    beside = np.interp(validation.step, loss.step, loss.value)
    return bool(np.all(np.abs(beside + validation.value) < MIRRORS * validation.value))


# A loss that is lower than its accuracy allows.
OF_FLOOR = 0.5  # times the least that the wrong answers cost
UNTAUGHT = 0.5  # of the answers are wrong where nothing was learnt yet, or more
OF_POINTS = 0.5  # of those that both columns have
SHARED = 4  # of them


def detect_below_accuracy(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a loss of classes that is lower than a model that is wrong so often can have.

    Where another class is answered, the true one has at most one half: each wrong answer costs ln 2 or more. False
    alarms: an accuracy of whole texts beside a loss of tokens; so the loss must be half of that floor and less.
    Where training too began so low, before anything was learnt, its numbers are divided: a mean of means, say. That is
    a note. A loss that is below zero is another finding.
    """
    if training_kind(trace, facts).name not in {None, "classification", "language-model", "fine-tune", "distillation"}:
        return []
    for name, right in (("validation_loss", "validation_accuracy"), ("loss", "accuracy")):
        loss, accuracy = finite(trace.series(name)), finite(trace.series(right))
        shared, here, there = np.intersect1d(loss.step, accuracy.step, return_indices=True)
        if len(shared) < SHARED or accuracy.value.min() < 0 or accuracy.value.max() > HUNDRED:
            continue
        value, share = loss.value[here], as_shares(accuracy.value)[there]
        floor = (1 - share) * math.log(2)
        below = (value < OF_FLOOR * floor) & (value >= 0)
        if below.mean() <= OF_POINTS:
            continue
        start = finite(trace.series("loss")).value[:2]
        is_divided = len(start) > 0 and 0 < median(start) < OF_FLOOR * max(floor[0], UNTAUGHT * math.log(2))
        return [
            Finding(
                kind="impossible-loss",
                severity="note" if is_divided else "warning",
                sentence=message(
                    "finding-impossible-loss.accuracy",
                    signal=name,
                    loss=median(value[below]),
                    accuracy=median(share[below]),
                    floor=median(floor[below]),
                ),
                first_step=float(shared[below][0]),
                last_step=float(shared[below][-1]),
                confidence=0.9,
                signal=name,
                evidence={
                    "level": median(value[below]),
                    "limit": median(floor[below]),
                    "accuracy": median(share[below]),
                },
                alternatives=(message(f"finding-impossible-loss.{'divided' if is_divided else 'whole'}"),),
                test=message("finding-impossible-loss.by-hand"),
                candidate_causes=("loss-definition", "loss-axis", "reduction"),
            )
        ]
    return []


# Probabilities that a loss takes for logits: it cannot fall below a floor, however right the model is.
NEAR_FLOOR = 1.12  # times the floor
RIGHT = 0.8  # of the targets: a model that is right so often has a far smaller loss
FLAT = 0.03  # of the loss: what it still falls over its last third
COUNTED = 100  # classes: of more the first loss does not say how many
GUESSED = 0.1  # classes from e to the first loss, where nothing else says K: a softmax of a softmax begins at ln K


def detect_squashed_outputs(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a loss that stands above the floor of a softmax applied twice.

    Of K classes the cross entropy of probabilities, which lie between 0 and 1, cannot fall below
    ln(1 + (K - 1) / e). False alarms: K is the vocabulary, or e to the first loss; the loss must have come to within
    `NEAR_FLOOR` of that floor, never below it, and stand still there. Where the accuracy is known it has to be high: of
    three classes a sound model that is right in four of five has such a loss too. Where neither it nor K is known, e
    to the first loss has to be a whole number, and a small one.
    """
    loss = finite(trace.series("loss"))
    value = loss.value
    if len(value) < FEWEST or value.min() <= 0:
        return []
    start = float(value[:3].max())
    classes = float(facts.vocabulary or round(math.exp(min(start, 12))))
    if classes < 3:
        return []
    floor = math.log(1 + (classes - 1) / math.e)
    third = len(value) // 3
    end, before = median(value[-third:]), median(value[-2 * third : -third])
    accuracies = (as_shares(finite(trace.series(name)).value) for name in ("validation_accuracy", "accuracy"))
    accuracy = next((one for one in accuracies if len(one)), None)
    right = None if accuracy is None else median(accuracy[-max(1, len(accuracy) // 5) :])
    still = abs(math.log(before / end)) < FLAT and value.min() >= 0.998 * floor
    if end > NEAR_FLOOR * floor or not still or (right is None and end > 1.02 * floor):
        return []
    is_guess = right is None and not facts.vocabulary
    if is_guess and (classes > COUNTED or abs(classes - math.exp(start)) > GUESSED):
        return []
    if right is not None and (right < RIGHT or _as_sure_as_right(right, classes) >= floor):
        return []
    return [
        Finding(
            kind="squashed-outputs",
            severity="warning",
            sentence=message(
                "finding-squashed-outputs.sentence", loss=end, floor=floor, classes=int(classes), accuracy=right
            ),
            first_step=float(loss.step[0]),
            last_step=float(loss.step[-1]),
            confidence=0.9 if right is not None else 0.7,
            signal="loss",
            evidence={"level": end, "limit": floor, "accuracy": right},
            alternatives=(message("finding-squashed-outputs.smoothing"),),
            test=message("finding-squashed-outputs.test"),
            candidate_causes=("double-softmax",),
        )
    ]


def _as_sure_as_right(share: float, classes: float) -> float:
    """Return the loss of a model that is right so often, and knows no more than that."""
    wrong = 1 - min(share, 1 - 1e-9)
    return -share * math.log(share) - wrong * math.log(wrong / (classes - 1))


# A loss that no held-out text gives.
TOO_GOOD = 0.15  # nats
HARDLY, TOKENS = 0.6, 10_000  # nats a token, of so many tokens: code leaves a good model about one, prose two and more
SOON = 0.5  # of the run
NEXT = 0.99  # of the targets


def detect_too_good(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a loss of next tokens that is nearly nothing on held-out text too: the target is to be seen.

    False alarms: a task with one right answer to each question gives such a loss, and is named. With few classes
    (a first loss below `MANY`) it is usual, and nothing is said; nor is it of a recorded model that reads no text, or
    is asked for something else than a token of it: a translation, say. Where the recorder has seen that the target is
    the next token, and that no output depends on it, it is a note: such a text is as predictable as that; and so it is
    of a log in which nothing says that it is of text, for other tasks come down to that. Where somebody says that it is
    a language model, of many tokens, a loss up to `HARDLY` is one too.
    """
    is_known = len(trace.series("targets").value) > 0
    if facts.layers and (not reads_text(trace, facts) or (is_known and not asks_for_tokens(trace))):
        return []
    loss, validation = finite(trace.series("loss")), finite(trace.series("validation_loss"))
    enough = len(loss.value) >= FEWEST and len(validation.value) >= 2
    if not enough or min(loss.value.min(), validation.value.min()) <= 0:
        return []
    start = math.log(facts.vocabulary) if facts.vocabulary else median(loss.value[:3])
    end, held_out = median(loss.value[-max(1, len(loss.value) // END) :]), median(validation.value[-2:])
    of_text = facts.kind == "language-model" and (facts.vocabulary or 0) >= TOKENS
    if start < MANY or start > 13 or max(end, held_out) > (HARDLY if of_text else TOO_GOOD):
        return []
    nothing = max(end, held_out) <= TOO_GOOD
    under = np.flatnonzero(validation.value <= 4 * TOO_GOOD)
    first = float(validation.step[under[0]])
    if first > SOON * float(loss.step[-1]):
        return []
    return [
        Finding(
            kind="too-good",
            severity="warning" if nothing and reads_text(trace, facts) and not _keeps_apart(trace) else "note",
            sentence=message(
                "finding-too-good.sentence" if nothing else "finding-too-good.low",
                training=end,
                validation=held_out,
                axis=trace.axis,
                step=int(first),
            ),
            first_step=float(loss.step[0]),
            last_step=float(loss.step[-1]),
            confidence=0.85,
            signal="validation_loss",
            evidence={"training": end, "validation": held_out, "at_start": start},
            alternatives=(message("finding-too-good.one-answer"),),
            test=message("finding-too-good.test"),
            candidate_causes=("target-leak",),
        )
    ]


def _keeps_apart(trace: Trace) -> bool:
    """Whether the target is the next token, and no output depends on it."""
    later, next_one = (trace.series(name).value for name in ("later_tokens_seen", "target_is_next"))
    return len(later) > 0 and float(later.max()) == 0 and len(next_one) > 0 and float(next_one.min()) >= NEXT

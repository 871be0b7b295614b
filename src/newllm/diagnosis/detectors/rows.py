"""Rows that a model is given again: the same batch at every update, or an evaluation of what was trained on.

The recorder knows a row again by the sum of its bits (`recorder.batches`), so what is told here was seen.
"""

from typing import Any

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import longest
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FEWEST_AGAIN = 8  # updates in a row with the batch of the update before
MOST_OF_RUN = 0.8  # of the updates: where so many have the same batch it is meant (full batches, several passes)
FEWEST_ROWS = 30  # of an evaluation
BATCHES = frozenset(part * 2**power for part in (1, 3) for power in range(16))  # rows that loaders are asked for
NEW = 0.02  # of the rows: a boundary between two epochs, or rows that an epoch leaves out
MIXED = 0.5  # of the rows: a batch in which most came before
KNOWN = 0.4  # of the rows of training: by chance an evaluation knows no more
PART = 0.1  # of the rows of an evaluation: fewer are the odd duplicate
MOST_OF_TRAINING = 0.9  # of the rows of training: an evaluation that reads so many of them does so on purpose
ALL_SEEN, SOME = 0.999, 0.2  # of the rows of an update
AROUND, ALIKE = 10, 0.05  # updates before an evaluation, and of the rows
FEWEST_EVALUATIONS = 3  # with the same part
OLD = 0.9  # of the rows, once the first epoch is over
ALMOST_ALL = 0.95  # of the batches
FEWEST_PASSES = 10  # over the few batches that a debugging setting leaves


def detect_repeated_batch(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a stretch of updates that were all made with one batch, or with rows that had come before.

    False alarms: full batches and several passes over each batch repeat most updates, or repeat them in stretches
    again and again; a second epoch has rows that came before, to its end, or until an augmentation makes them new. So
    there must be one stretch only, of `FEWEST_AGAIN` updates and no epochs (whole ones, or in one order), in a training
    that reads new rows before it and behind it. Or the whole run has one batch, and fewer rows than are evaluated, none
    of which it was given: who tries a model on one batch evaluates that one. Likewise few batches in one order, many
    times over.
    A batch that comes as often, one after the other, as a loader has workers is one that each of them reads.
    Batches of several rows that are all one and the same are no data at all.
    """
    loss, repeated, seen = (trace.series(name) for name in ("loss", "rows_repeated", "rows_seen"))
    again = np.isin(loss.step, repeated.step[repeated.value >= 1])
    if _is_one_batch(trace, again) or _is_one_row(trace):
        return [_repeated(trace, (loss.step[0], loss.step[-1]), whole=True)]
    found = _only_stretch(again)
    if found is not None:
        return [_repeated(trace, (loss.step[max(0, found[0] - 1)], loss.step[found[1] - 1]), whole=True)]
    for special in (_few_batches(trace), _echo(trace, facts, again), _cycle(trace)):
        if special is not None:
            return [special]
    found = _only_stretch(seen.value >= MIXED)
    if found is None or found[1] == len(seen.value) or np.median(seen.value[slice(*found)]) < OLD:
        return []
    if _are_epochs(*found) or _is_in_order(trace, seen, *found):
        return []
    return [_repeated(trace, (seen.step[found[0]], seen.step[found[1] - 1]), whole=False)]


def _cycle(trace: Trace) -> Finding | None:
    """Return that the same batches come in turn to the end, and others that came before never again.

    A training that does not shuffle has a cycle too, of all its batches; here it must be of fewer rows than came
    before. A generator that is seeded again, in an evaluation for example, does that.
    """
    loss, again, rows = (trace.series(name) for name in ("loss", "batch_again", "rows_distinct"))
    if len(again.value) < FEWEST_AGAIN or len(rows.value) < FEWEST_EVALUATIONS:
        return None
    period, first = int(again.value[-1]), float(again.step[0])
    since = loss.step[loss.step >= first]
    if len(again.value) != len(since) or not (again.value == period).all() or len(since) < period:
        return None  # not each update since then, by one period
    share = period * float(rows.value[0]) / float(rows.value[-1])
    if share > 1 - PART:
        return None
    steps, evidence = (first, float(again.step[-1])), {"period": period, "share": share, "rows": int(rows.value[-1])}
    return _again("cycle", trace, steps, evidence, confidence=0.97)


def _few_batches(trace: Trace) -> Finding | None:
    """Return that the whole training has few batches, in one order, where many more rows are evaluated.

    So does a setting of debugging that was left on (Lightning's `overfit_batches`, a slice of the data).
    """
    loss, again, rows, evaluated, known = (
        trace.series(name)
        for name in ("loss", "batch_again", "rows_distinct", "validation_rows", "validation_rows_seen")
    )
    if min(len(rows.value), len(evaluated.value), len(known.value)) < 2 or not len(again.value):
        return None
    period, several = int(again.value[-1]), evaluated.value[-2:].min()
    is_one_order = (again.value == period).all() and len(loss.value) - len(again.value) == period
    if not is_one_order or len(loss.value) < FEWEST_PASSES * period or known.value.any():
        return None
    if rows.value[-1] * 2 > several:
        return None
    evidence = {"period": period, "rows": int(rows.value[-1]), "evaluated": int(several)}
    return _again("few", trace, (float(loss.step[0]), float(loss.step[-1])), evidence, confidence=0.9)


def _echo(trace: Trace, facts: Facts, again: np.ndarray) -> Finding | None:
    """Return that each batch comes as often, one time after the other, as there are workers.

    An IterableDataset that does not share its rows among the workers of a loader does so: each of them gives all.
    Several updates on each batch that are meant repeat it too, by a number that workers have nothing to do with.

    Args:
        trace: of the run.
        facts: of the run.
        again: whether each update had the batch of the update before it (n,).
    """
    begins = np.flatnonzero(~again)
    if len(begins) <= FEWEST_AGAIN or training_kind(trace, facts).name == "reinforcement":  # workers that play
        return None
    times = np.diff(begins)
    usual = int(np.median(times))
    if usual < 2 or (times == usual).mean() < ALMOST_ALL or usual not in trace.series("worker_processes").value:
        return None
    loss = trace.series("loss")
    steps = (float(loss.step[0]), float(loss.step[-1]))
    return _again("echo", trace, steps, {"times": usual, "batches": len(begins)}, confidence=0.9)


def _again(
    which: str, trace: Trace, steps: tuple[float, float], evidence: dict[str, Any], confidence: float
) -> Finding:
    """Return a finding of batches that come again, by the name of its sentence."""
    return Finding(
        kind="repeated-batch",
        severity="warning",
        sentence=message(f"finding-repeated-batch.{which}", axis=trace.axis, first=int(steps[0]), **evidence),
        first_step=steps[0],
        last_step=steps[1],
        confidence=confidence,
        signal="loss",
        evidence=evidence,
        alternatives=(message(f"finding-repeated-batch.{'several-updates' if which == 'echo' else 'on-purpose'}"),),
        test=message(f"finding-repeated-batch.{which}-test"),
        candidate_causes=("repeated-batch",),
    )


def _are_epochs(first: int, end: int) -> bool:
    """Whether the stretch is whole epochs of all that came before it: then new rows begin with an augmentation."""
    epochs = (end - first) / max(1, first)
    return epochs > 1 - NEW and abs(epochs - round(epochs)) < NEW * epochs


def _is_in_order(trace: Trace, seen: Series, first: int, end: int) -> bool:
    """Whether all that came before comes again batch for batch: epochs that are not shuffled, until the data change."""
    again = trace.series("batch_again")
    inside = again.value[np.isin(again.step, seen.step[first:end])]
    return len(inside) == end - first and bool((inside == first).all())


def _is_one_batch(trace: Trace, again: np.ndarray) -> bool:
    """Whether all updates, but for the first, had the same rows, and validation has more and others."""
    rows, evaluated, known = (trace.series(n) for n in ("rows_distinct", "validation_rows", "validation_rows_seen"))
    if (
        len(again) <= FEWEST_AGAIN
        or not again[1:].all()
        or min(map(len, (rows.value, evaluated.value, known.value))) < 2
    ):
        return False
    size = int(rows.value[0])
    is_batch = size in BATCHES or size % 10 == 0 or size < FEWEST_ROWS  # else all rows that there are, on purpose
    return bool(is_batch and rows.value[-1] == size < evaluated.value[-1] and not known.value[-2:].any())


def _is_one_row(trace: Trace) -> bool:
    """Whether all rows of all batches, of two rows and more, are the same."""
    rows, equal = trace.series("rows_distinct").value, trace.series("rows_equal").value
    return len(equal) > FEWEST_AGAIN and len(rows) > 1 and rows[-1] == 1 and bool(equal.min() >= 0.5)


def _only_stretch(again: np.ndarray) -> tuple[int, int] | None:
    first, end = longest(again)
    is_short = end - first < FEWEST_AGAIN or again.mean() > MOST_OF_RUN
    return None if is_short or again.sum() > end - first + 1 else (first, end)


def _repeated(trace: Trace, steps: tuple[float, float], *, whole: bool) -> Finding:
    first, last = map(int, steps)
    equal = trace.series("rows_equal")
    blank = (
        bool(np.median(equal.value[(equal.step >= first) & (equal.step <= last)]) >= MIXED)
        if len(equal.step)
        else False
    )
    how = "blank" if blank else "sentence"
    return Finding(
        kind="repeated-batch",
        severity="warning",
        sentence=message(f"finding-repeated-batch.{how}", axis=trace.axis, first=first, last=last, whole=whole),
        first_step=float(first),
        last_step=float(last),
        confidence=0.95,
        signal="loss",
        evidence={"updates": last - first + 1, **({"blank": True} if blank else {})},
        alternatives=() if blank else (message("finding-repeated-batch.on-purpose"),),
        test=message("finding-repeated-batch.test"),
        candidate_causes=("corrupted-batch",) if blank else ("repeated-batch",),
    )


def detect_trained_validation(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return evaluations of whose rows the training had been given all, or a part.

    False alarms: in a small world (moves of a game, sums of two digits) equal rows come by chance. There training
    itself is given the same row again and again within its first epoch; so no row may have come twice there, or all
    evaluations must have been of known rows, also one before which most rows of training were new.

    A part of them must be the same from evaluation to evaluation, as the split left it, and of inputs that are no whole
    numbers, as short texts are, which are alike by chance. An evaluation that reads all rows of training beside others
    does so on purpose: to hold new rows against them.
    """
    share, count = trace.series("validation_rows_seen"), trace.series("validation_rows")
    if len(share.value) < 2 or len(count.value) != len(share.value):
        return []
    whole = (share.value >= 1) & (count.value >= FEWEST_ROWS)
    if not whole[-2:].all() or not (rows_are_unique(trace) or (whole.all() and _reads_new_rows(trace, share))):
        return _partly_trained(trace, share, count.value)
    first = int(share.step[np.flatnonzero(whole)[0]])
    return [
        Finding(
            kind="trained-validation",
            severity="warning",
            sentence=message(
                "finding-trained-validation.sentence", count=int(count.value[-1]), axis=trace.axis, step=first
            ),
            first_step=float(first),
            last_step=float(share.step[-1]),
            confidence=0.97,
            signal="validation_loss" if "validation_loss" in trace.signals else None,
            evidence={"rows": int(count.value[-1])},
            alternatives=(message("finding-trained-validation.on-purpose"),),
            test=message("finding-trained-validation.test"),
            candidate_causes=("leak",),
        )
    ]


def _reads_new_rows(trace: Trace, share: Series) -> bool:
    """Whether most rows of training were new in the updates before one of the evaluations."""
    seen = trace.series("rows_seen")
    ends = np.searchsorted(seen.step, share.step, side="right")
    around = (seen.value[max(0, end - AROUND) : end] for end in ends)
    return any(len(part) == AROUND and part.mean() < KNOWN for part in around)


def _partly_trained(trace: Trace, share: Series, count: np.ndarray) -> list[Finding]:
    """Return that a part of the rows of every evaluation was trained on.

    Args:
        trace: of the run.
        share: of the rows of each evaluation, how many were trained on.
        count: of its rows (n,).
    """
    later = slice(len(count) // 2, None)
    known, rows = share.value[later] * count[later], trace.series("rows_distinct").value
    is_steady = len(known) >= FEWEST_EVALUATIONS and np.ptp(known) < 1 and np.ptp(count[later]) < 1
    is_number = len(trace.series("validation_input_std").value) > 0
    if not is_steady or not is_number or not len(rows) or not FEWEST_ROWS <= known[0] < count[-1]:
        return []
    if known[0] < PART * count[-1] or known[0] > MOST_OF_TRAINING * rows[-1] or _are_few_kinds(trace, share):
        return []
    first = int(share.step[np.flatnonzero(share.value * count > known[0] - 1)[0]])
    part, of = round(float(known[0])), int(count[-1])
    return [
        Finding(
            kind="trained-validation",
            severity="warning",
            sentence=message(
                "finding-trained-validation.part", part=part, count=int(count[-1]), share=part / count[-1]
            ),
            first_step=float(first),
            last_step=float(share.step[-1]),
            confidence=0.95,
            signal="validation_loss" if "validation_loss" in trace.signals else None,
            evidence={"rows": of, "trained_on": part},
            alternatives=(message("finding-trained-validation.small-world"),),
            test=message("finding-trained-validation.test"),
            candidate_causes=("leak",),
        )
    ]


def _are_few_kinds(trace: Trace, share: Series) -> bool:
    """Whether training itself, before it had come round, was given rows that it knew as often as an evaluation was."""
    seen = trace.series("rows_seen")
    round_at = np.flatnonzero(seen.value >= ALL_SEEN)
    new = slice(0, int(round_at[0]) if len(round_at) else len(seen.value))
    for step, part in zip(share.step, share.value, strict=True):
        at = int(np.searchsorted(seen.step[new], step, side="right"))
        around = seen.value[max(0, at - AROUND) : at]
        if len(around) == AROUND and part > SOME and abs(float(around.mean()) - part) < ALIKE:
            return True
    return False


def rows_are_unique(trace: Trace) -> bool:
    """Whether no row came twice before all had come once: training reads a data set in epochs, or never to its end."""
    seen = trace.series("rows_seen").value
    if len(seen) < FEWEST_AGAIN:
        return False
    old = np.flatnonzero(seen > NEW)
    if not len(old):
        return True
    behind = seen[old[0] + 1 :]
    return bool(old[0] >= 2 and len(behind) >= 1 and behind[:3].min() >= OLD and np.median(behind) >= OLD)

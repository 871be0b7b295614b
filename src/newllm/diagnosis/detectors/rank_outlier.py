"""One rank unlike the others: its own loss or gradient, other batches or always one, a log that ends before theirs.

Averages over the ranks hide it: the gradient of a rank whose rows are broken is a share of everybody's.
"""

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.ranks.outliers import Outlier, find_outliers
from newllm.diagnosis.ranks.signals import find_stopped
from newllm.messages import message
from newllm.trace import Finding, Trace

MOST = 4  # ranks, or moments, that are told
REASONS = {
    "not-a-number": ("row", "device"),
    "jump": ("row", "device"),
    "gradient-jump": ("row", "device"),
    "zero-gradient": ("masked",),
    "memorised": ("small", "easier"),
}


def detect_rank_outlier(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the ranks whose loss or gradient is unlike that of the others (`diagnosis.ranks.outliers`).

    False alarms: shards that are sound and differ (languages, lengths of rows) make losses that lie apart and all fall,
    and gradients of a like size; neither is told.
    """
    if facts.ranks is None or facts.ranks.signals is None:
        return []
    known = {rank for rank, _ in facts.ranks.same_batch}  # to read the same batch: it is told by itself
    found = [one for one in find_outliers(facts.ranks.signals) if one.form != "memorised" or one.rank not in known]
    return [_finding(trace, one, facts.ranks.count) for one in found[:MOST]]


def detect_same_batch(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the ranks that are given the same inputs, to the bit, at every step compared, where others are not."""
    if facts.ranks is None:
        return []
    return [
        Finding(
            kind="rank-outlier",
            severity="warning",
            sentence=message("finding-rank-outlier.same-batch", rank=rank, steps=steps),
            first_step=0.0,
            last_step=trace.last_step,
            confidence=0.95,
            signal="loss" if "loss" in trace.signals else None,
            evidence={"ranks": facts.ranks.count, "steps": steps},
            alternatives=(message("finding-rank-outlier.small"),),
            test=message("finding-rank-outlier.test"),
        )
        for rank, steps in facts.ranks.same_batch[:MOST]
    ]


def detect_other_batches(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the ranks that draw other batches than most, where all draw the whole batch and compute a part of it."""
    if facts.ranks is None:
        return []
    return [
        Finding(
            kind="rank-outlier",
            severity="warning",
            sentence=message(
                "finding-rank-outlier.other-batches",
                rank=one.rank,
                than=one.than,
                axis=trace.axis,
                first=one.first,
                steps=one.steps,
                compared=one.compared,
            ),
            first_step=float(one.first),
            last_step=trace.last_step,
            confidence=0.97,
            signal="loss" if "loss" in trace.signals else None,
            evidence={"ranks": facts.ranks.count, "steps": one.steps},
            alternatives=tuple(message(f"finding-rank-outlier.{name}") for name in ("other-order", "memory")),
            test=message("finding-rank-outlier.test-order"),
        )
        for one in facts.ranks.other_batches[:MOST]
    ]


def detect_rank_stopped(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the rank whose log ends before those of the others: a note where it is the last line alone."""
    stopped = None if facts.ranks is None or facts.ranks.signals is None else find_stopped(facts.ranks.signals)
    if stopped is None:
        return []
    rank, last, others, points = stopped
    return [
        Finding(
            kind="rank-stopped",
            severity="note" if points == 1 else "warning",
            sentence=message("finding-rank-stopped.sentence", rank=rank, axis=trace.axis, last=last, others=others),
            first_step=float(last),
            last_step=float(others),
            confidence=0.6 if points == 1 else 0.9,
            signal="loss" if "loss" in trace.signals else None,
            evidence={"points": points},
            alternatives=tuple(message(f"finding-rank-stopped.{name}") for name in ("buffer", "writes", "own-end")),
            test=message("finding-rank-stopped.test"),
        )
    ]


def _finding(trace: Trace, one: Outlier, ranks: int) -> Finding:
    said = {"rank": one.rank, "axis": trace.axis, "first": one.first, "last": one.last, "steps": one.steps}
    numbers = {"own": one.own, "others": one.others}
    ratio = {"ratio": one.own / one.others} if one.form == "large-gradient" else {}
    return Finding(
        kind="rank-outlier",
        severity="warning",
        sentence=message(f"finding-rank-outlier.{one.form}", **said, **numbers, **ratio, for_good=one.for_good),
        first_step=float(one.first),
        last_step=float(one.last),
        confidence={"not-a-number": 0.97, "zero-gradient": 0.95, "large-gradient": 0.9}.get(one.form, 0.85),
        signal="loss" if "loss" in trace.signals else None,
        evidence={"ranks": ranks, "steps": one.steps, **numbers},
        alternatives=tuple(
            message(f"finding-rank-outlier.{name}") for name in REASONS.get(one.form, ("targets", "weighted", "harder"))
        ),
        test=message("finding-rank-outlier.test"),
    )

"""What the ranks of one training logged side by side: norms of weights that should be equal, losses that should not."""

import re

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.messages import Message, message
from newllm.trace import Finding, Trace

FEWEST = 8  # points
APART = 1e-3  # of a norm: sums in another order differ by far less
OF_POINTS = 0.8  # of the points
_RANK = re.compile(r"(.*?)[_/. -]*(?:rank|worker|gpu|device)[_/. -]*(\d+)(.*)", re.IGNORECASE)
_WEIGHTS = re.compile(r"(^|[^a-z])(w|weights?|params?|parameters?)[ _/.]*norm", re.IGNORECASE)
_LOSS = re.compile(r"(^|[^a-z])loss($|[^a-z])", re.IGNORECASE)


def detect_rank_columns(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return ranks whose weights are not the same, or whose batches are.

    Between ranks gradients are averaged before an update, so that all hold the same weights, and each reads batches of
    its own. False alarms: the norm of a rank's own gradient, before it is averaged, differs, so weights alone say that
    ranks have parted; sums of equal weights in another order differ by far less than `APART`. Losses that are equal to
    the last digit at every point are of equal batches, or were averaged over the ranks before they were logged.
    """
    groups: dict[str, list[str]] = {}
    for name in trace.signals:
        if match := _RANK.fullmatch(name):
            groups.setdefault(match[1] + match[3], []).append(name)
    found = [one for what, names in groups.items() if (one := _compared(trace, what, sorted(names)))]
    return found[:1]


def _compared(trace: Trace, what: str, names: list[str]) -> Finding | None:
    series = [finite(trace.series(name)) for name in names]
    if len(series) < 2 or len(series[0].value) < FEWEST:
        return None
    if not all(np.array_equal(one.step, series[0].step) for one in series):
        return None
    values = np.array([one.value for one in series])  # (ranks, points)
    spread = np.ptp(values, axis=0) / np.maximum(np.abs(values).max(axis=0), 1e-30)
    said = {"signal": names[0], "ranks": len(names), "axis": trace.axis}
    said |= {"first": int(series[0].step[0]), "last": int(series[0].step[-1])}
    if _WEIGHTS.search(what) and np.mean(spread > APART) > OF_POINTS:
        sentence = message("finding-ranks-apart.columns", spread=float(np.median(spread)), **said)
        return _finding("ranks-apart", sentence, names, series[0].step, "rank-disagreement")
    if _LOSS.search(what) and not spread.any() and np.ptp(values[0]) > 0:
        sentence = message("finding-ranks-alike.sentence", **said)
        return _finding("ranks-alike", sentence, names, series[0].step, "repeated-text")
    return None


def _finding(kind: str, sentence: Message, names: list[str], step: np.ndarray, cause: str) -> Finding:
    return Finding(
        kind=kind,
        severity="warning",
        sentence=sentence,
        first_step=float(step[0]),
        last_step=float(step[-1]),
        confidence=0.95,
        signal=names[0],
        evidence={"ranks": len(names)},
        alternatives=(message(f"finding-{kind}.meant"),),
        test=message(f"finding-{kind}.test"),
        candidate_causes=(cause,),
    )

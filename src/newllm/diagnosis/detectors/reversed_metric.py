"""A best model that is chosen the wrong way round: the highest error, or the lowest accuracy, is taken for the best.

A Trainer takes the highest value of any `metric_for_best_model` whose name does not end in "loss"; Lightning's
callbacks take the lowest unless they are told otherwise.
"""

from collections.abc import Sequence

import numpy as np

from newllm.diagnosis.facts import Facts, Selection
from newllm.diagnosis.losses import finite
from newllm.diagnosis.quality import is_better_higher
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FEWEST, SEVERAL = 2, 3  # evaluations: that agree with the name; of an accuracy, whatever the loss does
FEWEST_UNNAMED = 8  # evaluations of a measure whose name says nothing
AGREES, AT_EACH = 0.5, 0.9  # rank correlation with the validation loss
IN_STEP = 0.7  # likewise, of the changes from one evaluation to the next
TURNS = 2  # times that the validation loss rises: what only falls falls with anything
CODES = frozenset(("perplexity", "ppl"))  # of a code book a high one is good
WORST = 0.75  # of the evaluations have a lower loss than the one that is kept


def detect_reversed_metric(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the first metric that is compared the wrong way round, by its name and by the loss of the evaluations.

    A name that is no usual one says nothing: then the metric has to rise and fall with the validation loss, at nearly
    each evaluation. False alarms: an accuracy that really falls is compared rightly, and so is one that rises
    while an over-fitted loss does; a score that only falls, as the loss does, may be what is wanted.
    """
    if training_kind(trace, facts).name in ("adversarial", "reinforcement"):
        return []
    for first in facts.selections:
        metric, loss = _evaluations(trace, first.signal)
        why = _why(first, metric.value, loss, trace)
        if why:
            alike = [one for one in facts.selections if (one.signal, one.higher) == (first.signal, first.higher)]
            return [_finding(alike, metric, loss, why, trace.axis)]
    return []


def _evaluations(trace: Trace, signal: str) -> tuple[Series, np.ndarray]:
    """Return a metric at the evaluations, and the validation loss at the same ones, empty where there is none."""
    metric, loss = finite(trace.series(signal)), finite(trace.series("validation_loss"))
    if not len(loss.step):
        return metric, loss.value
    steps, at, of_loss = np.intersect1d(metric.step, loss.step, return_indices=True)
    return Series(steps, metric.value[at]), loss.value[of_loss]


def _why(one: Selection, metric: np.ndarray, loss: np.ndarray, trace: Trace) -> str:
    """Return what says that a metric is compared the wrong way round, "name" or "loss"; "" where nothing does."""
    better = is_better_higher(one.metric)
    if len(metric) < FEWEST or np.ptp(metric) == 0 or better is one.higher:
        return ""
    with_loss = _rank_correlation(metric, loss) if len(loss) else None
    if better is None:
        return "loss" if with_loss is not None and _is_a_loss(one, metric, loss, with_loss) else ""
    if one.signal == "validation_loss":  # an objective that is to grow may be called a loss: then training's grows too
        training = finite(trace.series("loss")).value
        return "name" if len(training) > 1 and np.median(training[-3:]) < np.median(training[:3]) else ""
    if with_loss is None:
        named = not any(one.metric.lower().endswith(code) for code in CODES)
        return "name" if named and len(metric) >= SEVERAL else ""
    agrees = (-with_loss if better else with_loss) >= AGREES
    return "name" if agrees or (better and len(metric) >= SEVERAL) else ""


def _is_a_loss(one: Selection, metric: np.ndarray, loss: np.ndarray, with_loss: float) -> bool:
    """Whether a metric goes up and down with the validation loss, or against it, and the worst model is kept by it."""
    if len(metric) < FEWEST_UNNAMED or loss[-1] >= loss[0] or int(np.sum(np.diff(loss) > 0)) < TURNS:
        return False
    sign = 1 if one.higher else -1  # the highest is kept: a metric that goes with the loss is an error
    kept = loss[np.argmax(sign * metric)]
    changes = _rank_correlation(np.diff(metric), np.diff(loss))
    return sign * with_loss >= AT_EACH and sign * changes >= IN_STEP and float(np.mean(loss < kept)) >= WORST


def _rank_correlation(some: np.ndarray, others: np.ndarray) -> float:
    ranks = np.stack([np.unique(one, return_inverse=True)[1] for one in (some, others)])
    return float(np.corrcoef(ranks)[0, 1]) if np.ptp(ranks, axis=1).min() > 0 else 0.0


def _finding(alike: Sequence[Selection], metric: Series, loss: np.ndarray, why: str, axis: str) -> Finding:
    one = alike[0]
    sign = 1 if one.higher else -1
    kept, other = int(np.argmax(sign * metric.value)), int(np.argmin(sign * metric.value))
    numbers = {"higher": one.higher, "trainer": one.by == "Trainer"}
    return Finding(
        kind="reversed-metric",
        severity="warning",
        sentence=message(
            "finding-reversed-metric.sentence",
            by=list(dict.fromkeys(one.by for one in alike)),
            metric=one.metric,
            why=why,
            axis=axis,
            kept=int(metric.step[kept]),
            best=float(metric.value[kept]),
            step=int(metric.step[other]),
            other=float(metric.value[other]),
            has_loss=len(loss) > 0 and one.signal != "validation_loss",
            loss=float(loss[kept]) if len(loss) else 0.0,
            loss_there=float(loss[other]) if len(loss) else 0.0,
            **numbers,
        ),
        first_step=float(metric.step[0]),
        last_step=float(metric.step[-1]),
        confidence=0.95,
        signal=one.signal,
        evidence={
            "taken_for_best": float(metric.value[kept]),
            "taken_for_worst": float(metric.value[other]),
            "evaluations": len(metric.value),
        },
        alternatives=(message("finding-reversed-metric.meant"),),
        test=message("finding-reversed-metric.test", axis=axis, step=int(metric.step[other]), **numbers),
    )

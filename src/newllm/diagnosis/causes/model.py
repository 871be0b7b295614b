"""Causes in the model: its state, its start, its recurrence, parts that do not train."""

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.rises import gradient_jumped, gradient_was_calm, harmed, rate_rose, rise_of
from newllm.diagnosis.causes.score import NOTHING, UNSTABLE, Score, because, often
from newllm.diagnosis.causes.standstill import QUIET, always_falls, faded_gradient, gradient_scatter, gradient_steady
from newllm.diagnosis.losses import finite

GROWING = UNSTABLE | {"context-growth", "activation-growth", "update-ratio"}
STILL = frozenset({"plateau", "one-predicted-class"})
USUAL_RATES = (2e-4, 0.02)  # with less nothing moves, and more is usual where the gradient is clipped
FORGOTTEN = 1.01  # times the loss that training began at: what was learnt is lost, and no more


def changed_state(case: Case) -> Score:
    """Something else than the optimizer changed weights or moments: overwritten, loaded, damaged."""
    led = case.own_or_led("changed-state")
    if led is not None and led.severity != "note" and led.first_step is not None and led.first_step <= case.onset:
        return because(0.97, "state-changed", axis=case.trace.axis, step=led.first_step)
    if case.has("learning-rate-jump", "resume-jump", "data-order", "periodic-batches", "gradient-carried"):
        return NOTHING
    rise = rise_of(case)
    if rise is None or not rise.at_once or not rise.heals_slowly or rise.stays or harmed(case, rise) is False:
        return NOTHING
    if rate_rose(case, float(rise.step[0])):
        return NOTHING
    where = {"axis": case.trace.axis, "step": float(rise.step[0]), "points": rise.points}
    if rise.height + rise.base > FORGOTTEN * rise.start:
        return often(0.4)  # labels that do not fit cost a model that has learnt more than one that knows nothing
    if gradient_was_calm(case, float(rise.step[0])) is not False and gradient_jumped(case, rise):
        return because(0.75, "learnt-anew", **where)
    return often(0.4)  # labels that do not fit for a while look so too


def unbounded_recurrence(case: Case) -> Score:
    """A context that grows with every position."""
    if case.finding.kind not in GROWING:
        return NOTHING
    if case.own_or_any("context-growth") is None:
        norm = case.before("context_norm", 10_000)
        grows = len(norm) > 10 and np.median(norm[-5:]) > 20 * np.median(norm[:5])
        return often(0.35) if grows else NOTHING
    # A rate that is far too high blows up the recurrence with everything else.
    at_start = case.onset <= 0.05 * case.length
    blown = case.has("dead-units", "saturated-gates", "update-ratio") and at_start
    return because(0.6 if blown else 0.95, "context-grows")


def additive_context(case: Case) -> Score:
    """The context is added to and never forgets."""
    found = unbounded_recurrence(case)
    return Score(0.9 * found.value, found.reason)


def exploding_embedding(case: Case) -> Score:
    """The embedding is updated far more than the rest."""
    best = NOTHING
    if case.finding.kind not in GROWING:
        return best
    for statistic in ("update_ratio", "gradient_norm", "activation_rms"):
        here = {n: v for n in case.trace.signals if n.startswith(statistic + "/") and len(v := _upto(case, n))}
        embedding = [float(np.median(value)) for name, value in here.items() if "emb" in name.lower()]
        others = [float(np.median(value)) for name, value in here.items() if "emb" not in name.lower()]
        if embedding and others and max(embedding) > 10 * float(np.median(others)):
            times = max(embedding) / max(float(np.median(others)), 1e-30)
            score = because(0.8, "embedding", times=times) if statistic == "update_ratio" else often(0.45)
            best = max(best, score, key=lambda one: one.value)
    return best


def _upto(case: Case, name: str) -> np.ndarray:
    series = finite(case.trace.series(name))
    count = max(5, int(np.searchsorted(series.step, case.onset, side="right")))
    return series.value[:count][-10:]


def initialisation(case: Case) -> Score:
    """Weights start at a wrong scale."""
    if case.finding.kind in STILL:
        faded = case.has("vanishing-gradient", "vanishing-signal") or faded_gradient(case) is not None
        return because(0.8, "signal-fades") if faded else often(0.35)
    if case.finding.kind in {"no-gradient", "repeated-loss"}:
        return often(0.45)
    starts = case.onset <= 0.02 * case.length and case.finding.kind == "worse-than-uniform"
    if starts or case.finding.kind == "bad-start":
        return because(0.75 if case.finding.kind == "bad-start" else 0.6, "bad-start")
    return NOTHING


def frozen_layer(case: Case) -> Score:
    """A layer that asks for a gradient and never moves is no guess; one frozen on purpose is a note."""
    own = case.finding.kind == "frozen-layer"
    if case.finding.kind in {"plateau", "stale-evaluation"} and _stands_still(case):
        return because(0.65, "stands-still")
    if case.finding.kind == "plateau" and _few_train(case):
        return because(0.65, "few-train")
    if not own and not any(one.kind == "frozen-layer" and one.severity != "note" for one in case.others):
        return often(0.3) if case.finding.kind in {"plateau", "no-gradient"} else NOTHING
    return because(0.9 if own else 0.7 if case.finding.kind == "plateau" else 0.6, "frozen")


def _stands_still(case: Case) -> bool:
    """Whether all evaluations are equal to the last digit although there are a rate and a gradient."""
    validation = finite(case.trace.series("validation_loss")).value
    rate, norm = finite(case.trace.series("learning_rate")).value, finite(case.trace.series("gradient_norm")).value
    equal = len(validation) >= 4 and bool(np.ptp(validation) <= 1e-6 * abs(validation[0]))
    return (
        equal
        and case.has("plateau", "stale-evaluation")
        and bool(len(rate) and rate.min() > 0 and len(norm) and norm.min() > 0)
    )


def _few_train(case: Case) -> bool:
    """Whether each evaluation is a little better at a usual rate, while the gradient of all weights stays as it was."""
    rate = finite(case.trace.series("learning_rate")).value
    usual = len(rate) > 0 and bool(USUAL_RATES[0] <= rate.max() <= USUAL_RATES[1])
    scatter = gradient_scatter(case)
    return usual and always_falls(case) and gradient_steady(case) is True and scatter is not None and scatter < QUIET


def dead_units(case: Case) -> Score:
    """Units that are zero for every input."""
    own = case.finding.kind == "dead-units"
    if not own and case.finding.kind != "plateau":
        return NOTHING
    return because(0.65, "dead-units") if own or case.has("dead-units") else often(0.3)

"""What may have brought a finding about, the likeliest first, by what the other signals say.

One small function a cause. Each returns a score between 0 (nothing speaks for it) and 1; a cause without a score is
not named. The scores order the causes for a replay to test, which alone can tell: they are no probabilities. A cause
below `SUPPORTED` is only what such a finding often comes from: a replay may begin with it, but nobody is told that it
is the cause. (On the stored runs of benchmarks/doctor the first cause was right in 1 of 5 below it, in 54 of 67 above.)
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from newllm.diagnosis.case import Case
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite, is_validation
from newllm.trace import Finding, Series, Trace

SUPPORTED = 0.5
UNSTABLE = frozenset(
    {
        "spike",
        "diverged",
        "slow-divergence",
        "worse-than-uniform",
        "worse-than-untrained",
        "gradient-explosion",
        "not-finite",
        "plateau",
        "one-predicted-class",
    }
)


def causes(case: Case) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return what may be behind the finding, the likeliest first, and the part of it that something speaks for."""
    scores = {name: score(case) for name, score in CAUSES.items()}
    ranked = sorted((name for name in scores if scores[name] > 0), key=lambda name: -scores[name])
    supported = tuple(name for name in ranked if scores[name] >= SUPPORTED)
    return tuple(dict.fromkeys([*ranked, *case.finding.candidate_causes])), supported


def explained(findings: Sequence[Finding], trace: Trace, facts: Facts) -> list[Finding]:
    """Return the findings with the causes of each instability in order."""
    ends = [float(series.step[-1]) for series in trace.signals.values() if len(series.step)]
    length = max(ends, default=0.0)

    def with_causes(finding: Finding) -> Finding:
        others = [other for other in findings if other is not finding]
        found, supported = causes(Case(finding, trace, facts, others, length))
        return replace(finding, candidate_causes=found, supported_causes=supported)

    return [with_causes(finding) if finding.kind in UNSTABLE else finding for finding in findings]


def _corrupted_batch(case: Case) -> float:
    if not case.by_step or is_validation(case.finding.signal or "") or case.points > 3:
        return 0.0
    if case.finding.kind == "not-finite":
        return 0.0
    back = case.finding.evidence.get("outcome", "recovered") == "recovered"
    if case.onset <= 0.02 * case.length and not case.gradient_jumped(3):
        return 0.4  # the first updates of a model are a likelier cause there than one of its batches
    return (0.9 if case.gradient_jumped(3) else 0.75) if back else 0.4


def _label_noise(case: Case) -> float:
    """A block: up at once, level, and down at once."""
    if case.finding.kind not in {"spike", "diverged"} or not case.by_step or case.points < 10:
        return 0.0
    series = finite(case.trace.series(case.finding.signal or "loss"))
    start = int(np.searchsorted(series.step, case.onset))
    inside = series.value[start : start + case.points]
    outside = series.value[start + case.points : start + case.points + 3]
    base = float(case.finding.evidence.get("base", inside[0]))
    top = float(np.median(inside[:6])) - base
    level = float(np.median(inside[:3])) - base > 0.5 * top and inside.max() - base < 3 * top
    whole = np.concatenate([inside, outside])
    falls = [np.median(whole[at - 3 : at]) - np.median(whole[at : at + 3]) for at in range(3, len(whole) - 2)]
    # A loss that falls as fast from its first points on is a model that learns other data, and no block.
    first, later = max(falls[:3], default=0.0), max(falls[3:], default=0.0)
    return 0.7 if level and later > max(0.35 * top, 1.5 * first) else 0.0


def _changed_state(case: Case) -> float:
    """Something else than the optimizer changed weights or moments: seen by their bits, shortly before."""
    led = case.led("changed-state")
    if led is None or led.severity == "note" or led.first_step is None:
        return 0.0
    return 0.97 if led.first_step <= case.onset else 0.0


def _learning_rate(case: Case) -> float:
    led = case.led("learning-rate-jump")
    if led is not None and led.candidate_causes == ("learning-rate",):
        return 0.95
    score = 0.4 if case.finding.kind != "not-finite" else 0.3
    if is_validation(case.finding.signal or "") and not case.has("gradient-explosion", "update-ratio"):
        score = 0.3
    if case.led("update-ratio") or case.has("dead-units", "saturated-gates"):
        score = 0.7
    rate = case.before("learning_rate", 50)
    if len(rate) > 5 and rate[0] > 0 and rate[-1] > 1.5 * rate[0]:
        score = max(score, 0.65)
    return score


def _no_warm_up(case: Case) -> float:
    rate = finite(case.trace.series("learning_rate")).value
    if len(rate) < 5 or case.onset > 0.15 * case.length or rate.max() <= 0:
        return 0.0
    return 0.5 if rate[0] >= 0.9 * rate.max() else 0.0


def _beta2(case: Case) -> float:
    if case.led("second-moment"):
        return 0.8
    names = [name for name in case.trace.signals if name.startswith("second_moment_mismatch/")]
    lagging = [float(before.max()) for name in names if len(before := case.before(name, 5))]
    return 0.6 if lagging and max(lagging) > 3 else 0.0


def _unbounded_recurrence(case: Case) -> float:
    if not case.has("context-growth"):
        norm = case.before("context_norm", 10_000)
        return 0.35 if len(norm) > 10 and np.median(norm[-5:]) > 20 * np.median(norm[:5]) else 0.0
    # A rate that is far too high blows up the recurrence with everything else.
    at_start = case.onset <= 0.05 * case.length
    return 0.6 if case.has("dead-units", "saturated-gates", "update-ratio") and at_start else 0.95


def _additive_context(case: Case) -> float:
    return 0.9 * _unbounded_recurrence(case)


def _exploding_embedding(case: Case) -> float:
    score = 0.0
    for statistic in ("update_ratio", "gradient_norm", "activation_rms"):
        here = {n: v for n in case.trace.signals if n.startswith(statistic + "/") and len(v := _upto(case, n))}
        embedding = [float(np.median(value)) for name, value in here.items() if "emb" in name.lower()]
        others = [float(np.median(value)) for name, value in here.items() if "emb" not in name.lower()]
        if embedding and others and max(embedding) > 10 * float(np.median(others)):
            score = max(score, 0.8 if statistic == "update_ratio" else 0.5)
    return score


def _upto(case: Case, name: str) -> np.ndarray:
    series: Series = finite(case.trace.series(name))
    count = max(5, int(np.searchsorted(series.step, case.onset, side="right")))
    return series.value[:count][-10:]


def _moments_lost(case: Case) -> float:
    led = case.led("resume-jump")
    if led is None:
        return 0.0
    return 0.85 if "log_update_jump" in led.evidence else 0.6


def _schedule_restarted(case: Case) -> float:
    led = case.led("learning-rate-jump")
    if led is None:
        return 0.0
    if "schedule-restarted" not in led.candidate_causes:
        return 0.0
    return 0.9 if led.evidence.get("starts_again") else 0.75


def _overflow(case: Case) -> float:
    if case.has("skipped-updates"):
        return 0.6
    if case.finding.kind != "not-finite":
        return 0.0
    norm, loss = case.trace.series("gradient_norm"), case.trace.series("loss")
    bad = norm.step[~np.isfinite(norm.value)]
    worse = loss.step[~np.isfinite(loss.value)]
    first = len(bad) > 0 and (not len(worse) or bad[0] < worse[0])
    grew = float(case.finding.evidence.get("gradient_growth_before", 0.0)) > 10
    return 0.8 if first else 0.5 if grew else 0.35


def _not_finite_batch(case: Case) -> float:
    if case.finding.kind != "not-finite":
        return 0.0
    if case.finding.evidence.get("count") == 1:
        return 0.9
    calm = not case.has("spike", "diverged", "gradient-explosion", "worse-than-untrained", "worse-than-uniform")
    return 0.75 if calm and case.onset > 0.05 * case.length else 0.3


def _data_order(case: Case) -> float:
    if case.finding.kind not in {"spike", "diverged", "worse-than-uniform", "worse-than-untrained"}:
        return 0.0
    if case.has("data-order"):
        return 0.85
    steps = sum(1 for one in [case.finding, *case.others] if one.kind == "spike" and one.signal == case.finding.signal)
    slow = case.points >= 8
    at_once = case.by_step and slow and case.worst_at_once()
    return 0.6 if steps >= 2 and slow else 0.55 if at_once else 0.3 if slow else 0.0


def _repeated_text(case: Case) -> float:
    return 0.85 if case.led("loss-drop") else 0.0


def _initialisation(case: Case) -> float:
    if case.finding.kind in {"plateau", "one-predicted-class"}:
        return 0.8 if case.has("vanishing-gradient", "vanishing-signal") else 0.35
    starts = case.onset <= 0.02 * case.length
    return 0.6 if starts and case.finding.kind == "worse-than-uniform" else 0.0


def _frozen_layer(case: Case) -> float:
    """A layer that asks for a gradient and never moves is no guess; one frozen on purpose is a note."""
    if not any(one.kind == "frozen-layer" and one.severity != "note" for one in case.others):
        return 0.0
    return 0.7 if case.finding.kind == "plateau" else 0.6


def _tokenizer_mismatch(case: Case) -> float:
    if not is_validation(case.finding.signal or "") or not case.finding.kind.startswith("worse"):
        return 0.0
    over = next((one for one in case.others if one.kind == "over-fitting"), None)
    if over is not None and "tokenizer-mismatch" in over.candidate_causes[:1]:
        return 0.9  # never better than at its first evaluation: validation is not what is learnt
    if over is not None and case.onset > 0.05 * case.length:
        return 0.0
    training_is_bad = any(one.kind.startswith("worse") and one.signal == "loss" for one in case.others)
    return 0.0 if training_is_bad else 0.7


def _evaluation_configuration(case: Case) -> float:
    """A validation loss that jumps while the training loss does not."""
    if not is_validation(case.finding.signal or "") or "loss" not in case.trace.signals:
        return 0.0
    if case.has("over-fitting"):
        return 0.35
    same = any(one.kind in UNSTABLE and one.signal in {"loss", "gradient_norm"} for one in case.others)
    return 0.0 if same else 0.65


def _data_size(case: Case) -> float:
    return 0.8 if is_validation(case.finding.signal or "") and case.has("over-fitting") else 0.0


def _from_finding(kind: str, score: float) -> Callable[[Case], float]:
    return lambda case: score if case.has(kind) else 0.0


CAUSES: dict[str, Callable[[Case], float]] = {
    "changed-state": _changed_state,
    "learning-rate": _learning_rate,
    "no-warm-up": _no_warm_up,
    "corrupted-batch": _corrupted_batch,
    "label-noise": _label_noise,
    "repeated-text": _repeated_text,
    "data-order": _data_order,
    "beta2": _beta2,
    "moments-lost": _moments_lost,
    "schedule-restarted": _schedule_restarted,
    "unbounded-recurrence": _unbounded_recurrence,
    "additive-context": _additive_context,
    "exploding-embedding": _exploding_embedding,
    "fp16-overflow": _overflow,
    "not-finite-batch": _not_finite_batch,
    "initialisation": _initialisation,
    "frozen-layer": _frozen_layer,
    "data-size": _data_size,
    "tokenizer-mismatch": _tokenizer_mismatch,
    "evaluation-configuration": _evaluation_configuration,
    "missing-zero-grad": _from_finding("gradient-carried", 0.96),
    "accumulation-scale": _from_finding("accumulation-scale", 0.9),
}

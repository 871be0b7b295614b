"""What may have brought a finding about, by what in this run speaks for it.

One function a cause, by subject. Each returns a `Score`: what speaks for the cause, with the reason, or only that such
a finding often comes from it. At most one cause is named (`Finding.causes`): the likeliest with a reason, if its
probability is at least `NAMED`. All that score are candidates, the likeliest first: the order in which a replay tries
them. Scores become probabilities in `calibration.py`, by how often such a score was right on runs of other people.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes import data, evaluation, loss, model, numbers, rate, steps
from newllm.diagnosis.causes.calibration import probability
from newllm.diagnosis.causes.score import OF_DATA, UNSTABLE, Score, direct_cause
from newllm.diagnosis.facts import Facts
from newllm.trace import Cause, Finding, Trace

__all__ = ["CAUSES", "UNSTABLE", "explained"]
NAMED = 0.5  # probability

# Kinds of finding that are direct evidence of a cause, from the data or from what the recorder saw. Where no score
# names a cause, the first candidate that the detector gives is named.
DIRECT_KINDS = frozenset(
    {
        "changed-evaluation",
        "evaluation-in-training-mode",
        "leak",
        "near-duplicates",
        "padding-counted",
        "repeated-windows",
        "second-moment",
        "small-validation",
    }
)

CAUSES: dict[str, Callable[[Case], Score]] = {
    "changed-state": model.changed_state,
    "learning-rate": rate.learning_rate,
    "learning-rate-low": rate.learning_rate_low,
    "learning-rate-zero": rate.learning_rate_zero,
    "warm-up-unfinished": rate.warm_up_unfinished,
    "schedule-ended": rate.schedule_ended,
    "schedule-restarted": rate.schedule_restarted,
    "no-warm-up": rate.no_warm_up,
    "tight-clipping": steps.tight_clipping,
    "weight-decay": steps.weight_decay,
    "no-gradient": steps.no_gradient,
    "missing-zero-grad": steps.missing_zero_grad,
    "accumulation-scale": steps.accumulation_scale,
    "moments-lost": steps.moments_lost,
    "beta2": steps.beta2,
    "corrupted-batch": data.corrupted_batch,
    "label-noise": data.label_noise,
    "periodic-batch": data.periodic_batch,
    "optimizer-reset": steps.optimizer_reset,
    "repeated-text": data.repeated_text,
    "data-order": data.data_order,
    "data-size": data.data_size,
    "class-imbalance": data.class_imbalance,
    "target-leak": data.target_leak,
    "unbounded-recurrence": model.unbounded_recurrence,
    "additive-context": model.additive_context,
    "exploding-embedding": model.exploding_embedding,
    "initialisation": model.initialisation,
    "frozen-layer": model.frozen_layer,
    "dead-units": model.dead_units,
    "fp16-overflow": numbers.fp16_overflow,
    "not-finite-batch": numbers.not_finite_batch,
    "numerics-in-loss": numbers.numerics_in_loss,
    "tokenizer-mismatch": evaluation.tokenizer_mismatch,
    "evaluation-preparation": evaluation.evaluation_preparation,
    "evaluation-configuration": evaluation.evaluation_configuration,
    "evaluation-mode": evaluation.evaluation_mode,
    "stale-evaluation": evaluation.stale_evaluation,
    "unknown-tokens": evaluation.unknown_tokens,
    "double-softmax": loss.double_softmax,
    "loss-axis": loss.loss_axis,
    "dropout": loss.dropout,
    "reduction": loss.reduction,
    "wrong-targets": loss.wrong_targets,
    "regularisation": loss.regularisation,
    "auxiliary-loss": loss.auxiliary_loss,
    "loss-sign": loss.loss_sign,
    "loss-definition": loss.loss_definition,
}


def explained(findings: Sequence[Finding], trace: Trace, facts: Facts) -> list[Finding]:
    """Return the findings, each with its candidate causes and the cause that is named, if one is."""

    def with_causes(finding: Finding) -> Finding:
        others = [other for other in findings if other is not finding]
        return _explained(Case(finding, trace, facts, others, trace.last_step))

    return [with_causes(finding) if finding.causes is None else finding for finding in findings]


def _explained(case: Case) -> Finding:
    finding = case.finding
    if finding.kind in OF_DATA | {"evaluation-in-training-mode"}:  # no other finding explains them
        case = replace(case, others=())
    scores = {name: score(case) for name, score in CAUSES.items()}
    ranked = sorted((name for name in scores if scores[name].value > 0), key=lambda name: -scores[name].value)
    first = next((name for name in ranked if scores[name].reason is not None), None)
    causes: tuple[Cause, ...] = ()
    if first is not None and (likely := probability(scores[first])) >= NAMED:
        causes = (Cause(first, likely, scores[first].reason),)
    elif finding.kind in DIRECT_KINDS:
        causes = direct_cause(finding.candidate_causes, finding.confidence)
    # What a detector names itself goes before what such a finding often comes from.
    candidates = [*(cause.name for cause in causes), *finding.candidate_causes, *ranked]
    return replace(finding, candidate_causes=tuple(dict.fromkeys(candidates)), causes=causes)

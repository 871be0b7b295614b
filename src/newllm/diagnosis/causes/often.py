"""What a kind of finding often comes from: where the search for a cause begins, and no evidence in a run."""

from newllm.diagnosis.case import Case
from newllm.diagnosis.causes.data import is_brief
from newllm.diagnosis.causes.kinds import UNSTABLE
from newllm.diagnosis.harm import RISES, is_back_at_once
from newllm.diagnosis.losses import is_validation

SLOW = 8  # points: too long for a bad batch
FIRST_UPDATES = 0.05  # of the run

# By kind of finding, the likeliest first, behind what its detector gives.
OFTEN = {
    "slow-divergence": ("learning-rate",),
    "not-finite": ("numerics-in-loss", "fp16-overflow", "not-finite-batch", "learning-rate"),
    "one-predicted-class": ("learning-rate",),
    "plateau": ("learning-rate-low", "dead-units", "weight-decay", "tight-clipping", "wrong-targets"),
    "validation-gap": ("tokenizer-mismatch", "evaluation-preparation", "loss-axis", "unknown-tokens"),
    "over-fitting": ("data-size", "unknown-tokens"),
    "impossible-loss": ("loss-definition", "loss-sign", "auxiliary-loss"),
    "training-above-validation": ("dropout", "regularisation", "loss-axis", "reduction"),
    "repeated-loss": ("initialisation", "fp16-overflow"),
    "no-gradient": ("initialisation",),
}


def often_causes(case: Case) -> tuple[str, ...]:
    """Return the names of causes that such a finding often comes from."""
    kind, early = case.finding.kind, case.onset <= FIRST_UPDATES * case.length
    if kind in UNSTABLE and case.own_or_any("context-growth"):
        return ("unbounded-recurrence", "additive-context", "learning-rate")
    if kind not in RISES:
        return OFTEN.get(kind, ())
    if case.led("loss-drop"):  # what made it fall first is over
        return ("repeated-text", "learning-rate", "data-order")
    if is_validation(case.finding.signal or ""):
        return ("tokenizer-mismatch",) if kind.startswith("worse") else ("learning-rate", "evaluation-configuration")
    if kind == "gradient-explosion":
        return ("corrupted-batch", "learning-rate") if is_brief(case) else ("learning-rate",)
    if early:
        return ("learning-rate", "no-warm-up", "data-order")
    if kind == "spike" and case.finding.severity == "note":  # the bump of a rate that starts again, as planned
        return ("learning-rate", "data-order")
    if is_brief(case):
        return ("corrupted-batch", "learning-rate", "data-order")
    if case.by_step and case.worst_at_once() and is_back_at_once(case.finding, case.trace):
        return ("corrupted-batch", "data-order", "learning-rate")  # batches of another kind, from one to another
    other_data = case.by_step and case.points >= SLOW and case.worst_at_once()
    return ("data-order", "learning-rate") if other_data else ("learning-rate", "data-order")

"""Which causes `newllm.check` can prove before the first step, by which of its probes, and what it must be given."""

from newllm.diagnosis.facts import Facts
from newllm.trace import Finding

# Causes by name; of each the probes that show it.
PROBES_OF: dict[str, tuple[str, ...]] = {
    "missing-zero-grad": ("step-order",),
    "accumulation-scale": ("accumulation", "reduction"),
    "reduction": ("reduction",),
    "no-gradient": ("gradients", "optimizer-holds"),
    "frozen-layer": ("optimizer-holds", "gradients", "moves"),
    "dead-units": ("scale",),
    "initialisation": ("initial-loss", "scale", "gradient-scale"),
    "learning-rate-low": ("moves", "learns"),
    "learning-rate-zero": ("schedule",),
    "schedule-ended": ("schedule",),
    "schedule-restarted": ("schedule",),
    "warm-up-unfinished": ("schedule",),
    "data-order": ("order",),
    "target-leak": ("causality", "shift", "answers"),
    "wrong-targets": ("shift", "broadcast"),
    "double-softmax": ("loss-form",),
    "loss-definition": ("loss-form",),
    "loss-sign": ("learns",),
    "loss-axis": ("loss-form",),
    "numerics-in-loss": ("finite", "loss-form"),
    "not-finite-batch": ("finite",),
    "fp16-overflow": ("half-precision", "autocast"),
    "evaluation-mode": ("evaluation", "evaluation-mode"),
    "evaluation-in-training-mode": ("evaluation", "evaluation-mode"),
    "evaluation-preparation": ("evaluation",),
    "evaluation-configuration": ("evaluation",),
    "stale-evaluation": ("evaluation",),
    "dropout": ("evaluation-mode",),
    "tokenizer-mismatch": ("vocabulary",),
    "unknown-tokens": ("vocabulary",),
}
# What newllm.check must be given for a probe, beside model, optimizer, loss and batch.
ARGUMENTS_OF: dict[str, tuple[str, ...]] = {
    "step-order": ("step",),
    "order": ("loader",),
    "schedule": ("scheduler", "steps"),
    "evaluation": ("evaluate",),
    "vocabulary": ("tokenizer",),
}
_MOST_CANDIDATES = 3  # of a cause that is not known
_MOST_PROBES = 4


def probes_for(finding: Finding, facts: Facts) -> tuple[str, ...]:
    """Return the probes that would show what is behind a finding; of an unknown cause those of what it often is.

    None of a run of `newllm train`, whose parts are newllm's own, nor of what follows from another finding.
    """
    if finding.severity == "note" or finding.follows or finding.causes is None or facts.origin == "train":
        return ()
    names = [cause.name for cause in finding.causes] or finding.candidate_causes[:_MOST_CANDIDATES]
    probes = dict.fromkeys(probe for name in names for probe in PROBES_OF.get(name, ()))
    return tuple(probes)[:_MOST_PROBES]


def check_call(probes: tuple[str, ...]) -> str:
    """Return the call of `newllm.check` that asks these questions."""
    arguments = dict.fromkeys(name for probe in probes for name in ARGUMENTS_OF.get(probe, ()))
    return (
        f"newllm.check({', '.join(['model', 'optimizer', 'loss', 'batch', *(f'{name}={name}' for name in arguments)])})"
    )

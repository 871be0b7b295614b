"""Which causes `newllm.check` can prove before the first step, by which of its probes, and what it must be given."""

from newllm.diagnosis.causes.known import CAUSES, Known
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Trace

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
RECORDING = "recording"  # stands for what newllm.record sees


def probes_for(finding: Finding, facts: Facts) -> tuple[str, ...]:
    """Return the probes that would show what is behind a finding; of an unknown cause those of what it often is.

    None of a run of `newllm train`, whose parts are newllm's own, nor of what follows from another finding.
    """
    if finding.severity == "note" or finding.follows or finding.causes is None or facts.origin == "train":
        return ()
    names = [cause.name for cause in finding.causes] or finding.candidate_causes[:_MOST_CANDIDATES]
    probes = dict.fromkeys(probe for name in names if name in CAUSES for probe in CAUSES[name].probes)
    return tuple(probes)[:_MOST_PROBES]


def unlogged(finding: Finding, trace: Trace, facts: Facts) -> dict[str, list[str]]:
    """Return columns that the log lacks, "recording" for what a recorder sees, each with the causes it may show."""
    shown: dict[str, list[str]] = {}
    if finding.severity == "note" or finding.follows or finding.causes or finding.causes is None:
        return shown
    for name in finding.candidate_causes[:_MOST_CANDIDATES]:
        known = CAUSES.get(name, Known(""))
        if known.column and not len(trace.series(known.column).value):
            shown.setdefault(known.column, []).append(name)
        elif known.recorded and facts.origin is None:
            shown.setdefault(RECORDING, []).append(name)
    return shown


def check_call(probes: tuple[str, ...]) -> str:
    """Return the call of `newllm.check` that asks these questions."""
    arguments = dict.fromkeys(name for probe in probes for name in ARGUMENTS_OF.get(probe, ()))
    return (
        f"newllm.check({', '.join(['model', 'optimizer', 'loss', 'batch', *(f'{name}={name}' for name in arguments)])})"
    )

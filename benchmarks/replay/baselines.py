"""What two others say is the cause, without a replay: the doctor's ranking, and whoever always blames the rate."""

from newllm.diagnosis.causes.kinds import UNSTABLE
from newllm.replays.subjects.original import Original

ALWAYS = "learning-rate"


def doctors_first(original: Original | None) -> str | None:
    """Return the first cause of the most serious finding of an instability, None where the doctor names none.

    Args:
        original: the run, whose findings come in the doctor's order; None where it finds no spike.
    """
    findings = [] if original is None else original.findings
    named = (one.candidate_causes for one in findings if one.kind in UNSTABLE and one.candidate_causes)
    return next((causes[0] for causes in named), None)


def always_the_rate(original: Original | None) -> str | None:
    """Return what is said of any spike: "lower the learning rate"."""
    return None if original is None else ALWAYS

"""From a trace to findings: every detector and every audit, sorted by what matters."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from newllm.diagnosis.audits import AUDITS
from newllm.diagnosis.blind_tests import probability_of_kind
from newllm.diagnosis.causes import explained
from newllm.diagnosis.changes import with_changes
from newllm.diagnosis.detectors import DETECTORS
from newllm.diagnosis.ending import lost_model
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.harm import RISES, harmless_as_notes, inner_as_notes, seldom_right_as_notes
from newllm.diagnosis.intent import without_intended
from newllm.diagnosis.layer_names import with_named_layers
from newllm.diagnosis.losses import is_validation
from newllm.diagnosis.roots import rooted
from newllm.trace import SEVERITIES, Finding, Trace

_NOTHING = Facts()
AT_ITS_END = 0.03  # of the run, between the end of a dip and a rise


def diagnose(trace: Trace, facts: Facts = _NOTHING) -> list[Finding]:
    """Return what is wrong in a run, the most serious first; nothing above a note on a healthy one.

    Args:
        trace: the run's signals.
        facts: what is known beside them.
    """
    # A log may hold numbers of any size: what overflows is infinite here, and is no reason to stop.
    with np.errstate(all="ignore"):
        findings = [found for detect in DETECTORS for found in detect(trace, facts)]
        findings += [found for audit in AUDITS for found in audit(facts.data or {}, trace, facts)]
        findings = harmless_as_notes(without_intended(findings, trace, facts), trace)
        findings = _without_lost(explained(_folded(findings), trace, facts), trace.last_step)
        findings = seldom_right_as_notes(inner_as_notes(findings, trace, facts))
    findings = rooted(findings, trace.last_step, _order, trace.series("validation_loss").step.tolist())
    if findings and findings[0].severity == "warning" and lost_model(trace, facts):
        findings[0] = replace(findings[0], severity="fault")  # whatever is said first, the run is ruined
    return _as_sure_as_tested(with_named_layers(with_changes(findings, trace, facts), facts))


def _order(finding: Finding) -> tuple[int, bool, float, bool]:
    """Order findings: the gravest first, of equals those whose cause is named, then the surest.

    What the training shows comes before what its evaluations show, which come later and see the same.
    """
    of_validation = is_validation(finding.signal or "")
    return -SEVERITIES.index(finding.severity), not finding.causes, -round(finding.confidence or 0.0, 1), of_validation


def _as_sure_as_tested(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings, each as sure as those of its kind were right in blind tests, which count no notes."""
    return [
        replace(one, confidence=None if one.severity == "note" else probability_of_kind(one.kind)) for one in findings
    ]


def _without_lost(findings: Sequence[Finding], length: float) -> list[Finding]:
    """Return the findings without losses that fell and came back where a rise with a known cause begins.

    What had been learnt is lost there: the batches before were no easier.
    """
    begins = [one.first_step for one in findings if one.kind in RISES and one.causes and one.first_step is not None]
    return [
        one
        for one in findings
        if one.kind != "loss-drop" or not any(abs(one.end - step) <= AT_ITS_END * length for step in begins)
    ]


def _folded(findings: Sequence[Finding]) -> list[Finding]:
    """Return the findings with those of one kind that overlap in time as one, of its gravest signal."""
    distinct: list[Finding] = []
    for finding in findings:
        index = next((at for at, other in enumerate(distinct) if _same(finding, other)), None)
        if index is None:
            distinct.append(finding)
            continue
        graver, other = sorted((distinct[index], finding), key=_gravity, reverse=True)  # stable: the first of equals
        also = [*graver.evidence.get("also_in", []), *other.evidence.get("also_in", [])]
        also += [other.signal] if other.signal not in (None, graver.signal) else []
        distinct[index] = replace(graver, evidence={**other.evidence, **graver.evidence, "also_in": also})
    return distinct


def _gravity(finding: Finding) -> tuple[int, float]:
    size = finding.evidence.get("height", finding.evidence.get("worst"))
    return SEVERITIES.index(finding.severity), float(size) if isinstance(size, int | float) else 0.0


def _same(finding: Finding, other: Finding) -> bool:
    """Whether two findings report one thing: of one kind, not at different times or places."""
    if finding.kind != other.kind or (
        finding.signal == other.signal and finding.first_step is not None and other.first_step is not None
    ):
        return False
    if finding.first_step is None or other.first_step is None:
        return True
    return finding.first_step <= other.end and other.first_step <= finding.end

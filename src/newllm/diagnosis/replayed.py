"""What the replays of a run say of its findings: the one that they took up stands first, with the cause they show."""

from collections.abc import Sequence
from dataclasses import replace

from newllm.diagnosis.replayable import replayable
from newllm.messages import message
from newllm.trace import Cause, Finding, Verdict

_SHOWN = message("cause-replays_show")


def is_shown(finding: Finding) -> bool:
    """Whether replays have shown the cause of a finding."""
    return any(one.reason == _SHOWN for one in finding.causes or ())


def taken_up(findings: Sequence[Finding], verdict: Verdict | None) -> Finding | None:
    """Return the finding that a verdict is about, None where there is none."""
    if verdict is None:
        return None
    begin, end = verdict.spike.get("onset"), verdict.spike.get("end")
    if not isinstance(begin, int | float) or not isinstance(end, int | float):
        return None
    return next((one for one in replayable(findings) if _meet(one, begin, end)), None)


def proved_first(findings: Sequence[Finding], verdict: Verdict | None) -> tuple[Finding, ...]:
    """Return findings with the one first, and for itself, whose cause replays have shown, and with that cause.

    What the signals alone took it to follow from, or named as its cause, was not tested: the cause that was stands
    there, and nothing is left to be told apart. What began with it follows from it, whatever was named for that.
    """
    found = taken_up(findings, verdict)
    if found is None or verdict is None or not verdict.cause:
        return tuple(findings)
    name = str(verdict.cause.get("name", ""))
    first = replace(_shown(found, name), follows=None)
    root = next((one for one in findings if one.kind == found.follows and name in (one.supported_causes or ())), None)
    if root is not None:  # what the signals took it to follow from is the cause that was shown
        others = [_shown(found, name) if one is found else one for one in findings if one is not root]
        return _shown(root, name), *(_beside(one, root, verdict.spike["end"], name) for one in others)
    return first, *(_beside(one, found, verdict.spike["end"], name) for one in findings if one is not found)


def _shown(finding: Finding, name: str) -> Finding:
    """Return a finding with the cause that replays have shown; nothing of it is left to be told apart."""
    shown = {"causes": (Cause(name, None, _SHOWN),), "open_causes": _still_open(finding, name)}
    return replace(finding, alternatives=(), test=None, **shown)


def _beside(finding: Finding, found: Finding, end: float, name: str) -> Finding:
    """Return a finding beside the one whose cause was shown.

    It follows from that one if it was held to follow from the same, or names another cause of what began with it. What
    the signals named for that one too is no cause any more: replays show another.
    """
    named = {one.name for one in finding.causes or ()}
    if named and named <= {one.name for one in found.causes or ()} - {name}:
        finding = replace(finding, causes=(), open_causes=_still_open(finding, name))
    begins, there = finding.first_step, found.first_step
    is_later = begins is not None and there is not None and begins >= there
    names_another = any(one.name != name for one in finding.causes or ())
    if finding.follows is not None and finding.follows == found.follows:
        finding = replace(finding, follows=found.kind if is_later else None)
    elif names_another and is_later and begins is not None and begins <= end:
        finding = replace(finding, follows=found.kind)
    if names_another and finding.follows == found.kind:
        finding = replace(finding, causes=(), open_causes=_still_open(finding, name))
    return finding


def _still_open(finding: Finding, name: str) -> tuple[Cause, ...]:
    """Return what the signals spoke for, without the cause that replays have shown."""
    known = {one.name: one for one in (*(finding.causes or ()), *finding.open_causes)}
    return tuple(one for one in known.values() if one.name != name)


def _meet(finding: Finding, begin: float, end: float) -> bool:
    return finding.first_step is not None and finding.first_step <= end and finding.end >= begin

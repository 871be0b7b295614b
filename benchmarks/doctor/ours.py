"""What newllm's doctor says of a run, and when it would have said it first."""

import dataclasses
from collections.abc import Iterable

import numpy as np

from fault_kinds import Kind
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Trace
from newllm.trace.series import Series

_LOOKS = 40  # times that a run is looked at while it goes on


def warnings_of(findings: Iterable[Finding]) -> list[Finding]:
    """Return the findings from warning up, in the doctor's order."""
    return [finding for finding in findings if finding.severity != "note"]


def accepted(findings: Iterable[Finding], kind: Kind) -> list[Finding]:
    """Return the warnings that count as having found this kind of fault."""
    return [finding for finding in warnings_of(findings) if finding.kind in kind.findings]


def right_cause(findings: Iterable[Finding], kind: Kind) -> bool:
    """Return whether the first cause that the doctor names, and a replay would test, is the injected one."""
    first = next((finding for finding in warnings_of(findings) if finding.candidate_causes), None)
    return first is not None and first.candidate_causes[0] in (kind.name, *kind.causes)


def wrong_cause(findings: Iterable[Finding], kind: Kind) -> bool:
    """Return whether a person who reads the first finding with causes is given a wrong one, and not "unknown"."""
    first = next((finding for finding in warnings_of(findings) if finding.candidate_causes), None)
    if first is None:
        return False
    named = first.candidate_causes if first.supported_causes is None else first.supported_causes
    return bool(named) and named[0] not in (kind.name, *kind.causes)


def first_said(trace: Trace, facts: Facts, kind: Kind) -> float | None:
    """Return at which step of the trace the doctor, seeing only what was there so far, first says an accepted thing."""
    for step in looks(trace):
        if accepted(diagnose(until(trace, step), facts), kind):
            return step
    return None


def looks(trace: Trace) -> list[int]:
    """Return the steps at which a run is looked at while it goes on."""
    last = max((int(series.step[-1]) for series in trace.signals.values() if len(series.step)), default=0)
    return np.unique(np.linspace(1, last, _LOOKS).round()).astype(int).tolist()


def until(trace: Trace, step: int) -> Trace:
    """Return a trace as it was after a step."""
    kept = {name: _head(series, step) for name, series in trace.signals.items()}
    return dataclasses.replace(trace, signals={name: series for name, series in kept.items() if len(series.step)})


def _head(series: Series, step: int) -> Series:
    count = int(np.searchsorted(series.step, step, side="right"))
    return Series(series.step[:count], series.value[:count])

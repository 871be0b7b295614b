"""What the doctor says of the runs that are shown: found anew while they are short, kept by the version of their trace.

One run is judged at a time. A longer run has what stands in its findings.json, or nothing: nobody has asked then, which
is not the same as a run with nothing wrong.
"""

import math
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.diagnosis.diagnose import diagnose
from newllm.errors import UserError
from newllm.report.source import read_source
from newllm.report.source.findings import stored_findings
from newllm.trace import SEVERITIES, Finding, Trace
from newllm.ui.folders import stamp_of_notes, stamp_of_trace
from newllm.ui.responses import Data
from newllm.ui.traces import Traces
from newllm.words.diagnosis import unjudged

_MOST_POINTS = 2_500_000  # points of all signals up to which a run is judged while it is shown: two seconds at most
_REST = 20  # times as long as it took, until a run that goes on is judged again
_READ = 8 << 20  # bytes of a trace up to which it is read for the list: a longer one is judged where it is opened
_AT_ONCE, _MOST_ASKED, _MOST_KEPT = 1.0, 100, 5000  # seconds of one answer, runs that are asked for, runs that are kept


class Diagnoses:
    """Judges runs, and keeps what was found.

    Args:
        traces: where traces are held.
    """

    def __init__(self, traces: Traces) -> None:
        self._traces, self._lock = traces, threading.Lock()
        self._found: dict[Path, tuple[Any, float, tuple[Finding, ...]]] = {}
        self._rests = -math.inf

    def of(self, run: Path, trace: Trace, version: Any) -> tuple[Sequence[Finding] | None, bool]:
        """Return what the doctor says, and whether that is of this version of the trace.

        None where the run is too long for that and nobody has asked the doctor.
        """
        if sum(len(series.step) for series in trace.signals.values()) > _MOST_POINTS:
            return stored_findings(run), True
        version = (version, stamp_of_notes(run))
        with self._lock:
            before = self._found.get(run)
            if before is not None and (before[0] == version or time.monotonic() < before[1]):
                return before[2], before[0] == version
            began = time.thread_time()
            findings = _judge(run, trace)
            if len(self._found) >= _MOST_KEPT:
                self._found.clear()
            self._found[run] = version, time.monotonic() + _REST * (time.thread_time() - began), findings
            return findings, True

    def known(self, run: Path) -> Sequence[Finding] | None:
        """Return what was found when the run was last shown, or is kept with it; None where nobody has asked."""
        found = self._found.get(run)
        return stored_findings(run) if found is None else found[2]

    def counts(self, run: Path) -> dict[str, int] | None:
        """Return how many findings of each severity a run has; None where it is too long or too short to be judged."""
        findings = self.judged(run)
        if findings is None:
            return None
        severities = [finding.severity for finding in findings]
        return {severity: severities.count(severity) for severity in SEVERITIES}

    def judged(self, run: Path) -> Sequence[Finding] | None:
        """Return what the doctor says of a run; None where it is too long or too short to be judged, or has gone."""
        try:
            if sum(size for _, size in stamp_of_trace(run / "trace.jsonl")) > _READ:
                return stored_findings(run)
            columns = self._traces.of(run)
            version, trace = columns.snapshot()
            findings, _ = self.of(run, trace, (columns.generation, version))
        except UserError:
            return None
        return None if findings is None or unjudged(trace, findings) else findings

    def many(self, runs: Mapping[str, Path]) -> dict[str, dict[str, int] | None]:
        """Return the counts of as many runs as a second allows, at least of one that nobody has judged.

        Of twenty trainings that go on one is always another than when it was judged: with each judged as often as it is
        cheap for one, a list of them would keep a processor busy. So between two such judgments there is a rest.
        """
        found: dict[str, dict[str, int] | None] = {}
        ends = time.monotonic() + _AT_ONCE
        for name, run in runs.items():
            again = run in self._found
            if again and time.monotonic() < self._rests:
                continue
            began = time.thread_time()
            found[name] = self.counts(run)
            if again:
                self._rests = time.monotonic() + _REST * (time.thread_time() - began)
            if time.monotonic() > ends:
                break
        return found


def _judge(run: Path, trace: Trace) -> tuple[Finding, ...]:
    # Facts about the data are the source's to read; it is read once more, without a trace.
    source = read_source(run, trace=trace, findings=())
    try:
        return tuple(diagnose(trace, source.facts))
    except Exception:  # what stands in data.json may be of any kind
        return tuple(diagnose(trace))


async def _findings(request: Request) -> Response:
    """Answer with the counts of the runs that are seen: of some of them, the others are to be asked for again."""
    names = request.query_params.get("ids", "").split(",")[:_MOST_ASKED]
    runs = {name: run for name in names if (run := request.app.state.index.lookup(name)) is not None}
    return Data({"counts": await run_in_threadpool(request.app.state.diagnoses.many, runs)})


routes = [Route("/api/findings", _findings)]

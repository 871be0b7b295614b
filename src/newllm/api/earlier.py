"""Which earlier runs of its program a run can be held against."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from newllm.diagnosis.against.program import is_called_alike
from newllm.diagnosis.against.usual import is_sound
from newllm.report.source.findings import stored_findings
from newllm.trace import Finding
from newllm.trace.program import earlier_runs, known_program

_MOST = 5  # runs of which nothing is known and that are read: a long trace takes long


@dataclass(frozen=True)
class Earlier:
    """Runs that the same program recorded before and beside a run: those called alike first, then the newest.

    Attributes:
        sound: those that have no alarm but what most of them have.
        wrong: the others.
        findings: of each, the oldest first.
    """

    sound: list[Path]
    wrong: list[Path]
    findings: list[Sequence[Finding]]


def read_earlier(run: Path, findings_of: Callable[[Path], Sequence[Finding] | None]) -> Earlier:
    """Return the earlier runs of a run's program, by their findings.json.

    Args:
        run: its directory.
        findings_of: finds what is wrong with a run that has none; None where that cannot be judged.
    """
    own, programs = known_program(run), earlier_runs(run)
    ordered = sorted(programs, key=lambda one: own is None or not is_called_alike(own, programs[one]))
    known: dict[Path, Sequence[Finding]] = {}
    read = 0
    for one in ordered:
        findings: Sequence[Finding] | None = stored_findings(one)
        if findings is None and read < _MOST:
            read += 1
            findings = findings_of(one)
        if findings is not None:
            known[one] = findings
    by_age = [known[one] for one in reversed(programs) if one in known]
    sound = [one for one in known if is_sound(known[one], by_age)]
    return Earlier(sound, [one for one in known if one not in sound], by_age)

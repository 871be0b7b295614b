"""Which earlier runs of its program a run can be held against."""

from pathlib import Path

from newllm.diagnosis.against.program import is_called_alike
from newllm.report.source.findings import stored_findings
from newllm.trace.program import earlier_runs, known_program

_MOST = 5  # runs that are read until there is one without an alarm


def possibly_sound(run: Path) -> list[Path]:
    """Return some runs that the same program recorded before and beside a run: those called alike first, then newest.

    Left out is what is known to be wrong by its findings.json: a long trace takes long to read.
    """
    return [one for one in _earlier(run) if not _is_known_wrong(one)][:_MOST]


def known_wrong(run: Path) -> list[Path]:
    """Return the other ones, in the same order."""
    return list(filter(_is_known_wrong, _earlier(run)))


def _earlier(run: Path) -> list[Path]:
    own, found = known_program(run), earlier_runs(run)
    return sorted(found, key=lambda one: own is None or not is_called_alike(own, found[one]))


def _is_known_wrong(run: Path) -> bool:
    return any(one.severity != "note" for one in stored_findings(run) or ())

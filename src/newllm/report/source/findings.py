"""RUN/findings.json: what the doctor said of a run by itself when it was asked last."""

from pathlib import Path

from newllm.checksum import read_checked
from newllm.trace import SEVERITIES, Finding
from newllm.trace.blocks import blocks_path
from newllm.words.finding_data import read_finding

_LARGEST = 16 << 20


def stored_findings(run: Path) -> tuple[Finding, ...] | None:
    """Return the findings of a run's findings.json, None where there are none or the file is damaged.

    What was found once stays true; that nothing was found is said only of what the doctor has read, so that nothing
    found before the trace grew is None as well.
    """
    file = run / "findings.json"
    try:
        if file.is_symlink():
            return None
        listed = read_checked(file, _LARGEST)["findings"]
        found = tuple(read_finding(one) for one in listed if one.get("severity") in SEVERITIES)
        return None if not found and _has_grown_since(run, file) else found
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _has_grown_since(run: Path, file: Path) -> bool:
    trace = run / "trace.jsonl"
    changed = [one.stat().st_mtime_ns for one in (trace, blocks_path(trace)) if one.is_file()]
    return max(changed, default=0) > file.stat().st_mtime_ns

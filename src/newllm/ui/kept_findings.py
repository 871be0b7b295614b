"""What the doctor once said of a run, from its findings.json."""

from pathlib import Path
from typing import Any

from newllm.checksum import read_checked
from newllm.trace import SEVERITIES, Finding
from newllm.trace.blocks import blocks_path

_LARGEST = 16 << 20


def kept_findings(run: Path) -> tuple[Finding, ...] | None:
    """Return the findings that are kept there, None where there are none or the file is damaged.

    What was found once stays true; that nothing was found is said only of what the doctor has read, so that nothing
    found before the trace grew is None as well.
    """
    file = run / "findings.json"
    try:
        if file.is_symlink():
            return None
        listed = read_checked(file, _LARGEST)["findings"]
        found = tuple(_finding(one) for one in listed if one.get("severity") in SEVERITIES)
        return None if not found and _has_grown_since(run, file) else found
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return None


def _has_grown_since(run: Path, file: Path) -> bool:
    trace = run / "trace.jsonl"
    changed = [one.stat().st_mtime_ns for one in (trace, blocks_path(trace)) if one.is_file()]
    return max(changed, default=0) > file.stat().st_mtime_ns


def _finding(kept: dict[str, Any]) -> Finding:
    """Return a finding; what is of another kind than it should be is left out."""
    evidence, signal = kept.get("evidence"), kept.get("signal")
    return Finding(
        kind=str(kept.get("kind", "")),
        severity=kept["severity"],
        sentence=str(kept.get("sentence", "")),
        first_step=_number(kept.get("first_step")),
        last_step=_number(kept.get("last_step")),
        confidence=_number(kept.get("confidence")) or 0.0,
        signal=signal if isinstance(signal, str) else None,
        evidence=evidence if isinstance(evidence, dict) else {},
        alternatives=_texts(kept.get("alternatives")),
        test=str(kept.get("test", "")),
        candidate_causes=_texts(kept.get("candidate_causes")),
    )


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, int | float) and abs(value) < 2**53 else None


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()

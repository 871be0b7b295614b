"""What the doctor once said of a run, from its findings.json."""

import json
from pathlib import Path
from typing import Any

from newllm.trace import SEVERITIES, Finding

_LARGEST = 16 << 20
_NUMBERS = ("first_step", "last_step")


def kept_findings(run: Path) -> tuple[Finding, ...] | None:
    """Return the findings that are kept there, None where there are none or the file is damaged."""
    file = run / "findings.json"
    try:
        if file.is_symlink() or file.stat().st_size > _LARGEST:
            return None
        listed = json.loads(file.read_bytes())["findings"]
        return tuple(_finding(one) for one in listed if one.get("severity") in SEVERITIES)
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return None


def _finding(kept: dict[str, Any]) -> Finding:
    """Return a finding; what is of another kind than it should be is left out."""
    texts = {name: str(kept.get(name, "")) for name in ("kind", "sentence", "test")}
    places = {name: kept[name] for name in _NUMBERS if isinstance(kept.get(name), int | float)}
    lists = {
        name: tuple(str(one) for one in kept[name])
        for name in ("alternatives", "candidate_causes")
        if isinstance(kept.get(name), list)
    }
    evidence = kept.get("evidence")
    confidence = kept.get("confidence")
    return Finding(
        severity=kept["severity"],
        confidence=float(confidence) if isinstance(confidence, int | float) else 1.0,
        signal=kept["signal"] if isinstance(kept.get("signal"), str) else None,
        evidence=evidence if isinstance(evidence, dict) else {},
        **texts,
        **places,
        **lists,
    )

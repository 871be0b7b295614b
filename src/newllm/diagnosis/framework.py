"""What a framework that trains says of itself, as its recorder wrote it ("framework" in recording.json).

For example: {"selections": [{"by": "Trainer", "metric": "eval_wer", "signal": "eval_wer", "higher": true}]}
"""

from collections.abc import Mapping
from typing import Any

from newllm.diagnosis.facts import Selection


def selections_of(recording: Mapping[str, Any]) -> tuple[Selection, ...]:
    """Return how it chooses what is best; what is no such thing is passed over."""
    framework = recording.get("framework")
    listed = framework.get("selections") if isinstance(framework, Mapping) else None
    found = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return tuple(
        Selection(one["by"], one["metric"], one["signal"], one["higher"])
        for one in found
        if all(isinstance(one.get(name), str) for name in ("by", "metric", "signal"))
        if isinstance(one.get("higher"), bool)
    )

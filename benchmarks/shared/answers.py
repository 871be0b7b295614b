"""How a benchmark tells what it found: JSON, for a person at once and for the pages where they ask for it."""

import json
from pathlib import Path
from typing import Any


def give(result: dict[str, Any], out: Path | None) -> None:
    """Print a result, and write it where `out` says."""
    text = json.dumps(result, indent=2)
    if out is not None:
        out.write_text(text + "\n", encoding="utf-8")
    print(text)

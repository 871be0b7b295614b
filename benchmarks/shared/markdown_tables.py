"""Tables in Markdown, and how a number is written in them."""

from collections.abc import Mapping, Sequence
from typing import Any


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table; the first column is text, the others stand at the right."""
    marks = ["---", *["---:"] * (len(heads) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, marks, *rows]) + "\n"


def ranged(value: Mapping[str, float], unit: str = "") -> str:
    """Write a median with its least and most: "12,100 (11,900 to 12,300)"."""
    return f"{number(value['median'])}{unit} ({number(value['least'])} to {number(value['most'])})"


def number(value: float) -> str:
    """Write a number to three digits, four where it is a thousand or more, with commas."""
    if abs(value) >= 1000:
        return f"{float(f'{value:.4g}'):,.0f}"
    return f"{value:.3g}"


def machine_line(result: Mapping[str, Any]) -> str:
    """Say on what it was measured."""
    machine = result["machine"]
    parts = [
        f"{machine['processor']}, {machine['cores']} cores, {machine['torch_threads']} threads of torch "
        f"{machine['torch']} ({machine['cpu_capability']})",
        f"GOMP_SPINCOUNT {machine.get('GOMP_SPINCOUNT', 'not set')}",
        f"Python {machine['python']}",
        *[f"{name} {version}" for name, version in machine.get("packages", {}).items()],
    ]
    load = result.get("load_average_at_start_and_end", result.get("load_average"))
    if load is not None:
        parts.append(f"load average {' '.join(map(str, load))}")
    return "; ".join(parts) + ".\n"

"""Tables and plots of decoding.json."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from markdown_tables import machine_line, number, ranged, table
from newllm.plotting import ScalingPanel, draw_scaling
from peer_lines import line_of

Cell = dict[str, Any]
OURS = "newllm stack"


def page(result: dict[str, Any]) -> str:
    """Return the tables."""
    steps, prompts = ([cell for cell in result["cells"] if cell["what"] == what] for what in ("step", "prompt"))

    def of(title: str, cells: list[Cell], value: Callable[[Cell], str]) -> list[str]:
        return [f"## {title}\n", _table(result["peers"], cells, value)]

    parts = [
        "# Decoding at equal parameters, batch 1\n",
        "`python -m benchmarks --only decoding`. Medians with least and most over turns of at least "
        f"{result['tokens_of_a_block']} tokens and {1e3 * result['seconds_of_a_block']:g} ms, all in one process; over "
        f"the cap of {result['cap_seconds']:g} s, tried alone, there is no number. Caches hold random keys and values "
        "of the right shape.\n",
        machine_line(result),
        *of("Milliseconds a token", steps, lambda cell: ranged(cell["milliseconds"])),
    ]
    for ours in [peer for peer in result["peers"] if peer.startswith(OURS)]:
        if any(ours in cell.get("by_ours", {}) for cell in steps):
            ratio = lambda cell, ours=ours: ranged(cell["by_ours"][ours])  # noqa: E731
            parts += of(f"Times as long as {ours}", steps, ratio)
    parts += of(
        "Memory of what was read, KiB (state or cache)", steps, lambda cell: number(cell["memory_bytes"] / 1024)
    )
    parts += of("Weights that a step reads, MiB", steps, lambda cell: number(cell["weight_bytes"] / 2**20))
    parts += of("Peak of the process above its start, MiB", steps, lambda cell: number(cell["peak_mebibytes"]))
    parts += of("Alone in a process, milliseconds a token", steps, lambda cell: number(cell["alone_milliseconds"]))
    parts += of("From a prompt to the first token, milliseconds", prompts, lambda cell: ranged(cell["milliseconds"]))
    return "\n".join(parts)


def _table(peers: list[str], cells: list[Cell], value: Callable[[Cell], str]) -> str:
    contexts = list(dict.fromkeys(cell["context"] for cell in cells))
    found = {(cell["peer"], cell["context"]): cell for cell in cells}
    rows = [[peer, *[found[peer, one].get("failed") or value(found[peer, one]) for one in contexts]] for peer in peers]
    return table(["", *[f"{context:,}" for context in contexts]], rows)


def draw(result: dict[str, Any], directory: Path) -> None:
    """Draw time and memory of a token against its position."""
    cells = [cell for cell in result["cells"] if cell["what"] == "step" and "failed" not in cell]
    for cell in cells:
        cell["memory"] = cell["memory_bytes"] / 2**20
    for name, key, title, label in (
        ("decoding", "milliseconds", "Time of the next token at 4 M parameters, batch 1", "milliseconds a token"),
        ("decoding-memory", "memory", "What is remembered of the text, batch 1", "MiB"),
    ):
        lines = [line_of(peer, "context", key, cells) for peer in result["peers"]]
        panel = ScalingPanel("", [line for line in lines if line.x])
        draw_scaling([panel], directory / f"{name}.png", title=title, x_label="position in the text", y_label=label)

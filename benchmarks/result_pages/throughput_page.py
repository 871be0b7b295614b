"""Tables and plot of throughput.json."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from markdown_tables import machine_line, number, ranged, table
from newllm.plotting import ScalingPanel, draw_scaling
from peer_lines import line_of

Cell = dict[str, Any]


def page(result: dict[str, Any]) -> str:
    """Return the tables."""
    parts = [
        "# Training throughput at equal parameters\n",
        "`python -m benchmarks --only throughput`. Medians with least and most, all in one process in turn; "
        f"{result['tokens_of_a_batch']:,} tokens a batch, beyond that one row. A step over "
        f"{result['cap_seconds']:g} s has no number.\n",
        machine_line(result),
    ]
    for precision in dict.fromkeys(cell["precision"] for cell in result["cells"]):
        cells = [cell for cell in result["cells"] if cell["precision"] == precision]
        parts += _tables(precision, cells, result)
    return "\n".join(parts)


def _tables(precision: str, cells: list[Cell], result: dict[str, Any]) -> list[str]:
    lengths = list(dict.fromkeys(cell["length"] for cell in cells))
    gemm = [cell["gemm_gigaflops"]["median"] for cell in cells if "gemm_gigaflops" in cell]
    peak = f"The square product of {result['square_product']:,} among them: {number(min(gemm))} to {number(max(gemm))} "

    def of(title: str, value: Callable[[Cell], str]) -> list[str]:
        heads = ["", *[f"T = {length:,}" for length in lengths]]
        return [f"### {title}, {precision}\n", table(heads, _rows(result["peers"], cells, lengths, value))]

    return [
        f"## {precision}\n",
        f"{peak}GFLOP/s (medians of the cells).\n" if gemm else "",
        *of("Tokens a second", lambda cell: ranged(cell["tokens_per_second"])),
        *of("Ours is faster by", _ratio),
        *of("Share of the square product's speed, 6 x parameters x tokens/s", _share),
        *of("Memory of a training, MiB (peak of the process above its start)", _memory),
        f"### Alone in a process, and among the others, T = {result['alone_compared_at']:,}, {precision}\n",
        _alone(result["alone_compared_at"], cells),
    ]


def _ratio(cell: Cell) -> str:
    return "ours has no number" if cell["ours_by_this"] is None else ranged(cell["ours_by_this"])


def _share(cell: Cell) -> str:
    return f"{cell['share_of_gemm_peak']['median']:.0%}"


def _memory(cell: Cell) -> str:
    return number(cell["peak_mebibytes"])


def _rows(peers: list[str], cells: list[Cell], lengths: list[int], value: Callable[[Cell], str]) -> list[list[str]]:
    found = {(cell["peer"], cell["length"]): cell for cell in cells}
    written = [
        [found[peer, length].get("failed") or value(found[peer, length]) for length in lengths] for peer in peers
    ]
    return [[peer, *row] for peer, row in zip(peers, written, strict=True)]


def _alone(length: int, cells: list[Cell]) -> str:
    rows = []
    for cell in cells:
        if cell["length"] == length and "failed" not in cell:
            both = cell["alone_tokens_per_second"], cell["tokens_per_second"]["median"]
            rows.append([cell["peer"], f"{cell['parameters']:,}", *map(number, both), f"{both[1] / both[0]:.2f}"])
    return table(["", "parameters", "alone, tokens/s", "among others", "ratio"], rows)


def draw(result: dict[str, Any], directory: Path) -> None:
    """Draw tokens a second, and memory of a token, against the length of a row."""
    cells: list[Cell] = [{**cell, "kibibytes": _by_token(cell)} for cell in result["cells"] if "failed" not in cell]
    for name, key, title, label in (
        ("throughput", "tokens_per_second", "Training throughput at 4 M parameters", "tokens a second"),
        ("training-memory", "kibibytes", "Memory of a training step at 4 M parameters", "KiB a token of the batch"),
    ):
        panels = []
        for precision in dict.fromkeys(cell["precision"] for cell in cells):
            own = [cell for cell in cells if cell["precision"] == precision]
            lines = [line_of(peer, "length", key, own) for peer in result["peers"]]
            panels.append(ScalingPanel(precision, [line for line in lines if line.x]))
        draw_scaling(panels, directory / f"{name}.png", title=title, x_label="length of a row, T", y_label=label)


def _by_token(cell: Cell) -> float:
    """Return KiB a token: the batch grows with a row that is longer than it."""
    return 1024 * cell["peak_mebibytes"] / (cell["rows"] * cell["length"])

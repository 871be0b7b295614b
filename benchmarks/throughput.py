"""How many tokens a second does each model train on, against the length of a row, at equal parameters?

    python benchmarks/throughput.py --out FILE [--quick]

About 4 M parameters each (the one free width is fitted; tables of learned positions do not count), bytes, 4,096 tokens
a batch up to rows of that length and one row beyond. One step function serves all (`training_job`), in fp32 and in bf16
(autocast). For each cell first every peer alone in a process of its own: its memory, and whether a step stays under the
cap of 20 s; what does not, or runs out of memory, is named so and gets no number. Then all that are left in one
process, in turn, with a large square product among them: from there come tokens a second and every ratio. How much
slower a peer is in that common process than alone tells whether another's library disturbs it.
"""

import argparse
import os
import statistics
from pathlib import Path
from typing import Any

import children
import machine
from newllm.files import write_json
from peers.trained import OURS, PEERS, Peer
from training_cell import GEMM, SIDE
from training_job import TOKENS, rows

LENGTHS = (32, 128, 512, 2048, 8192, 32_768, 65_536)
LONGEST_QUADRATIC = 32_768
PRECISIONS = ("fp32", "bf16")
CAP = 20.0
BUDGET = 45.0
"""Seconds of a step at most, and about what a cell's common process may take."""
ALONE_AT = 512
"""The length at which peers alone are timed well enough to compare with the common process."""
QUICK_LENGTHS, QUICK_BUDGET = (32, 128), 1.0


def measured(lengths: tuple[int, ...], budget: float) -> list[dict[str, Any]]:
    """Return every cell, told of as it is done."""
    cells = []
    for precision in PRECISIONS:
        given_up: dict[str, str] = {}
        for length in lengths:
            found = _cell(length, precision, budget, given_up)
            print(f"{precision}, T = {length}: {', '.join(_told(cell) for cell in found)}", flush=True)
            cells += found
    return cells


def _cell(length: int, precision: str, budget: float, given_up: dict[str, str]) -> list[dict[str, Any]]:
    """Measure all peers at one length and precision; notes in `given_up` who need not be tried at longer rows."""
    outcomes: dict[str, dict[str, Any]] = {}
    for name, peer in PEERS.items():
        outcome = _alone(name, peer, length, precision, given_up.get(name))
        if outcome.get("failed", "").startswith(("over the cap", "out of memory")):
            given_up.setdefault(name, f"{outcome['failed']} at T = {length}")
        outcomes[name] = outcome
    names = [name for name, outcome in outcomes.items() if "failed" not in outcome]
    common = children.asked(
        "training_cell.py", {"together": names, "length": length, "precision": precision, "budget": budget}
    )
    where = {"length": length, "precision": precision, "tokens": rows(length) * length}
    return [{**where, "peer": name, **_row(name, outcomes[name], where, common)} for name in PEERS]


def _alone(name: str, peer: Peer, length: int, precision: str, given_up: str | None) -> dict[str, Any]:
    if not peer.installed:
        return {"failed": "not installed"}
    if length > LONGEST_QUADRATIC and not peer.linear:
        return {"failed": "not tried: quadratic"}
    if given_up is not None:
        return {"failed": given_up}
    repeats = 7 if length == ALONE_AT else 2
    task = {"alone": name, "length": length, "precision": precision, "repeats": repeats, "cap": CAP}
    return children.asked("training_cell.py", task)


def _row(name: str, alone: dict[str, Any], where: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Return what a table says of one peer in one cell."""
    failed = alone.get("failed") or common.get("failed")
    if failed:
        return {"failed": failed}
    seconds, tokens = common["seconds"], where["tokens"]
    flop = 6 * alone["parameters"] * tokens
    pairs = zip(seconds[GEMM], seconds[name], strict=True)
    return {
        "parameters": alone["parameters"],
        "loss": alone["loss"],
        "tokens_per_second": _range([tokens / one for one in seconds[name]]),
        "alone_tokens_per_second": round(tokens / alone["seconds_median"], 1),
        "ours_by_this": _range([other / own for own, other in zip(seconds[OURS], seconds[name], strict=True)]),
        "share_of_gemm_peak": _range([flop / one / (common["gemm_flop"] / gemm) for gemm, one in pairs]),
        "gemm_gigaflops": _range([common["gemm_flop"] / gemm / 1e9 for gemm in seconds[GEMM]]),
        "peak_mebibytes": alone["peak_mebibytes"],
        "rounds": len(seconds[name]),
    }


def _range(values: list[float]) -> dict[str, float]:
    """Return median, least and most to four digits."""
    found = {"median": statistics.median(values), "least": min(values), "most": max(values)}
    return {name: float(f"{value:.4g}") for name, value in found.items()}


def _told(cell: dict[str, Any]) -> str:
    return f"{cell['peer']} {cell.get('failed') or round(cell['tokens_per_second']['median'])}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="two short lengths, few rounds: that it runs")
    arguments = parser.parse_args()
    lengths, budget = (QUICK_LENGTHS, QUICK_BUDGET) if arguments.quick else (LENGTHS, BUDGET)
    started = os.getloadavg()
    cells = measured(lengths, budget)
    result = {
        "question": "training throughput against the length of a row, at equal parameters",
        "machine": machine.describe(),
        "load_average_at_start_and_end": [round(load[0], 1) for load in (started, os.getloadavg())],
        "tokens_of_a_batch": TOKENS,
        "cap_seconds": CAP,
        "square_product": SIDE,
        "alone_compared_at": ALONE_AT if ALONE_AT in lengths else lengths[-1],
        "peers": list(PEERS),
        "cells": cells,
    }
    write_json(arguments.out, result)


if __name__ == "__main__":
    main()

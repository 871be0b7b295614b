"""How many tokens a second does each model train on, against the length of a row, at equal parameters?

    python benchmarks/training_speed/throughput.py --out FILE [--quick] [--lengths N ...]

About 4 M parameters each (the one free width is fitted; tables of learned positions do not count), bytes, 4,096 tokens
a batch up to rows of that length and one row beyond. One step function serves all (`training_job`), in fp32 and in bf16
(autocast). For each cell first every peer alone in a process of its own: its memory, and whether a step stays under the
cap of 20 s; what does not, or runs out of memory, is named so and gets no number. Then all that are left in one
process, in turn, with a large square product among them: from there come tokens a second and every ratio. How much
slower a peer is in that common process than alone tells whether another's library disturbs it.
"""

import argparse
import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from newllm.files import write_json

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import children
import machine
from contenders.trained import OURS, PEERS, Peer
from ranges import ratios, spread
from training_cell import GEMM, SIDE

CELL = Path(__file__).with_name("training_cell.py")
TOKENS = 4096
"""Of a batch; a row that is longer is a batch by itself."""
LENGTHS = (32, 128, 512, 2048, 8192, 32_768, 65_536)
LONGEST_QUADRATIC = 32_768
PRECISIONS = ("fp32", "bf16")
CAP = 20.0
BUDGET = 45.0
"""Seconds of a step at most, and about what a cell's common process may take."""
ALONE_AT = 512
"""The length at which peers alone are timed well enough to compare with the common process."""


@dataclasses.dataclass(frozen=True)
class Extent:
    """How much is measured: lengths, tokens of a batch, seconds of a common process."""

    lengths: tuple[int, ...] = LENGTHS
    tokens: int = TOKENS
    budget: float = BUDGET


QUICK = Extent((64,), 128, 0.0)


def measured(extent: Extent) -> Iterator[list[dict[str, Any]]]:
    """Yield the cells of one shape after another, told of as they are done."""
    for precision in PRECISIONS:
        given_up: dict[str, str] = {}
        for length in extent.lengths:
            shape = {"rows": max(1, extent.tokens // length), "length": length, "precision": precision}
            found = _cell(shape, extent.budget, given_up)
            print(f"{precision}, T = {length}: {', '.join(_told(cell) for cell in found)}", flush=True)
            yield found


def _cell(shape: dict[str, Any], budget: float, given_up: dict[str, str]) -> list[dict[str, Any]]:
    """Measure all peers in one shape; notes in `given_up` who need not be tried at longer rows."""
    outcomes: dict[str, dict[str, Any]] = {}
    for name, peer in PEERS.items():
        outcome = _alone(name, peer, shape, given_up.get(name))
        if outcome.get("failed", "").startswith(("over the cap", "out of memory")):
            given_up.setdefault(name, f"{outcome['failed']} at T = {shape['length']:,}")
        outcomes[name] = outcome
    names = [name for name, outcome in outcomes.items() if "failed" not in outcome]
    common = children.run(CELL, {"together": names, "shape": shape, "budget": budget})
    return [{**shape, "peer": name, **_row(name, outcomes[name], shape, common)} for name in PEERS]


def _alone(name: str, peer: Peer, shape: dict[str, Any], given_up: str | None) -> dict[str, Any]:
    if not peer.installed:
        return {"failed": "not installed"}
    if shape["length"] > LONGEST_QUADRATIC and not peer.linear:
        return {"failed": "not tried: quadratic"}
    if given_up is not None:
        return {"failed": given_up}
    repeats = 7 if shape["length"] == ALONE_AT else 2
    return children.run(CELL, {"alone": name, "shape": shape, "repeats": repeats, "cap": CAP})


def _row(name: str, alone: dict[str, Any], shape: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    """Return what a table says of one peer in one cell."""
    failed = alone.get("failed") or common.get("failed")
    if failed:
        return {"failed": failed}
    seconds, tokens = common["seconds"], shape["rows"] * shape["length"]
    flop = 6 * alone["parameters"] * tokens
    pairs = zip(seconds[GEMM], seconds[name], strict=True)
    return {
        "parameters": alone["parameters"],
        "loss": alone["loss"],
        "tokens_per_second": spread([tokens / one for one in seconds[name]]),
        "alone_tokens_per_second": round(tokens / alone["seconds_median"], 1),
        "ours_by_this": ratios(seconds[name], seconds[OURS]) if OURS in seconds else None,
        "share_of_gemm_peak": spread([flop / one / (common["gemm_flop"] / gemm) for gemm, one in pairs]),
        "gemm_gigaflops": spread([common["gemm_flop"] / gemm / 1e9 for gemm in seconds[GEMM]]),
        "peak_mebibytes": alone["peak_mebibytes"],
        "rounds": len(seconds[name]),
    }


def _told(cell: dict[str, Any]) -> str:
    return f"{cell['peer']} {cell.get('failed') or round(cell['tokens_per_second']['median'])}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="one short length, small batches: that it runs")
    parser.add_argument("--lengths", type=int, nargs="+", help="only these")
    arguments = parser.parse_args()
    extent = QUICK if arguments.quick else Extent()
    if arguments.lengths:
        extent = dataclasses.replace(extent, lengths=tuple(arguments.lengths))
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as `newllm` trains; on a quiet machine it changes nothing
    machine.warn_if_busy()
    started = os.getloadavg()
    result: dict[str, Any] = {
        "question": "training throughput against the length of a row, at equal parameters",
        "machine": machine.describe(),
        "tokens_of_a_batch": extent.tokens,
        "cap_seconds": CAP,
        "square_product": SIDE,
        "alone_compared_at": ALONE_AT if ALONE_AT in extent.lengths else extent.lengths[-1],
        "peers": list(PEERS),
        "cells": [],
    }
    for found in measured(extent):
        result["cells"] += found
        result["load_average_at_start_and_end"] = [round(load[0], 1) for load in (started, os.getloadavg())]
        write_json(arguments.out, result)  # what is known so far: all of it takes the better part of an hour


if __name__ == "__main__":
    main()

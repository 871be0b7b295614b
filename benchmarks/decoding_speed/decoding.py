"""How long does the next token take, and how much memory, after a context of 128 to 65,536 tokens? Batch 1.

    python benchmarks/decoding_speed/decoding.py --out FILE [--quick] [--contexts N ...] [--prompts N ...]

About 4 M parameters each (learned positions do not count), random weights, inference mode, logits of every token. In
turn, 16 tokens or 10 ms each, whichever is longer, after 4 or 5 ms untimed; then the cache is put back. Caches are
filled with random keys and values of the right shape: reading 65,536 tokens is quadratic, and a step takes as long
whatever is in the cache. What has a memory of fixed size reads 64 tokens, and a step of it cannot know how many there
were. Then the time from a long prompt to the first token. Every peer is tried alone first, for its memory and against
the cap, and whether a step after a prompt gives what the prompt with that token gives: a peer that is used wrongly
fails there. How near ours comes to the reading of its weights is another question's.

GOMP_SPINCOUNT is left as it is, where it is set to 1000 for training: torch's threads would sleep between the small
operations of a step, and every peer that is made of them would take half as long again. The price: the machine must be
quiet. In a run at a load of 3 on two cores the same steps took up to forty times as long; alone against common tells.
"""

import argparse
import dataclasses
import os
import sys
from pathlib import Path
from typing import Any

from newllm.files import write_json

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import children
import machine
from contenders.decoded import OURS, PEERS, Peer
from decoding_cell import BLOCK, BLOCK_SECONDS
from ranges import ratios, spread

CELL = Path(__file__).with_name("decoding_cell.py")
CAP = 20.0
"""Seconds of a prompt, or of filling and two blocks."""


@dataclasses.dataclass(frozen=True)
class Extent:
    """How much is measured: contexts, prompts, and seconds that a common process of a context takes."""

    contexts: tuple[int, ...] = (128, 1024, 8192, 65_536)
    prompts: tuple[int, ...] = (1024, 8192)
    budget: float = 40.0


QUICK = Extent((128,), (64,), 0.0)


def measured(extent: Extent) -> list[dict[str, Any]]:
    """Return every cell: steps at each context, then prompts."""
    cells = []
    for reads, lengths in ((False, extent.contexts), (True, extent.prompts)):
        for length in lengths:
            found = _cell(length, extent.budget, reads=reads)
            told = ", ".join(f"{cell['peer']} {_milliseconds(cell)}" for cell in found)
            print(f"{'prompt of' if reads else 'context'} {length}: {told}", flush=True)
            cells += found
    return cells


def _cell(length: int, budget: float, *, reads: bool) -> list[dict[str, Any]]:
    outcomes = {name: _alone(name, peer, length, reads=reads) for name, peer in PEERS.items()}
    names = [name for name, outcome in outcomes.items() if "failed" not in outcome]
    common = children.run(CELL, {"together": names, "context": length, "budget": budget, "reads": reads})
    where = {"what": "prompt" if reads else "step", "context": length}
    return [{**where, "peer": name, **_row(name, outcomes[name], common)} for name in PEERS]


def _alone(name: str, peer: Peer, length: int, *, reads: bool) -> dict[str, Any]:
    if not peer.installed:
        return {"failed": "not installed"}
    return children.run(CELL, {"alone": name, "context": length, "cap": CAP, "reads": reads})


def _row(name: str, alone: dict[str, Any], common: dict[str, Any]) -> dict[str, Any]:
    failed = alone.get("failed") or common.get("failed")
    if failed:
        return {"failed": failed}
    seconds = common["seconds"]
    return {
        "milliseconds": spread([1e3 * one for one in seconds[name]]),
        "alone_milliseconds": round(1e3 * alone["seconds"], 3),
        "by_ours": {other: ratios(seconds[name], times) for other, times in seconds.items() if other.startswith(OURS)},
        "rounds": len(seconds[name]),
        **{key: value for key, value in alone.items() if key != "seconds"},
    }


def _milliseconds(cell: dict[str, Any]) -> str:
    return cell.get("failed") or f"{cell['milliseconds']['median']} ms"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--quick", action="store_true", help="short contexts, few rounds: that it runs")
    parser.add_argument("--contexts", type=int, nargs="+", help="only these")
    parser.add_argument("--prompts", type=int, nargs="*", help="only these, or none")
    arguments = parser.parse_args()
    extent = QUICK if arguments.quick else Extent()
    extent = dataclasses.replace(
        extent,
        contexts=tuple(arguments.contexts or extent.contexts),
        prompts=extent.prompts if arguments.prompts is None else tuple(arguments.prompts),
    )
    machine.warn_if_busy()
    started = os.getloadavg()
    cells = measured(extent)
    result = {
        "question": "time and memory of the next token against the context, batch 1",
        "machine": machine.describe(),
        "load_average_at_start_and_end": [round(load[0], 1) for load in (started, os.getloadavg())],
        "tokens_of_a_block": BLOCK,
        "seconds_of_a_block": BLOCK_SECONDS,
        "cap_seconds": CAP,
        "peers": list(PEERS),
        "cells": cells,
    }
    write_json(arguments.out, result)


if __name__ == "__main__":
    main()

"""Does the cost of a token grow with the length of its row?

    taskset -c 0 python benchmarks/training_speed/linear_in_length.py [--out FILE] [--quick]

The stack of 4 M parameters trains on the same number of tokens a step, cut into rows of T: only T changes. Processor
seconds of one thread (others on the machine disturb them little), each length in turn and each in a process of its
own, and the highest memory of a step above the start, by token. The slope is that of the logarithm of the cost over
the logarithm of T: 0 does not grow, 1 grows as T does, as the cost of a Transformer's token does.
"""

import argparse
import json
import math
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from newllm.files import write_json

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import children
import machine
from contenders.ours import stack
from memory import Peak
from ranges import spread
from training_job import TrainingJob

LENGTHS = (256, 1024, 4096, 16_384, 65_536)
TOKENS = 65_536
ROUNDS = 3


def one_step(length: int, tokens: int, precision: str) -> dict[str, float]:
    """Return processor seconds and the peak of a second step, at one length of row."""
    torch.set_num_threads(1)
    TrainingJob(stack(8), 1, 8, precision)()  # imports and compiled kernels are no part of it
    peak = Peak()
    job = TrainingJob(stack(length), tokens // length, length, precision)
    job()
    start = time.process_time()
    job()
    return {"seconds": time.process_time() - start, "mebibytes": peak.mebibytes()}


def measured(precisions: tuple[str, ...], lengths: tuple[int, ...], tokens: int, rounds: int) -> list[dict[str, Any]]:
    """Return a row for each precision and length."""
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    for _ in range(rounds):
        for precision in precisions:
            for length in lengths:
                task = {"length": length, "tokens": tokens, "precision": precision}
                answer = children.run(__file__, task)
                if "failed" in answer:
                    raise SystemExit(f"T = {length}, {precision}: {answer['failed']}")
                found.setdefault((precision, length), []).append(answer)
    return [
        {
            "precision": precision,
            "length": length,
            "microseconds_a_token": spread([1e6 * one["seconds"] / tokens for one in answers]),
            "kibibytes_a_token": spread([1024 * one["mebibytes"] / tokens for one in answers]),
        }
        for (precision, length), answers in found.items()
    ]


def slope(rows: list[dict[str, Any]], key: str) -> float:
    """Return the slope of the median's logarithm over that of the length."""
    x = [math.log(row["length"]) for row in rows]
    return round(float(np.polyfit(x, [math.log(row[key]["median"]) for row in rows], 1)[0]), 4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write the result here as well")
    parser.add_argument("--quick", action="store_true", help="short rows: that it runs")
    arguments = parser.parse_args()
    lengths, tokens, rounds = ((64, 256), 256, 1) if arguments.quick else (LENGTHS, TOKENS, ROUNDS)
    precisions = machine.precisions(quick=arguments.quick)
    rows = measured(precisions, lengths, tokens, rounds)
    by_precision = {name: [row for row in rows if row["precision"] == name] for name in precisions}
    result = {
        "question": "does the cost of a token grow with the length of its row",
        "machine": machine.describe(),
        "threads": 1,
        "tokens_of_a_batch": tokens,
        "rounds": rounds,
        "rows": rows,
        "slope_of_time": {name: slope(own, "microseconds_a_token") for name, own in by_precision.items()},
        "slope_of_memory": {name: slope(own, "kibibytes_a_token") for name, own in by_precision.items()},
    }
    if arguments.out:
        write_json(arguments.out, result)
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    import sys

    if len(sys.argv) == 2 and sys.argv[1].startswith("{"):
        children.answer(one_step(**children.task()))
    else:
        main()

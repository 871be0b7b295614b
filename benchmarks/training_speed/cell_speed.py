"""How fast is the founding cell beside its naive loop and beside torch's LSTM of equal work?

    GOMP_SPINCOUNT=1000 python benchmarks/training_speed/cell_speed.py [--quick]

The spin count as `newllm` sets it; the JSON says which it was.

Forward with backward (weights, tokens and all), float32, 16 rows, the shape of seed-baseline without its embedding,
head and dropout: width 256, hidden 512, 8 layers, context 256. The LSTM has two layers whose multiply-adds per
position are the cell's, within 1 %. Half of its products do not feed back, and torch runs them over all positions
at once; of the cell's a seventeenth. All jobs and the matrix products that they are measured by run interleaved in
one process: a large square one (the peak), and 16 rows by a 512 x 512 weight, as torch multiplies it and packed.
`ours` is what a run takes (compiled layers where numba is there, see newllm.model.chain), `ours, torch` is without
numba. How long torch's idle threads spin decides much on two threads: `newllm` sets GOMP_SPINCOUNT=1000, so set it
for this too; unset, torch's loops are faster and the compiled one starts beside threads that still spin.
`share` is the achieved GFLOP/s by that peak; a FLOP is counted as two per weight and position forwards, four backwards.
"""

import argparse
import importlib.metadata
import itertools
import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from newllm.model.bodies.cell import Cell
from newllm.model.config import ModelConfig
from newllm.model.packed_linear import packed_linear
from newllm.recurrence import resolve_backend

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from timing import interleaved

ROWS, WIDTH, HIDDEN, LAYERS, CONTEXT = 16, 256, 512, 8, 256
LSTM_HIDDEN, LSTM_LAYERS = 392, 2
SQUARE = 1536


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    repeats = 5 if parser.parse_args().quick else 25
    cell, lstm = _models()
    result = {
        "question": "cell speed beside its naive loop and an LSTM of equal multiply-adds",
        "machine": machine.describe(),
        "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "not set"),
        "numba": importlib.metadata.version("numba") if resolve_backend("auto", "cpu") == "numba" else "absent",
        "repeats": repeats,
        "dtype": "float32",
        "rows": ROWS,
        "multiply_adds_per_position": {"cell": _weights(cell), "lstm": _weights(lstm)},
        "lstm": {"layers": LSTM_LAYERS, "hidden": LSTM_HIDDEN},
        "results": [
            _compare(cell, lstm, threads, length, repeats) for threads, length in itertools.product((1, 2), (32, 128))
        ],
    }
    print(json.dumps(result, indent=2))


def _models() -> tuple[Cell, nn.LSTM]:
    shape: dict[str, Any] = {"width": WIDTH, "hidden": HIDDEN, "layers": LAYERS, "context": CONTEXT}
    cell = Cell(ModelConfig(body="cell", rule="additive", vocabulary=1, **shape))
    return cell, nn.LSTM(WIDTH, LSTM_HIDDEN, LSTM_LAYERS, batch_first=True)


def _weights(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters() if parameter.dim() == 2)


def _compare(cell: Cell, lstm: nn.LSTM, threads: int, length: int, repeats: int) -> dict[str, Any]:
    """Time everything at one number of threads and one length."""
    torch.set_num_threads(threads)
    work = {name: 6 * ROWS * length * _weights(cell) for name in ("naive", "ours", "ours, torch")}
    work["lstm"] = 6 * ROWS * length * _weights(lstm)
    x_BTD, position_BT = torch.randn(ROWS, length, WIDTH), torch.zeros(ROWS, length, dtype=torch.long)
    state = cell.initial_state(ROWS, x_BTD.device)

    def run(x: Tensor, backend: str) -> Tensor:
        cell.scan_backend = backend
        return cell(x, state, position_BT, None)[0]

    jobs: dict[str, Callable[[], object]] = {
        "naive": _training_pass(cell, lambda x: cell.forward_naive(x, state, position_BT, None)[0], x_BTD),
        "ours": _training_pass(cell, lambda x: run(x, "auto"), x_BTD),
        "ours, torch": _training_pass(cell, lambda x: run(x, "torch"), x_BTD),
        "lstm": _training_pass(lstm, lambda x: lstm(x)[0], x_BTD),
    }
    peaks, peak_work = _peaks()
    seconds = interleaved(jobs | peaks, repeats)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    gflops = {name: flops / medians[name] / 1e9 for name, flops in (work | peak_work).items()}
    rate = {name: ROWS * length / medians[name] for name in jobs}
    return {
        "threads": threads,
        "positions": length,
        "milliseconds (minimum, median, maximum)": {
            name: [round(1e3 * t, 3) for t in (min(times), medians[name], max(times))]
            for name, times in seconds.items()
        },
        "positions_per_second": {name: round(value) for name, value in rate.items()},
        "gflops": {name: round(value, 1) for name, value in gflops.items()},
        "share_of_peak": {name: round(gflops[name] / gflops["square product"], 3) for name in jobs},
        "share_of_packed_16_rows": {name: round(gflops[name] / gflops["16 rows, packed"], 3) for name in jobs},
        "ours_by_naive": round(rate["ours"] / rate["naive"], 3),
        "ours_by_lstm": round(rate["ours"] / rate["lstm"], 3),
        "ours_by_lstm_of_minima": round(min(seconds["lstm"]) / min(seconds["ours"]), 3),
        "ours_torch_by_lstm": round(rate["ours, torch"] / rate["lstm"], 3),
    }


def _training_pass(module: nn.Module, run: Callable[[Tensor], Tensor], x_BTD: Tensor) -> Callable[[], None]:
    x = x_BTD.clone().requires_grad_()

    def job() -> None:
        x.grad = None
        module.zero_grad(set_to_none=True)
        run(x).sum().backward()

    return job


def _peaks() -> tuple[dict[str, Callable[[], object]], dict[str, int]]:
    """Return matrix products and their FLOPs; those of 16 rows go through as many weights as the cell has."""
    square, out = torch.randn(SQUARE, SQUARE), torch.empty(SQUARE, SQUARE)
    weights = [torch.randn(HIDDEN, HIDDEN) for _ in range(LAYERS)]
    packed = [packed_linear(weight, None, ROWS, products=1000) for weight in weights]
    rows, rows_out = torch.randn(ROWS, HIDDEN), torch.empty(ROWS, HIDDEN)

    def plain() -> None:
        for _, weight in itertools.product(range(8), weights):
            torch.mm(rows, weight.t(), out=rows_out)

    def by_packed() -> None:
        for _, product in itertools.product(range(8), packed):
            product(rows)

    jobs: dict[str, Callable[[], object]] = {
        "square product": lambda: torch.mm(square, square, out=out),
        "16 rows": torch.no_grad()(plain),
        "16 rows, packed": torch.no_grad()(by_packed),
    }
    narrow = 2 * 8 * LAYERS * ROWS * HIDDEN**2
    return jobs, {"square product": 2 * SQUARE**3, "16 rows": narrow, "16 rows, packed": narrow}


if __name__ == "__main__":
    main()

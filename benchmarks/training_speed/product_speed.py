"""How fast are the products of a training step in fp32 as torch.mm multiplies them (MKL), and as oneDNN does?

    python benchmarks/training_speed/product_speed.py [--quick] [--out FILE]

The stack of the throughput benchmark, 4,096 tokens: for every shape of its linear layers the product of the way
forward and the two of the way back, each in turn by both; then all of a step's products together, and a large square
one. oneDNN is asked by the operation that torch's compiler uses for it, on the same strides. Both are compared with
float64.
"""

import argparse
import collections
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from answers import give
from contenders import ours
from training_cell import SIDE

TOKENS = 4096
ROUNDS = 15

Product = Callable[[Tensor, Tensor], Tensor]
"""From `[M, K]` and `[N, K]` to `[M, N]`: the second is a weight as torch keeps it."""


def by_torch(a_MK: Tensor, b_NK: Tensor) -> Tensor:
    """Multiply as torch does by itself."""
    return torch.mm(a_MK, b_NK.t())


def by_onednn(a_MK: Tensor, b_NK: Tensor) -> Tensor:
    """Multiply by oneDNN."""
    return torch.ops.mkldnn._linear_pointwise(a_MK, b_NK, None, "none", [], "")


WAYS: dict[str, Product] = {"torch": by_torch, "oneDNN": by_onednn}


def shapes() -> collections.Counter[tuple[int, int]]:
    """Return how many linear layers there are of each (outputs, inputs)."""
    layers = [module for module in ours.stack(TOKENS).modules() if isinstance(module, nn.Linear)]
    return collections.Counter((layer.out_features, layer.in_features) for layer in layers)


def products(outputs: int, inputs: int) -> dict[str, tuple[Tensor, Tensor]]:
    """Return the two factors of each of a layer's three products, as a training step has them."""
    x_MK, w_NK, g_MN = torch.randn(TOKENS, inputs), torch.randn(outputs, inputs), torch.randn(TOKENS, outputs)
    return {"forward": (x_MK, w_NK), "to inputs": (g_MN, w_NK.t()), "to weights": (g_MN.t(), x_MK.t())}


def timed(factors: tuple[Tensor, Tensor], rounds: int) -> dict[str, list[float]]:
    """Return each way's milliseconds, in turn, after one that warms up."""
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for number in range(rounds + 1):
        for way, product in WAYS.items():
            start = time.perf_counter()
            product(*factors)
            if number:
                found[way].append(1e3 * (time.perf_counter() - start))
    return found


def error(factors: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Return each way's largest error as a share of the largest value."""
    exact = factors[0].double() @ factors[1].double().t()
    return {way: float((product(*factors) - exact).abs().max() / exact.abs().max()) for way, product in WAYS.items()}


def measured(rounds: int) -> dict[str, Any]:
    """Return milliseconds by layer and product, and the sums of a step."""
    rows, step = [], {way: [0.0] * rounds for way in WAYS}
    for (outputs, inputs), layers in shapes().items():
        for name, factors in products(outputs, inputs).items():
            times = timed(factors, rounds)
            for way, found in times.items():
                step[way] = [a + layers * b for a, b in zip(step[way], found, strict=True)]
            rows.append(
                {"outputs": outputs, "inputs": inputs, "layers": layers, "product": name, "error": error(factors)}
                | {"gigaflops": {way: _speed(found, outputs, inputs, TOKENS) for way, found in times.items()}}
            )
    square = timed((torch.randn(SIDE, SIDE), torch.randn(SIDE, SIDE)), rounds)
    return {
        "products": rows,
        "step_milliseconds": {way: round(statistics.median(found), 1) for way, found in step.items()},
        "square_gigaflops": {way: _speed(found, SIDE, SIDE, SIDE) for way, found in square.items()},
    }


def _speed(milliseconds: list[float], *sides: int) -> float:
    return round(2 * math.prod(sides) / statistics.median(milliseconds) / 1e6, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two rounds")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    machine.warn_if_busy()
    threads = torch.get_num_threads()
    found = {}
    for count in sorted({1, threads}):
        torch.set_num_threads(count)
        found[f"threads {count}"] = measured(2 if arguments.quick else ROUNDS)
    give({"question": "products by MKL and by oneDNN", "machine": machine.describe(), "results": found}, arguments.out)


if __name__ == "__main__":
    main()

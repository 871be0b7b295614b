"""How fast is the scan beside a copy of the same memory, and does it slow torch in the same process?

    python benchmarks/training_speed/scan_speed.py [--quick]

Each backend, forward and forward with backward, at the shape of a training step and at a long one, interleaved
with copies of as many bytes as the scan has to move at least: forward reads decay and input and writes contexts
(3 arrays), backward reads gradient, decay and contexts and writes two gradients (5 arrays). A copy is timed into
memory that is there already and into new memory (`clone`): a scan returns new tensors and pays for their
pages. Then an attention step is timed alone and again between scans: a ratio above 1 would mean that the scan's
threads disturb torch's.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F

from newllm.recurrence import scan
from newllm.training.allocator import keep_freed_memory

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from timing import interleaved

SHAPES = {"training step": (8, 256, 256), "long": (8, 2048, 256)}  # rows, positions, channels
ARRAYS = {"forward": 3, "forward and backward": 8}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    repeats = 5 if parser.parse_args().quick else 50
    keeps = keep_freed_memory()  # as a training does: new memory is then no new pages
    result = {
        "question": "scan speed beside a memory copy",
        "machine": machine.describe(),
        "repeats": repeats,
        "memory_kept": keeps,
        "dtype": "float32",
        "shapes": {name: _compare(shape, repeats) for name, shape in SHAPES.items()},
        "attention_slowed_by_scan": _attention_ratio(repeats),
    }
    print(json.dumps(result, indent=2))


def _compare(shape: tuple[int, int, int], repeats: int) -> dict[str, object]:
    """Time every backend and every copy at one shape."""
    decay, inputs, gradient = torch.rand(shape), torch.randn(shape), torch.randn(shape)
    jobs: dict[str, Callable[[], object]] = {}
    for arrays in ARRAYS.values():
        jobs[f"copy {arrays} arrays"], jobs[f"clone {arrays} arrays"] = _copies(arrays, shape)
    for backend in ("numba", "torch"):
        jobs[f"{backend} forward"] = lambda backend=backend: scan(decay, inputs, backend=backend)
        jobs[f"{backend} forward and backward"] = _forward_backward(decay, inputs, gradient, backend)
    seconds = interleaved(jobs, repeats)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "rows, positions, channels": shape,
        "milliseconds (minimum, median, maximum)": {
            name: [round(1e3 * t, 3) for t in _range(times)] for name, times in seconds.items()
        },
        **{
            f"share_of_{copy}_speed": {
                f"{backend} {job}": round(medians[f"{copy} {arrays} arrays"] / medians[f"{backend} {job}"], 3)
                for backend in ("numba", "torch")
                for job, arrays in ARRAYS.items()
            }
            for copy in ("copy", "clone")
        },
    }


def _copies(arrays: int, shape: tuple[int, ...]) -> tuple[Callable[[], object], Callable[[], object]]:
    """Move as many bytes as `arrays` arrays have, half read, half written: into old memory, and into new."""
    source = torch.randn(arrays, *shape).flatten()[: arrays * torch.Size(shape).numel() // 2].clone()
    target = torch.empty_like(source)
    return lambda: target.copy_(source), lambda: source.clone()


def _forward_backward(
    decay: torch.Tensor, inputs: torch.Tensor, gradient: torch.Tensor, backend: str
) -> Callable[[], object]:
    a, b = decay.clone().requires_grad_(), inputs.clone().requires_grad_()

    def job() -> None:
        a.grad = b.grad = None
        scan(a, b, backend=backend)[0].backward(gradient)

    return job


def _attention_ratio(repeats: int) -> dict[str, float]:
    decay, inputs = torch.rand(SHAPES["long"]), torch.randn(SHAPES["long"])
    query = torch.randn(8, 4, 256, 64)
    weight = torch.randn(256, 1024)
    text = torch.randn(2048, 256)

    def attention() -> None:
        F.scaled_dot_product_attention(query, query, query, is_causal=True)
        text @ weight

    def after_scan() -> float:
        scan(decay, inputs, backend="numba")
        start = time.perf_counter()
        attention()
        return time.perf_counter() - start

    def alone() -> float:
        start = time.perf_counter()
        attention()
        return time.perf_counter() - start

    for _ in range(3):
        alone(), after_scan()
    pairs = [(alone(), after_scan()) for _ in range(3 * repeats)]
    a, b = statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)
    return {"alone_ms": round(1e3 * a, 3), "right_after_a_scan_ms": round(1e3 * b, 3), "ratio": round(b / a, 3)}


def _range(times: list[float]) -> tuple[float, float, float]:
    return min(times), statistics.median(times), max(times)


if __name__ == "__main__":
    main()

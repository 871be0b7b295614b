"""What does a GPU make of it: the scan beside a copy of the same memory, training beside the matrix product?

    python benchmarks/training_speed/gpu_throughput.py [--out FILE] [--quick]

Needs a CUDA device; without one it says so and measures nothing. Four questions, each interleaved:
- how fast is a square matrix product (fp32 without TF32, and bf16): the peak that training is measured against
- how long do the scan's backends take beside a copy of as many bytes (forward reads two arrays and writes one,
  backward reads three and writes two), and beside flash-linear-attention's HGRN where it is installed
- how long does the delta rule take (`matrix_scan`), beside flash-linear-attention's gated delta rule where installed
- how many tokens a second does the stack train on (forward, loss, backward, clipping, fused AdamW), against the
  length of a row at the same number of tokens a batch; beside it, at equal parameters, the peers that are installed.
  MFU counts 6 x parameters x tokens a second against the measured product of the same precision.

Seconds are taken after all work on the device is done; each time is of several calls in a row, as they come in
training. Medians, with ranges.

Limit: no GPU has run it yet; its parts ran on a CPU once, to see that they run.
"""

import argparse
import functools
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.files import to_json, write_json
from newllm.recurrence import Steps, matrix_scan, resolve_backend, scan
from newllm.training.config import OptimizerConfig
from newllm.training.loss import sum_nats
from newllm.training.optimizer import build_optimizer
from newllm.training.precision import autocast
from newllm.training.step import clip_norm

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import gpu_peers
import machine
from timing import interleaved

PRECISIONS = {"fp32": torch.float32, "bf16": torch.bfloat16}
SIDE = 8192
MATRIX_SCANS = {"training step": (8, 2048, 16, 64), "long": (1, 65_536, 16, 64)}  # rows, positions, heads, head width
SCANS = {"training step": (8, 2048, 1024), "long": (1, 65_536, 1024)}  # rows, positions, channels
TOKENS, LENGTHS = 65_536, (128, 512, 2048, 8192, 65_536)
WIDTH = 1024
CALLS = 10  # in a row, of what takes well under a millisecond

Job = Callable[[], object]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="small and few: that it runs, not what it says")
    arguments = parser.parse_args()
    if not torch.cuda.is_available():
        print("gpu_throughput: no CUDA device is here, nothing is measured: run it where there is one", file=sys.stderr)
        return 2
    result = measured(torch.device("cuda"), quick=arguments.quick)
    print(to_json(result, indent=2))
    if arguments.out:
        write_json(arguments.out, result)
    return 0


def measured(device: torch.device, *, quick: bool) -> dict[str, Any]:
    """Return everything that is measured, as plain data."""
    repeats, side, width, tokens = (2, 256, 64, 256) if quick else (20, SIDE, WIDTH, TOKENS)
    peaks = peak_flops(device, side, repeats)
    shapes = {"quick": (2, 64, 64)} if quick else SCANS
    matrix_shapes = {"quick": (1, 64, 2, 16)} if quick else MATRIX_SCANS
    models = trainees(width)
    return {
        "question": "scan and training on a GPU beside copy and matrix product",
        "machine": {**machine.describe(), "device": device_name(device), "cuda": torch.version.cuda},
        "repeats": repeats,
        "matrix_product_tflops": {name: round(flops / 1e12, 2) for name, flops in peaks.items()},
        "scan_milliseconds": {name: scan_times(shape, device, repeats) for name, shape in shapes.items()},
        "matrix_scan_milliseconds": {
            name: matrix_scan_times(shape, device, repeats) for name, shape in matrix_shapes.items()
        },
        "training": [
            row
            for precision in PRECISIONS
            for length in ((64,) if quick else LENGTHS)
            for row in training(models, (tokens // length, length), precision, peaks[precision], device, repeats)
        ],
    }


def device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)


def timed(jobs: dict[str, Job], device: torch.device, repeats: int, calls: int = 1) -> dict[str, list[float]]:
    """Return the milliseconds of a call of each job in each round; none begins before the device is idle."""

    def several(job: Job) -> None:
        for _ in range(calls):
            job()
        if device.type == "cuda":
            torch.cuda.synchronize(device)

    seconds = interleaved({name: functools.partial(several, job) for name, job in jobs.items()}, repeats)
    return {name: [1e3 * value / calls for value in values] for name, values in seconds.items()}


def spread(values: list[float]) -> list[float]:
    """Return minimum, median and maximum."""
    return [round(value, 4) for value in (min(values), statistics.median(values), max(values))]


def peak_flops(device: torch.device, side: int, repeats: int) -> dict[str, float]:
    """Return the floating-point operations a second of a square product, by precision."""
    jobs: dict[str, Job] = {}
    for name, dtype in PRECISIONS.items():
        a, b = (torch.randn(side, side, device=device, dtype=dtype) for _ in range(2))
        jobs[name] = functools.partial(torch.mm, a, b)
    times = timed(jobs, device, repeats)
    return {name: 2 * side**3 / (1e-3 * statistics.median(values)) for name, values in times.items()}


def scan_times(shape: tuple[int, int, int], device: torch.device, repeats: int) -> dict[str, list[float]]:
    """Return milliseconds (minimum, median, maximum) of each backend and of copies, float32."""
    decay = torch.rand(shape, device=device)
    added, gradient = torch.randn_like(decay), torch.randn_like(decay)
    jobs: dict[str, Job] = {f"copy of {n} arrays": copy_of(n, shape, device) for n in (3, 8)}
    for backend in ("torch", "triton"):
        if runs(backend, device):
            run = functools.partial(lambda a, b, name: scan(a, b, backend=name)[0], name=backend)
            jobs[f"{backend}, forward"] = functools.partial(run, decay, added)
            jobs[f"{backend}, forward and backward"] = forward_backward(run, decay, added, gradient)
    for name, run in hgrn_scans().items():
        jobs[f"{name}, forward"] = functools.partial(run, added, decay.log())
        jobs[f"{name}, forward and backward"] = forward_backward(run, added, decay.log(), gradient)
    return {name: spread(values) for name, values in timed(jobs, device, repeats, CALLS).items()}


def matrix_scan_times(shape: tuple[int, int, int, int], device: torch.device, repeats: int) -> dict[str, list[float]]:
    """Return milliseconds (minimum, median, maximum) of each backend, and of a peer, float32, one decay a head."""
    lookup = F.normalize(torch.randn(shape, device=device), dim=-1)
    query, value, gradient = (torch.randn(shape, device=device) for _ in range(3))
    strength = torch.rand(*shape[:-1], 1, device=device)
    log_decay = -0.1 * torch.rand(*shape[:-1], 1, device=device)
    given = [query, lookup, value, log_decay, strength]
    jobs: dict[str, Job] = {}
    for name, run in {**matrix_scans(device), **peer_matrix_scans()}.items():
        leaves = [tensor.clone().requires_grad_() for tensor in given]
        jobs[f"{name}, forward"] = functools.partial(run, *given)
        jobs[f"{name}, forward and backward"] = functools.partial(gradients_of, run, leaves, gradient)
    return {name: spread(values) for name, values in timed(jobs, device, repeats, CALLS).items()}


def matrix_scans(device: torch.device) -> dict[str, Callable[..., Tensor]]:
    """Return our backends `(query, lookup, value, log_decay, strength) -> readings`."""

    def run(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, strength: Tensor, *, backend: str) -> Tensor:
        return matrix_scan(Steps(q, strength * k, v, k, log_decay), backend=backend)[0]

    return {name: functools.partial(run, backend=name) for name in ("torch", "triton") if runs(name, device)}


def peer_matrix_scans() -> dict[str, Callable[..., Tensor]]:
    """Return flash-linear-attention's gated delta rule, where it is installed."""
    try:
        from fla.ops.gated_delta_rule import chunk_gated_delta_rule
    except ImportError:
        return {}

    def run(q: Tensor, k: Tensor, v: Tensor, log_decay: Tensor, strength: Tensor) -> Tensor:
        return chunk_gated_delta_rule(q, k, v, log_decay[..., 0], strength[..., 0], scale=1.0)[0]

    return {"gated delta rule of fla": run}


def gradients_of(run: Callable[..., Tensor], leaves: list[Tensor], gradient: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(run(*leaves), leaves, gradient)


def runs(backend: str, device: torch.device) -> bool:
    try:
        return bool(resolve_backend(backend, device))
    except UserError:
        return False


def hgrn_scans() -> dict[str, Callable[[Tensor, Tensor], Tensor]]:
    """Return flash-linear-attention's scans `(input, log of decay) -> contexts`, where they are installed."""
    try:
        from fla.ops.hgrn import chunk_hgrn, fused_recurrent_hgrn
    except ImportError:
        return {}
    known = {"HGRN chunk": chunk_hgrn, "HGRN recurrent": fused_recurrent_hgrn}
    return {name: functools.partial(lambda x, g, run: run(x, g)[0], run=run) for name, run in known.items()}


def copy_of(arrays: int, shape: tuple[int, int, int], device: torch.device) -> Job:
    """Move as many bytes as so many arrays have, half read, half written."""
    source = torch.randn(arrays * torch.Size(shape).numel() // 2, device=device)
    return functools.partial(torch.empty_like(source).copy_, source)


def forward_backward(run: Callable[[Tensor, Tensor], Tensor], a: Tensor, b: Tensor, gradient: Tensor) -> Job:
    a, b = a.clone().requires_grad_(), b.clone().requires_grad_()
    return lambda: torch.autograd.grad(run(a, b), (a, b), gradient)


def trainees(width: int) -> dict[str, nn.Module]:
    """Return the models, each with as many parameters as our stack of this width; say which cannot be built."""
    builds = gpu_peers.present()
    target = gpu_peers.parameters(builds["stack, scan torch"](width))
    models = {}
    for name, build in builds.items():
        try:
            models[name] = gpu_peers.fitted(build, target)
        except Exception as error:  # a peer's library may be of another version than the one we know of
            print(f"{name} is left out: {type(error).__name__}: {error}", file=sys.stderr)
    return models


def training(
    models: dict[str, nn.Module],
    shape: tuple[int, int],
    precision: str,
    peak: float,
    device: torch.device,
    repeats: int,
) -> list[dict[str, Any]]:
    """Return a row a model: milliseconds of a step, tokens a second, MFU, memory; or what stopped it."""
    rows: list[dict[str, Any]] = []
    jobs: dict[str, Job] = {}
    for name, model in models.items():
        size = gpu_peers.parameters(model)
        row: dict[str, Any] = {"model": name, "parameters": size, "precision": precision, "rows, length": shape}
        rows.append(row)
        job = step_of(model.to(device), shape, precision, device)
        try:
            row["step_memory_MB"] = memory_of(job, device)
            jobs[name] = job
        except Exception as error:  # out of memory, or a peer's own: the row says so and has no number
            row["failed"] = f"{type(error).__name__}: {error}".splitlines()[0]
    times = timed(jobs, device, repeats)
    for row in rows:
        if row["model"] in times:
            row["step_milliseconds"] = spread(times[row["model"]])
            row["tokens_per_second"] = 1e3 * shape[0] * shape[1] / statistics.median(times[row["model"]])
            row["mfu"] = round(6 * row["parameters"] * row["tokens_per_second"] / peak, 3)
    return rows


def step_of(model: nn.Module, shape: tuple[int, int], precision: str, device: torch.device) -> Job:
    """Return one training step on random bytes."""
    optimizer, clip = build_optimizer(model.train(), OptimizerConfig(learning_rate=1e-5)), clip_norm(1.0)
    tokens = torch.randint(gpu_peers.VOCABULARY, (shape[0], shape[1] + 1), device=device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(device, precision):
            logits = model(tokens[:, :-1])[0]
        (sum_nats(logits, tokens[:, 1:]) / tokens[:, 1:].numel()).backward()
        clip(model.parameters())
        optimizer.step()

    return step


def memory_of(job: Job, device: torch.device) -> float | None:
    """Run a first step and return the memory that it takes beyond the weights, in MB."""
    if device.type != "cuda":
        job()
        return None
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    job()
    return round((torch.cuda.max_memory_allocated(device) - before) / 1e6, 1)


if __name__ == "__main__":
    sys.exit(main())

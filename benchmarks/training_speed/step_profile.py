"""What does a training step of the stack spend its time on, and what did each speed-up bring?

    python benchmarks/training_speed/step_profile.py [--quick]

Preset small (3.35 M parameters, bytes), 16 rows of 256 tokens, the step of `newllm train`: forward, loss, backward,
clipping, fused AdamW. Three children take turns, each with 2 threads and a large square product beside it (the peak):
torch's own operations and memory given back after each step ("plain"); the same with the memory kept ("memory
kept"); and with fused kernels too ("fused", as `newllm train` runs). `share_of_peak` is 6 x parameters x tokens / s
by that peak. The profile is one step by torch's own profiler; "rest" is what lies between operations.
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

import newllm
from newllm.model.language_model import LanguageModel
from newllm.recurrence import Rule, change_decay
from newllm.training.allocator import keep_freed_memory
from newllm.training.config import OptimizerConfig
from newllm.training.loss import sum_nats
from newllm.training.optimizer import build_optimizer
from newllm.training.precision import autocast
from newllm.training.step import clip_norm

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine

ROWS, LENGTH, SIDE = 16, 256, 2048
ARMS = {"plain": (False, False), "memory kept": (True, False), "fused": (True, True)}  # memory kept, kernels fused
KINDS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm"),
    "fused kernels": ("swiglu", "gated_scan", "rms_norm", "residual_rms_norm", "silu_product", "short_convolution"),
    "loss": ("cross_entropy",),
    "conversions and copies": ("aten::copy_", "aten::cat", "aten::clone"),
    "optimizer and clipping": ("aten::_fused_adamw_", "aten::linalg_vector_norm", "aten::mul_"),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(_child(**json.loads(arguments.child))))
        return
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # as `newllm` trains; for the children
    turns, steps = (1, 2) if arguments.quick else (4, 12)
    precisions = machine.precisions(quick=arguments.quick)
    found: dict[str, dict[str, list[dict[str, Any]]]] = {p: {arm: [] for arm in ARMS} for p in precisions}
    for _ in range(turns):
        for precision, arms in found.items():
            for arm, answers in arms.items():
                answers.append(_ask(arm, precision, steps))
    result = {precision: {arm: _row(answers) for arm, answers in arms.items()} for precision, arms in found.items()}
    question = "what a training step of the stack spends its time on"
    shape = {"rows": ROWS, "positions": LENGTH, "parameters": found["fp32"]["fused"][0]["parameters"]}
    print(json.dumps({"question": question, "machine": machine.describe(), **shape, "results": result}, indent=2))


def _ask(arm: str, precision: str, steps: int) -> dict[str, Any]:
    task = json.dumps({"arm": arm, "precision": precision, "steps": steps})
    command = [sys.executable, __file__, "--child", task]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _row(answers: list[dict[str, Any]]) -> dict[str, Any]:
    """Bring the turns of one arm together: medians, with the least and the most of the turns."""
    rates = [ROWS * LENGTH / answer["seconds"] for answer in answers]
    shares = [6 * answer["parameters"] * rate / answer["peak"] for answer, rate in zip(answers, rates, strict=True)]
    kinds = {kind: statistics.median(answer["profile"][kind] for answer in answers) for kind in answers[0]["profile"]}
    return {
        "tokens_per_second": [round(value) for value in (min(rates), statistics.median(rates), max(rates))],
        "share_of_peak": [round(value, 3) for value in (min(shares), statistics.median(shares), max(shares))],
        "peak_gflops": round(statistics.median(answer["peak"] for answer in answers) / 1e9, 1),
        "milliseconds_by_kind": {kind: round(value, 1) for kind, value in kinds.items()},
    }


def _child(arm: str, precision: str, steps: int) -> dict[str, Any]:
    keeps, fuses = ARMS[arm]
    if keeps and not keep_freed_memory():
        raise SystemExit("this C library cannot keep memory: the arm would be a copy of another")
    model = newllm.build("small", settings=["model.ngram_rows=0"]).train()
    model.use_scan("numba")
    if not fuses:
        _unfuse(model)
    step, multiply = _step(model, precision), _square(precision)
    for job in (step, step, multiply):
        job()
    seconds, squares = [], []
    for _ in range(steps):
        seconds.append(_timed(step))
        squares.append(_timed(multiply))
    return {
        "seconds": statistics.median(seconds),
        "peak": 2 * SIDE**3 / min(squares),
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "profile": _profile(step),
    }


def _unfuse(model: LanguageModel) -> None:
    """Leave the compiled scan, with a decay and an input that are written, and torch's operations around it."""
    for module in model.modules():
        if hasattr(module, "fused"):
            module.fused = False  # type: ignore[assignment]
        if isinstance(module, Rule):
            change_decay(module, lambda decay: decay)  # a changed rule is never fused with the scan


def _step(model: LanguageModel, precision: str) -> Callable[[], None]:
    optimizer, clip = build_optimizer(model, OptimizerConfig(learning_rate=1e-4)), clip_norm(1.0)
    tokens_BT = torch.randint(257, (ROWS, LENGTH + 1), generator=torch.Generator().manual_seed(0))
    inputs_BT, targets_BT = tokens_BT[:, :-1], tokens_BT[:, 1:]

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(inputs_BT.device, precision):
            logits, _ = model(inputs_BT)
        (sum_nats(logits, targets_BT, fused=model.fused, consume=True) / targets_BT.numel()).backward()
        if math.isfinite(clip(model.parameters())):
            optimizer.step()

    return step


def _square(precision: str) -> Callable[[], None]:
    dtype = torch.bfloat16 if precision == "bf16" else torch.float32
    a, b, out = (torch.randn(SIDE, SIDE).to(dtype) for _ in range(3))

    def multiply() -> None:
        torch.mm(a, b, out=out)

    return multiply


def _timed(job: Callable[[], None]) -> float:
    start = time.perf_counter()
    job()
    return time.perf_counter() - start


def _profile(step: Callable[[], None]) -> dict[str, float]:
    """Return the milliseconds of one step by kind of work."""
    with profile(activities=[ProfilerActivity.CPU]) as measured:
        seconds = _timed(step)
    milliseconds = dict.fromkeys((*KINDS, "other operations"), 0.0)
    for event in measured.key_averages():
        name = event.key.removesuffix("Backward")
        kind = next((kind for kind, names in KINDS.items() if name in names), "other operations")
        milliseconds[kind] += event.self_cpu_time_total / 1e3
    return {**milliseconds, "rest": max(0.0, 1e3 * seconds - sum(milliseconds.values()))}


if __name__ == "__main__":
    main()

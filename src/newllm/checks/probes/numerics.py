"""Numbers: does mixed precision act, and are the scales of outputs and gradients sane at the beginning?"""

import math
import re
from typing import Any

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench, names
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong

_HUGE = 1e4  # a half-precision number ends at 65,504, and a softmax of such numbers is a maximum
_SATURATED, _FLAT = 0.95, 0.95  # share of a layer's outputs
_EDGE = 0.99  # of the range of tanh and sigmoid
_APART = 1e6  # largest over smallest gradient of the same weight in all layers
_TINY = 6e-8  # what half precision rounds to zero


def autocast(bench: Bench) -> Outcome:
    """See in which precision the layers answer while automatic mixed precision is on."""
    if not bench.seen.autocast:
        raise CannotCheck("no-autocast")
    seen: dict[str, str] = {}
    handles = [
        module.register_forward_hook(_noting(seen, name))
        for name, module in bench.model.named_modules()
        if isinstance(module, nn.Linear | nn.modules.conv._ConvNd)
    ]
    try:
        bench.loss()
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise CannotCheck("no-autocast")
    device = next((each.device.type for each in bench.model.parameters()), "cpu")
    reduced = sum(kind in ("bfloat16", "float16") for kind in seen.values())
    evidence = {"kind": bench.seen.autocast[0], "device": device, "layers": len(seen), "reduced": reduced}
    return sound("autocast", **evidence) if reduced else wrong("autocast", **evidence)


def _noting(seen: dict[str, str], name: str) -> Any:
    def note(module: nn.Module, arguments: Any, made: Any) -> None:  # noqa: ARG001 (a hook's form)
        if isinstance(made, Tensor):
            seen[name] = str(made.dtype).removeprefix("torch.")

    return note


def half_precision(bench: Bench) -> Outcome:
    """Look for weights in half precision whose optimizer adds a number that is zero there."""
    groups = bench.optimizer.param_groups
    half = [group for group in groups if any(each.dtype == torch.float16 for each in group["params"])]
    if not half:
        raise CannotCheck("no-half")
    small = [float(group["eps"]) for group in half if 0 < float(group.get("eps", 1.0)) < _TINY]
    return wrong("half-precision", epsilon=small[0]) if small else sound("half-precision")


def scale(bench: Bench) -> Outcome:
    """Look at what each layer gives: not huge, not at the edge of its range, not dead."""
    if not bench.is_fresh:
        raise CannotCheck("trained")
    seen: dict[str, dict[str, float]] = {}
    handles = [
        module.register_forward_hook(_measuring(seen, name))
        for name, module in bench.model.named_modules()
        if not any(True for _ in module.children())
    ]
    try:
        bench.loss().backward()
    finally:
        for handle in handles:
            handle.remove()
    if not seen:
        raise CannotCheck("no-layers")
    for case, limit in (("huge", _HUGE), ("saturated", _SATURATED), ("dead", _FLAT)):
        bad = [name for name, measured in seen.items() if measured.get(case, 0.0) > limit]
        if bad:
            return wrong("scale", case, value=seen[bad[0]][case], **names(bad))
    largest = max(seen, key=lambda name: seen[name]["huge"])
    return sound("scale", layers=len(seen), largest=seen[largest]["huge"], name=largest)


def _measuring(seen: dict[str, dict[str, float]], name: str) -> Any:
    def measure(module: nn.Module, arguments: Any, made: Any) -> None:  # noqa: ARG001 (a hook's form)
        if not isinstance(made, Tensor) or not made.is_floating_point() or not made.numel():
            return
        values = made.detach().float()
        measured = {"huge": float(values.abs().max())}
        if isinstance(module, nn.Tanh | nn.Sigmoid):
            middle, reach = (0.0, 1.0) if isinstance(module, nn.Tanh) else (0.5, 0.5)
            measured["saturated"] = float(((values - middle).abs() > _EDGE * reach).double().mean())
        if isinstance(module, nn.ReLU):
            measured["dead"] = float((values == 0).double().mean())
        seen[name] = measured if math.isfinite(measured["huge"]) else {"huge": math.inf}

    return measure


def gradient_scale(bench: Bench) -> Outcome:
    """Compare the gradients of the same weight in all layers: they may differ, but not by the range of a number."""
    if not bench.is_fresh:
        raise CannotCheck("trained")
    bench.optimizer.zero_grad(set_to_none=True)
    bench.loss().backward()
    kinds: dict[str, dict[str, float]] = {}  # by the name without its numbers: "blocks.#.linear.weight"
    for name, each in bench.model.named_parameters():
        if each.ndim > 1 and each.grad is not None:
            size = float(each.grad.double().square().mean().sqrt())
            if size > 0 and math.isfinite(size):
                kinds.setdefault(re.sub(r"\d+", "#", name), {})[name] = size
    several = [sizes for sizes in kinds.values() if len(sizes) > 1]
    if not several:
        raise CannotCheck("no-layers")
    sizes = max(several, key=lambda sizes: max(sizes.values()) / min(sizes.values()))
    least, most = min(sizes, key=sizes.__getitem__), max(sizes, key=sizes.__getitem__)
    evidence = {"least": sizes[least], "most": sizes[most], "smallest": least, "largest": most}
    if sizes[most] > _APART * sizes[least]:
        return wrong("gradient-scale", **evidence)
    return sound("gradient-scale", **evidence)

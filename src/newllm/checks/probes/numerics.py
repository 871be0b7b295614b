"""Numbers: are they finite, does mixed precision act, are outputs and gradients of a sane size at the beginning?"""

import math
import re

import torch

from newllm.checks.bench import Bench, names
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong

_HUGE = 1e4  # a half-precision number ends at 65,504, and a softmax of such numbers is a maximum
_SATURATED, _DEAD = 0.95, 0.95  # share of a layer's outputs
_APART = 1e6  # largest over smallest gradient of the same weight in all layers
_TINY = 6e-8  # what half precision rounds to zero


def finite(bench: Bench) -> Outcome:
    """Look at the loss of the batch and at every gradient."""
    seen = bench.seen
    if not math.isfinite(seen.loss):
        return wrong("finite", "loss", loss=str(seen.loss))
    if not seen.has_gradient:
        return wrong("finite", "detached")
    bad = [name for name, gradient in seen.gradients.items() if not bool(torch.isfinite(gradient).all())]
    if bad:
        return wrong("finite", "gradient", name=bad[0], count=len(bad))
    return sound("finite", loss=seen.loss)


def autocast(bench: Bench) -> Outcome:
    """See in which precision layers, and products without a layer, answered while mixed precision was on."""
    seen = bench.seen
    if not seen.autocast:
        raise CannotCheck("autocast-off", why=seen.refused) if seen.refused else CannotCheck("no-autocast")
    layers = [layer.dtype for layer in seen.layers.values() if layer.is_product and layer.is_mixed]
    found = layers if any(map(_is_reduced, layers)) or not any(map(_is_reduced, seen.products)) else seen.products
    found = found or seen.products
    device = next((each.device.type for each in bench.model.parameters()), "cpu")
    kind = device if device in seen.autocast else seen.autocast[0]
    if not found:
        raise CannotCheck("no-products", kind=kind)
    reduced = sum(map(_is_reduced, found))
    evidence = {"kind": kind, "device": device, "layers": len(found), "reduced": reduced}
    if reduced:
        return sound("autocast", **evidence)
    return wrong("autocast", "wrong" if kind != device else "unused", **evidence)


def _is_reduced(dtype: str) -> bool:
    return dtype in ("bfloat16", "float16")


def half_precision(bench: Bench) -> Outcome:
    """Look for weights in half precision whose optimizer adds a number that is zero there."""
    groups = bench.optimizer.param_groups
    half = [group for group in groups if any(each.dtype == torch.float16 for each in group["params"])]
    if not half:
        raise CannotCheck("no-half")
    small = [float(group["eps"]) for group in half if 0 < float(group.get("eps", 1.0)) < _TINY]
    return wrong("half-precision", epsilon=small[0]) if small else sound("half-precision")


def scale(bench: Bench) -> Outcome:
    """Look at what each layer gave: not huge, not at the edge of its range, not dead."""
    if not bench.is_fresh:
        raise CannotCheck("trained")
    layers = bench.seen.layers
    if not layers:
        raise CannotCheck("no-layers")
    for case, limit in (("huge", _HUGE), ("saturated", _SATURATED), ("dead", _DEAD)):
        bad = [name for name, layer in layers.items() if getattr(layer, case) > limit]
        if bad:
            return wrong("scale", case, value=getattr(layers[bad[0]], case), **names(bad))
    largest = max(layers, key=lambda name: layers[name].huge)
    return sound("scale", layers=len(layers), largest=layers[largest].huge, name=largest)


def gradient_scale(bench: Bench) -> Outcome:
    """Compare the gradients of the same weight in all layers: they may differ, but not by the range of a number."""
    if not bench.is_fresh:
        raise CannotCheck("trained")
    kinds: dict[str, dict[str, float]] = {}  # by the name without its numbers: "blocks.#.linear.weight"
    for name, gradient in bench.seen.gradients.items():
        size = float(gradient.double().square().mean().sqrt())
        if gradient.ndim > 1 and size > 0 and math.isfinite(size):
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

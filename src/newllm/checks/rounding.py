"""A model without its roundings: what quantisation by the range of a whole tensor lets move is not moved without it."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.ao.quantization import FakeQuantizeBase
from torch.overrides import TorchFunctionMode

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck

MOVED = 1e-4  # of the output's scale; what is really independent moves by nothing, or by rounding
_COARSE = 16  # times the precision of a layer: a number divided by a range and multiplied by it again comes back so far
_BYTES = (torch.int8, torch.uint8)
_HALF = 0.5
_AS_IT_IS = {
    "round", "round_", "trunc", "trunc_", "fix", "fix_", "fake_quantize_per_tensor_affine",
    "fake_quantize_per_channel_affine", "fused_moving_avg_obs_fake_quant", "quantize_per_tensor",
    "quantize_per_tensor_dynamic", "quantize_per_channel",
}  # fmt: skip
_DOWN = {"floor": -_HALF, "floor_": -_HALF, "ceil": _HALF, "ceil_": _HALF}
_CONVERSIONS = {"to", "type", "char", "byte"}
_CLAMPS = {"clamp", "clamp_", "clip", "clip_"}


class Unrounded(TorchFunctionMode):
    """Leaves out what a model rounds its values by: they come back from a range, whatever it is, as they were.

    Only tables of numbers are left as they are: what is rounded one by one (lengths, places) is no quantisation.

    Args:
        halves: whether a number that is rounded down, or up, was moved by a half before, as one that is so rounded to
            the nearest.

    Attributes:
        count: roundings that were left out.
    """

    def __init__(self, *, halves: bool) -> None:
        super().__init__()
        self.halves, self.count = halves, 0

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Return the first argument where the function only rounds it, or limits what was rounded."""
        name, options = getattr(func, "__name__", ""), kwargs or {}
        first = args[0] if args else options.get("input")
        if not isinstance(first, Tensor) or first.ndim < 2 or not first.is_floating_point():
            return func(*args, **options)
        if name in _AS_IT_IS or name in _DOWN or (name in _CONVERSIONS and _is_to_bytes(name, args, options)):
            self.count += 1
            return first + _DOWN[name] if self.halves and name in _DOWN else first
        if name in _CLAMPS and len([each for each in [*args[1:], *options.values()] if each is not None]) > 1:
            return first
        return func(*args, **options)


def _is_to_bytes(name: str, args: tuple[Any, ...], options: dict[str, Any]) -> bool:
    return name in ("char", "byte") or any(each in _BYTES for each in [*args[1:], *options.values()] if _is_dtype(each))


def _is_dtype(held: Any) -> bool:
    return isinstance(held, torch.dtype)


def must_not_round(bench: Bench, what: str, moved: float, question: Callable[[Bench], float]) -> None:
    """Let an output move where it would without the model's roundings.

    Quantisation divides by the range of a tensor, rounds, and multiplies by it again. Where that range is one of all
    rows and positions, each of them moves every other, and none reads another: what moves goes with the rounding.

    Args:
        bench: with the model.
        what: was changed: "rows", "later" tokens or "padding".
        moved: how far the output moves as the model is.
        question: how far it moves.

    Raises:
        CannotCheck: nothing moves without the roundings, or they cannot be left out.
    """
    if is_quantised(bench.model):
        raise CannotCheck("rounded", what=what, moved=moved, how="layers", unrounded=0.0)
    count = 0
    for halves in (False, True):
        way = Unrounded(halves=halves)
        try:
            with bench.otherwise(lambda way=way: way):
                found = question(bench)
        except CannotCheck:
            raise
        except Exception:  # as of a product of bytes, which takes no other numbers
            found = math.nan
        count += way.count
        if way.count and not found > rounding(bench):
            how = "unknown" if math.isnan(found) else "off"
            raise CannotCheck("rounded", what=what, moved=moved, how=how, unrounded=0.0 if math.isnan(found) else found)
    if not count and any(isinstance(module, FakeQuantizeBase) for module in bench.model.modules()):
        raise CannotCheck("rounded", what=what, moved=moved, how="layers", unrounded=0.0)


def rounding(bench: Bench) -> float:
    """Return what is no movement: rounding to the digits of the coarsest layer."""
    dtypes = {getattr(torch, layer.dtype) for layer in bench.seen.layers.values()}
    return max([MOVED, *(_COARSE * torch.finfo(each).eps for each in dtypes)])


def is_quantised(model: nn.Module) -> bool:
    """Say whether a layer is quantised by torch's own means, which no gradient passes."""
    return any("quantized" in type(module).__module__.split(".") for module in model.modules())

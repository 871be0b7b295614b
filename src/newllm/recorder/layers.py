"""What a layer is, and its gradient's norm, for any torch model.

A layer is a module that owns parameters itself; its name is its path in the model, "." for the model's
own. A parameter that several layers share counts once, in the first of them, so that the norms of all
layers make up the norm of the whole.

All signals of a call are read from the device together, whatever the number of layers. Numbers that are
not finite are returned, never raised. Limit: parameters that are sharded over processes are not gathered.
"""

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

ROOT = "."
_NARROW = (torch.float16, torch.bfloat16)


def own_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters of a module without those of its children; a model may have a `parameters` of its own."""
    return [parameter for parameter in module._parameters.values() if parameter is not None]


def layers(model: nn.Module) -> dict[str, list[nn.Parameter]]:
    """Return the parameters that each layer owns, in the model's order."""
    seen: set[int] = set()
    found = {}
    for name, module in model.named_modules():
        own = [parameter for parameter in own_parameters(module) if id(parameter) not in seen]
        seen.update(id(parameter) for parameter in own)
        if own:
            found[name or ROOT] = own
    return found


@torch.no_grad()
def gradient_norms(model: nn.Module) -> dict[str, float]:
    """Return the Euclidean norm of each layer's gradient as it is now, loss per unit of weight.

    Ask after the backward pass, before clipping and again after it. A layer without a gradient is left out.
    """
    gradients = {}
    for name, own in layers(model).items():
        some = [dense(parameter.grad) for parameter in own if parameter.grad is not None]
        if some:
            gradients[name] = some
    return by_layer(gradients, read([norm(gradient) for own in gradients.values() for gradient in own]))


def total(norms: Mapping[str, float]) -> float:
    """Return the Euclidean norm of the whole model from those of its layers; 0 if there are none."""
    return _euclidean(list(norms.values()))


def dense(value: Tensor) -> Tensor:
    """Return a tensor of the same norm that is not sparse."""
    return value.coalesce().values() if value.is_sparse else value


def norm(value: Tensor) -> Tensor:
    """Return the Euclidean norm, still on the device, in float32 or wider."""
    return torch.linalg.vector_norm(value, dtype=torch.float32 if value.dtype in _NARROW else None)


def read(norms: Sequence[Tensor]) -> list[float]:
    """Return single numbers that may lie on several devices; waits once."""
    if not norms:
        return []
    wide = torch.float64 if any(value.dtype == torch.float64 for value in norms) else torch.float32
    return stacked([value.to(wide) for value in norms]).tolist()


def stacked(values: Sequence[Tensor]) -> Tensor:
    """Return tensors of one shape, which may lie on several devices, stacked on the device of the first."""
    return torch.stack([value.to(values[0].device) for value in values])


def by_layer(groups: Mapping[str, Sequence[Tensor]], norms: Sequence[float]) -> dict[str, float]:
    """Return one norm a layer from one norm a tensor.

    Args:
        groups: the tensors of each layer; only their number matters.
        norms: of all these tensors in order.
    """
    left = iter(norms)
    return {name: _euclidean([next(left) for _ in group]) for name, group in groups.items()}


def alike(some: Sequence[Tensor], others: Sequence[Tensor]) -> bool:
    """Whether two lists of tensors have the same shapes, dtypes and devices, one by one."""
    return len(some) == len(others) and all(
        (a.shape, a.dtype, a.device) == (b.shape, b.dtype, b.device) for a, b in zip(some, others, strict=True)
    )


def _euclidean(norms: Sequence[float]) -> float:
    # hypot calls the norm of (infinity, NaN) infinite; to us any NaN is NaN.
    return math.nan if any(math.isnan(value) for value in norms) else math.hypot(*norms)

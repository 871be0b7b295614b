"""Layers that are normed by their spectral norm: where they are in evaluation mode, is that norm 1?"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrizations import _SpectralNorm
from torch.nn.utils.parametrize import is_parametrized
from torch.nn.utils.spectral_norm import SpectralNorm

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong

_ROUNDS = 30  # of the power iteration: the norm is at least what it comes to
_HIGH = 1.5  # a norm that was ever measured lies nearer to 1, also after some updates


def spectral_norm(bench: Bench) -> Outcome:
    """Measure the largest singular value of each weight that is divided by it, where nothing measures it any more.

    In training mode each pass improves the estimate, which is rough at the beginning. In evaluation mode it stays as it
    is: of a layer that never ran in training mode it is made of random numbers. The estimate is never above the norm,
    so that the normed weight is 1 or larger; a weight well above is not what the layer says that it is.
    """
    found = list(_normed(bench.model))
    if not found:
        raise CannotCheck("no-spectral-norm")
    still = [(name, matrix) for name, matrix, is_measured in found if not is_measured]
    sizes = {name: _largest(matrix) for name, matrix in still}
    high = [name for name, size in sizes.items() if size > _HIGH]
    if high:
        return wrong("spectral-norm", name=high[0], size=sizes[high[0]], count=len(high))
    return sound("spectral-norm", count=len(found), still=len(still))


def _normed(model: nn.Module) -> Iterator[tuple[str, Tensor, bool]]:
    """Yield the name, the weight as a matrix, and whether passes go on measuring it, of each layer."""
    with torch.no_grad():
        for name, module in model.named_modules():
            for hook in module._forward_pre_hooks.values():
                if isinstance(hook, SpectralNorm):
                    weight = hook.compute_weight(module, do_power_iteration=False)
                    yield f"{name}.{hook.name}", hook.reshape_weight_to_matrix(weight), module.training
            if not is_parametrized(module):
                continue
            for kind, each in module.parametrizations.items():  # type: ignore[union-attr] (a dictionary of modules)
                norms = [one for one in each if isinstance(one, _SpectralNorm)]
                if norms and not norms[-1].training and getattr(module, kind).ndim > 1:
                    yield f"{name}.{kind}", norms[-1]._reshape_weight_to_matrix(getattr(module, kind)), False
                elif norms:
                    yield f"{name}.{kind}", torch.ones(1, 1), True


def _largest(matrix: Tensor) -> float:
    """Return a number that the largest singular value is not below."""
    matrix = matrix.detach().double().cpu()
    vector = torch.randn(matrix.shape[1], dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    for _ in range(_ROUNDS):
        vector = nn.functional.normalize(matrix.T @ (matrix @ nn.functional.normalize(vector, dim=0)), dim=0)
    return float((matrix @ vector).norm())

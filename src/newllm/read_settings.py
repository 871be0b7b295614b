"""What an optimizer and a batch norm are set to, where it is known what that means."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim import Optimizer


def adam_betas(optimizer: Optimizer) -> tuple[float, float] | None:
    """Return the betas of the first group of any Adam; None of another optimizer, whose betas mean something else."""
    betas = optimizer.param_groups[0].get("betas")
    if "adam" not in type(optimizer).__name__.lower() or not isinstance(betas, tuple | list) or len(betas) != 2:
        return None
    return float(betas[0]), float(betas[1])


def norm_momentum(module: nn.Module) -> float | None:
    """Return the share that each batch has in the running statistics of a batch norm.

    None of any other layer, of a batch norm that keeps none, and where every batch has the same share.
    """
    if not isinstance(module, _BatchNorm) or module.running_mean is None or module.momentum is None:
        return None
    return float(module.momentum)

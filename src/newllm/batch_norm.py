"""What a batch norm is set to."""

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm


def norm_momentum(module: nn.Module) -> float | None:
    """Return the share that each batch has in the running statistics of a batch norm.

    None of any other layer, of a batch norm that keeps none, and where every batch has the same share.
    """
    if not isinstance(module, _BatchNorm) or module.running_mean is None or module.momentum is None:
        return None
    return float(module.momentum)

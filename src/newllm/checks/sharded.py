"""Models of which this process holds only a part: nothing that needs a pass is asked of them.

All ranks must make the same passes, since each pass gathers the weights of all. A check ends by the clock, and by what
a rank's own batch shows: one rank would wait for ever. FSDP also keeps, outside of the modules, whether its weights are
gathered, so that a module whose parameters are put back no longer fits what FSDP takes it to be.
"""

import sys

from torch import Tensor, nn
from torch.optim import Optimizer


def is_sharded(model: nn.Module) -> bool:
    """Say whether a model is wrapped in FSDP, of either kind, or has parameters that are shared out over a mesh."""
    # No import: who has wrapped a model has made it, and it takes a while.
    fsdp = sys.modules.get("torch.distributed.fsdp")
    kinds = () if fsdp is None else (fsdp.FSDPModule, fsdp.FullyShardedDataParallel)
    return any(map(is_part, model.parameters())) or any(isinstance(each, kinds) for each in model.modules())


def is_part(tensor: Tensor) -> bool:
    """Say whether a tensor is a DTensor, of which this process holds a part."""
    return hasattr(tensor, "device_mesh")


def unseen(model: nn.Module, optimizer: Optimizer) -> set[str]:
    """Return the probes of parameters that a sharded model does not show as they are.

    Layers in FSDP1 have views of flat parameters; and a model in FSDP2 that was evaluated last still shows the gathered
    ones, which no optimizer holds.
    """
    fsdp = sys.modules.get("torch.distributed.fsdp")
    found = set()
    if fsdp is not None and any(isinstance(each, fsdp.FullyShardedDataParallel) for each in model.modules()):
        found.add("tied")
    own = {id(each) for each in model.parameters()}
    trained = [each for group in optimizer.param_groups for each in group["params"]]
    if any(is_part(each) and id(each) not in own for each in trained):
        found.add("optimizer-holds")
    return found

"""How a model lies on the ranks of a training.

Each holds it whole (ddp), all hold it together, a part each (fsdp), or those of each machine do, a copy a machine
(hsdp). That decides no bits: the numbers of all ranks are added in the order of ranks (`world`).
"""

import dataclasses
import os
from collections.abc import Sequence

import torch

from newllm.errors import UserError
from newllm.machine import memory_bytes
from newllm.training.config import ParallelConfig

_BYTES = 16  # of a parameter: its weight, its gradient and two moments
_SHARE = 0.5  # of a rank's memory that these may take before they are shared out


def chosen_parallel(asked: ParallelConfig, parameters: int, device: str, machines: Sequence[str]) -> ParallelConfig:
    """Return "ddp", "fsdp" or "hsdp", the last with the ranks that hold a copy together.

    "auto" is "ddp" where 16 bytes a parameter are at most half of a rank's memory, else "hsdp" where they are so for
    the ranks of a machine, which are not all, else "fsdp". "hsdp" with one copy is "fsdp", with one rank a copy "ddp".

    Args:
        asked: the settings.
        parameters: of the model.
        device: that it is trained on. A GPU has its own memory, the ranks of one machine share its.
        machines: of each rank.

    Raises:
        UserError: ranks of a copy would be on several machines, or some in none.
    """
    mode, shard = asked.mode, 0
    if mode == "auto" and fits(parameters, device):
        mode = "ddp"
    if mode in ("auto", "hsdp"):
        shard = _copy_size(asked.shard, machines)
        if shard == len(machines) or (mode == "auto" and not fits(parameters / shard, device)):
            mode, shard = "fsdp", 0
        elif shard == 1:
            mode, shard = "ddp", 0
        else:
            mode = "hsdp"
    return dataclasses.replace(asked, mode=mode, shard=shard)


def check_shard(asked: ParallelConfig, machines: Sequence[str]) -> None:
    """Raise UserError for a `parallel.shard` that these ranks cannot have; one alone has no use for it."""
    if asked.shard and len(machines) > 1:
        _copy_size(asked.shard, machines)


def fits(parameters: float, device: str) -> bool:
    """Whether a rank has memory for the training of so many parameters; yes where its memory is not known."""
    memory = _memory(device)
    return not memory or _BYTES * parameters <= _SHARE * memory


def _memory(device: str) -> int:
    """Return the bytes that a rank has, 0 where they are not known."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_properties(device).total_memory
    here = int(os.environ.get("LOCAL_WORLD_SIZE", os.environ.get("WORLD_SIZE", "1")))
    return (memory_bytes() or 0) // here


def _copy_size(asked: int, machines: Sequence[str]) -> int:
    """Return how many ranks hold a copy together: as many as asked for, else the most that are on one machine."""
    ranks = len(machines)
    possible = [size for size in range(1, ranks + 1) if ranks % size == 0 and not _apart(size, machines)]
    size = asked or possible[-1]
    if size in possible:
        return size
    why = "ranks of a copy would be on several machines" if ranks % size == 0 else f"it does not divide {ranks} ranks"
    raise UserError(
        f"parallel.shard is {size}: {why}: --set parallel.shard={possible[-1]}, or 0 for the most that are on a machine"
    )


def _apart(size: int, machines: Sequence[str]) -> bool:
    """Whether the ranks of some copy are on several machines."""
    return any(len({*machines[first : first + size]}) > 1 for first in range(0, len(machines), size))

"""A copy of a state in the memory of this machine, whatever device it is trained on; of a sharded one this rank's part.

The buffers of a copy are made once and written over: fresh memory costs more than the copy itself.
"""

import contextlib
import dataclasses
import mmap

import torch
from torch import Tensor

from newllm.training.sharding import first_row, is_sharded, own_part
from newllm.training.snapshots import Progress, Tensors

_ALIGNED = 64  # bytes, as torch's own
_KIND = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}  # Windows has none


@dataclasses.dataclass(eq=False)
class Held:
    """A state in memory.

    Attributes:
        tensors: on the CPU; overwritten by a later state unless `busy`.
        progress: of the same step.
        first_rows: by name, of the tensors that are parts of sharded ones: where in the whole they begin.
        busy: somebody reads the tensors.
    """

    tensors: Tensors
    progress: Progress = dataclasses.field(default_factory=Progress)
    first_rows: dict[str, int] = dataclasses.field(default_factory=dict)
    busy: bool = False


@torch.no_grad()
def copied(tensors: Tensors, progress: Progress, over: Held | None = None) -> Held:
    """Return a copy of a state.

    Args:
        tensors: as `training_tensors` gives them.
        progress: of the same step; copied.
        over: a copy whose memory is taken, where the state has the same shapes.
    """
    own = {file: {name: own_part(value) for name, value in part.items()} for file, part in tensors.items()}
    held = over if over is not None and _shapes(over.tensors) == _shapes(own) else Held(_buffers(own))
    for file, part in own.items():
        for name, value in part.items():
            held.tensors[file][name].copy_(value)
    held.progress = dataclasses.replace(progress)
    held.first_rows = {
        name: first_row(value) for part in tensors.values() for name, value in part.items() if is_sharded(value)
    }
    return held


def _buffers(tensors: Tensors) -> Tensors:
    """Return empty tensors like these on the CPU, all in one stretch of memory.

    Asked for in large pages where the system has them: a third of the time of the first copy into small ones.
    """
    size = max(1, sum(_room(value) for part in tensors.values() for value in part.values()))
    # Private: of what processes could share, which is Python's default, a kernel makes no large pages.
    whole = mmap.mmap(-1, size, **_KIND)
    with contextlib.suppress(AttributeError, OSError):  # a system, or a kernel, without them
        whole.madvise(mmap.MADV_HUGEPAGE)
    memory, at, buffers = torch.frombuffer(whole, dtype=torch.uint8), 0, {}
    for file, part in tensors.items():
        buffers[file] = {}
        for name, value in part.items():
            buffers[file][name] = memory[at : at + value.nbytes].view(value.dtype).view(value.shape)
            at += _room(value)
    return buffers


def _room(value: Tensor) -> int:
    return -(-value.nbytes // _ALIGNED) * _ALIGNED


def _shapes(tensors: Tensors) -> dict[tuple[str, str], tuple[torch.Size, torch.dtype]]:
    return {(file, key): (value.shape, value.dtype) for file, part in tensors.items() for key, value in part.items()}

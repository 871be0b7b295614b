"""A model that is shared out over the ranks: FSDP2 (`torch.distributed.fsdp.fully_shard`), with sums of our own.

Each block is a unit, the rest of the model another: its matrices are gathered before its forward and its backward pass
and freed after them, and its gradients are added up while the backward pass runs, in the order of ranks. A rank keeps
its rows of each matrix, of its gradient and of its moments.

The bits are those of ranks that hold all (`ranks`), and of one process. For that a matrix is cut only where the pieces
are whole cache lines: torch's compiled optimizers round the last numbers, which fill no vector, otherwise. And the
norm of a gradient is taken of whole matrices, each by one rank. What is not cut (norms, biases, matrices of odd width)
every rank holds whole, like its moments.

The model is sharded before its matrices are there (`model.init.outlining`): then each rank draws one after another, and
keeps its rows.

Limits: with accumulated batches the sum of a rank's own gradients is whole until the last of them. What stands in no
block (embedding, head, all of a model without blocks) is gathered whole in every pass.
"""

import warnings
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, TypeGuard

import torch
import torch.distributed as dist
from torch import Tensor, nn

from newllm.model.bodies.block import Block
from newllm.model.init import is_outline
from newllm.model.language_model import LanguageModel
from newllm.training.replicas import Replicas

_LINE = 16  # numbers of a cache line

Meet = Callable[[str], AbstractContextManager[None]]
"""`Meetings.at`."""


def is_sharded(tensor: Tensor) -> TypeGuard[Any]:
    """Whether a tensor is a DTensor, of which this rank holds a part."""
    return hasattr(tensor, "device_mesh")  # no import: torch.distributed.tensor takes a while


def shard(model: LanguageModel, meet: Meet, replicas: Replicas) -> None:
    """Keep of a model what is this rank's; all ranks call it with the same model.

    Args:
        model: whole, or an outline, whose matrices are drawn then.
        meet: wraps what all ranks take part in.
        replicas: who holds which copy.
    """
    from torch.distributed.device_mesh import DeviceMesh
    from torch.distributed.fsdp import fully_shard

    # It warns of whoever writes over the logits within autograd. Our loss does so outside of it, in its backward pass.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module", UserWarning)
    device = next(one.device for one in model.parameters() if not one.is_meta)
    mesh = DeviceMesh.from_group(replicas.own, device.type)
    uncut = {one for one in model.parameters() if not _can_be_cut(one, mesh.size())}
    for unit in [*(module for module in model.modules() if isinstance(module, Block)), model]:
        sharded: Any = fully_shard(unit, mesh=mesh, reshard_after_forward=True, ignored_params=uncut)
        sharded.set_custom_all_gather(_Gather(meet))
        sharded.set_custom_reduce_scatter(_Scatter(meet, replicas))
        sharded.set_gradient_divide_factor(1.0)
        sharded.set_force_sum_reduction_for_comms(True)
    if is_outline(model):
        model._apply(lambda one: torch.empty_like(one, device=device) if one.is_meta else one)
        model.draw()


def _can_be_cut(parameter: nn.Parameter, ranks: int) -> bool:
    rows = -(-len(parameter) // ranks)
    return parameter.dim() > 1 and rows * parameter[0].numel() % _LINE == 0


def add_up_after(model: nn.Module, *, last: bool) -> None:
    """Have the next backward pass add gradients up over the ranks if it is the last of an update."""
    sharded: Any = model
    sharded.set_requires_gradient_sync(last)


class _Memory:
    """What is sent, in memory of its own; as FSDP asks for it.

    Args:
        meet: wraps what all ranks take part in.
    """

    def __init__(self, meet: Meet) -> None:
        self._meet = meet

    def allocate(self, size: Sequence[int], *, dtype: torch.dtype, device: torch.device) -> Tensor:
        return torch.empty(*size, dtype=dtype, device=device)


class _Gather(_Memory):
    def __call__(
        self, output_tensor: Tensor, input_tensor: Tensor, group: dist.ProcessGroup, async_op: bool = False
    ) -> dist.Work | None:
        with self._meet("parts"):
            pieces = list(output_tensor.view(group.size(), -1).unbind())
            return dist.all_gather(pieces, input_tensor, group=group, async_op=async_op)


class _Scatter(_Memory):
    def __init__(self, meet: Meet, replicas: Replicas) -> None:
        super().__init__(meet)
        self._replicas = replicas

    def __call__(
        self,
        output_tensor: Tensor,
        input_tensor: Tensor,
        group: dist.ProcessGroup,  # noqa: ARG002 (of this copy; the sum is over all)
        op: object,  # noqa: ARG002 (a sum, as was set)
        async_op: bool = False,  # noqa: ARG002 (never: it is done when this returns)
    ) -> None:
        self._replicas.own_norms.append(torch.linalg.vector_norm(input_tensor))
        with self._meet("gradients"):
            output_tensor.copy_(self._replicas.added_piece(input_tensor))


def own_part(parameter: Tensor) -> Tensor:
    """Return what this rank holds of a parameter, with its gradient; all of one that is not sharded."""
    if not is_sharded(parameter):
        return parameter
    part = parameter.detach().to_local()
    part.grad = None if parameter.grad is None else parameter.grad.to_local()
    return part


def whole(tensor: Tensor) -> Tensor:
    """Return all of a tensor; all ranks take part where it is sharded."""
    return tensor.full_tensor() if is_sharded(tensor) else tensor


def first_row(tensor: Any) -> int:
    """Return which row of a sharded tensor this rank's part begins with."""
    most = -(-len(tensor) // tensor.device_mesh.size())
    return min(len(tensor), most * tensor.device_mesh.get_local_rank())


def sharded_like(part: Tensor, like: Tensor | None) -> Tensor:
    """Return a sharded tensor of which this rank holds this part, sharded as another; the part itself without one."""
    if like is None:
        return part
    from torch.distributed.tensor import DTensor

    given: Any = like
    size = {"shape": given.shape, "stride": given.stride()}
    return DTensor.from_local(part, given.device_mesh, given.placements, run_check=False, **size)


def gradient_norm(parameters: Iterable[nn.Parameter]) -> Tensor:
    """Return the Euclidean norm of the whole gradient; all ranks take part where parameters are sharded."""
    gradients = [each.grad for each in parameters if each.grad is not None]
    if not any(map(is_sharded, gradients)):
        return torch.nn.utils.get_total_norm(gradients)
    return torch.linalg.vector_norm(norms([own_part(one) for one in gradients], gradients))


def norms(parts: Sequence[Tensor], of: Sequence[Tensor]) -> Tensor:
    """Return the Euclidean norm of each whole tensor; all ranks take part where some are sharded.

    Args:
        parts: what this rank holds of each.
        of: tensors that are sharded like these.
    """
    sharded = [(part, like) for part, like in zip(parts, of, strict=True) if is_sharded(like)]
    of_sharded = iter(_norms(sharded).unbind() if sharded else ())
    return torch.stack(
        [
            next(of_sharded) if is_sharded(like) else torch.linalg.vector_norm(part)
            for part, like in zip(parts, of, strict=True)
        ]
    )


def _norms(sharded: Sequence[tuple[Tensor, Any]]) -> Tensor:
    """Return the norm of each tensor, of as many at a time as there are ranks: each rank is sent one whole."""
    mesh = sharded[0][1].device_mesh
    rank, ranks, group = mesh.get_local_rank(), mesh.size(), mesh.get_group()
    found = torch.zeros(len(sharded), device=sharded[0][0].device)
    for first in range(0, len(sharded), ranks):
        some = sharded[first : first + ranks]
        parts = [part.reshape(-1) for part, _ in some]
        sizes = [part.numel() for part in parts] + [0] * (ranks - len(parts))
        expected = _sizes(some[rank][1], ranks) if rank < len(some) else [0] * ranks
        received = parts[0].new_empty(sum(expected))
        dist.all_to_all_single(received, torch.cat(parts), expected, sizes, group=group)
        if rank < len(some):
            found[first + rank] = torch.linalg.vector_norm(received)
    dist.all_reduce(found, group=group)  # nothing is added to but 0
    return found


def _sizes(sharded: Any, ranks: int) -> list[int]:
    """Return how many numbers of a matrix each rank has."""
    rows, columns = len(sharded), sharded.numel() // len(sharded)
    most = -(-rows // ranks)
    return [max(0, min(most, rows - rank * most)) * columns for rank in range(ranks)]

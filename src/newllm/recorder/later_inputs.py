"""How strongly an output depends on the numbers that stand behind its position, by the first layers that read them.

Numbers have no embedding, and asking for a gradient of a user's batch would change it. So the outputs of the layers
that are given numbers take their place, each as far as the layer itself reaches.

Shapes: B rows, T positions of the model's input and output, H numbers of one direction of a recurrent layer.
"""

import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

LAYERS = (nn.Linear, nn.Conv1d, nn.RNNBase)
_FEWEST = 4
_SEED = 20261207
_NONE = 1e-30


class FirstLayer(NamedTuple):
    """What a layer made of numbers.

    Attributes:
        output: as it was returned.
        time: its axis of positions.
        batch: its axis of rows.
        reach: how many positions ahead the layer reads.
        first: which of its numbers, on the last axis, read ahead.
        given: `[B, D, ...]`, what a convolution reads, where zeros may have been put in front; its reach begins there.
    """

    output: Tensor
    time: int
    batch: int
    reach: int = 0
    first: int = 0
    given: Tensor | None = None


def first_layer(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> FirstLayer | None:
    """Return what a layer made, if it was given numbers `[B, T, ...]` that nothing trained has touched."""
    given, made = (inputs[0] if inputs else None), output[0] if isinstance(output, tuple) else output
    if not (isinstance(given, Tensor) and isinstance(made, Tensor) and given.dim() == made.dim() == 3):
        return None
    if given.requires_grad or not given.is_floating_point() or not made.requires_grad:
        return None
    if isinstance(module, nn.RNNBase):
        time = int(module.batch_first)
        size = module.proj_size or module.hidden_size
        # Stacked, each layer reads both directions of the one before.
        ahead = (1, size if module.num_layers == 1 else 0) if module.bidirectional else (0, 0)
        return FirstLayer(made, time, 1 - time, *ahead)
    if isinstance(module, nn.Conv1d):
        width = (module.kernel_size[0] - 1) * module.dilation[0]
        padding = (made.shape[2] - given.shape[2] + width) // 2 if module.stride == (1,) else width
        return FirstLayer(made, 2, 0, width - padding, given=given.detach())
    return FirstLayer(made, 1, 0)


def later_inputs(output: Tensor, given: Tensor, layers: list[FirstLayer]) -> Callable[[], dict[str, float] | None]:
    """Return what tells how strongly the last position but one depends on the last inputs.

    Args:
        output: `[B, T, ...]`, or `[B, E, T]` in the order of an input `[B, D, T]`.
        given: the model's input.
        layers: that read it.

    Returns:
        To be called when numbers may be read from the device; it gives `later_inputs_seen`, a share of the strongest
        dependence, and nothing where no layer has the positions of the output.
    """
    pulls = list(_pulls(output, given, layers))

    def seen() -> dict[str, float] | None:
        strongest = max((float(pull.max()) for pull, _ in pulls), default=0.0)
        if not _NONE < strongest < math.inf:
            return None
        return {"later_inputs_seen": max(float(later.max()) for _, later in pulls) / strongest}

    return seen


def _pulls(output: Tensor, given: Tensor, layers: list[FirstLayer]) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the gradient at what each layer made, its positions first, and the part of it that reads the last input."""
    if given.dim() not in (2, 3) or output.dim() not in (2, 3) or len(given) != len(output):
        return
    time = 2 if given.dim() == output.dim() == 3 and given.shape[1] != output.shape[1] else 1
    length = output.shape[time]
    here = [one for one in layers if one.output.shape[one.time] == length and one.output.shape[one.batch] == len(given)]
    if given.shape[time] != length or length < _FEWEST or not here:
        return
    last = output.select(time, -2).float()
    total = (last * torch.randn(last.shape, generator=torch.Generator().manual_seed(_SEED)).to(last)).sum()
    found = torch.autograd.grad(total, [one.output for one in here], retain_graph=True, allow_unused=True)
    for layer, gradient in zip(here, found, strict=True):
        reach = layer.reach - _in_front(layer.given, given)
        if gradient is not None and reach >= 0:
            pull = gradient.detach().float().abs().movedim(layer.time, 0)
            yield pull, pull[-1 - reach :, ..., layer.first :]


def _in_front(padded: Tensor | None, given: Tensor) -> int:
    """Return how many positions were put in front of a model's input before a convolution read it."""
    if padded is None or given.dim() != 3:
        return 0
    for x in (given, given.mT):
        if x.shape[1] == padded.shape[1]:
            before = range(padded.shape[2] - x.shape[2] + 1)
            return next((at for at in before if torch.equal(padded[..., at : at + x.shape[2]], x)), 0)
    return 0

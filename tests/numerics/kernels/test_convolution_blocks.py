"""The short convolution four positions at a time: the bits of one position at a time."""

import pytest
import torch
from torch import Tensor

from newllm.kernels import short_convolution

pytest.importorskip("numba")


def results(given: tuple[Tensor, ...], position: Tensor | None) -> list[Tensor]:
    """Return the convolution and its gradients; one channel more than vectors take goes a position at a time."""
    x, tail, weight, gradient = (tensor.contiguous().requires_grad_() for tensor in given)
    y = short_convolution(x, tail, weight, position)
    return [y, *torch.autograd.grad(y, (x, tail, weight), gradient)]


@pytest.mark.parametrize("length", [1, 3, 4, 7, 8, 11, 40])
@pytest.mark.parametrize("documents", [False, True])
@pytest.mark.parametrize("channels", [16, 48])
def test_blocks_change_no_bits(channels: int, documents: bool, length: int) -> None:
    shapes = (3, length, channels + 1), (3, 3, channels + 1), (4, channels + 1), (3, length, channels + 1)
    given = tuple(torch.randn(shape) for shape in shapes)
    position = (torch.arange(length) + torch.tensor([[0], [2], [9]])) % 13 if documents else None
    one_by_one = results(given, position)
    in_blocks = results(tuple(tensor[..., :channels] for tensor in given), position)
    for found, expected in zip(in_blocks, one_by_one, strict=True):
        assert torch.equal(found, expected[..., :channels])

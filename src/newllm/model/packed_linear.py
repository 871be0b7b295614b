"""A linear layer packed once for many small products: a third of a product of 16 rows is spent on packing.

oneDNN can keep a weight in the order in which its kernels read it. torch reaches this by two operators of
its own (its compiler freezes weights by them), which are not documented: they are tried once a process on
a small product, and where they are missing or wrong, `F.linear` runs. No gradients pass through.
"""

import functools
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

Product = Callable[[Tensor], Tensor]
"""`product(x [rows, in]) -> [rows, out]`, into new memory."""

PACKED_DTYPES = (torch.float32, torch.bfloat16)
WORTH_PACKING = 24  # products: packing a weight of 512 x 512 takes as long as it saves in 16 products of 4 rows
FEWEST_ROWS = 4  # one row is a product of vectors, for which nothing has to be packed


def packed_linear(weight: Tensor, bias: Tensor | None, rows: int, products: int) -> Product:
    """Return a function that multiplies by this weight, as it is now.

    Args:
        weight: `[out, in]`, in any layout.
        bias: `[out]`, of the same dtype, or None.
        rows: of the products to come, for which the layout is chosen; others stay right.
        products: how many are to come; few products, or products of few rows, are not worth the packing.
    """
    is_worth_it = products >= WORTH_PACKING and rows >= FEWEST_ROWS and weight.device.type == "cpu"
    if is_worth_it and weight.dtype in PACKED_DTYPES and _can_pack(weight.dtype):
        return _packed(weight.detach(), bias, rows)
    return functools.partial(F.linear, weight=weight, bias=bias)


def _packed(weight: Tensor, bias: Tensor | None, rows: int) -> Product:
    kept = torch.ops.mkldnn._reorder_linear_weight(weight.contiguous(), rows)
    multiply = torch.ops.mkldnn._linear_pointwise.default

    def product(x: Tensor) -> Tensor:
        return multiply(x, kept, bias, "none", [], "")

    return product


@functools.cache
def _can_pack(dtype: torch.dtype) -> bool:
    """Try a product whose result every dtype holds exactly."""
    if not torch.backends.mkldnn.is_available():
        return False
    with torch.no_grad():
        weight, bias, x = torch.arange(48.0).view(6, 8) % 3 - 1, torch.arange(6.0), torch.arange(16.0).view(2, 8) % 4
        try:
            got = _packed(weight.to(dtype), bias.to(dtype), 2)(x.to(dtype))
        except (AttributeError, RuntimeError):  # an operator is missing, or not for this processor
            return False
        return torch.equal(got.float(), F.linear(x, weight, bias))

"""The scan of a sequence whose pieces are computed by several, without one waiting for the scan of another.

The recurrence is linear, so that a piece is a map of the context before it: `after = product * before + own`, with the
product of its decays and the context that it comes to from zero. Each piece gives both to all later ones; a piece then
knows the context before it and scans again from there. Backwards the gradient of the context before a piece is that of
its own outputs plus its product times the gradient after it, so that the same goes the other way: a scan backwards,
what it comes to for all earlier pieces, and a scan backwards once more. Blelloch 1990 ("Prefix sums and their
applications"); Martin and Cundy 2018 (arXiv:1709.04057).

A piece costs two scans in place of one. It is equal to one scan over the whole sequence to rounding: what comes over a
border is multiplied by a product, and not by one decay after another.

Shapes: B rows, T positions of a piece, C channels.
"""

from abc import ABC, abstractmethod
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from newllm.recurrence.scan.operation import backend_pair


class Pieces(ABC):
    """A piece of a sequence among the others; all of them make the same calls in the same order."""

    is_first: bool
    is_last: bool

    @abstractmethod
    def to_later(self, own: Tensor) -> list[Tensor]:
        """Send a tensor to all later pieces; return what the earlier ones sent, the first first."""

    @abstractmethod
    def to_earlier(self, own: Tensor) -> list[Tensor]:
        """Send a tensor to all earlier pieces; return what the later ones sent, the next first."""

    @abstractmethod
    def tails(self, x_BTD: Tensor, tail_BKD: Tensor) -> tuple[Tensor, Tensor]:
        """Send the last values of a piece to the next; return the piece, and those of the one before it.

        Args:
            x_BTD: what a convolution reads of the piece; where documents start inside, their positions tell it how far
                each tap may reach, over the border too.
            tail_BKD: before the piece; the first piece keeps it.
        """


def scan_piece(
    decay_BTC: Tensor, input_BTC: Tensor, initial_BC: Tensor, reset_BT: Tensor | None, pieces: Pieces, backend: str
) -> tuple[Tensor, Tensor]:
    """Return every context of a piece and the last one; arguments as those of `scan`.

    Args:
        decay_BTC: of the piece.
        input_BTC: of the piece.
        initial_BC: context before the sequence; the first piece's counts.
        reset_BT: of the piece.
        pieces: the piece among the others.
        backend: of the scan, but "reference".
    """
    contexts_BTC = _ScanPiece.apply(pieces, backend, decay_BTC, input_BTC, initial_BC, reset_BT)
    return contexts_BTC, contexts_BTC[:, -1].clone()


class _ScanPiece(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, pieces: Pieces, backend: str, decay: Tensor, added: Tensor, initial: Tensor, reset: Tensor | None
    ) -> Tensor:
        forward, ctx.scan_back = backend_pair(backend, decay.device)
        decay, added = decay.contiguous(), added.contiguous()
        before = initial.contiguous() if pieces.is_first else torch.zeros_like(initial)
        contexts = forward(decay, added, before, reset)
        product = decay.prod(dim=1)
        if reset is not None:
            product = product.masked_fill(reset.any(dim=1)[:, None], 0.0)
        for earlier_product, own in (
            sent.unbind() for sent in pieces.to_later(torch.stack([product, contexts[:, -1]]))
        ):
            before = earlier_product * before + own
        if not pieces.is_first:
            contexts = forward(decay, added, before, reset)
        ctx.pieces = pieces
        ctx.save_for_backward(decay, contexts, before, reset, product)
        return contexts

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Any, ...]:  # type: ignore[override]
        decay, contexts, before, reset, product = ctx.saved_tensors
        given = decay, contexts, before, reset
        d_decay, d_input, d_before = ctx.scan_back(gradient.contiguous(), *given)
        d_after = torch.zeros_like(before)
        later = ctx.pieces.to_earlier(torch.stack([product, d_before]))
        for later_product, own in (sent.unbind() for sent in reversed(later)):
            d_after = later_product * d_after + own
        if not ctx.pieces.is_last:
            gradient = gradient.clone()
            gradient[:, -1] += d_after
            d_decay, d_input, d_before = ctx.scan_back(gradient.contiguous(), *given)
        return None, None, d_decay, d_input, d_before if ctx.pieces.is_first else None, None

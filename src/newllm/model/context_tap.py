"""The point where every context of a sequence passes, so that forward hooks can see them."""

from torch import nn


class ContextTap(nn.Identity):
    """Passes contexts `[B, T, C]` through unchanged. Hook it to watch the context of a cell or a stack."""


class MatrixTap(nn.Identity):
    """Passes the matrices `[B, H, K, V]` after the last position through unchanged. Hook it to watch them."""

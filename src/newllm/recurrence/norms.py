"""Where the context is normalised: nowhere, when it is written, or when it is read.

The founding document's remedy is the norm on write, `context = LayerNorm(context + delta)`. It makes
the recurrence nonlinear, so that it can only run position after position. A norm on read leaves the
recurrence linear and bounds only what the rest of the model sees.
"""

from torch import Tensor, nn

from newllm.errors import unknown_name


class ContextNorm(nn.Module):
    """No normalisation; the two norms override one of the methods.

    Args:
        channels: width of the context.
    """

    writes = False  # True where the recurrence becomes nonlinear
    reads = False  # True where what is read differs from what is kept

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def write(self, context: Tensor) -> Tensor:
        """Return the context to keep, `[..., channels]`."""
        return context

    def read(self, context: Tensor) -> Tensor:
        """Return the context that the rest of the model sees, `[..., channels]`."""
        return context


class NormOnWrite(ContextNorm):
    """LayerNorm on every new context (founding document, remedy 1)."""

    writes = True

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.norm = nn.LayerNorm(channels)

    def write(self, context: Tensor) -> Tensor:
        """Return the normalised new context."""
        return self.norm(context)


class NormOnRead(ContextNorm):
    """LayerNorm on what is read; the kept context stays as the linear recurrence left it."""

    reads = True

    def __init__(self, channels: int) -> None:
        super().__init__(channels)
        self.norm = nn.LayerNorm(channels)

    def read(self, context: Tensor) -> Tensor:
        """Return the normalised context."""
        return self.norm(context)


NORMS: dict[str, type[ContextNorm]] = {"none": ContextNorm, "read": NormOnRead, "write": NormOnWrite}


def build_norm(name: str, channels: int) -> ContextNorm:
    """Build a context norm by name.

    Raises:
        UserError: no norm has this name.
    """
    if name not in NORMS:
        raise unknown_name("norm", name, NORMS)
    return NORMS[name](channels)

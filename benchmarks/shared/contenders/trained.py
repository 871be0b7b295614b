"""The peers of training, by name.

A peer that needs a package says which: where it is not installed the tables say so.
"""

import dataclasses
import importlib.util
from collections.abc import Callable

from torch import Tensor, nn

from contenders import nano_gpt, ours, scanning, torch_recurrent


@dataclasses.dataclass(frozen=True)
class Peer:
    """A model to compare.

    Args:
        build: from the length of a row to a model that maps tokens `[B, T]` to logits `[B, T, V]`, alone or first in a
            tuple.
        module: of the package that it needs beside ours and torch; None for none.
        linear: its cost grows with the number of tokens only, so that it is tried at the longest rows too.
    """

    build: Callable[[int], nn.Module]
    module: str | None = None
    linear: bool = True

    @property
    def installed(self) -> bool:
        """Whether its package is here."""
        return self.module is None or importlib.util.find_spec(self.module) is not None


OURS = "newllm stack"
PEERS = {
    OURS: Peer(ours.stack),
    "newllm attention": Peer(ours.attention, linear=False),
    "modern Transformer": Peer(ours.plain_attention, linear=False),
    "nanoGPT's shape": Peer(nano_gpt.nano_gpt, linear=False),
    "nn.LSTM": Peer(torch_recurrent.lstm),
    "nn.GRU": Peer(torch_recurrent.gru),
    "minGRU-pytorch": Peer(scanning.min_gru, "minGRU_pytorch"),
    "mambapy": Peer(scanning.mamba, "mambapy"),
}


def logits_of(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """Return a model's logits, whether it gives them alone or first in a tuple."""
    return output[0] if isinstance(output, tuple) else output

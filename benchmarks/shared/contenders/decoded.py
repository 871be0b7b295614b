"""The peers of decoding, by name."""

import dataclasses
import importlib.util
from collections.abc import Callable

import torch

from contenders import decoding_ours, decoding_rwkv, decoding_torch, decoding_transformers
from contenders.decoding import Decoding


@dataclasses.dataclass(frozen=True)
class Peer:
    """A model that decodes.

    Args:
        build: from the context that it must hold to the model.
        module: that it needs beside ours and torch; None for none.
    """

    build: Callable[[int], Decoding]
    module: str | None = None

    @property
    def installed(self) -> bool:
        """Whether its module is here."""
        try:
            return self.module is None or importlib.util.find_spec(self.module) is not None
        except ModuleNotFoundError:
            return False


_ENGINE = "newllm.generation.decoder"
OURS = "newllm stack"
"""How the names of ours begin."""
PEERS = {
    f"{OURS}, eager step": Peer(decoding_ours.stack),
    f"{OURS}, fp32": Peer(decoding_ours.decoder("fp32"), _ENGINE),
    f"{OURS}, bf16 weights": Peer(decoding_ours.decoder("bf16"), _ENGINE),
    f"{OURS}, int8 weights": Peer(decoding_ours.decoder("int8"), _ENGINE),
    "newllm attention": Peer(decoding_ours.attention),
    "transformers GPT-2": Peer(decoding_transformers.gpt2(torch.float32, static=False), "transformers"),
    "GPT-2, static cache": Peer(decoding_transformers.gpt2(torch.float32, static=True), "transformers"),
    "GPT-2, static cache, bf16": Peer(decoding_transformers.gpt2(torch.bfloat16, static=True), "transformers"),
    "transformers Mamba": Peer(decoding_transformers.mamba, "transformers"),
    "mambapy": Peer(decoding_torch.mamba, "mambapy"),
    "nn.LSTM": Peer(decoding_torch.lstm),
    "nn.GRU": Peer(decoding_torch.gru),
    "minGRU-pytorch": Peer(decoding_torch.min_gru, "minGRU_pytorch"),
    "rwkv (RWKV-7)": Peer(decoding_rwkv.rwkv, "rwkv"),
}

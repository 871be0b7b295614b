"""torch's recurrent networks, mambapy and minGRU-pytorch as they decode."""

from typing import Any

import torch
from torch import Tensor, nn

from contenders import scanning, torch_recurrent
from contenders.decoding import READ, Decoding, prompt, weights_of
from contenders.fit import parameters


class _Fixed(Decoding):
    """Has a memory of fixed size, `state`."""

    state: Any = None

    def __init__(self, model: nn.Module) -> None:
        self.model: Any = model.eval()
        self.parameters = parameters(model)

    def fill(self, context: int) -> None:  # noqa: ARG002 (its state has one shape)
        self.read(prompt(READ))

    def memory(self) -> list[Any]:
        return [self.state]

    @property
    def weights(self) -> list[Tensor]:
        return weights_of(self.model)


class Recurrent(_Fixed):
    """`nn.LSTM` or `nn.GRU`; a prompt is one call.

    oneDNN's LSTM packs its weights anew in every call: for one token that is seven times the work (torch 2.13), so that
    it is off in a step and on in a prompt.
    """

    def step(self, token: int) -> Tensor:
        """Read one token."""
        # The public context manager does the same, and takes a twentieth of the step for itself.
        before = torch._C._get_mkldnn_enabled()  # type: ignore[attr-defined]
        torch._C._set_mkldnn_enabled(False)  # type: ignore[attr-defined]
        try:
            return self._run(torch.tensor([[token]]))
        finally:
            torch._C._set_mkldnn_enabled(before)  # type: ignore[attr-defined]

    def read(self, tokens_T: Tensor) -> Tensor:
        """Read a prompt in one call."""
        self.state = None
        return self._run(tokens_T[None])

    def _run(self, tokens_1T: Tensor) -> Tensor:
        features, self.state = self.model.network(self.model.embedding(tokens_1T), self.state)
        return self.model.head(features[:, -1])


class MinGRU(_Fixed):
    """minGRU-pytorch; a prompt is one parallel call that gives the hidden states too."""

    def step(self, token: int) -> Tensor:
        """Read one token."""
        logits, self.state = self.model(torch.tensor([[token]]), return_prev_hiddens=True, prev_hiddens=self.state)
        return logits[:, -1]

    def read(self, tokens_T: Tensor) -> Tensor:
        """Read a prompt in one call."""
        logits, self.state = self.model(tokens_T[None], return_prev_hiddens=True)
        return logits[:, -1]


class MambaPy(_Fixed):
    """mambapy reads a prompt token after token: its parallel form gives no state to go on from."""

    def step(self, token: int) -> Tensor:
        """Read one token."""
        logits, self.state = self.model.step(torch.tensor([token]), self.state)
        return logits

    def read(self, tokens_T: Tensor) -> Tensor:
        """Read a prompt step by step."""
        config = self.model.config
        self.state = [(None, torch.zeros(1, config.d_inner, config.d_conv - 1)) for _ in range(config.n_layers)]
        logits = torch.empty(0)
        for token in tokens_T.tolist():
            logits = self.step(token)
        return logits


def lstm(context: int) -> Decoding:
    """Return `nn.LSTM`."""
    return Recurrent(torch_recurrent.lstm(context))


def gru(context: int) -> Decoding:
    """Return `nn.GRU`."""
    return Recurrent(torch_recurrent.gru(context))


def min_gru(context: int) -> Decoding:
    """Return minGRU-pytorch's model."""
    return MinGRU(scanning.min_gru(context))


def mamba(context: int) -> Decoding:
    """Return mambapy's model."""
    return MambaPy(scanning.mamba(context))

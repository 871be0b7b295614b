"""torch's own recurrent networks, `nn.LSTM` and `nn.GRU`, between an embedding and a head.

Two layers, as our preset's LSTM has them: at equal parameters two wide ones are faster on a CPU than four narrow ones,
because the time goes into one small product after the other.
"""

import functools

from torch import Tensor, nn

from contenders.fit import VOCABULARY, WIDTH, fitted

LAYERS = 2


class Recurrent(nn.Module):
    """Embedding, network, head.

    Args:
        network: `nn.LSTM` or `nn.GRU`.
        hidden: its width.
    """

    def __init__(self, network: type[nn.RNNBase], hidden: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, WIDTH)
        self.network = network(WIDTH, hidden, LAYERS, batch_first=True)  # type: ignore[call-arg, arg-type]
        self.head = nn.Linear(hidden, VOCABULARY)

    def forward(self, tokens_BT: Tensor) -> Tensor:
        """Return logits `[B, T, V]`."""
        return self.head(self.network(self.embedding(tokens_BT))[0])


def lstm(length: int) -> Recurrent:  # noqa: ARG001 (a peer's form)
    """Return the LSTM at its fitted width."""
    return Recurrent(nn.LSTM, _hidden(nn.LSTM))


def gru(length: int) -> Recurrent:  # noqa: ARG001
    """Return the GRU at its fitted width."""
    return Recurrent(nn.GRU, _hidden(nn.GRU))


@functools.cache
def _hidden(network: type[nn.RNNBase]) -> int:
    return fitted(lambda hidden: Recurrent(network, hidden))

"""What every update rule is: `(features, source) -> (decay, input)`.

In two parts, so that a loop over positions can hoist or batch the first: linear layers (`delta` sees the
features, the `gates` see the source), then `combine`, which is element by element.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.recurrence.scan import scan


class Rule(nn.Module, ABC):
    """Maps features to the decay and the input of `context = decay * context + input`.

    Decay and input are float32 (float64 if the features are) whatever autocast does around them: the
    context is a long sum and does not survive 8 bits of mantissa.

    Args:
        features: width of the features that form the delta.
        source: width of what the gates look at (in the founding cell `[token ; context]`).
        channels: width of the context.
        learn_decay: train the constant decay; refused by rules that have none.
    """

    name: str
    has_constant_decay = False

    def __init__(self, features: int, source: int, channels: int, *, learn_decay: bool = False) -> None:
        super().__init__()
        if learn_decay and not self.has_constant_decay:
            raise UserError(
                f"rule '{self.name}' has no constant decay to learn: drop model.learn_decay, or take rule ema or dual"
            )
        self.channels = channels
        self.delta = nn.Linear(features, channels)
        self.build(source, learn_decay)

    def build(self, source: int, learn_decay: bool) -> None:
        """Add what the rule has beside its delta."""

    @property
    def gates(self) -> list["Gate"]:
        """The linear layers that see the source, or adapters around them, in the order that `combine` takes."""
        named = self.named_children()
        return [c for name, c in named if name != "delta" and not isinstance(c, ConstantDecay)]  # type: ignore[misc]

    def constant(self) -> Tensor | None:
        """Return the decay that depends on no feature, `[channels]`; None if the rule has none."""
        return None

    def forward(self, features: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
        """Return decay and input, each `[..., channels]`.

        Args:
            features: `[..., features]`, forms the delta.
            source: `[..., source]`, seen by the gates.
        """
        delta, gates = self.delta(features), [full_precision(gate(source)) for gate in self.gates]
        return self.combine(full_precision(delta), gates, self.constant())

    @staticmethod
    @abstractmethod
    def combine(delta: Tensor, gates: Sequence[Tensor], constant: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return decay and input from what the linear layers gave, element by element.

        Args:
            delta: `[..., channels]`, float32 or float64.
            gates: what each of `gates` gave, before any sigmoid, of the same shape and dtype.
            constant: what `constant()` gave.
        """

    def scan(
        self, features: Tensor, source: Tensor, initial: Tensor, reset: Tensor | None, *, backend: str
    ) -> tuple[Tensor, Tensor]:
        """Return every context of a sequence and the last one, `[B, T, channels]` and `[B, channels]`.

        Args:
            features: `[B, T, features]`.
            source: `[B, T, source]`.
            initial: context before the first position, `[B, channels]`.
            reset: True where a new document starts, `[B, T]`, or None.
            backend: of the scan.
        """
        decay, added = self(features, source)
        return scan(decay, added, initial, reset, backend=backend)

    def spread_timescales(self, longest: float) -> None:
        """Start the channels at time scales from 1 to `longest` positions, evenly in the logarithm.

        No channel starts at more than 10,000 positions. The rules whose decay the founding document fixes (additive,
        dual) keep it.
        """


class Gate(nn.Linear):
    """A gate's linear layer. Its bias is a time scale: it starts at 0, and no initialisation redraws it."""

    def __init__(self, source: int, channels: int) -> None:
        super().__init__(source, channels)
        nn.init.zeros_(self.bias)


def full_precision(value: Tensor) -> Tensor:
    """Return the value as float32, or float64 if it is that already."""
    return value if value.dtype == torch.float64 else value.float()


def timescales(channels: int, longest: float) -> Tensor:
    """Return `channels` time scales in positions, from 1 to `longest`, evenly in the logarithm."""
    end = torch.log10(torch.tensor(float(longest), device="cpu")).item()  # also while a model is built on "meta"
    return torch.logspace(0.0, end, channels)


def logit(probability: Tensor) -> Tensor:
    """Return the inverse of the sigmoid, kept off its two ends."""
    return torch.logit(probability, eps=1e-4)


class ConstantDecay(nn.Module):
    """A decay for each channel that depends on no feature: fixed, or trained and kept between 0 and 1 by a sigmoid.

    Args:
        value: the decay at the start, `[channels]`.
        learn: whether it is trained.
    """

    def __init__(self, value: Tensor, *, learn: bool) -> None:
        super().__init__()
        self.learn = learn
        if learn:
            self.logit = nn.Parameter(logit(value))
        else:
            self.register_buffer("value", value)
            self.value: Tensor

    def forward(self) -> Tensor:
        """Return the decay, `[channels]`."""
        return torch.sigmoid(self.logit) if self.learn else self.value

    def start_at(self, value: Tensor) -> None:
        """Set the decay, `[channels]`."""
        with torch.no_grad():
            (self.logit if self.learn else self.value).copy_(logit(value) if self.learn else value)

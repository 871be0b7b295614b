"""The founding document's model: one context for the whole model, fed back at every position.

    hidden_t = FNN([token_t ; context_{t-1}]),   context_t = update(context_{t-1}, *rule(hidden_t))

The FNN is plain Linear-ReLU-Dropout, no residual, no norm. The recurrence is nonlinear, so it runs
position after position.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from newllm.model.bodies.body import Body, State
from newllm.model.config import ModelConfig
from newllm.model.context_tap import ContextTap
from newllm.recurrence import build_norm, build_rule, update


class Cell(Body):
    """The founding cell. The rule's gates see `[token ; context]` itself, its delta sees the hidden layer."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.output_width = config.hidden
        self.context_width = config.context
        source = config.width + config.context
        widths = [source] + [config.hidden] * config.layers
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(config.dropout)]
        self.fnn = nn.Sequential(*layers)
        self.rule = build_rule(config.rule, config.hidden, source, config.context, learn_decay=config.learn_decay)
        self.norm = build_norm(config.norm, config.context)
        self.tap = ContextTap()

    def initial_state(self, rows: int, device: torch.device) -> State:
        """Return a context of zeros."""
        return {"context": torch.zeros(rows, self.context_width, device=device, dtype=self._dtype)}

    def forward(
        self, x_BTD: Tensor, state: State, position_BT: Tensor, reset_BT: Tensor | None
    ) -> tuple[Tensor, State]:
        """Run the cell position after position."""
        resets = [None] * x_BTD.shape[1] if reset_BT is None else list(reset_BT.unbind(1))
        hidden, contexts = [], []
        for x_BD, position_B, reset_B in zip(x_BTD.unbind(1), position_BT.unbind(1), resets, strict=True):
            if reset_B is not None:
                state = {"context": state["context"].masked_fill(reset_B[:, None], 0.0)}
            hidden_BH, state = self.step(x_BD, state, position_B)
            hidden.append(hidden_BH)
            contexts.append(state["context"])
        self.tap(torch.stack(contexts, dim=1))
        return torch.stack(hidden, dim=1), state

    def step(self, x_BD: Tensor, state: State, position_B: Tensor) -> tuple[Tensor, State]:  # noqa: ARG002
        """Read one token a row."""
        source_BS = torch.cat([x_BD, self.read(state["context"])], dim=-1)
        hidden_BH = self.fnn(source_BS)
        decay_BC, input_BC = self.rule(hidden_BH, source_BS)
        return hidden_BH, {"context": update(state["context"], decay_BC, input_BC, self.norm)}

    def read(self, context_BC: Tensor) -> Tensor:
        """Return what the FNN and the gates see of the context."""
        return self.norm.read(context_BC)

    @property
    def _dtype(self) -> torch.dtype:
        return self.rule.delta.weight.dtype


class ZeroContextCell(Cell):
    """The control: the same cell, but what it reads of its context is always zero."""

    def read(self, context_BC: Tensor) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(context_BC)

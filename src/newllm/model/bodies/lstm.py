"""torch's LSTM as a body, so that it is compared under the same embedding, head and trainer."""

import torch
from torch import Tensor, nn

from newllm.errors import UserError
from newllm.model.bodies.body import Body, State
from newllm.model.config import ModelConfig


class LSTM(Body):
    """`nn.LSTM` with dropout between its layers and on its output."""

    takes_resets = False

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.output_width = config.hidden
        between = config.dropout if config.layers > 1 else 0.0
        self.lstm = nn.LSTM(config.width, config.hidden, config.layers, batch_first=True, dropout=between)
        self.dropout = nn.Dropout(config.dropout)

    def initial_state(self, rows: int, device: torch.device) -> State:
        """Return zeros: `hidden` and `context`, each `[B, layers, hidden]`."""
        shape = (rows, self.lstm.num_layers, self.lstm.hidden_size)
        dtype = next(self.lstm.parameters()).dtype
        return {name: torch.zeros(shape, device=device, dtype=dtype) for name in ("hidden", "context")}

    def forward(
        self,
        x_BTD: Tensor,
        state: State,
        position_BT: Tensor,  # noqa: ARG002
        reset_BT: Tensor | None,
    ) -> tuple[Tensor, State]:
        """Run torch's LSTM.

        Raises:
            UserError: resets were asked for; torch's LSTM cannot start anew inside a row.
        """
        if reset_BT is not None:
            raise UserError("body 'lstm' cannot reset inside a row: drop data.resets, or take body stack")
        carried = tuple(state[name].transpose(0, 1).contiguous() for name in ("hidden", "context"))
        features, (hidden, context) = self.lstm(x_BTD, carried)
        return self.dropout(features), {"hidden": hidden.transpose(0, 1), "context": context.transpose(0, 1)}

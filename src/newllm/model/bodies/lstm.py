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
        inner: list[Tensor] | None = None,  # noqa: ARG002 - torch's LSTM shows its last layer only
    ) -> tuple[Tensor, State]:
        """Run torch's LSTM.

        Raises:
            UserError: resets were asked for; torch's LSTM cannot start anew inside a row. Or this processor cannot
                compute it in bf16, for which oneDNN needs AVX-512.
        """
        if reset_BT is not None:
            raise UserError("body 'lstm' cannot reset inside a row: drop data.resets, or take body stack")
        x_BTD, state = self.handover.receive(0, x_BTD, state)
        carried = tuple(state[name].transpose(0, 1).contiguous() for name in ("hidden", "context"))
        try:
            features, (hidden, context) = self.lstm(x_BTD, carried)
        except RuntimeError as error:
            if "primitive descriptor for the LSTM" not in str(error):
                raise
            raise UserError(
                "this processor computes no LSTM in bf16: take --set numerics.precision=fp32, or body stack"
            ) from error
        after = {"hidden": hidden.transpose(0, 1), "context": context.transpose(0, 1)}
        return self.handover.send(0, self.dropout(features), after)

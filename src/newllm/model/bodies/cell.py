"""The founding document's model: one context for the whole model, fed back at every position.

    hidden_t = FNN([token_t ; context_{t-1}]),   context_t = update(context_{t-1}, *rule(hidden_t))

The FNN is plain Linear-ReLU-Dropout, no residual, no norm, unless `fnn` says otherwise. The recurrence is
nonlinear, so it runs position after position.
"""

from itertools import chain

import torch
from torch import Tensor, nn

from newllm.kernels.operators import is_captured, is_transformed, run_loop
from newllm.model.bodies.body import Body, State
from newllm.model.bodies.cell_operator import has_operator
from newllm.model.bodies.cell_sequence import cell_sequence
from newllm.model.config import ModelConfig
from newllm.model.context_tap import ContextTap
from newllm.model.fnn import FNN, FNNS
from newllm.recurrence import Gate, build_norm, build_rule, contexts_before, sequential, update


class Cell(Body):
    """The founding cell. The rule's gates see `[token ; context]` itself, its delta sees the hidden layer.

    `forward` runs a whole sequence as one autograd function; `forward_naive` is its twin, a loop over
    `step`, for second derivatives and forward mode. Both draw the same dropout masks.

    Where `through_time` is False the gradient of a position goes back to the update that made the context it reads, at
    the position before, and no further: that update saw a constant.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.scan_backend = "auto"
        self.through_time = True
        self.output_width = config.hidden
        self.context_width = config.context
        source = config.width + config.context
        self.fnn = FNNS[config.fnn](source, config.hidden, config.layers, config.dropout)
        self.rule = build_rule(config.rule, config.hidden, source, config.context, learn_decay=config.learn_decay)
        self.norm = build_norm(config.norm, config.context)
        self.tap = ContextTap()

    def initial_state(self, rows: int, device: torch.device) -> State:
        """Return a context of zeros."""
        return {"context": torch.zeros(rows, self.context_width, device=device, dtype=self._dtype)}

    def forward(
        self,
        x_BTD: Tensor,
        state: State,
        position_BT: Tensor,  # noqa: ARG002
        reset_BT: Tensor | None,
        inner: list[Tensor] | None = None,  # noqa: ARG002 - the whole cell is one layer
    ) -> tuple[Tensor, State]:
        """Run the cell over a sequence."""
        x_BTD, state = self.handover.receive(0, x_BTD, state)
        masks = self._draw_masks(x_BTD)
        # A hook on a layer, or an adapter around it, is there to be called, and only the naive loop calls the layers.
        run = self._loop if self._is_hooked() or self._is_adapted() else self._run
        return self.handover.send(0, *self._features_and_state(*run(x_BTD, state["context"], reset_BT, masks)))

    def forward_naive(
        self,
        x_BTD: Tensor,
        state: State,
        position_BT: Tensor,  # noqa: ARG002
        reset_BT: Tensor | None,
    ) -> tuple[Tensor, State]:
        """Do as `forward`, position after position, differentiable in every way that torch knows."""
        masks = self._draw_masks(x_BTD)
        return self._features_and_state(*self._loop(x_BTD, state["context"], reset_BT, masks))

    def step(self, x_BD: Tensor, state: State, position_B: Tensor) -> tuple[Tensor, State]:  # noqa: ARG002
        """Read one token a row."""
        masks_LBH = self.fnn.draw_masks(len(x_BD))
        hidden_BH, context_BC = self._step_in_time(x_BD, state["context"], masks_LBH)
        return hidden_BH, {"context": context_BC}

    def read(self, context_BC: Tensor) -> Tensor:
        """Return what the FNN and the gates see of the context."""
        return self.norm.read(context_BC)

    def _run(
        self, x_BTD: Tensor, context_BC: Tensor, reset_BT: Tensor | None, masks_LTBH: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return the last layer of all positions and all contexts."""
        if not self.through_time:
            return self._run_cut(x_BTD, context_BC, reset_BT, masks_LTBH)
        return self._run_connected(x_BTD, context_BC, reset_BT, masks_LTBH)

    def _run_cut(
        self, x_BTD: Tensor, context_BC: Tensor, reset_BT: Tensor | None, masks_LTBH: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Do as `_run` with a gradient over one position: once every context is known, all positions run at once."""
        with torch.no_grad():
            _, known_BTC = self._run_connected(x_BTD, context_BC, reset_BT, masks_LTBH)
        torch.clear_autocast_cache()  # some torch versions go on with weights that were cast without a gradient
        masks_LBTH = None if masks_LTBH is None else masks_LTBH.transpose(1, 2)
        before_BTC = contexts_before(known_BTC, context_BC, reset_BT).detach()
        _, contexts_BTC = self._step(x_BTD, before_BTC, masks_LBTH)
        hidden_BTH, _ = self._step(x_BTD, contexts_before(contexts_BTC, context_BC, reset_BT), masks_LBTH)
        return hidden_BTH, contexts_BTC

    def _run_connected(
        self, x_BTD: Tensor, context_BC: Tensor, reset_BT: Tensor | None, masks_LTBH: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        # Not what the function computes: another FNN, or one that overrides a method; and a `torch.func`'s gradients.
        if type(self.fnn) is not FNN or is_transformed():
            return self._loop(x_BTD, context_BC, reset_BT, masks_LTBH)
        if is_captured(x_BTD) and not has_operator(self.rule, self.norm):
            return self._loop(x_BTD, context_BC, reset_BT, masks_LTBH)
        return cell_sequence(self.fnn, self.rule, self.norm, x_BTD, context_BC, reset_BT, masks_LTBH, self.scan_backend)

    def _loop(
        self, x_BTD: Tensor, context_BC: Tensor, reset_BT: Tensor | None, masks_LTBH: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Return what `_run` does."""
        return run_loop(self._positions, x_BTD.shape[1], x_BTD, context_BC, reset_BT, masks_LTBH)

    def _positions(
        self, x_BTD: Tensor, context_BC: Tensor, reset_BT: Tensor | None, masks_LTBH: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        hidden, contexts = [], []
        for t, x_BD in enumerate(x_BTD.unbind(1)):
            if reset_BT is not None:
                context_BC = context_BC.masked_fill(reset_BT[:, t, None], 0.0)
            masks_LBH = None if masks_LTBH is None else masks_LTBH[:, t]
            hidden_BH, context_BC = self._step_in_time(x_BD, context_BC, masks_LBH)
            hidden.append(hidden_BH)
            contexts.append(context_BC)
        return torch.stack(hidden, dim=1), torch.stack(contexts, dim=1)

    def _step(self, x_BD: Tensor, context_BC: Tensor, masks_LBH: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the last layer and the next context; there may be an axis of positions too."""
        source_BS = torch.cat([x_BD, self.read(context_BC)], dim=-1)
        hidden_BH = self.fnn(source_BS, masks_LBH)
        decay_BC, input_BC = self.rule(hidden_BH, source_BS)
        return hidden_BH, update(context_BC, decay_BC, input_BC, self.norm)

    def _step_in_time(self, x_BD: Tensor, context_BC: Tensor, masks_LBH: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return what `_step` does, with the gradient that `through_time` says."""
        hidden_BH, after_BC = self._step(x_BD, context_BC, masks_LBH)
        if not self.through_time:
            _, after_BC = self._step(x_BD, context_BC.detach(), masks_LBH)
        return hidden_BH, after_BC

    def _features_and_state(self, hidden_BTH: Tensor, contexts_BTC: Tensor) -> tuple[Tensor, State]:
        # A copy of the last one: a view would keep all of them alive for as long as the state is carried.
        return hidden_BTH, {"context": self.tap(contexts_BTC)[:, -1].clone()}

    def _draw_masks(self, x_BTD: Tensor) -> Tensor | None:
        return self.fnn.draw_masks(x_BTD.shape[1], x_BTD.shape[0])

    def _is_hooked(self) -> bool:
        parts = chain(self.fnn.modules(), self.rule.modules(), self.norm.modules())
        return any(p._forward_hooks or p._forward_pre_hooks or p._backward_hooks for p in parts)

    def _is_adapted(self) -> bool:
        layers = (*self.fnn.linears, self.rule.delta, *self.rule.gates)
        return any(type(layer) not in (nn.Linear, Gate) for layer in layers)

    @property
    def _dtype(self) -> torch.dtype:
        return self.rule.delta.weight.dtype


class ZeroContextCell(Cell):
    """The control: the same cell, but what it reads of its context is always zero."""

    def read(self, context_BC: Tensor) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(context_BC)

    def _run(
        self, x_BTD: Tensor, context_BC: Tensor, reset_BT: Tensor | None, masks_LTBH: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """Run the layers on all positions at once: nothing feeds back."""
        unread_BTC = x_BTD.new_zeros(*x_BTD.shape[:2], self.context_width)
        source_BTS = torch.cat([x_BTD, unread_BTC], dim=-1)
        masks_LBTH = None if masks_LTBH is None else masks_LTBH.transpose(1, 2)
        hidden_BTH = self.fnn(source_BTS, masks_LBTH)
        decay_BTC, input_BTC = self.rule(hidden_BTH, source_BTS)
        contexts_BTC, _ = sequential(decay_BTC, input_BTC, context_BC, reset_BT, self.norm)
        if not self.through_time:
            before_BTC = contexts_before(contexts_BTC, context_BC, reset_BT).detach()
            contexts_BTC = update(before_BTC, decay_BTC, input_BTC, self.norm)
        return hidden_BTH, contexts_BTC

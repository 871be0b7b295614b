"""The Lyapunov exponent of our cell while it trains: on few steps and few rows, for it costs a few updates."""

from typing import Any

import torch
from torch import Tensor

from newllm.model.bodies.cell import Cell
from newllm.model.language_model import LanguageModel
from newllm.recorder.layout import Layout
from newllm.recorder.lyapunov import model_exponents
from newllm.recorder.pending import Row

_SAMPLED, _FIRST = 100, 10  # of so many sampled steps one, that one
_ROWS, _POSITIONS = 2, 32


class LyapunovWatch:
    """Measures what the model read last.

    Args:
        layout: of a model; only our language models with a cell have an exponent here.
    """

    def __init__(self, layout: Layout) -> None:
        model = layout.inner
        is_cell = isinstance(model, LanguageModel) and isinstance(model.body, Cell)
        self._model = model if is_cell else None
        self._tokens: Tensor | None = None
        self._calls = 0

    def keep(self, inputs: tuple[Any, ...]) -> None:
        """Remember what the model is given."""
        if self._model is not None and inputs and isinstance(inputs[0], Tensor) and inputs[0].dim() == 2:
            self._tokens = inputs[0][:_ROWS, :_POSITIONS]

    def put(self, row: Row) -> None:
        """Measure on the tenth of every hundred sampled steps."""
        tokens, self._tokens, self._calls = self._tokens, None, self._calls + 1
        if tokens is None or not isinstance(self._model, LanguageModel) or self._calls % _SAMPLED != _FIRST:
            return
        with torch.no_grad():
            exponent = model_exponents(self._model, tokens, discard=1)
        if exponent is not None:
            row.put("lyapunov", exponent)

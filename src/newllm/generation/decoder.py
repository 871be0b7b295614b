"""Reads one token a row and predicts the next: the fastest way that this model and this machine have.

A stack's step runs as one compiled call: embedding, every block and the head, from weights that were packed once,
with no memory allocated but for what it returns (`compiled_step`). Its time is that of reading the weights. Any
other model, more rows than `MOST_ROWS`, and every machine without AVX-512, Linux or numba takes the model's own
`step`, with the weights rounded alike: see `compiled_step.decodable`. Both have the same states, up to rounding.

Shapes: B rows, V vocabulary.
"""

import threading
from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.generation.compiled_step.decodable import decodable
from newllm.generation.inference_mode import reading
from newllm.generation.weights import check_weights, rounded_model
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel

MOST_ROWS = 64  # torch's own products of more rows are no slower


@final
class Decoder:
    """Decodes with one model. States are never changed in place, and are those of the model itself.

    Several threads may call it at once; they take turns.

    Args:
        model: its weights are copied as they are now; it is read in evaluation mode.
        weights: "fp32"; "bf16", half the bytes; or "int8", a quarter: 8 bits and one scale an output, and what
            they are multiplied by rounded to 16 bits of its row's largest.

    Raises:
        UserError: no precision has this name.
    """

    def __init__(self, model: LanguageModel, weights: str = "fp32") -> None:
        check_weights(weights)
        self._model, self._weights = model, weights
        self._rounded: LanguageModel | None = None
        self._lock, self._compiled = threading.Lock(), None
        if decodable(model, weights):
            from newllm.generation.compiled_step.step import CompiledStep  # numba is an extra, and slow to import

            self._compiled = CompiledStep(model, weights)

    @property
    def is_compiled(self) -> bool:
        """Whether the step is one compiled call for up to `MOST_ROWS` rows."""
        return self._compiled is not None

    @property
    def threads(self) -> int:
        """How many threads share a compiled step: as many as torch has, or 1 where that was quicker of late."""
        return 1 if self._compiled is None else self._compiled.threads

    @property
    def weight_bytes(self) -> int:
        """The bytes of the weights that a compiled step reads; 0 without one."""
        return 0 if self._compiled is None else self._compiled.weight_bytes

    def step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        """Read a token a row.

        Args:
            tokens_B: token ids.
            state: before them: of `model.initial_state`, of the model after a prompt, or of this.

        Returns:
            Logits of each next token `[B, V]` and the next state.

        Raises:
            UserError: there is no row or the state has others, a token is none of the vocabulary, or learned positions
                have come to an end.
        """
        tokens = tokens_B.tolist()
        self._check(tokens, state)
        if self._compiled is None or len(tokens) > MOST_ROWS:
            return self._own_step(tokens_B, state)
        logits, after = self._compiled(tokens, state)
        return logits.view(len(tokens), -1), after

    def step_token(self, token: int, state: State) -> tuple[Tensor, State]:
        """Read one token of one row, as `step` does; return logits `[V]` and the next state."""
        if self._compiled is None:
            logits_1V, after = self.step(torch.tensor([token], device=self._model.device), state)
            return logits_1V[0], after
        self._check([token], state)
        return self._compiled([token], state)

    def close(self) -> None:
        """End the threads that help; they are started again when they are needed."""
        if self._compiled is not None:
            self._compiled.close()

    def _check(self, tokens: Sequence[int], state: State) -> None:
        vocabulary, positions = self._model.config.vocabulary, self._model.config.positions
        if not tokens:
            raise UserError("a step of 0 rows: give at least one token")
        wrong = [token for token in (min(tokens), max(tokens)) if not 0 <= token < vocabulary]
        if wrong:
            raise UserError(f"token {wrong[0]} is none of this model's: ids go from 0 to {vocabulary - 1}")
        if positions and int(state["position"].max()) >= positions:
            raise UserError(
                f"this model has only {positions} learned positions, and the text ends there: start a new text"
            )

    def _own_step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        with self._lock:
            rounded = self._rounded = self._rounded or rounded_model(self._model, self._weights)
        with reading(rounded):
            return rounded.step(tokens_B.to(rounded.device), dict(state))

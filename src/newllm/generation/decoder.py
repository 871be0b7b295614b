"""Reads tokens and predicts the next: the fastest way that this model and this machine have.

A stack reads in one compiled call: embedding, every block and the head, from weights that were packed once, with no
memory allocated but for what it returns (`compiled_step`). For one token its time is that of reading the weights. A
token's bits depend on its text alone: not on the texts that are read beside it, nor on how many of its own text are
read at once. Any other model, more rows than `MOST_ROWS`, and every machine without AVX2, Linux or numba takes the
model's own `forward` and `step`, one text after another, with the weights rounded alike: see `compiled_step.decodable`.
Both have the same states, up to rounding.

Shapes: B rows, N texts, T positions, V vocabulary.
"""

import threading
from collections.abc import Sequence
from itertools import accumulate
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

CHUNK = 1024
"""The most tokens that a model's own `forward` reads at once; fewer where their predictions would be large."""

COMPILED_CHUNK = 64
"""The tokens that a compiled call reads at once of one text: more would make it no faster."""

_LOGITS_AT_ONCE = 2**22


def decoder_of(rounded: LanguageModel, weights: str, *, compiled: bool = True) -> "Decoder":
    """Return a decoder of a model whose weights are rounded already: what is not compiled does not copy them again."""
    may_compile = compiled and decodable(rounded, weights)
    return Decoder(rounded, weights if may_compile else "fp32", compiled=may_compile)


def own_chunk(vocabulary: int) -> int:
    """Return how many tokens of a prompt a model's own `forward` reads at once."""
    return min(CHUNK, max(64, _LOGITS_AT_ONCE // vocabulary))


@final
class Decoder:
    """Decodes with one model. States are never changed in place, and are those of the model itself.

    Several threads may call it at once; they take turns.

    Args:
        model: its weights are copied as they are now; it is read in evaluation mode.
        weights: "fp32"; "bf16", half the bytes; or "int8", a quarter: 8 bits and one scale an output, and what
            they are multiplied by rounded to 16 bits of its row's largest.
        compiled: False never takes the compiled call, which the first text of an installation waits for.

    Raises:
        UserError: no precision has this name.

    Attributes:
        chunk: how many tokens of a prompt are to be read at once.
        most_tokens: how many tokens of all texts are best read at once.
    """

    most_tokens = 2 * MOST_ROWS

    def __init__(self, model: LanguageModel, weights: str = "fp32", *, compiled: bool = True) -> None:
        check_weights(weights)
        self._model, self._weights = model, weights
        self._rounded: LanguageModel | None = None
        self._lock, self._compiled = threading.Lock(), None
        if compiled and decodable(model, weights):
            from newllm.generation.compiled_step.step import CompiledStep  # numba is an extra, and slow to import

            self._compiled = CompiledStep(model, weights)
        self.chunk = own_chunk(model.config.vocabulary) if self._compiled is None else COMPILED_CHUNK

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
        logits, after = self._compiled.step(tokens, state)
        return logits.view(len(tokens), -1), after

    def step_token(self, token: int, state: State) -> tuple[Tensor, State]:
        """Read one token of one row, as `step` does; return logits `[V]` and the next state."""
        if self._compiled is None:
            logits_1V, after = self.step(torch.tensor([token], device=self._model.device), state)
            return logits_1V[0], after
        self._check([token], state)
        return self._compiled.step([token], state)

    def read(self, texts: Sequence[Sequence[int]], states: Sequence[State]) -> tuple[Tensor, list[State]]:
        """Read some tokens of several texts, each as if it were alone.

        Args:
            texts: of each its next tokens. To have the same bits each time, cut a text at the same places: a token of
                its own where one is chosen, a prompt every `chunk` tokens. A compiled call does not mind.
            states: of each its state, of one row.

        Returns:
            The logits after each text's last token `[N, V]` and the next states. The states of one call share memory.

        Raises:
            UserError: as `step`.
        """
        for text, state in zip(texts, states, strict=True):
            self._check(text, state, len(text))
        if self._compiled is not None:
            return self._compiled_read(texts, states)
        found = [self._own_read(text, state) for text, state in zip(texts, states, strict=True)]
        return torch.stack([logits_TV[-1] for logits_TV, _ in found]), [after for _, after in found]

    def read_all(self, text: Sequence[int], state: State) -> tuple[Tensor, State]:
        """Read some tokens of one text, as `read` does; return the logits after each of them `[T, V]` and the state."""
        self._check(text, state, len(text))
        if self._compiled is None:
            return self._own_read(text, state)
        logits = torch.empty(len(text), self._model.config.vocabulary)
        for first in range(0, len(text), COMPILED_CHUNK):
            part = text[first : first + COMPILED_CHUNK]
            found, state = self._compiled.read_all(part, state)
            logits[first : first + len(part)] = found.view(len(part), -1)
        return logits, state

    def close(self) -> None:
        """End the threads that help; they are started again when they are needed."""
        if self._compiled is not None:
            self._compiled.close()

    def _check(self, tokens: Sequence[int], state: State, more: int = 1) -> None:
        vocabulary, positions = self._model.config.vocabulary, self._model.config.positions
        if not tokens:
            raise UserError("a step of 0 rows: give at least one token")
        wrong = [token for token in (min(tokens), max(tokens)) if not 0 <= token < vocabulary]
        if wrong:
            raise UserError(f"token {wrong[0]} is none of this model's: ids go from 0 to {vocabulary - 1}")
        if positions and int(state["position"].max()) + more > positions:
            raise UserError(
                f"this model has only {positions} learned positions, and the text ends there: start a new text"
            )

    def _compiled_read(self, texts: Sequence[Sequence[int]], states: Sequence[State]) -> tuple[Tensor, list[State]]:
        """Read in calls that are as large as is good, long texts first but for their ends."""
        assert self._compiled is not None
        last, before = list(texts), list(states)
        for i in range(len(texts)):
            while len(last[i]) > COMPILED_CHUNK:
                _, (before[i],) = self._compiled.read([last[i][:COMPILED_CHUNK]], [before[i]])
                last[i] = last[i][COMPILED_CHUNK:]
        logits, after = list[Tensor](), list[State]()
        while last:
            fit = sum(total <= self.most_tokens for total in accumulate(map(len, last)))
            some, states_after = self._compiled.read(last[:fit], before[:fit])
            logits.append(some)
            after += states_after
            last, before = last[fit:], before[fit:]
        return (logits[0] if len(logits) == 1 else torch.cat(logits)).view(len(texts), -1), after

    def _own_step(self, tokens_B: Tensor, state: State) -> tuple[Tensor, State]:
        rounded = self._own_model()
        with reading(rounded):
            return rounded.step(tokens_B.to(rounded.device), dict(state))

    def _own_read(self, text: Sequence[int], state: State) -> tuple[Tensor, State]:
        tokens_T = torch.tensor(text)
        if len(text) == 1:
            return self._own_step(tokens_T, state)
        rounded = self._own_model()
        with reading(rounded):
            logits_1TV, after = rounded(tokens_T[None].to(rounded.device), dict(state))
        return logits_1TV[0], after

    def _own_model(self) -> LanguageModel:
        with self._lock:
            rounded = self._rounded = self._rounded or rounded_model(self._model, self._weights)
        return rounded

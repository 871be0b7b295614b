"""The decoding engine: reads a prompt, then predicts and reads one token after another.

One text at a time. Prompts are read in chunks, tokens by the model's `step`, and only the state is
carried, so that the space does not grow with the text.

Shapes: V vocabulary.
"""

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import final

import torch

from newllm.chance import stream_seed
from newllm.data.tokenizer import Tokenizer
from newllm.errors import UserError
from newllm.generation.continuation import Continuation
from newllm.generation.memory import Memory
from newllm.generation.sampling import LONGEST_WINDOW, Sampling, next_token
from newllm.generation.vocabulary import Vocabulary
from newllm.model.language_model import LanguageModel

CHUNK = 1024
"""The most prompt tokens that are read at once; fewer where their predictions would be large."""

_LOGITS_AT_ONCE = 2**22


@final
class Engine:
    """Reads and continues texts with one model. It changes neither the model nor any memory.

    Args:
        model: on its device; while it reads, it is in evaluation mode.
        tokenizer: the one that the model was trained with.

    Raises:
        UserError: model and tokenizer do not belong together.
    """

    def __init__(self, model: LanguageModel, tokenizer: Tokenizer) -> None:
        self.model = model
        self.vocabulary = Vocabulary(tokenizer, model.config.vocabulary)
        self._chunk = min(CHUNK, max(64, _LOGITS_AT_ONCE // model.config.vocabulary))

    def start(self) -> Memory:
        """Return the memory of a text that is still empty: the begin token has been read."""
        with _reading(self.model):
            token = torch.tensor([self.vocabulary.begin], device=self.model.device)
            logits_1V, state = self.model.step(token, self.model.initial_state(1))
        return Memory(state, logits_1V[0], tokens_read=1)

    def read(self, memory: Memory, text: str) -> Memory:
        """Return the memory after a prompt. An empty one changes nothing.

        The text is tokenized by itself: read in two parts it is the same as at once where its tokens
        are the same, as with the byte tokenizer they always are.

        Raises:
            UserError: the prompt is no valid text, or goes past the model's learned positions.
        """
        ids = self.vocabulary.encode(text)
        self._check_length(memory, len(ids))
        for first in range(0, len(ids), self._chunk):
            memory = self._read_chunk(memory, ids[first : first + self._chunk].tolist())
        return memory

    def read_token(self, memory: Memory, token: int) -> Memory:
        """Return the memory after one token more."""
        with _reading(self.model):
            token_1 = torch.tensor([token], device=self.model.device)
            logits_1V, state = self.model.step(token_1, memory.state)
        return _longer(memory, [token], Memory(state, logits_1V[0], memory.tokens_read))

    def choose(self, memory: Memory, sampling: Sampling, seed: int) -> int:
        """Return the next token: a function of the memory and the seed, whatever was generated before.

        Raises:
            UserError: the prediction is not finite.
        """
        # A stream for each place in the text: a text continued from a file is the text in one go.
        chance = torch.Generator().manual_seed(stream_seed(seed, "sampling", memory.tokens_read))
        logits_V = memory.logits_V.cpu().masked_fill(~self.vocabulary.allowed_V, -math.inf)
        return next_token(logits_V, sampling, memory.recent, chance)

    def is_full(self, memory: Memory) -> bool:
        """Say whether the model has learned positions and has come to their end."""
        return 0 < self.model.config.positions <= memory.tokens_read

    def stream(
        self,
        memory: Memory,
        tokens: int,
        sampling: Sampling | None = None,
        seed: int = 0,
        stop: Sequence[str] = (),
    ) -> Continuation:
        """Continue a text; the pieces come as they are made.

        Args:
            memory: what has been read.
            tokens: at most so many more.
            sampling: how tokens are chosen; None for the defaults.
            seed: of the stream "sampling".
            stop: strings before which the text ends.

        Raises:
            UserError: an argument cannot be.
        """
        sampling = Sampling() if sampling is None else sampling
        sampling.check()
        if tokens < 0:
            raise UserError(f"tokens is {tokens}: it must be 0 or more")
        return Continuation(self, memory, tokens, sampling, seed, stop)

    def _read_chunk(self, memory: Memory, ids: list[int]) -> Memory:
        with _reading(self.model):
            tokens_1T = torch.tensor([ids], device=self.model.device)
            logits_1TV, state = self.model(tokens_1T, memory.state)
        # A clone, or the one row would keep the whole chunk's predictions alive.
        return _longer(memory, ids, Memory(state, logits_1TV[0, -1].clone(), memory.tokens_read))

    def _check_length(self, memory: Memory, count: int) -> None:
        limit, total = self.model.config.positions, memory.tokens_read + count
        if 0 < limit < total:
            raise UserError(
                f"the prompt has {count} tokens, with the {memory.tokens_read} before it {total}: this model "
                f"has {limit} learned positions; shorten the prompt, or take a body without learned positions"
            )


def _longer(before: Memory, ids: list[int], after: Memory) -> Memory:
    """Return `after` with the bookkeeping of `before` moved on by the ids that were read."""
    recent = (*before.recent, *ids)[-LONGEST_WINDOW:]
    return dataclasses.replace(after, tokens_read=before.tokens_read + len(ids), recent=recent)


@contextlib.contextmanager
def _reading(model: LanguageModel) -> Iterator[None]:
    """Have the model in evaluation mode, without gradients, and put every module's mode back.

    It is entered for each token, not around a stream: what runs between two pieces is the caller's.
    """
    modes = [(module, module.training) for module in model.modules()] if model.training else []
    if modes:
        model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        for module, training in modes:
            module.training = training

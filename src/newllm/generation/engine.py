"""The decoding engine: reads a prompt, then predicts and reads one token after another.

One text at a time. Prompts are read in chunks, all by a `Decoder`, and only the state is carried, so that the space
does not grow with the text.

Shapes: T positions, V vocabulary.
"""

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from newllm.chance import stream_seed
from newllm.data.tokenizer import Tokenizer
from newllm.errors import UserError
from newllm.generation.compiled_step.decodable import decodable
from newllm.generation.continuation import Continuation
from newllm.generation.decoder import Decoder, decoder_of, own_chunk
from newllm.generation.memory import Memory
from newllm.generation.sampling import LONGEST_WINDOW, Sampling, next_token
from newllm.generation.vocabulary import Vocabulary
from newllm.generation.weights import rounded_model
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel


@final
class Engine:
    """Reads and continues texts with one model. It changes neither the model nor any memory.

    Args:
        model: on its device; while it reads, it is in evaluation mode. Change no weight between a text's tokens.
        tokenizer: the one that the model was trained with.
        weights: the precision of the weights, see `Decoder`. Any but "fp32" is made once, of the weights as they
            are now, for prompts too.
        compiled: whether a compiled step may read; see `Decoder`.

    Raises:
        UserError: model and tokenizer do not belong together, or no precision has this name.

    Attributes:
        model: what reads: the model itself, or a copy of it with its weights rounded.
    """

    def __init__(
        self, model: LanguageModel, tokenizer: Tokenizer, weights: str = "fp32", *, compiled: bool = True
    ) -> None:
        self.model = rounded_model(model, weights)
        self._weights, self._may_compile = weights, compiled
        self._decoder: Decoder | None = None
        self._decoder_versions = list[int]()
        self.vocabulary = Vocabulary(tokenizer, model.config.vocabulary)

    def start(self) -> Memory:
        """Return the memory of a text that is still empty: the begin token has been read."""
        self._drop_outdated_decoder()
        logits_V, state = self._prepared().step_token(self.vocabulary.begin, self.model.initial_state(1))
        return Memory(state, logits_V, tokens_read=1)

    def read(self, memory: Memory, text: str) -> Memory:
        """Return the memory after a prompt. An empty one changes nothing.

        The text is tokenized by itself: read in two parts it is the same as at once where its tokens
        are the same, as with the byte tokenizer they always are.

        Raises:
            UserError: the prompt is no valid text, or goes past the model's learned positions.
        """
        for ids in self.cut(memory, text):
            logits_1V, (state,) = self._prepared().read([ids], [memory.state])
            memory = _longer(memory, ids, state, logits_1V[0])
        return memory

    def cut(self, memory: Memory, text: str) -> list[list[int]]:
        """Return the ids of a prompt in the chunks in which `read` reads it, one after another by `read_ids`.

        Raises:
            UserError: as `read`.
        """
        self._drop_outdated_decoder()
        ids = self.vocabulary.encode(text)
        self._check_length(memory, len(ids))
        chunk = own_chunk(self.model.config.vocabulary)
        return [ids[first : first + chunk].tolist() for first in range(0, len(ids), chunk)]

    def read_ids(self, memory: Memory, ids: list[int]) -> tuple[Tensor, Memory]:
        """Return the prediction after each of some tokens, `[T, V]`, and the memory after the last.

        Args:
            memory: what has been read before.
            ids: one chunk of `cut`.
        """
        logits_TV, state = self._prepared().read_all(ids, memory.state)
        # A clone, or the one row would keep the whole chunk's predictions alive.
        return logits_TV, _longer(memory, ids, state, logits_TV[-1].clone())

    def read_token(self, memory: Memory, token: int) -> Memory:
        """Return the memory after one token more."""
        logits_V, state = self._prepared().step_token(token, memory.state)
        recent = (*memory.recent[1 - LONGEST_WINDOW :], token)
        return Memory(state, logits_V, memory.tokens_read + 1, recent)

    def choose(self, memory: Memory, sampling: Sampling, seed: int) -> int:
        """Return the next token: a function of the memory and the seed, whatever was generated before.

        Raises:
            UserError: the prediction is not finite.
        """
        # A stream for each place in the text: a text continued from a file is the text in one go.
        chance = torch.Generator().manual_seed(stream_seed(seed, "sampling", memory.tokens_read))
        return next_token(memory.logits_V, sampling, memory.recent, chance, self.vocabulary.forbidden)

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
        self._drop_outdated_decoder()
        return Continuation(self, memory, tokens, sampling, seed, stop)

    def _prepared(self) -> Decoder:
        """Return the decoder, made when it is first needed."""
        if self._decoder is None:
            self._decoder = decoder_of(self.model, self._weights, compiled=self._may_compile)
            self._decoder_versions = self._versions()
        return self._decoder

    def _drop_outdated_decoder(self) -> None:
        """Forget a decoder whose model was trained on, or hooked, since it was made."""
        if self._decoder is not None:
            may_compile = self._may_compile and decodable(self.model, self._weights)
            is_outdated = may_compile and self._decoder_versions != self._versions()
            if is_outdated or may_compile != self._decoder.is_compiled:
                self._decoder = None

    def _versions(self) -> list[int]:
        # What was made in inference mode counts no changes.
        return [0 if one.is_inference() else one._version for one in self.model.parameters()]

    def _check_length(self, memory: Memory, count: int) -> None:
        limit, total = self.model.config.positions, memory.tokens_read + count
        if 0 < limit < total:
            raise UserError(
                f"the prompt has {count} tokens, with the {memory.tokens_read} before it {total}: this model "
                f"has {limit} learned positions; shorten the prompt, or take a body without learned positions"
            )


def _longer(before: Memory, ids: list[int], state: State, logits_V: Tensor) -> Memory:
    """Return the memory after some more ids."""
    return Memory(state, logits_V, before.tokens_read + len(ids), (*before.recent, *ids)[-LONGEST_WINDOW:])

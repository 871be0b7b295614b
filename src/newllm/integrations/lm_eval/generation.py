"""Continues many texts together, one token each a step, as `newllm generate` would continue each of them.

Shapes: B rows, V vocabulary.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from newllm.chance import stream_seed
from newllm.errors import UserError, quoted
from newllm.generation import Sampling, TextStream, Vocabulary, next_token
from newllm.generation.continuation import StopStrings
from newllm.generation.sampling import LONGEST_WINDOW
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel
from newllm.model.rows import take_rows

_LONGEST = ("max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens")  # names of one thing
_SAMPLING = [field.name for field in dataclasses.fields(Sampling)]


@dataclasses.dataclass(frozen=True)
class Request:
    """How a text is to be continued.

    Args:
        until: strings before which it ends.
        tokens: at most so many.
        sampling: how tokens are chosen.
    """

    until: tuple[str, ...]
    tokens: int
    sampling: Sampling

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Request":
        """Read what a task asks for. Greedy, unless it gives a temperature above 0 and does not say `do_sample: false`.

        Raises:
            UserError: it asks for what this model cannot do, or gives what is no number for one.
        """
        settings = dict(given)
        until = _strings(settings.pop("until", None))
        lengths = [(name, settings.pop(name, None)) for name in _LONGEST]
        tokens = next((_length(name, length) for name, length in lengths if length is not None), 256)
        sampled = settings.pop("do_sample", None)
        if sampled not in (None, True, False):
            raise UserError(f"do_sample={quoted(sampled)} in gen_kwargs: it must be true or false")
        temperature = _number("temperature", settings.pop("temperature", None) or 0.0)
        chosen = {name: _number(name, settings.pop(name)) for name in _SAMPLING if name in settings}
        if settings:
            name, value = next(iter(settings.items()))
            known = ", ".join(("until", "do_sample", "max_gen_toks", *_SAMPLING))
            raise UserError(f"a newllm model takes no {name}={quoted(value)} in gen_kwargs: drop it; known: {known}")
        if sampled and temperature == 0.0:
            raise UserError("gen_kwargs ask for do_sample with temperature 0: give a temperature, or drop do_sample")
        sampling = Sampling(**chosen | {"temperature": 0.0 if sampled is not None and not sampled else temperature})
        sampling.check()
        return cls(until, tokens, sampling)


def _strings(given: Any) -> tuple[str, ...]:
    """Return the strings before which a text ends; an empty one would end all of them at once."""
    several = [given] if isinstance(given, str) else given or []
    if not isinstance(several, list | tuple) or not all(isinstance(text, str) for text in several):
        raise UserError(f"until={quoted(given)} in gen_kwargs: give a string or a list of strings")
    return tuple(text for text in several if text)


def _length(name: str, given: Any) -> int:
    number = _number(name, given)
    if not (math.isfinite(number) and number == int(number) >= 0):
        raise UserError(f"{name}={quoted(given)} in gen_kwargs: it must be a whole number of tokens, 0 or above")
    return int(number)


def _number(name: str, given: Any) -> Any:
    """Return a number that is one, or that a text says."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        return given
    try:
        if isinstance(given, str):
            return float(given) if not given.isdecimal() else int(given)
    except ValueError:
        pass
    raise UserError(f"{name}={quoted(given)} in gen_kwargs: give a number")


class _Text:
    """One text being continued."""

    def __init__(self, request: Request, context: Sequence[int], seed: int, number: int, room: int | None) -> None:
        self.recent = list(context)[-LONGEST_WINDOW:]
        self._request, self._seed, self._number = request, seed, number
        self._stop, self._characters, self._pieces = StopStrings(request.until), TextStream(), list[str]()
        self._written, self._first = 0, len(context) == 1
        self._longest = request.tokens if room is None else min(request.tokens, room)

    def choose(self, logits_V: Tensor, vocabulary: Vocabulary) -> int | None:
        """Choose a token and take it in; None where the text ends."""
        if self._written >= self._longest:
            return None
        # A stream of its own for each request, as a task may repeat one.
        chance = torch.Generator().manual_seed(stream_seed(self._seed, "sampling", self._number, self._written))
        token = next_token(logits_V, self._request.sampling, self.recent, chance, vocabulary.forbidden)
        if token == vocabulary.end:
            return None
        piece = vocabulary.token_bytes(token, first=self._first and not self._written)
        self._pieces.append(self._stop.feed(self._characters.feed(piece)))
        self.recent.append(token)
        self._written += 1
        return None if self._stop.found or self._written == self._longest else token

    @property
    def text(self) -> str:
        """What has been written, U+FFFD for a character that is not whole at its end."""
        if not self._stop.found:
            self._pieces.append(self._stop.feed(self._characters.undecoded.decode(errors="replace")))
        return "".join(self._pieces) + self._stop.rest()


def write_on(
    model: LanguageModel,
    vocabulary: Vocabulary,
    state: State,
    logits_BV: Tensor,
    requests: Sequence[Request],
    contexts: Sequence[Sequence[int]],
    numbers: Sequence[int],
    seed: int,
) -> list[str]:
    """Continue each row's text.

    Args:
        model: in evaluation mode.
        vocabulary: of its tokenizer.
        state: after the contexts.
        logits_BV: what comes next.
        requests: how to continue each row.
        contexts: token ids that were read.
        numbers: of the requests, each of which has its own chance.
        seed: of the sampling.
    """
    triples = zip(requests, contexts, numbers, strict=True)
    end = model.config.positions or None  # of learned positions
    texts = [
        _Text(request, context, seed, number, None if end is None else end - len(context))
        for request, context, number in triples
    ]
    active = texts
    while active:
        logits = logits_BV.float().cpu()
        tokens = [text.choose(logits_V, vocabulary) for text, logits_V in zip(active, logits, strict=True)]
        going_on = [row for row, token in enumerate(tokens) if token is not None]
        if not going_on:
            break
        active = [active[row] for row in going_on]
        state = take_rows(state, torch.tensor(going_on, device=model.device))
        read_B = torch.tensor([tokens[row] for row in going_on], device=model.device)
        logits_BV, state = model.step(read_B, state)
    return [text.text for text in texts]

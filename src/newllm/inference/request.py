"""A frame that asks for text, checked."""

import dataclasses
from collections.abc import Generator, Mapping
from typing import Any

import numpy as np

from newllm.errors import UserError, quoted
from newllm.generation import Sampling
from newllm.inference.snapshot import Snapshot
from newllm.inference.state_blob import StateBlobs
from newllm.inference.tokens import Tokens
from newllm.model.language_model import LanguageModel

LONGEST_TEXT = 16 << 20
"""Characters of a prompt: it is refused by its size, before anything is done with it."""

MOST_TOKENS = 4 << 20
"""Of a prompt."""

MOST_CHOICES = 128
MOST_STOPS = 64
LONGEST_STOP = 1024
"""Characters: what may be its beginning is held back, and the states from there on are kept."""

MOST_LOGPROBS = 20

LONGEST_ECHO = 4 << 20
"""Characters of a prompt that is told again, over all choices: with its first chunk, and all others wait for that."""

_LARGEST = 1 << 63
_SAMPLING = tuple(field.name for field in dataclasses.fields(Sampling))
_KINDS = {str: "a text", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}


@dataclasses.dataclass(frozen=True)
class Request:
    """What is asked for.

    Args:
        number: the frame's `id`.
        flow: who asks; turns are fair among flows.
        start: where the text goes on from.
        prompt: ids that are read after it.
        text: the prompt as it was given; None where ids were.
        max_tokens: how many tokens are chosen at most.
        sampling: how, checked.
        seed: of the first choice; each further one has the next.
        choices: how many.
        stop: strings before which a text ends.
        logprobs: how many of the likeliest tokens are told beside each; None where no logprobs are wanted.
        echo: whether the prompt is told too.
        keep: whether the state at the end comes back.
        resumes: whether `start` is a state that the request brought.
    """

    number: int
    flow: str
    start: Snapshot
    prompt: np.ndarray
    text: str | None
    max_tokens: int
    sampling: Sampling
    seed: int
    choices: int
    stop: tuple[str, ...]
    logprobs: int | None
    echo: bool
    keep: bool
    resumes: bool

    @property
    def cached_tokens(self) -> int:
        """How many tokens of the text had been read before, without the begin token."""
        return max(0, self.start.tokens_read - 1)

    @property
    def prompt_tokens(self) -> int:
        """How many tokens stand before the first that is chosen, without the begin token."""
        return self.start.tokens_read + len(self.start.pending) + len(self.prompt) - 1


class Intake:
    """Makes requests of frames.

    Args:
        model: which reads.
        tokens: its tokens.
        blobs: its states.
    """

    def __init__(self, model: LanguageModel, tokens: Tokens, blobs: StateBlobs) -> None:
        self._tokens, self._blobs, self._positions = tokens, blobs, model.config.positions
        self._new = Snapshot(model.initial_state(1), 0, (), (tokens.begin,), together=True)

    def request(self, header: Mapping[str, Any], blob: bytes) -> Generator[None, None, Request]:
        """Return what a frame asks for, and pause after each piece of the work where that is long.

        Raises:
            StateError: the state that it brings is damaged or of another model.
            UserError: anything else in it cannot be.
        """
        fields = _Fields(header)
        number, flow = fields.take("id", int), fields.take("flow", str, "")
        fields.take("op", str)
        text, given = fields.take("text", str, None), fields.take("tokens", list, None)
        sampling = fields.sampling()
        stop = fields.stop()
        result = {
            "max_tokens": fields.count("max_tokens", 16, 0, _LARGEST),
            "seed": fields.count("seed", 0, -_LARGEST, _LARGEST),
            "choices": fields.count("n", 1, 1, MOST_CHOICES),
            "logprobs": None if header.get("logprobs") is None else fields.count("logprobs", 0, 0, MOST_LOGPROBS),
            "echo": fields.take("echo", bool, False),
            "keep": fields.take("keep", bool, False),
        }
        fields.check_all_taken()
        self._check_prompt(text, given)
        if result["echo"]:
            self._check_echo(len(text or "") if given is None else self._tokens.length(given), result["choices"])
        start = self._blobs.unpack(blob) if blob else self._new
        yield
        prompt = yield from self._tokens.encoding(text or "", start.rest)
        if given is not None:
            prompt = np.concatenate([prompt, np.array(given, dtype=np.int32)])
        self._check_length(start, len(prompt))
        return Request(
            number, flow, start, prompt, text, sampling=sampling, stop=stop, resumes=bool(blob), **result
        )  # fmt: skip

    def _check_prompt(self, text: str | None, given: list[Any] | None) -> None:
        if text is not None and given is not None:
            raise UserError("both 'text' and 'tokens' are given: leave one out")
        if given is None:
            if len(text or "") > LONGEST_TEXT:
                raise UserError(
                    f"the prompt has {len(text or ''):,} characters: at most {LONGEST_TEXT:,} are read at once"
                )
            return
        if len(given) > MOST_TOKENS:
            raise _too_many(len(given))
        if not all(type(token) is int for token in given):
            raise UserError("'tokens' has what is no token id: give whole numbers")
        wrong = [
            token for token in (min(given, default=0), max(given, default=0)) if not 0 <= token < self._tokens.count
        ]
        if wrong:
            raise UserError(
                f"token {quoted(wrong[0])} is none of this model's: ids go from 0 to {self._tokens.count - 1}"
            )

    def _check_echo(self, characters: int, choices: int) -> None:
        if choices * characters > LONGEST_ECHO:
            raise UserError(
                f"echo tells a prompt of {characters:,} characters with each of {choices} choices: at most "
                f"{LONGEST_ECHO:,} are told in all; ask for fewer choices, or without echo"
            )

    def _check_length(self, start: Snapshot, count: int) -> None:
        if count > MOST_TOKENS:
            raise _too_many(count)
        before = start.tokens_read + len(start.pending)
        if 0 < self._positions < before + count:
            raise UserError(
                f"the prompt has {count} tokens, with the {before} before it {before + count}: this model "
                f"has {self._positions} learned positions; shorten the prompt"
            )


class _Fields:
    """The fields of a frame, each checked as it is taken."""

    def __init__(self, header: Mapping[str, Any]) -> None:
        self._left = dict(header)

    def take(self, name: str, kind: type, *default: Any) -> Any:
        """Return a field of a type, or the default where it is absent or null."""
        value = self._left.pop(name, None)
        if value is None and default:
            return default[0]
        if type(value) is not kind and not (kind is float and type(value) is int):
            raise UserError(f"'{name}' is {quoted(value)}: give {_KINDS[kind]}")
        return value

    def count(self, name: str, default: int, least: int, most: int) -> int:
        """Return a whole number between two."""
        value = self.take(name, int, default)
        if not least <= value <= most:
            raise UserError(f"'{name}' is {quoted(value)}: give a whole number from {least} to {most}")
        return value

    def sampling(self) -> Sampling:
        given = {name: value for name in _SAMPLING if (value := self._left.pop(name, None)) is not None}
        sampling = Sampling(**given)
        sampling.check()
        return sampling

    def stop(self) -> tuple[str, ...]:
        given = self.take("stop", list, [])
        if len(given) > MOST_STOPS:
            raise UserError(f"{len(given)} stop strings: give at most {MOST_STOPS}")
        for one in given:
            if type(one) is not str or not 0 < len(one) <= LONGEST_STOP:
                raise UserError(f"stop string {quoted(one)}: give a text of 1 to {LONGEST_STOP} characters")
        return tuple(given)

    def check_all_taken(self) -> None:
        if self._left:
            raise UserError(f"unknown field {', '.join(sorted(map(quoted, self._left)))[:200]}: leave it out")


def _too_many(count: int) -> UserError:
    return UserError(f"the prompt has {count:,} tokens: at most {MOST_TOKENS:,} are read at once")

"""Many texts, read and written together: every step reads a token of each that is written, and a chunk of a prompt.

A text comes and goes between two steps. Its tokens are those that it has alone, see `Decoder.read`, and so is the
chance by which they are chosen.

Shapes: B texts, T tokens, V vocabulary.
"""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from newllm.frames import encode_frame, frame_of
from newllm.generation import Decoder, Vocabulary
from newllm.generation.batch_sampling import DIVERGED, BatchSampling
from newllm.generation.sampling import diverged
from newllm.inference.choice import Choice
from newllm.inference.echo import Echo
from newllm.inference.logprobs import Logprobs
from newllm.inference.pacing import Pacing
from newllm.inference.reading import Reading
from newllm.inference.request import Request
from newllm.inference.state_blob import StateBlobs
from newllm.inference.tokens import Tokens
from newllm.inference.turns import Prompts, fair
from newllm.model.bodies import State

Send = Callable[[bytes], None]


@dataclasses.dataclass
class Counts:
    """What has been done since the start."""

    steps: int = 0
    tokens_read: int = 0
    tokens_written: int = 0


class Batch:
    """Answers requests.

    Args:
        decoder: reads.
        tokens: of the model.
        vocabulary: says which of them are never chosen.
        positions: how many the model has learned; 0 for no limit.
        blobs: packs states.
        send: takes each frame, as bytes.

    Attributes:
        counts: what has been done.
    """

    def __init__(
        self, decoder: Decoder, tokens: Tokens, vocabulary: Vocabulary, positions: int, blobs: StateBlobs, send: Send
    ) -> None:
        self._decoder, self._tokens, self._positions = decoder, tokens, positions
        self._blobs, self._send, self._forbidden = blobs, send, vocabulary.forbidden
        self._logprobs = Logprobs(tokens, vocabulary.forbidden)
        self._prompts, self._choices = Prompts(), list[Choice]()
        self._left: dict[int, int] = {}  # of each request, how many choices have not ended
        self._sampled, self._sampling = list[Choice](), BatchSampling([], [], self._forbidden)
        self._events = list[tuple[int, str]]()  # of which request, and JSON
        self._pacing = Pacing()
        self.counts = Counts()

    @property
    def is_busy(self) -> bool:
        """Whether there is anything to do."""
        return bool(self._left)

    def has(self, number: int) -> bool:
        """Say whether a request of this id has not ended."""
        return number in self._left

    @property
    def rows(self) -> int:
        """How many texts are being written."""
        return len(self._choices)

    @property
    def waiting(self) -> int:
        """How many prompts are not read."""
        return len(self._prompts)

    def add(self, request: Request) -> None:
        """Begin with a request. Its id is that of no other."""
        echo = Echo(request, self._tokens, self._logprobs) if request.echo else None
        self._left[request.number] = request.choices
        self._prompts.add(Reading(request, self._decoder.chunk, freely=self._decoder.is_compiled, echo=echo))

    def cancel(self, number: int) -> None:
        """End a request without a further word; one that has ended is no mistake."""
        if self._left.pop(number, None) is not None:
            self._prompts.drop(number)
            self._choices = [choice for choice in self._choices if choice.request.number != number]

    def step(self) -> None:
        """Read what is next of each text that has its turn, and choose the tokens that follow."""
        choices = list(fair(self._choices, self._decoder.most_tokens))
        readings = self._prompts.take(self._decoder.chunk)
        readings.sort(key=lambda reading: reading.wants_all)  # those are read by themselves
        try:
            logits_BV = self._read(choices, readings)
        except Exception:  # nothing has moved on: without whoever it is due to, the others do so in the next step
            self._fail_culprits(choices, readings)
            return
        takers, rows, begun = choices, list(range(len(choices))), list[Choice]()
        for row, reading in enumerate(readings, len(choices)):
            begun += (own := self._begun(reading))
            going = [choice for choice in own if choice.check_first()]
            takers, rows = takers + going, rows + [row] * len(going)
        if len(rows) != len(logits_BV) or begun:
            logits_BV = logits_BV[rows]
        if takers:
            self._choose(takers, logits_BV)
        self._choices += begun
        whole = [choice for choice in (*choices, *begun) if choice.request.number in self._left]  # not failed
        ended = [choice for choice in whole if choice.finish]
        # The first piece of a text and its last at once, the others when it is time.
        self._tell([choice for choice in whole if choice.finish or len(choice.ids) == 1])
        self._end(ended)
        self.counts.steps += 1
        self._pacing.end()

    def tell_in_time(self) -> None:
        """Before a step: tell of the texts what has not been told, unless that can wait for what the step adds."""
        chunk = self._decoder.chunk if len(self._prompts) else 0
        if self._pacing.begin(min(len(self._choices), self._decoder.most_tokens), chunk):
            self.tell()

    def tell(self) -> None:
        """Tell of every text what has not been told."""
        self._tell(self._choices)

    def _tell(self, choices: list[Choice]) -> None:
        """Tell of these texts, and send what else there is to tell."""
        for choice in choices:
            if (said := choice.said()) is not None:
                self._events.append((choice.request.number, said))
        if self._events:
            texts = ",".join([said for _, said in self._events])
            self._send(frame_of(f'{{"op":"events","events":[{texts}]}}'.encode()))
            self._events = []

    def _read(self, choices: list[Choice], readings: list[Reading]) -> np.ndarray:
        """Read a text of each, and return the prediction after it."""
        plain = [reading for reading in readings if not reading.wants_all]
        texts = [choice.ids[-1:] for choice in choices] + [reading.text or [] for reading in plain]
        states = [choice.state for choice in choices] + [reading.state for reading in plain]
        found = list[Tensor]()
        if texts:
            logits_BV, states = self._decoder.read(texts, states)
            found.append(logits_BV)
        for choice, state in zip(choices, states, strict=False):
            choice.has_read(state)
        for reading, state in zip(plain, states[len(choices) :], strict=True):
            self._echo_chunk(reading, None)
            reading.advance(state)
        for reading in readings[len(plain) :]:
            found.append(self._read_all(reading))
        self.counts.tokens_read += sum(map(len, texts))
        return (found[0] if len(found) == 1 else torch.cat(found)).detach().cpu().numpy()

    def _read_all(self, reading: Reading) -> Tensor:
        """Read the text of one that asks for every prediction; return the last, `[1, V]`."""
        text = reading.text or []
        logits_TV, state = self._decoder.read_all(text, reading.state)
        self.counts.tokens_read += len(text)
        if reading.is_in_prompt:
            self._echo_chunk(reading, torch.cat([reading.predicted_V[None], logits_TV[:-1]]))
        reading.advance(state)
        reading.predicted_V = logits_TV[-1].clone()
        return logits_TV[-1:]

    def _echo_chunk(self, reading: Reading, predicted_TV: Tensor | None) -> None:
        """Tell the text of a prompt that is being read, where that is asked for."""
        if reading.echo is not None and reading.is_in_prompt:
            values = None if predicted_TV is None else predicted_TV.detach().cpu().numpy()
            self._echo(reading, reading.echo.chunk(reading.text or [], reading.tokens_read, values))

    def _echo(self, reading: Reading, said: dict[str, Any]) -> None:
        number = reading.request.number
        for index in range(reading.request.choices):
            self._events.append((number, json.dumps({"id": number, "choice": index, **said}, allow_nan=False)))

    def _begun(self, reading: Reading) -> list[Choice]:
        """Return the choices that begin after a prompt; let it wait again where it is not at its end."""
        if reading.text is not None:
            self._prompts.put_back(reading)
            return []
        if reading.echo is not None and (rest := reading.echo.rest()):
            self._echo(reading, {"text": rest, "tokens": 0, "echo": True})
        return [Choice(reading, index, self._tokens, self._positions) for index in range(reading.request.choices)]

    def _choose(self, takers: list[Choice], logits_BV: np.ndarray) -> None:
        """Choose the next token of each."""
        if takers != self._sampled:
            self._sampled = takers
            seeds = [choice.seed for choice in takers]
            self._sampling = BatchSampling([choice.request.sampling for choice in takers], seeds, self._forbidden)
        sampling = self._sampling
        recent = [takers[row].recent(int(takers[row].request.sampling.repetition_window)) for row in sampling.penalised]
        tokens_read, failed = [choice.tokens_read for choice in takers], dict[int, str]()
        tokens = sampling.choose(logits_BV, tokens_read, recent)
        for row, (choice, token) in enumerate(zip(takers, tokens, strict=True)):
            if token == DIVERGED:
                failed[choice.request.number] = str(diverged(float(logits_BV[row].max())))
                continue
            if choice.request.logprobs is not None and token != self._tokens.end:
                is_first = choice.tokens_read == 1
                some = self._logprobs.entries(
                    logits_BV[row : row + 1], [token], choice.request.logprobs, first=is_first
                )
                choice.entries += some
            choice.take(token)
        self.counts.tokens_written += len(tokens)
        for number, why in failed.items():
            self._fail(number, why)

    def _end(self, ended: list[Choice]) -> None:
        """Tell of the choices that have ended, and forget them."""
        for choice in ended:
            number, request = choice.request.number, choice.request
            if number not in self._left:
                continue
            self._left[number] -= 1
            if is_last := not self._left[number]:
                del self._left[number]
            header = {
                "op": "done", "id": number, "choice": choice.index, "finish": choice.finish,
                "prompt_tokens": request.prompt_tokens, "cached_tokens": request.cached_tokens,
                "completion_tokens": len(choice.ids), "last": is_last, "whole": choice.is_whole,
            }  # fmt: skip
            self._send(encode_frame(header, self._blobs.pack(choice.snapshot()) if request.keep else b""))
        self._choices = [
            choice for choice in self._choices if not choice.finish and choice.request.number in self._left
        ]

    def _fail(self, number: int, why: str) -> None:
        """End a request by an error, after what was written."""
        self._tell([choice for choice in self._choices if choice.request.number == number])
        self.cancel(number)
        self._send(encode_frame({"op": "error", "id": number, "error": why, "kind": "internal"}))

    def _fail_culprits(self, choices: list[Choice], readings: list[Reading]) -> None:
        """After a call of the decoder that failed: end those whose text fails alone, or all where none does."""
        works = [(choice.request.number, choice.ids[-1:], choice.state) for choice in choices]
        works += [(reading.request.number, reading.text or [], reading.state) for reading in readings]
        for reading in readings:
            self._prompts.put_back(reading)
        failed = {number: why for number, text, state in works if (why := self._failure(text, state))}
        for number in failed or {number for number, _, _ in works}:
            self._fail(number, f"defect of newllm: {failed.get(number, 'a step of many texts failed')}")

    def _failure(self, text: list[int], state: State) -> str:
        try:
            self._decoder.read([text], [state])
        except Exception as error:
            return " ".join(f"{type(error).__name__}: {error}".split())
        return ""

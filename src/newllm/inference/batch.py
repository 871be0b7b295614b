"""Many texts, read and written together: every step reads a token of each that is written, and a chunk of a prompt.

A text comes and goes between two steps. Its tokens are those that it has alone, see `Decoder.read`, and so is the
chance by which they are chosen.

Shapes: B texts, T tokens, V vocabulary.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from newllm.frames import encode_frame
from newllm.generation import Decoder, Vocabulary
from newllm.generation.batch_sampling import DIVERGED, BatchSampling
from newllm.inference.choice import Choice
from newllm.inference.echo import Echo
from newllm.inference.events import Events
from newllm.inference.failures import defect, error_frame, not_finite
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
        self._events, self._pacing = Events(send), Pacing()
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
        taken = self._prompts.take(self._decoder.chunk)
        readings = [reading for reading in taken if not reading.wants_all]
        alone = [reading for reading in taken if reading.wants_all]
        try:
            found, states = self._read(choices, readings)
        except Exception:  # nothing has moved on: without whoever it is due to, the others do so in the next step
            self._fail_culprits(choices, readings, alone)
            return
        told = [said for reading in readings for said in reading.echoed(None)]
        for reading in alone:
            try:
                some, logits_1V, state = self._read_all(reading)
            except Exception as error:
                self._fail(reading.request.number, defect(error))
                continue
            told, readings, found, states = told + some, [*readings, reading], [*found, logits_1V], [*states, state]
        if not found:
            return
        self._move_on(choices, readings, states)  # only now: a reading that fails leaves no other one halfway
        self._echo(told)
        logits_BV = (found[0] if len(found) == 1 else torch.cat(found)).detach().cpu().numpy()
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
                self._events.add(said)
        self._events.send()

    def _read(self, choices: list[Choice], readings: list[Reading]) -> tuple[list[Tensor], list[State]]:
        """Read a text of each; return the predictions after them, none where there is no text, and the states."""
        texts = [choice.ids[-1:] for choice in choices] + [reading.text or [] for reading in readings]
        states = [choice.state for choice in choices] + [reading.state for reading in readings]
        if not texts:
            return [], []
        logits_BV, states = self._decoder.read(texts, states)
        return [logits_BV], states

    def _read_all(self, reading: Reading) -> tuple[list[str], Tensor, State]:
        """Read the text of one that asks for every prediction; return its echo, the last, `[1, V]`, and the state."""
        logits_TV, state = self._decoder.read_all(reading.text or [], reading.state)
        told = reading.echoed(logits_TV)
        reading.predicted_V = logits_TV[-1].clone()
        return told, logits_TV[-1:], state

    def _move_on(self, choices: list[Choice], readings: list[Reading], states: list[State]) -> None:
        """Take note of what has been read."""
        for choice, state in zip(choices, states, strict=False):
            choice.has_read(state)
        self.counts.tokens_read += len(choices)
        for reading, state in zip(readings, states[len(choices) :], strict=True):
            self.counts.tokens_read += len(reading.text or ())
            reading.advance(state)

    def _echo(self, told: list[str]) -> None:
        for said in told:
            self._events.add(said)

    def _begun(self, reading: Reading) -> list[Choice]:
        """Return the choices that begin after a prompt; let it wait again where it is not at its end."""
        if reading.text is not None:
            self._prompts.put_back(reading)
            return []
        if reading.echo is not None and (rest := reading.echo.rest()):
            self._echo(rest)
        return [Choice(reading, index, self._tokens, self._positions) for index in range(reading.request.choices)]

    def _choose(self, takers: list[Choice], logits_BV: np.ndarray) -> None:
        """Choose the next token of each."""
        if takers != self._sampled:
            self._sampled = takers
            seeds = [choice.seed for choice in takers]
            self._sampling = BatchSampling([choice.request.sampling for choice in takers], seeds, self._forbidden)
        sampling = self._sampling
        recent = [takers[row].recent(int(takers[row].request.sampling.repetition_window)) for row in sampling.penalised]
        tokens_read, failed = [choice.tokens_read for choice in takers], dict[int, tuple[str, str]]()
        tokens = sampling.choose(logits_BV, tokens_read, recent)
        for row, (choice, token) in enumerate(zip(takers, tokens, strict=True)):
            if token == DIVERGED:
                failed[choice.request.number] = not_finite(choice.request, float(logits_BV[row].max()))
                continue
            if choice.request.logprobs is not None and token != self._tokens.end:
                is_first = choice.tokens_read == 1
                some = self._logprobs.entries(
                    logits_BV[row : row + 1], [token], choice.request.logprobs, first=is_first
                )
                choice.entries += some
            choice.take(token)
        self.counts.tokens_written += len(tokens)
        for number, (why, kind) in failed.items():
            self._fail(number, why, kind)

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
            try:
                frame = encode_frame(header, self._blobs.pack(choice.snapshot()) if request.keep else b"")
            except Exception as error:  # its state is more than memory, or a frame, can hold
                self._fail(number, defect(error))
            else:
                self._send(frame)
        self._choices = [
            choice for choice in self._choices if not choice.finish and choice.request.number in self._left
        ]

    def _fail(self, number: int, why: str, kind: str = "internal") -> None:
        """End a request by an error, after what was written."""
        self._tell([choice for choice in self._choices if choice.request.number == number])
        self.cancel(number)
        self._send(encode_frame(error_frame(number, why, kind)))

    def fail_all(self, why: str) -> None:
        """End every request by an error, without a further word of it."""
        self._events.clear()
        for number in list(self._left):
            self.cancel(number)
            self._send(encode_frame(error_frame(number, why, "internal")))

    def _fail_culprits(self, choices: list[Choice], readings: list[Reading], alone: list[Reading]) -> None:
        """After a call of the decoder that failed: end those whose text fails alone, or all where none does.

        Args:
            choices: which the call was for.
            readings: which it was for too.
            alone: which were to be read after it.
        """
        works = [(choice.request.number, choice.ids[-1:], choice.state) for choice in choices]
        works += [(reading.request.number, reading.text or [], reading.state) for reading in readings]
        for reading in (*readings, *alone):
            self._prompts.put_back(reading)
        failed = {number: why for number, text, state in works if (why := self._failure(text, state))}
        for number in failed or {number for number, _, _ in works}:
            self._fail(number, failed.get(number, "defect of newllm: a step of many texts failed"))

    def _failure(self, text: list[int], state: State) -> str:
        try:
            self._decoder.read([text], [state])
        except Exception as error:
            return defect(error)
        return ""

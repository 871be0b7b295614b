"""A small model served in this process, and its twin: the same texts by `Engine` alone, one after another."""

import dataclasses
import io
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
import torch

from newllm.data import train_tokenizer
from newllm.errors import UserError
from newllm.frames import read_frame
from newllm.generation import Engine, Memory, Sampling
from newllm.generation.decoder import own_chunk
from newllm.inference.preparing import at_once
from newllm.inference.serving import serving
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel

WORDS = "the cat sat on the mat and the dog lay by the door 猫がマットの上に座った 🐈‍⬛ é".encode()


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> Iterator[None]:
    """A second thread makes steps this small slower, on a busy machine twenty times."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclasses.dataclass(frozen=True)
class Node:
    """A text as `Engine` has it: its memory, and what of it has not been read."""

    memory: Memory
    rest: bytes = b""


@dataclasses.dataclass
class Answer:
    """What was heard of one choice."""

    text: str = ""
    tokens: int = 0
    logprobs: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    done: dict[str, Any] = dataclasses.field(default_factory=dict)
    blob: bytes = b""


def count_inside(undecoded: bytes, pieces: Sequence[bytes], characters: int) -> int:
    """How many of some pieces lie wholly in the first characters of their text: by decoding each beginning anew."""

    def needed(count: int) -> int:
        content = undecoded + b"".join(pieces[:count])
        # What is cut off in the middle is one character, whatever it will be.
        return len(content.decode("utf-8", "replace"))

    return max(count for count in range(len(pieces) + 1) if count == 0 or needed(count) <= characters)


class Twin:
    """Answers by an engine alone."""

    def __init__(self, engine: Engine) -> None:
        self.engine, self.start = engine, Node(engine.start())
        self._chunk = own_chunk(engine.model.config.vocabulary)

    def prompt(self, node: Node, text: str) -> list[int]:
        """The ids of what is read in front of a continuation."""
        ids, content, encode = [], node.rest + text.encode(), self.engine.vocabulary.encode
        while content:
            try:
                return ids + encode(content.decode()).tolist()
            except UnicodeDecodeError as error:
                ids += encode(content[: error.start].decode()).tolist()
                ids += [self._byte(byte) for byte in content[error.start : error.end]]
                content = content[error.end :]
        return ids

    def _byte(self, byte: int) -> int:
        vocabulary = self.engine.vocabulary
        rows = range(int(vocabulary.allowed_V.sum()))
        return next(token for token in rows if vocabulary.token_bytes(token, first=True) == bytes([byte]))

    def answer(
        self, node: Node, text: str, tokens: int, sampling: Sampling, seed: int, stop: Sequence[str]
    ) -> tuple[str, str, int, Node]:
        """Return text, finish, how many tokens were chosen, and the text to go on from."""
        engine, memory, ids = self.engine, node.memory, self.prompt(node, text)
        if 0 < engine.model.config.positions < memory.tokens_read + len(ids):
            raise UserError("too long")
        for first in range(0, len(ids), self._chunk):
            _, memory = engine.read_ids(memory, ids[first : first + self._chunk])
        stream = engine.stream(memory, tokens, sampling, seed, stop)
        result = stream.result()
        finish = "length" if result.stopped_by == "tokens" else result.stopped_by
        if finish != "stop":
            return result.text, finish, result.tokens, Node(stream.memory)
        pieces = [
            engine.vocabulary.token_bytes(token, first=memory.tokens_read + at == 1)
            for at, token in enumerate(stream.ids)
        ]
        count = count_inside(memory.undecoded, pieces, len(result.text))
        undecoded = memory.undecoded + b"".join(pieces[:count])
        length = count_inside(undecoded, [bytes([byte]) for byte in pieces[count]], len(result.text))
        for token in stream.ids[:count]:
            memory = engine.read_token(memory, token)
        memory = dataclasses.replace(memory, undecoded=b"" if result.text else memory.undecoded)
        return result.text, finish, result.tokens, Node(memory, pieces[count][:length])


class Served:
    """The batch of a model, driven step by step."""

    def __init__(self, engine: Engine, tokenizer: Any, model: LanguageModel, weights: str) -> None:
        self.answers: dict[tuple[int, int], Answer] = defaultdict(Answer)
        self.errors: dict[int, dict[str, Any]] = {}
        self.frames = list[dict[str, Any]]()
        self._send: Callable[[bytes], None] = self._hear
        self.intake, self.batch, self.told = serving(model, tokenizer, weights, lambda frame: self._send(frame))
        self.engine, self.twin = engine, Twin(engine)
        self._id = 0

    def _hear(self, content: bytes) -> None:
        header, blob = read_frame(io.BytesIO(content)) or ({}, b"")
        self.frames.append(header)
        if header["op"] == "events":
            for said in header["events"]:
                answer = self.answers[said["id"], said["choice"]]
                assert said["id"] not in self.errors
                assert not answer.done
                answer.text += said["text"]
                answer.tokens += said["tokens"]
                answer.logprobs += said.get("logprobs", [])
        elif header["op"] == "done":
            answer = self.answers[header["id"], header["choice"]]
            assert not answer.done
            answer.done, answer.blob = header, blob
        else:
            self.errors[header["id"]] = header

    def answer_to(self, send: Callable[[bytes], None]) -> None:
        """Give frames to somebody else from now on."""
        self._send = send

    def ask(self, blob: bytes = b"", **fields: Any) -> int:
        """Send a request; return its id."""
        self._id += 1
        header = {"op": "generate", "id": self._id, "keep": True, **fields}
        self.batch.add(at_once(self.intake.request(header, blob)))
        return self._id

    def step(self) -> None:
        """Do a step, and tell all of it."""
        self.batch.step()
        self.batch.tell()

    def run(self) -> None:
        """Go on until there is nothing to do."""
        while self.batch.is_busy:
            self.step()

    def answer(self, blob: bytes = b"", **fields: Any) -> Answer:
        """Ask, and wait for the first choice."""
        number = self.ask(blob, **fields)
        self.run()
        assert number not in self.errors, self.errors[number]
        return self.answers[number, 0]

    def check_same(self, blob: bytes, node: Node) -> None:
        """Hold a state that was sent to the twin's, once what is pending has been read."""
        snapshot = self.intake._blobs.unpack(blob)
        decoder, state, tokens_read = self.engine._prepared(), snapshot.state, snapshot.tokens_read
        recent = list(snapshot.recent)
        for text in snapshot.texts:
            _, (state,) = decoder.read([text], [state])
            recent += text[1:] if tokens_read == 0 else text
            tokens_read += len(text)
        assert tokens_read == node.memory.tokens_read
        assert tuple(recent[-1024:]) == node.memory.recent
        assert state.keys() == node.memory.state.keys()
        for name, value in node.memory.state.items():
            assert torch.equal(state[name], value), name
        assert (snapshot.undecoded, snapshot.rest) == (node.memory.undecoded, node.rest)


@pytest.fixture(scope="session")
def serve() -> Callable[..., Served]:
    """Serve a small untrained model; keywords beside those named are settings of `ModelConfig`."""

    def make(tokenizer: str = "bytes", seed: int = 0, weights: str = "fp32", **settings: Any) -> Served:
        chosen = train_tokenizer(tokenizer, [WORDS * 20], 300)
        shape: dict[str, Any] = {"width": 16, "hidden": 24, "context": 12, "layers": 2, "heads": 2, "window": 8}
        chosen_shape: dict[str, Any] = {"vocabulary": chosen.vocab_size} | shape | settings
        config = ModelConfig(**chosen_shape)
        model = LanguageModel(config, seed)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():  # every part shall count
            for parameter in model.parameters():
                parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
        model.use_scan("torch")
        return Served(Engine(model, chosen, weights), chosen, model.eval(), weights)

    return make

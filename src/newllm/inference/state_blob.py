"""A snapshot as bytes, and back: what a request brings may come from anyone, so everything in it is checked.

    magic | 4 bytes: length of the header | header: JSON | token ids | tensors by sorted name | sha256 of all before

The tensors are those of the model's state but for its position, which is the number of tokens read. Who writes bytes
with a right sha256 of his own can make the model see any finite numbers, and nothing else.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Sequence

import numpy as np
import torch

from newllm.data import Tokenizer
from newllm.errors import UserError, quoted
from newllm.generation import fingerprint
from newllm.generation.sampling import LONGEST_WINDOW
from newllm.inference.snapshot import Snapshot
from newllm.inference.tokens import Tokens
from newllm.model.language_model import LanguageModel

MOST_PENDING = 4096
"""Tokens that may be pending: the last chunk of a prompt, or a few that were chosen."""

_MAGIC = b"newllm state 1\n"
_LENGTH, _SHA = 4, 32
_LONGEST_HEADER = 1 << 16
_LONGEST_REST = 1 << 12
_MOST_TOKENS = 1 << 53
_POSITION = "position"


class StateError(UserError):
    """A state is damaged, or of another model."""


@dataclasses.dataclass(frozen=True)
class _Header:
    """What stands before the numbers; `undecoded` and `rest` are hex."""

    model: str
    tokens_read: int
    recent: int
    pending: int
    together: bool
    undecoded: str
    rest: str
    grown: int


def served_fingerprint(model: LanguageModel, tokenizer: Tokenizer, weights: str) -> str:
    """Return the sha256 of all that a state depends on: the model, its tokenizer and its precision, as hex."""
    parts = fingerprint(model), hashlib.sha256(tokenizer.to_json().encode()).hexdigest(), weights
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


class StateBlobs:
    """Packs and unpacks the snapshots of one model.

    Args:
        model: whose states they are.
        tokens: its tokens.
        mark: its `served_fingerprint`.
    """

    def __init__(self, model: LanguageModel, tokens: Tokens, mark: str) -> None:
        self._tokens, self._mark, self._device, self._model = tokens, mark, model.device, model
        self._vocabulary, self._positions = model.config.vocabulary, model.config.positions
        self._ids = np.dtype("<u2" if self._vocabulary <= 1 << 16 else "<u4")
        start = model.initial_state(1)
        self._start = {name: start[name] for name in sorted(start) if name != _POSITION}
        self._most_grown = max(model.config.window, self._positions)

    def pack(self, snapshot: Snapshot) -> bytes:
        """Return a snapshot as bytes."""
        state = {name: snapshot.state[name].detach().cpu() for name in self._start}
        grown = max((_grown(value.shape, self._start[name].shape) for name, value in state.items()), default=0)
        recent = snapshot.recent[-LONGEST_WINDOW:]
        together = snapshot.together and len(snapshot.pending) > 1  # one token is the same either way
        header = _Header(
            self._mark, snapshot.tokens_read, len(recent), len(snapshot.pending), together,
            snapshot.undecoded.hex(), snapshot.rest.hex(), grown,
        )  # fmt: skip
        text = json.dumps(dataclasses.asdict(header)).encode()
        tokens = np.array([*recent, *snapshot.pending], dtype=self._ids).tobytes()
        values = [value.contiguous().view(-1).view(torch.uint8).numpy().tobytes() for value in state.values()]
        content = b"".join((_MAGIC, len(text).to_bytes(_LENGTH, "little"), text, tokens, *values))
        return content + hashlib.sha256(content).digest()

    def unpack(self, blob: bytes) -> Snapshot:
        """Return the snapshot that `pack` was given.

        Raises:
            StateError: the bytes are no whole blob, or that of another model.
        """
        header, first = self._header(blob)
        shapes = {name: _at(value.shape, header.grown) for name, value in self._start.items()}
        sizes = [math.prod(shapes[name]) * value.element_size() for name, value in self._start.items()]
        counts = header.recent + header.pending
        if len(blob) - first - _SHA != counts * self._ids.itemsize + sum(sizes):
            raise _damaged("its size is not that of its model's")
        tokens = np.frombuffer(blob, self._ids, counts, first).tolist()
        if max(tokens) >= self._vocabulary:
            raise _damaged("it has tokens that its model has not")
        at, state = first + counts * self._ids.itemsize, {}
        for (name, value), size in zip(self._start.items(), sizes, strict=True):
            content = bytearray(blob[at : at + size])  # torch wants memory of its own
            found = torch.frombuffer(content, dtype=value.dtype) if size else torch.empty(0, dtype=value.dtype)
            if not (is_finite := found.isfinite()).all():
                raise _damaged(f"its {quoted(name)} has the number {found[~is_finite][0].item()}")
            state[name], at = found.view(shapes[name]).to(self._device), at + size
        if not self._model.knows_tokens_of(state):
            raise _damaged("it has tokens that its model has not")
        state[_POSITION] = torch.tensor([header.tokens_read], device=self._device)
        recent, pending = tokens[: header.recent], tokens[header.recent :]
        return Snapshot(
            state, header.tokens_read, recent, pending, header.together,
            bytes.fromhex(header.undecoded), bytes.fromhex(header.rest),
        )  # fmt: skip

    def _header(self, blob: bytes) -> tuple[_Header, int]:
        """Return the header, checked, and where it ends."""
        start = len(_MAGIC) + _LENGTH
        if not blob.startswith(_MAGIC) or len(blob) < start + _SHA:
            raise _damaged("it does not begin as one")
        if hashlib.sha256(memoryview(blob)[:-_SHA]).digest() != blob[-_SHA:]:
            raise _damaged("its content is not what was written")
        length = int.from_bytes(blob[len(_MAGIC) : start], "little")
        try:
            header = _Header(**json.loads(blob[start : start + min(length, _LONGEST_HEADER)]))
            undecoded, rest = bytes.fromhex(header.undecoded), bytes.fromhex(header.rest)
        except (ValueError, TypeError, RecursionError) as error:
            raise _damaged("its header cannot be read") from error
        if header.model != self._mark:
            raise StateError(
                f"the state was written by another model ({quoted(header.model)[1:13]}, "
                f"this one is {self._mark[:12]}): give it to the model that wrote it"
            )
        if not self._is_possible(header) or len(undecoded) > 3 or len(rest) > _LONGEST_REST:
            raise _damaged("its header is not of this version")
        if not self._tokens.can_read(rest):
            raise _damaged(f"its model has no tokens for the bytes {quoted(header.rest)} of its rest")
        return header, start + length

    def _is_possible(self, header: _Header) -> bool:
        """Say whether each field is one that `pack` writes."""
        bounds = (
            (header.tokens_read, 0, _MOST_TOKENS), (header.recent, 0, LONGEST_WINDOW),
            (header.pending, 1, MOST_PENDING), (header.grown, 0, self._most_grown),
        )  # fmt: skip
        if any(type(value) is not int or not least <= value <= most for value, least, most in bounds):
            return False
        fits = not self._positions or header.tokens_read + header.pending <= self._positions
        return fits and type(header.together) is bool and max(header.grown, header.recent) <= header.tokens_read


def _at(start: Sequence[int], grown: int) -> list[int]:
    """Return the shape of a part of a state, some of whose axes begin at 0 and grow."""
    return [size or grown for size in start]


def _grown(shape: Sequence[int], start: Sequence[int]) -> int:
    """Return how far such an axis has grown; 0 where there is none."""
    return max((have for have, want in zip(shape, start, strict=True) if want == 0), default=0)


def _damaged(what: str) -> StateError:
    return StateError(f"the state is damaged ({what}): give back what an answer brought, whole and unchanged")

"""Which part of the text is trained on and which is held out for validation.

Decided on the text, before any tokenizer is trained, so that nothing is learnt from the held-out part.
"""

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from newllm.data.config import DataConfig
from newllm.data.documents import Document
from newllm.errors import UserError

_WHITE_SPACE = re.compile(rb"[ \t\n\v\f\r]")
_LONGEST_SNAP = 64
_FEWEST_SENTENCES = 5


@dataclass(frozen=True)
class Piece:
    """A stretch of one document.

    Attributes:
        text: valid UTF-8, not empty.
        starts_document: whether the document starts here, so that a begin token precedes it.
    """

    text: bytes
    starts_document: bool


@dataclass(frozen=True)
class Split:
    """The two parts, each in blocks; a block is a list of pieces that follow each other in the text.

    Attributes:
        train: the blocks to train on.
        validation: the blocks held out.
        report: fraction, blocks and ranges (half-open, in bytes of all documents joined; for sentences
            in lines), for data.json.
    """

    train: list[list[Piece]]
    validation: list[list[Piece]]
    report: dict[str, Any]


def split_documents(documents: Sequence[Document], own: Sequence[Document], config: DataConfig, words: bool) -> Split:
    """Split texts into training and validation.

    Args:
        documents: the texts, at least one.
        own: the validation's own texts; empty to hold out a part of `documents`.
        config: format, validation_fraction, validation_blocks, window and split_seed are used.
        words: cut before white space where it is near, and not only between characters.

    Raises:
        UserError: fewer than 5 sentences, or none.
    """
    if config.format == "sentences":
        return _split_sentences(documents, own, config.split_seed)
    if own:
        report = {"fraction": None, "blocks": "own files", "ranges": []}
        return Split([_whole(documents)], [_whole(own)], report)
    return _hold_out_blocks(documents, config, words)


def block_count(size: int, config: DataConfig) -> int:
    """Return the largest number of validation blocks, `size` bytes in all, that leaves each two windows.

    A window of T targets takes T + 1 tokens, and no token is shorter than a byte.
    """
    held_out = size * config.validation_fraction
    return max(1, min(config.validation_blocks, int(held_out // (2 * (config.window + 1)))))


def _whole(documents: Sequence[Document]) -> list[Piece]:
    return [Piece(document.text, True) for document in documents]


def _hold_out_blocks(documents: Sequence[Document], config: DataConfig, words: bool) -> Split:
    """Hold out the last part of each of K equal segments of the stream."""
    size = sum(len(document.text) for document in documents)
    count = block_count(size, config)
    train, validation, ranges = [], [], []
    start = 0
    for segment in range(count):
        end = (segment + 1) * size // count
        cut = end - round(config.validation_fraction * size / count)
        cut, end = _snap(documents, cut, words), _snap(documents, end, words)
        train.append(list(_pieces(documents, start, cut)))
        validation.append(list(_pieces(documents, cut, end)))
        ranges.append([cut, end])
        start = end
    report = {"fraction": config.validation_fraction, "blocks": count, "ranges": ranges}
    return Split([block for block in train if block], [block for block in validation if block], report)


def _pieces(documents: Sequence[Document], start: int, stop: int) -> Iterator[Piece]:
    """Yield what of each document lies in [start, stop) of the stream."""
    offset = 0
    for document in documents:
        first = max(start - offset, 0)
        text = document.text[first : max(stop - offset, 0)]
        if text:
            yield Piece(text, first == 0)
        offset += len(document.text)


def _snap(documents: Sequence[Document], position: int, words: bool) -> int:
    """Move a cut forward to where its document may be cut, at the latest to the document's end."""
    offset = 0
    for document in documents:
        if position < offset + len(document.text):
            return offset + _snap_in_text(document.text, position - offset, words)
        offset += len(document.text)
    return offset


def _snap_in_text(text: bytes, position: int, words: bool) -> int:
    if position == 0:
        return 0
    if words:
        space = _WHITE_SPACE.search(text, position, position + _LONGEST_SNAP + 1)
        if space:
            return space.start()
    while position < len(text) and text[position] & 0xC0 == 0x80:  # inside a UTF-8 character
        position += 1
    return position


def sentence_lines(text: bytes) -> list[bytes]:
    """Return the sentences of a text: the lines that hold anything, without blanks around them."""
    stripped = (line.strip() for line in text.split(b"\n"))
    return [line for line in stripped if line]


def _split_sentences(documents: Sequence[Document], own: Sequence[Document], seed: int) -> Split:
    lines = _lines(documents)
    if own:
        report = {"fraction": None, "blocks": "own files", "ranges": []}
        return Split(_sentences(lines), _sentences(_lines(own)), report)
    if len(lines) < _FEWEST_SENTENCES:
        raise UserError(
            f"{documents[0].name!r} gives {len(lines)} sentences, too few to hold some out: "
            f"give {_FEWEST_SENTENCES} lines or more"
        )
    order = list(range(len(lines)))
    random.Random(seed).shuffle(order)
    kept = len(lines) * 4 // 5
    report = {
        "fraction": 0.2,
        "blocks": len(lines) - kept,
        "ranges": [[line, line + 1] for line in order[kept:]],
    }
    train, validation = ([lines[line] for line in part] for part in (order[:kept], order[kept:]))
    return Split(_sentences(train), _sentences(validation), report)


def _lines(documents: Sequence[Document]) -> list[bytes]:
    return [line for document in documents for line in sentence_lines(document.text)]


def _sentences(lines: Sequence[bytes]) -> list[list[Piece]]:
    return [[Piece(line, True)] for line in lines]

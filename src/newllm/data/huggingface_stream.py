"""The beginning of a data set of Hugging Face, up to an amount of text: a split that is written as "train[:200MB]".

Rows are read in their order, and whole; the one that reaches the amount is the last. So the same amount of the same
data set is always the same text, and what comes after it is neither fetched nor read, but for the rest of the block
that is read at once: about 1 MB of Parquet, and of other formats the package's blocks, for instance 10 MB of JSON.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from newllm.data.huggingface_sources import Saved, Source
from newllm.errors import UserError

_UNITS = {"KB": 10**3, "MB": 10**6, "GB": 10**9}
_MEANT = re.compile(r"\[[^\]]*[A-Za-z]")  # a part in rows or percent has no letter in its brackets
_AMOUNT = re.compile(r"([^\[\]+]*)\[:([0-9]+(?:\.[0-9]+)?)([KMG]B)\]", re.IGNORECASE)


class Amount(NamedTuple):
    """The beginning of a split.

    Attributes:
        split: its name; None if it has to be found.
        written: the part as it is written, "[:200MB]".
        size: bytes of text.
    """

    split: str | None
    written: str
    size: int


class Beginning(NamedTuple):
    """What was read.

    Attributes:
        column: the column.
        texts: the texts, one a row that has one.
        rows: how many rows were read, those without a text too.
        is_whole: whether the data set ended before the amount was reached.
    """

    column: str
    texts: list[bytes]
    rows: int
    is_whole: bool


def parse_amount(text: str, split: str | None) -> Amount | None:
    """Return which amount of text a split asks for; None if it asks for none.

    Args:
        text: the whole of what was given, for the message.
        split: "train[:200MB]"; "[:200MB]" is of the only split.

    Raises:
        UserError: an amount is meant, and it is none, or it does not begin at the beginning.
    """
    if split is None or not _MEANT.search(split):
        return None
    found = _AMOUNT.fullmatch(split)
    size = int(float(found[2]) * _UNITS[found[3].upper()]) if found else 0
    if found is None or size < 1:
        raise UserError(
            f"{text!r}: {split!r} is no part of a split: give an amount of text from the beginning of one split as "
            "train[:200MB] (KB, MB or GB), rows as train[:1000] or a share as train[:10%]"
        )
    return Amount(found[1] or None, f"[:{found[2]}{found[3].upper()}]", size)


def read_beginning(
    source: Source | Saved, split: str, size: int, choose: Callable[[Mapping[str, Any]], str]
) -> Beginning:
    """Read rows until their texts have an amount of bytes.

    Args:
        source: what is read.
        split: the name of a split.
        size: bytes of text, in UTF-8, at least 1.
        choose: gets the columns, name to kind, and returns the one that is read.
    """
    stream = source.stream(split)
    column = choose(stream.features)
    return _until(stream.batches(column), column, size)


def _until(batches: Iterator[Any], column: str, size: int) -> Beginning:
    texts: list[bytes] = []
    rows, read, kind = 0, 0, None
    for batch in batches:
        values = batch[column]
        kind = kind or values.type
        for value in values.cast(kind).to_pylist():
            rows += 1
            if value and value.strip():
                texts.append(value.encode())
                read += len(texts[-1])
                if read >= size:
                    return Beginning(column, texts, rows, is_whole=False)
    return Beginning(column, texts, rows, is_whole=True)

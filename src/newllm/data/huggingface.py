"""Texts in a column of a Hugging Face data set: "hf:NAME[:SPLIT[:COLUMN]]", read with the package `datasets`.

NAME is a file (.parquet, .arrow, .json, .jsonl, .csv, .tsv), a folder of such files, one that `save_to_disk` wrote, or
a data set of the hub, USER/NAME or USER/NAME/CONFIGURATION. SPLIT may be a part, as "train[:10%]", of which the whole
is downloaded and prepared, or "train[:200MB]", of which only that is (`huggingface_stream`). Where the hub does not
answer within seconds, what an earlier call downloaded is taken.

Limits: `datasets` maps its tables into memory, but the texts that are read here are all in memory at once, as those of
any other source: of a data set that is larger than memory take a part.
"""

import contextlib
import logging
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from newllm.data.documents import Document
from newllm.data.huggingface_sources import find_source, offline
from newllm.data.huggingface_stream import parse_amount, read_beginning
from newllm.errors import UserError

PREFIX = "hf:"
_ROWS = 1000  # that are read together
_MOST_NAMES = 20
_INSTALL = "pip install 'newllm[datasets]'"
_LOWEST = "4.0"


class Place(NamedTuple):
    """What a name says."""

    name: str
    split: str | None
    column: str | None


def is_dataset(text: str) -> bool:
    """Whether a text is named as a data set."""
    return text.startswith(PREFIX)


def parse(text: str) -> Place:
    """Part "hf:NAME[:SPLIT[:COLUMN]]"; a colon in the brackets of a split, or in a file's name, is none of these.

    Raises:
        UserError: there is no name.
    """
    rest = text.removeprefix(PREFIX)
    parts = re.split(r":(?![^\[]*\])", rest, maxsplit=2)
    while len(parts) > 1 and not Path(parts[0]).exists() and Path(":".join(parts[:2])).exists():
        parts = [":".join(parts[:2]), *re.split(r":(?![^\[]*\])", ":".join(parts[2:]), maxsplit=1)]
    name, split, column = (*parts, "", "")[:3]
    if not name:
        raise UserError(f"{text!r} names no data set: give hf:NAME[:SPLIT[:COLUMN]]")
    return Place(name, split or None, column or None)


def dataset_name(text: str) -> str:
    """Return the name of a data set alone, without split and column."""
    return parse(text).name


def lasting_name(text: str) -> str:
    """Return the name of a data set as it can be read again from elsewhere: of a file or folder with its whole path."""
    place = parse(text)
    if not Path(place.name).exists():
        return text
    return PREFIX + str(Path(place.name).absolute()) + text.removeprefix(PREFIX).removeprefix(place.name)


def read_dataset(text: str) -> list[Document]:
    """Return one document for every row that has a text.

    Args:
        text: as the module says. Without a split it is "train", or the only one; without a column the only one that
            holds texts.

    Raises:
        UserError: the package is missing or too old, there is no such data set, split or column, there are several to
            choose from, or it cannot be read.
    """
    datasets = _package(text)
    place = parse(text)
    amount = parse_amount(text, place.split)
    with _quiet(datasets), _errors(text), contextlib.ExitStack() as stack:
        source = find_source(datasets, text, place.name)
        if source.is_out_of_reach:
            stack.enter_context(offline(datasets))
        split = (amount.split if amount else place.split) or _only_split(text, source.splits())
        origin: dict[str, Any] = {"datasets": datasets.__version__}
        if amount:
            part = split + amount.written

            def choose(features: Mapping[str, Any]) -> str:
                return _column(text, features, place, part)

            read = read_beginning(source, split, amount.size, choose)
            origin |= {"split": part, "column": read.column, "rows": read.rows}
            origin |= {"streamed": True, "whole": read.is_whole}
            origin |= {"revision": source.revision} if source.revision else {}
            name = f"{PREFIX}{place.name}:{part}:{read.column}"
            return [Document(name, one, origin) for one in read.texts]
        table = source.load(split)
        column = _column(text, table.features, place, split)
        origin |= {"fingerprint": table._fingerprint, "split": split, "column": column, "rows": table.num_rows}
        name = f"{PREFIX}{place.name}:{split}:{column}"
        rows = table.select_columns([column]).iter(batch_size=_ROWS)
        return [Document(name, one.encode(), origin) for batch in rows for one in batch[column] if one and one.strip()]


def _package(text: str) -> Any:
    try:
        import datasets
    except ImportError as error:
        raise UserError(f"{text!r} needs the package datasets, which is not installed: {_INSTALL}") from error
    if tuple(map(int, datasets.__version__.split(".")[:2])) < tuple(map(int, _LOWEST.split("."))):
        version = f"datasets {datasets.__version__} is installed"
        raise UserError(f"{text!r}: {version}, newllm takes {_LOWEST} or newer: {_INSTALL}")
    return datasets


def _only_split(text: str, splits: list[str]) -> str:
    if "train" in splits or len(splits) == 1:
        return "train" if "train" in splits else splits[0]
    raise UserError(f"{text!r} has no split 'train': name one of {_named(splits)}: hf:NAME:SPLIT")


def _column(text: str, features: Mapping[str, Any], place: Place, split: str) -> str:
    """Return the column that is named, else the only one of texts."""
    kinds = {name: str(getattr(kind, "dtype", kind)) for name, kind in features.items()}
    texts = [name for name, kind in kinds.items() if kind in ("string", "large_string")]
    if place.column is not None and place.column in texts:
        return place.column
    listed = _named(list(kinds))
    if place.column in kinds:
        raise UserError(
            f"{text!r}: column {place.column!r} holds {kinds[place.column]}, not texts: of texts are {_named(texts)}"
        )
    if place.column is not None:
        raise UserError(f"{text!r} has no column {place.column!r}: columns present: {listed}")
    if len(texts) == 1:
        return texts[0]
    example = f"{PREFIX}{place.name}:{split}:{texts[0] if texts else 'COLUMN'}"
    found = f"{len(texts)} columns of texts" if texts else "no column of texts"
    raise UserError(f"{text!r} has {found} (columns: {listed}): name one, as {example!r}")


def _named(names: list[str]) -> str:
    return ", ".join(map(repr, names[:_MOST_NAMES])) + (", ..." if len(names) > _MOST_NAMES else "") or "none"


@contextlib.contextmanager
def _errors(text: str) -> Iterator[None]:
    """Turn whatever the package raises into one line."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        causes = [str(one).strip().splitlines()[0] for one in (error, error.__cause__) if str(one or "").strip()]
        why = ": ".join(dict.fromkeys(causes))[:300] or type(error).__name__
        offline = "Couldn't reach" in why or "offline" in why.lower() or "LocalEntryNotFound" in why
        fix = "the hub does not answer and the cache has no copy: connect, or give a local file" if offline else why
        raise UserError(f"{text!r} cannot be read: {fix}") from error


@contextlib.contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """Show no bars, warnings and errors of the package's: standard error is the command's."""
    bars, level = datasets.utils.are_progress_bars_disabled(), datasets.utils.logging.get_verbosity()
    datasets.utils.disable_progress_bars()
    datasets.utils.logging.set_verbosity(logging.CRITICAL)  # what it logs as an error, it raises too
    try:
        yield
    finally:
        datasets.utils.logging.set_verbosity(level)
        if not bars:
            datasets.utils.enable_progress_bars()

"""What the tasks beside this file ask, from files: the harness calls these with what `--metadata` says."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from datasets import Dataset
from newllm.data import read_documents
from newllm.errors import UserError

_FOLDER = Path(__file__).parent


def mqar(**_: Any) -> dict[str, Dataset]:
    """Return multi-query associative recall: every query with what stands before it, the earlier answers included."""
    return _split(_queries())


def _queries() -> Iterator[dict[str, Any]]:
    for line in (_FOLDER / "mqar.jsonl").read_text().splitlines():
        sequence = json.loads(line)
        values = dict(sequence["pairs"])
        text = ", ".join(f"{key} {value}" for key, value in sequence["pairs"])
        for key in sequence["queries"]:
            text = f"{text}, {key}"
            yield {"text": text, "answer": int(values[key])}
            text = f"{text} {values[key]}"


def blimp(blimp: str | None = None, **_: Any) -> dict[str, Dataset]:
    """Return pairs of sentences.

    Args:
        blimp: a file in the format of BLiMP, JSON lines with sentence_good and sentence_bad; by default that of newllm.
        **_: metadata of others.

    Raises:
        UserError: it cannot be read, or is of another format.
    """
    path = Path(blimp or _FOLDER / "blimp.jsonl")
    try:
        lines = path.read_text().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read '{path}': give JSON lines with sentence_good and sentence_bad") from error
    return _split(_pairs(path, lines))


def _pairs(path: Path, lines: list[str]) -> Iterator[dict[str, str]]:
    for number, line in enumerate(lines, start=1):
        try:
            pair = json.loads(line)
            sentences = {name: pair[name] for name in ("sentence_good", "sentence_bad")}
        except (ValueError, TypeError, KeyError, RecursionError):
            sentences = {}
        if not sentences or not all(isinstance(text, str) and text for text in sentences.values()):
            raise UserError(f"'{path}' line {number} must be a JSON object with sentence_good and sentence_bad")
        yield sentences


def text(text: str | list[str] | None = None, **_: Any) -> dict[str, Dataset]:
    """Return texts that the user names.

    Args:
        text: a file, directory or glob, or several: what `newllm eval` takes.
        **_: metadata of others.

    Raises:
        UserError: there is none, or it cannot be read.
    """
    if not text:
        raise UserError('newllm_text needs a text: --metadata \'{"text": "FILE"}\'')
    read = read_documents([text] if isinstance(text, str) else text, "text", "strict")
    return _split({"text": document.text.decode()} for document in read)


def _split(documents: Any) -> dict[str, Dataset]:
    return {"test": Dataset.from_list(list(documents))}

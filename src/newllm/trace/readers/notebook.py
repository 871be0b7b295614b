"""Jupyter notebooks: what a cell printed, and the tables that it showed, are logs.

fastai and Hugging Face's Trainer show a table there, Keras and plain loops print lines.
"""

import itertools
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.trace.readers.gathered import Gathered, most_values
from newllm.trace.readers.naming import clean
from newllm.trace.readers.text import chunks_of
from newllm.trace.series import Trace

_LARGEST = 1 << 28  # characters of a notebook
_ERRORS = (ValueError, RecursionError)


def is_notebook(path: Path, text: str) -> bool:
    """Whether a file that begins with this text is a notebook."""
    return text.startswith("{") and (path.suffix == ".ipynb" or '"nbformat"' in text)


def read_notebook(gathered: Gathered, run: str | None, read: Callable[[Gathered], Trace]) -> Trace:
    """Read what one cell shows: the one asked for by its number, else the one with the most values.

    Args:
        gathered: names the notebook.
        run: the number that stands in brackets before the cell; "3.2" is the second log of cell 3.
        read: reads a log whose text is given.

    Raises:
        UserError: it may not be read, is no notebook, or no cell shows a loss.
    """
    found = {}
    for name, text in _logs(_content(gathered)):
        try:
            trace = read(Gathered(gathered.source, gathered.chosen, text))
        except UserError:
            continue
        if any(signal in trace.signals for signal in ("loss", "validation_loss", *gathered.chosen.names)):
            found[name] = trace
    if not found:
        raise UserError(
            f"no cell of '{gathered.source}' shows a loss by step or epoch: run it and save it, or give a log"
        )
    counts = {name: sum(len(series.value) for series in trace.signals.values()) for name, trace in found.items()}
    trace = found[most_values(counts.items(), run, gathered)]
    return replace(trace, remarks=trace.remarks + gathered.remarks())


def _content(gathered: Gathered) -> dict[str, Any]:
    text, chunks = "", chunks_of(gathered)
    while len(text) <= _LARGEST and (chunk := "".join(itertools.islice(chunks, 64))):
        text += chunk
    if len(text) > _LARGEST:
        raise UserError(f"'{gathered.source}' is a notebook of more than {_LARGEST >> 20} MB: give a log")
    try:
        content = json.loads(text)
    except _ERRORS as error:
        problem = "nested too deep" if isinstance(error, RecursionError) else clean(str(error))
        raise UserError(f"'{gathered.source}' is no notebook ({problem}): save it again, or give a log") from error
    return content if isinstance(content, dict) else {}


def _logs(content: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the number and the text of every log: all that a cell prints is one, and each table another."""
    for place, cell in enumerate(_dicts(content.get("cells")), start=1):
        outputs = list(_dicts(cell.get("outputs")))
        printed = "".join(_text(output.get("text")) for output in outputs)
        shown = [_text(output["data"].get("text/html")) for output in outputs if isinstance(output.get("data"), dict)]
        number = cell.get("execution_count") or f"cell {place}"
        logs = [text for text in (printed, *itertools.chain.from_iterable(map(_tables, shown))) if text.strip()]
        for count, text in enumerate(logs, start=1):
            yield (f"{number}" if count == 1 else f"{number}.{count}"), text


def _dicts(content: Any) -> Iterator[dict[str, Any]]:
    return (item for item in content if isinstance(item, dict)) if isinstance(content, list) else iter(())


def _text(content: Any) -> str:
    """Return a text that a notebook holds as one, or as a list of its lines."""
    lines = content if isinstance(content, list) else [content]
    return "".join(line for line in lines if isinstance(line, str))


def _tables(html: str) -> list[str]:
    """Return the tables of a page, their cells parted by tabs."""
    if "<table" not in html:
        return []
    page = _Tables()
    page.feed(html)
    return ["\n".join("\t".join(cells) for cells in rows if any(cells)) for rows in page.tables]


class _Tables(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tables: list[list[list[str]]] = []
        self._is_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self._is_cell = tag in {"td", "th"}
        if tag == "table":
            self.tables.append([])
        elif tag == "tr" and self.tables:
            self.tables[-1].append([])
        elif self._is_cell and self.tables:
            self.tables[-1] = self.tables[-1] or [[]]
            self.tables[-1][-1].append("")

    def handle_endtag(self, tag: str) -> None:
        self._is_cell = self._is_cell and tag not in {"td", "th"}

    def handle_data(self, data: str) -> None:
        if self._is_cell and self.tables and self.tables[-1]:
            self.tables[-1][-1][-1] += " ".join(data.split())

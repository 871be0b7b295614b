"""Readers of the logs that people have. `read_log` picks one by what a file holds, not by its name alone."""

import contextlib
import functools
from pathlib import Path

from newllm.errors import UserError
from newllm.trace.blocks import blocks_path
from newllm.trace.readers.boxes import is_boxes, read_boxes
from newllm.trace.readers.chosen import Chosen
from newllm.trace.readers.console import is_console, read_console
from newllm.trace.readers.directory import read_directory
from newllm.trace.readers.event_file import is_event_file, read_event_files
from newllm.trace.readers.gathered import Gathered
from newllm.trace.readers.json_log import is_document, is_json, read_json, read_json_lines
from newllm.trace.readers.naming import clean
from newllm.trace.readers.notebook import is_notebook, read_notebook
from newllm.trace.readers.sqlite import is_sqlite, read_sqlite
from newllm.trace.readers.table import read_table
from newllm.trace.readers.text import head_of, is_packed, text_of
from newllm.trace.readers.wandb_file import is_wandb_file, read_wandb_file
from newllm.trace.series import Trace
from newllm.trace.store import read_trace

__all__ = ["Chosen", "read_log"]


def read_log(path: Path, chosen: Chosen = Chosen()) -> Trace:  # noqa: B008 (it cannot be changed)
    """Read anyone's log of a training run, or a run's own trace.

    Args:
        path: a file (CSV, JSON lines, what a console showed, a notebook, trainer_state.json, TensorBoard events, a
            .wandb file, an SQLite base of MLflow or trackio), or a directory that holds one: a run, a checkpoint,
            TensorBoard's, MLflow's. Where it holds several runs, `PATH#RUN` names one; without a name that with the
            most values is read.
        chosen: columns of the log that are its loss, its steps or another signal, whatever they are called.

    Returns:
        the signals by the names of docs/signals.md, and under their own names what has none there. What could not
        be read stands in `remarks`.

    Raises:
        UserError: there is no such file, it may not be read, or holds nothing that newllm knows.
    """
    path, run = _split(Path(path))
    if path.is_dir():
        return read_directory(path, run, functools.partial(read_file, chosen=chosen), chosen)
    return read_file(path, run, chosen)


def read_file(path: Path, run: str | None = None, chosen: Chosen = Chosen()) -> Trace:  # noqa: B008 (likewise)
    """Read one file by its content.

    Raises:
        UserError: it may not be read, or is no log that newllm knows.
    """
    head = head_of(path)
    if blocks_path(path).is_file() and path.suffix == ".jsonl":
        _refuse(chosen, path)
        return read_trace(path)
    gathered = Gathered(path, chosen)
    if is_packed(path) and (is_sqlite(head) or is_wandb_file(head) or is_event_file(head)):
        raise UserError(f"cannot read '{path}' (a packed file that holds no text): unpack it first")
    if is_sqlite(head):
        return read_sqlite(gathered, run)
    if is_wandb_file(head):
        return read_wandb_file(gathered)
    if is_event_file(head):
        return read_event_files(gathered, [path])
    text = text_of(path, head).lstrip()
    if is_notebook(path, text):
        return read_notebook(gathered, run, lambda cell: _read_text(cell, (cell.text or "").lstrip(), None))
    return _read_text(gathered, text, run)


def _read_text(gathered: Gathered, text: str, run: str | None) -> Trace:
    """Read a text by how it begins."""
    if is_boxes(text):
        return read_boxes(gathered)
    # "[3/100] Loss_D: 0.4" and "[2026-02-27 17:27:43][INFO]" are what a console showed, and no list of JSON.
    if (is_console(text) or text.startswith("[")) and not is_json(text):
        return read_console(gathered)
    read = read_table
    if text.startswith("[") or (text.startswith("{") and is_document(text)):
        read = read_json
    elif text.startswith("{"):
        read = read_json_lines
    try:
        return read(gathered, run)
    except UserError:
        # "step 10 | loss 2.3 | ..." looks like a table. What is JSON keeps its own error: a text in it may hold a name
        # and a number too.
        if run is None and not is_json(text):
            with contextlib.suppress(UserError):
                return read_console(gathered.anew())
        raise


def _refuse(chosen: Chosen, path: Path) -> None:
    if chosen:
        raise UserError(f"'{path}' is a trace of newllm, whose signals have their names: drop {chosen.options}")


def _split(path: Path) -> tuple[Path, str | None]:
    """Part PATH#RUN, unless a file has that very name. A run's name may hold a "#" too."""
    try:
        if path.exists():
            return path, None
        place = str(path).rpartition("#")[0]
        while place and not Path(place).exists():
            place = place.rpartition("#")[0]
        if place:
            return Path(place), str(path)[len(place) + 1 :]
    except (OSError, ValueError):  # a name too long, or with a zero in it
        pass
    raise UserError(f"cannot read '{clean(str(path))}' (no such file or directory): give a log or a run directory")

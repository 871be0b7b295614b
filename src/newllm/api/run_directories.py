"""Where a run is made and where its texts stand, so that both can be found again.

Several processes may start at once. Whoever makes a directory, or finds an empty one, and locks it has it: from
before the first text is read until the training has ended.
"""

import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from newllm.data import dataset_name, is_dataset, lasting_name
from newllm.errors import UserError
from newllm.files import sync_directory, write_bytes, writing
from newllm.trace import Summary
from newllm.training.config import RunConfig
from newllm.training.run import LOCK, BusyError, RunDirectory


@contextlib.contextmanager
def claim_run_directory(out: str | Path | None, of: str) -> Iterator[RunDirectory]:
    """Yield a run directory that no other process has. An error before its run has begun leaves no trace of it.

    Args:
        out: the directory; None takes `runs/NAME`, or with the first number behind it that is free.
        of: what the name is made from: a text as it was given, or a preset.

    Raises:
        UserError: the place is not free, may not be written, or another process has it.
    """
    with contextlib.ExitStack() as stack:
        if out is not None:
            yield stack.enter_context(_claim(RunDirectory(Path(out))))
        else:
            yield _first_free(stack, of)


def _first_free(stack: contextlib.ExitStack, of: str) -> RunDirectory:
    name = "standard-input" if of == "-" else of.removeprefix("bundled:")
    name = dataset_name(name) if is_dataset(name) else name
    stem = Path(name.rstrip("/")).name.split(".")[0].replace("*", "") or "text"
    path, number = Path("runs") / stem, 1
    while True:
        if not os.path.lexists(path):
            with contextlib.suppress(BusyError):
                return stack.enter_context(_claim(RunDirectory(path), new=True))
        number += 1
        path = Path("runs") / f"{stem}-{number}"


@contextlib.contextmanager
def _claim(run: RunDirectory, *, new: bool = False) -> Iterator[RunDirectory]:
    """Make the directory (or take an empty one, unless it must be new) and lock it."""
    run.check_free()
    was_locked_once = LOCK in run.names()
    made = _make(run.path)
    with contextlib.ExitStack() as stack:
        try:
            if new and run.path not in made:
                raise BusyError(f"'{run.path}' was just taken by another process: try again")
            stack.enter_context(run.lock())
        except BaseException:
            _remove_empty(made)
            raise
        before = run.names() - (set() if was_locked_once else {LOCK})
        try:
            run.check_free()  # again: another process may have come and gone since
            run.remove_leftovers()
            yield run
        except BaseException as error:
            _give_up(run, before, made, error)
            raise


def _make(path: Path) -> list[Path]:
    """Make a directory and those above it; return the ones that were made here, the innermost first."""
    made: list[Path] = []
    try:
        with writing(path):
            for folder in reversed((path, *path.parents)):
                if not folder.exists():
                    with contextlib.suppress(FileExistsError):
                        folder.mkdir()
                        made.insert(0, folder)
                        sync_directory(folder.parent)
    except BaseException as error:
        _remove_empty(made)
        if isinstance(error, FileNotFoundError):
            raise BusyError(f"'{path.parent}' was just taken away by another process: try again") from error
        raise
    return made


def _give_up(run: RunDirectory, before: set[str], made: list[Path], error: BaseException) -> None:
    """Remove what this start has made, or say in the summary that the run that began has failed. Needs the lock."""
    try:
        run.check_lock()
    except BusyError:
        return  # what stands there is another process's
    if run.config.exists():
        say_failed(run, error)
        return
    for name in sorted(run.names() - before, key=lambda name: name == LOCK):  # the lock last: then others may come
        if run.is_of_a_start(name):
            with contextlib.suppress(OSError):
                (run.path / name).unlink()
    _remove_empty(made)


def _remove_empty(directories: list[Path]) -> None:
    for directory in directories:
        with contextlib.suppress(OSError):  # something is in it: another process's, or the run that has begun
            directory.rmdir()


def say_failed(run: RunDirectory, error: BaseException) -> None:
    """Write why the run stopped, unless the training has said so."""
    with contextlib.suppress(UserError, OSError):
        summary = Summary.load(run.summary)
        if summary.status == "running" and summary.pid == os.getpid():
            summary.status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
            summary.message = str(error) or type(error).__name__
            summary.save(run.summary)


def with_lasting_texts(config: RunConfig, run: RunDirectory) -> RunConfig:
    """Return the configuration with texts that can be read again: absolute paths, standard input kept in the run.

    Args:
        config: as asked for.
        run: a directory that this process has claimed.

    Raises:
        UserError: standard input is empty, or there is no room for it.
    """
    texts = tuple(_lasting(text, run.standard_input) for text in config.data.texts)
    validation = tuple(_lasting(text, run.standard_input) for text in config.data.validation)
    return dataclasses.replace(config, data=dataclasses.replace(config.data, texts=texts, validation=validation))


def _lasting(text: str, copy: Path) -> str:
    if text.startswith("bundled:"):
        return text
    if is_dataset(text):
        return lasting_name(text)
    if text != "-":
        return str(Path(text).absolute())
    content = sys.stdin.buffer.read()
    if not content:
        raise UserError("standard input ('-') is empty: pipe a text into it")
    write_bytes(copy, content)
    return str(copy.absolute())

"""Which log a directory holds: a run's own trace, a checkpoint, what Lightning, MLflow, W&B and TensorBoard keep."""

import itertools
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from newllm.errors import UserError
from newllm.trace.blocks import blocks_path
from newllm.trace.readers.chosen import Chosen
from newllm.trace.readers.event_file import read_event_files
from newllm.trace.readers.gathered import Gathered, most_values
from newllm.trace.readers.mlflow_files import metric_files, read_mlflow_files
from newllm.trace.readers.naming import clean, split_of
from newllm.trace.readers.text import MOST_BYTES
from newllm.trace.series import Trace
from newllm.trace.store import read_trace

_DEEPEST = 5  # levels below the directory
_MOST_FILES = 20_000
_LOGS = (".csv", ".tsv", ".jsonl", ".ndjson", ".json", ".log", ".txt")
_PACKED = (".gz", ".zst")
_BY_NAME = ("trace.jsonl", "trainer_state.json", "metrics.csv")
# What newllm writes beside a trace: never a log.
_OURS = {
    *("summary.json", "recording.json", "data.json", "tokenizer.json", "findings.json", "state.json"),
    *("samples.jsonl", "recoveries.json", "check.json", "notes.json", "labels.json"),
}


def read_directory(
    path: Path, run: str | None, read_file: Callable[[Path, str | None], Trace], chosen: Chosen
) -> Trace:
    """Read the log of a directory.

    Args:
        path: the directory.
        run: which of several runs in it.
        read_file: reads a single file.
        chosen: columns that are loss and steps.

    Raises:
        UserError: it may not be read, or holds no log.
    """
    own = path / "trace.jsonl"
    if own.is_file() and run is None and chosen:
        raise UserError(f"'{path}' is a run of newllm, whose signals have their names: drop {chosen.options}")
    if own.is_file() and run is None:
        return read_trace(own) if own.stat().st_size <= MOST_BYTES else read_file(own, None)
    files = _files(path)
    gathered = Gathered(path, chosen)
    for name in _BY_NAME:
        found = [file for file in files if file.name == name]
        if len({file.parent for file in found if "checkpoint-" not in file.parent.name} or {path}) == 1 and run is None:
            found = sorted(found, key=lambda file: file.stat().st_size)[-1:]  # checkpoints hold parts of the same log
        if found:
            return _read_chosen(gathered, found, run, read_file)
    events = [file for file in files if ".tfevents." in file.name]
    if events:
        return _read_events(gathered, events, run)
    metrics = metric_files(files)
    if metrics:
        return replace(read_mlflow_files(gathered, metrics, run), runs=gathered.runs)
    return _read_other(gathered, files, run, read_file)


def logs_alone_in(directory: Path) -> list[Path]:
    """Return the logs of a directory by their endings, where it holds no log of a kind that is known by its name.

    Raises:
        UserError: it may not be read.
    """
    files = _files(directory)
    if any(file.name in _BY_NAME or ".tfevents." in file.name or file.suffix == ".wandb" for file in files):
        return []
    others = [file for file in files if file.name not in _OURS and not file.name.startswith((".", "README"))]
    return [file for file in others if _suffix(file) in _LOGS and file.name != "error.json"]  # torchrun's


def _read_other(
    gathered: Gathered, files: list[Path], run: str | None, read_file: Callable[[Path, str | None], Trace]
) -> Trace:
    bases = [file for file in files if file.suffix in (".db", ".sqlite", ".sqlite3")]
    if len(bases) == 1:
        return read_file(bases[0], run)
    histories = [file for file in files if file.suffix == ".wandb" or "wandb-history" in file.name]
    others = [file for file in files if file.name not in _OURS and not file.name.startswith((".", "README"))]
    logs = [file for file in others if _suffix(file) in _LOGS]
    for found in (bases, histories):
        if found:
            return _read_chosen(gathered, found, run, read_file)
    if logs:
        return _read_chosen(gathered, logs, run, read_file, guessed=True)
    raise UserError(f"no log in '{clean(str(gathered.source))}': give a log, a run directory or a directory of events")


def _read_chosen(
    gathered: Gathered,
    files: list[Path],
    run: str | None,
    read_file: Callable[[Path, str | None], Trace],
    *,
    guessed: bool = False,
) -> Trace:
    """Read one of several files, the one named by its directory or itself, else the largest.

    Of those that were guessed to be logs by their endings, the largest that is one.
    """
    often = Counter(file.parent for file in files)
    named = {_label(gathered.source, file, is_only=often[file.parent] == 1): file for file in files}
    sizes = {name: _size(file) for name, file in named.items()}
    traces: dict[str, Trace] = {}
    problem: UserError | None = None
    for name in sorted(sizes, key=lambda name: -sizes[name]) if guessed and run is None else ():
        try:
            traces[name] = read_file(named[name], None)
            break
        except UserError as error:
            problem = problem or error
            sizes[name] = -1  # no log: it is named last
    if problem is not None and not traces:
        raise problem
    chosen = most_values(list(sizes.items()), run, gathered)
    trace = traces.get(chosen) or read_file(named[chosen], None)
    return replace(trace, remarks=gathered.remarks() + trace.remarks, runs=gathered.runs)


def _read_events(gathered: Gathered, files: list[Path], run: str | None) -> Trace:
    """Read the event files of one run. Directories called train and validation are parts of one."""
    runs: defaultdict[str, list[tuple[Path, str]]] = defaultdict(list)
    for file in sorted(files):
        split = split_of(file.parent.name) if file.parent != gathered.source else None
        home = file.parent.parent if split else file.parent
        runs[_relative(gathered.source, home)].append((file, f"{split}/" if split else ""))
    sizes = [(name, sum(file.stat().st_size for file, _ in parts)) for name, parts in runs.items()]
    parts = runs[most_values(sizes, run, gathered)]
    trace = read_event_files(gathered, [file for file, _ in parts], [prefix for _, prefix in parts])
    return replace(trace, runs=gathered.runs)


def _files(path: Path) -> list[Path]:
    """List the files below a directory in a settled order, so many levels and so many files; links are not followed."""
    try:
        os.listdir(path)  # noqa: PTH208 - an error here is the user's, further down it is passed over
    except OSError as error:
        raise UserError(f"cannot read '{path}' ({error.strerror}): give a log or a run directory") from error
    return [file for file in itertools.islice(_walk(path, 0), _MOST_FILES) if file.is_file()]


def _walk(path: Path, depth: int) -> Iterator[Path]:
    try:
        with os.scandir(path) as found:
            entries = sorted(found, key=lambda entry: entry.name)
    except OSError:  # one that may not be looked into holds nothing for us
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            if depth < _DEEPEST:
                yield from _walk(Path(entry.path), depth + 1)
        else:
            yield Path(entry.path)


def _label(source: Path, file: Path, *, is_only: bool) -> str:
    """Name a file by its directory, or by itself where it is not the only one there or lies in the one given."""
    return _relative(source, file.parent if is_only and file.parent != source else file)


def _size(file: Path) -> int:
    packed = blocks_path(file)
    return file.stat().st_size + (packed.stat().st_size if packed.is_file() else 0)


def _relative(source: Path, path: Path) -> str:
    try:
        return path.relative_to(source).as_posix()
    except ValueError:
        return "."


def _suffix(file: Path) -> str:
    suffixes = [suffix.lower() for suffix in file.suffixes]
    return suffixes[-2] if len(suffixes) > 1 and suffixes[-1] in _PACKED else "".join(suffixes[-1:])

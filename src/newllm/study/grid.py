"""Runs the cells of a study in worker processes; a finished cell is a file and is never run again.

Each worker has one torch thread, so that a record does not depend on how many workers there are. A worker that
dies takes its cell with it: another worker is started and the cell is run again, twice at most.
"""

import contextlib
import functools
import json
import multiprocessing
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path

from newllm.errors import UserError
from newllm.files import remove_leftovers, to_json, write_bytes
from newllm.study.design import Cell, Record
from newllm.study.plan import load_study
from newllm.study.study import Study

_ATTEMPTS = 3


@dataclass
class Tally:
    """How a grid went.

    Attributes:
        done: cells with a record, those of earlier sittings included.
        failed: what could not be run, with the reason.
        deaths: workers that died, in words.
    """

    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    deaths: list[str] = field(default_factory=list)


class Watcher:
    """Is told how a grid goes. This one does not care."""

    def planned(self, cells: Sequence[Cell], waiting: Sequence[Cell]) -> None:
        """These are all cells, and those that have no record yet."""

    def finished(self, cell: Cell, seconds: float) -> None:
        """A cell was run, in so many seconds."""

    def failed(self, cell: Cell, why: str) -> None:
        """A cell cannot be run; the study goes on."""

    def died(self, line: str) -> None:
        """A worker died; its cell is run again."""


class Records:
    """The records of a study on disk, one file a cell, whole or absent.

    Args:
        folder: made where it is not there.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        remove_leftovers(folder)

    def get(self, cell: Cell) -> Record | None:
        """Return the record of a cell, None where there is none; a damaged file counts as none."""
        try:
            record = json.loads(self._path(cell).read_bytes())
        except (OSError, ValueError):
            return None
        return record if isinstance(record, dict) else None

    def put(self, cell: Cell, record: str) -> None:
        """Keep a record, given as JSON.

        Raises:
            UserError: the disk is full.
        """
        write_bytes(self._path(cell), record.encode(), durable=False)

    def _path(self, cell: Cell) -> Path:
        return self.folder / f"{cell.arm}-seed{cell.seed}-{cell.key}.json"


def run_grid(
    study: str,
    cells: Sequence[Cell],
    records: Records,
    workers: int,
    watcher: Watcher,
) -> Tally:
    """Run every cell that has no record yet.

    Args:
        study: name or path, which each worker loads itself.
        cells: all of them.
        records: where they are kept.
        workers: how many processes.
        watcher: told of all cells, and of each that has been run.
    """
    tally = Tally()
    waiting = [cell for cell in cells if records.get(cell) is None]
    tally.done = len(cells) - len(waiting)
    watcher.planned(cells, waiting)
    if waiting:
        with _pool(study, min(workers, len(waiting))) as pool:
            _Queue(pool, waiting, records, tally, watcher).run()
    return tally


class _Worker:
    """One process and the cell that it has in hand."""

    def __init__(self, study: str) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_work, args=(study, theirs), daemon=True)
        self.process.start()
        theirs.close()
        self.cell: Cell | None = None

    def give(self, cell: Cell) -> None:
        self.cell = cell
        with contextlib.suppress(OSError):  # it is dead already: that is heard when its answer is waited for
            self.connection.send(cell)

    def close(self) -> None:
        self.connection.close()
        self.process.terminate()
        self.process.join()


class _Queue:
    """Hands out cells until none is left."""

    def __init__(
        self,
        pool: "_Pool",
        waiting: list[Cell],
        records: Records,
        tally: Tally,
        watcher: Watcher,
    ) -> None:
        self.pool, self.waiting, self.records, self.tally, self.watcher = pool, waiting, records, tally, watcher
        self.attempts: dict[tuple[str, int], int] = {}

    def run(self) -> None:
        for worker in self.pool.workers:
            self._next(worker)
        while busy := [worker for worker in self.pool.workers if worker.cell is not None]:
            ready = wait([worker.connection for worker in busy])
            for worker in [worker for worker in busy if worker.connection in ready]:
                self._hear(worker)

    def _hear(self, worker: _Worker) -> None:
        cell = worker.cell
        assert cell is not None
        try:
            kind, value = worker.connection.recv()
        except (EOFError, OSError):
            self._died(worker, cell)
            return
        if kind == "record":
            self.records.put(cell, value)
            self.tally.done += 1
            self.watcher.finished(cell, json.loads(value).get("seconds", 0.0))
        else:
            self._failed(cell, value)
        self._next(worker)

    def _failed(self, cell: Cell, why: str) -> None:
        self.tally.failed[f"{cell.arm}, seed {cell.seed}"] = why
        self.watcher.failed(cell, why)

    def _died(self, worker: _Worker, cell: Cell) -> None:
        worker.process.join()
        line = f"a worker died (exit code {worker.process.exitcode}) at {cell.arm}, seed {cell.seed}"
        self.tally.deaths.append(line)
        self.watcher.died(line)
        attempts = self.attempts[cell.arm, cell.seed] = self.attempts.get((cell.arm, cell.seed), 0) + 1
        if attempts < _ATTEMPTS:
            self.waiting.insert(0, cell)
        else:
            self._failed(cell, f"its worker died {_ATTEMPTS} times")
        self._next(self.pool.replace(worker))

    def _next(self, worker: _Worker) -> None:
        worker.cell = None
        if self.waiting:
            worker.give(self.waiting.pop(0))


class _Pool:
    def __init__(self, study: str, number: int) -> None:
        self.study = study
        self.workers = [_Worker(study) for _ in range(number)]

    def replace(self, dead: _Worker) -> _Worker:
        dead.close()
        fresh = _Worker(self.study)
        self.workers[self.workers.index(dead)] = fresh
        return fresh


@contextlib.contextmanager
def _pool(study: str, number: int) -> Iterator[_Pool]:
    pool = _Pool(study, number)
    try:
        yield pool
    finally:
        for worker in pool.workers:
            worker.close()


def _work(study: str, connection: Connection) -> None:
    """Run cells until the connection closes: the life of a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's, which ends us
    import torch

    torch.set_num_threads(1)
    load = functools.cache(load_study)
    with contextlib.suppress(EOFError, OSError):
        while True:
            connection.send(_answer(load, study, connection.recv()))


def _answer(load: Callable[[str], Study], study: str, cell: Cell) -> tuple[str, str]:
    """Return ("record", its JSON) or ("error", why)."""
    try:
        return "record", to_json(load(study).measure(cell.config))
    except UserError as error:
        return "error", str(error)
    except Exception as error:  # one cell's failure must not end the study; it is told with the results
        return "error", f"{type(error).__name__}: {error}"

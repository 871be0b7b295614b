"""Runs the cells of a study in workers; a finished cell is on the disk and is never run again.

Each worker has one torch thread, so that a record does not depend on how many workers there are. A worker writes the
run directory of its cell; records, which say that a cell is finished and where it ran, are written here alone.
"""

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

from newllm.engines import Died, Done, Ended, Engine, Failed
from newllm.files import to_json
from newllm.messages import Message, message
from newllm.study.cell import train_cell
from newllm.study.design import Cell
from newllm.study.plan import load_study
from newllm.study.store import Records
from newllm.time_limit import TimeLimit
from newllm.training.environment import describe_place

_GLANCE = 0.5  # seconds between two looks at what runs


@dataclass
class Tally:
    """How a grid went.

    Attributes:
        done: cells with a record, those of earlier sessions included.
        failed: what could not be run, with the reason.
        deaths: workers that died.
        waiting: what had no time.
    """

    done: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    deaths: list[Message] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)


class Watcher:
    """Is told how a grid goes. This one does not care."""

    def planned(self, cells: Sequence[Cell], waiting: Sequence[Cell]) -> None:
        """These are all cells, and those that have no record yet."""

    def running(self, cells: Sequence[Cell]) -> None:
        """These are being run; told again and again while nothing else happens."""

    def finished(self, cell: Cell, seconds: float) -> None:
        """A cell was run, in so many seconds."""

    def failed(self, cell: Cell, why: str) -> None:
        """A cell cannot be run; the study goes on."""

    def died(self, death: Message) -> None:
        """A worker died; its cell is run again."""


def run_grid(
    study: str,
    cells: Sequence[Cell],
    records: Records,
    engine: Engine,
    watcher: Watcher,
    time: TimeLimit,
) -> Tally:
    """Run every cell that has no record yet.

    Args:
        study: name or path, which each worker loads itself.
        cells: all of them.
        records: where they are kept.
        engine: where they run.
        watcher: told of all cells, and of each that has been run.
        time: that it may take; when it is up, what runs is ended.
    """
    tally = Tally()
    waiting = [cell for cell in cells if records.get(cell) is None]
    tally.done = len(cells) - len(waiting)
    watcher.planned(cells, waiting)
    if not waiting:
        return tally
    listener = _Listener(records, tally, watcher)
    work = functools.partial(_run, study, records, engine.label)
    with engine.pool(work, _one_thread, records.folder.parent) as pool:
        for cell in waiting:
            pool.submit(cell)
        while waiting and time.left > 0:
            watcher.running(waiting[: pool.workers])  # they are handed out in this order
            ended = pool.next(min(_GLANCE, time.left))
            if ended is not None:
                listener.hear(ended)
                if not isinstance(ended, Died):
                    waiting.remove(ended.task)
    tally.waiting = [_name(cell) for cell in waiting]
    return tally


class _Listener:
    """Keeps what comes back from the workers, and passes it on."""

    def __init__(self, records: Records, tally: Tally, watcher: Watcher) -> None:
        self.records, self.tally, self.watcher = records, tally, watcher

    def hear(self, ended: Ended[Cell, str]) -> None:
        """Note a cell whose process has ended."""
        cell = ended.task
        where = _name(cell)
        if isinstance(ended, Done):
            self.records.finish(cell, ended.result)
            self.tally.done += 1
            self.watcher.finished(cell, json.loads(ended.result).get("seconds", 0.0))
        elif isinstance(ended, Failed):
            self.tally.failed[where] = ended.why
            self.watcher.failed(cell, ended.why)
        else:
            code = ended.exit_code
            lost = message("study-worker_lost", run=where)
            death = lost if code is None else message("study-worker_died", code=code, run=where)
            self.tally.deaths.append(death)
            self.watcher.died(death)


def _name(cell: Cell) -> str:
    return f"{cell.arm}, seed {cell.seed}"


def _one_thread() -> None:
    import torch

    torch.set_num_threads(1)


def _run(study: str, records: Records, engine: str, cell: Cell) -> str:
    """Run a cell; return as JSON what is kept of it beside its run directory, with where it ran."""
    loaded = _loaded(study)
    if loaded.measure is not None:
        kept = loaded.measure(cell.config)
    else:
        kept = {"seconds": train_cell(cell.config, records.path(cell), loaded.signals)}
    return to_json({**kept, "place": describe_place(engine)})


_loaded = functools.cache(load_study)

"""What the rows of a log count: which column is the step or the epoch, and what to do where it is wanting."""

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

import numpy as np

from newllm.trace.readers.naming import words
from newllm.trace.remark import Remark, note

_EPISODES = ("episode", "episodes", "i_episode")
_STEPS = ("global_step", "step", "steps", "num_steps", "iteration", "iterations", "iter", "iters", "it", "itr",
          "n_iter", "num_updates", "update", "updates", "train_step", "current_step",
          "current_steps", "upd", "n_updates", "optimizer_step", "opt_step",
          "batch", "batch_idx", "minibatch", *_EPISODES)  # fmt: skip
_EPOCHS = ("epoch", "epochs", "ep", "num_epochs", "current_epoch")
_TIMES = {"timestamp", "wall_time", "walltime", "datetime", "date", "wall_clock", "runtime", "relative_time"}
_LARGEST = 2.0**53
_COUNTED = 5  # rows, at least
_UP_AND_DOWN = 0.1  # of the rows are below the one before: a length of an episode, say, which counts nothing


class Axis(NamedTuple):
    """The place of every row.

    Attributes:
        kind: "step" or "epoch".
        position: int64, one for each row.
        remarks: what was odd about it.
    """

    kind: str
    position: np.ndarray
    remarks: tuple[Remark, ...] = ()


@lru_cache(maxsize=4096)
def axis_rank(name: str) -> tuple[str, int] | None:
    """Return ("step" | "epoch" | "time", preference) for a column that places rows, None for any other."""
    found = words(name)
    for kind, known in (("step", _STEPS), ("epoch", _EPOCHS)):
        for cut in (found, found[1:] if found[:1] in (["train"], ["trainer"], ["training"]) else found):
            if "_".join(cut) in known:
                return kind, known.index("_".join(cut))
    return ("time", 0) if "_".join(found) in _TIMES else None


def is_episode(name: str) -> bool:
    """Whether a column counts the episodes of reinforcement learning, and not updates."""
    return "_".join(words(name)) in _EPISODES


def locate_rows(
    rows: int,
    columns: dict[str, tuple[np.ndarray, np.ndarray]],
    crowded: bool,
    others: Mapping[str, tuple[np.ndarray, np.ndarray]] = {},
) -> Axis:
    """Give every row its step or its epoch.

    Args:
        rows: how many.
        columns: row numbers and values of every column that `axis_rank` knows.
        crowded: some signal has several values in one epoch, so that epochs alone do not place it.
        others: likewise of the other columns: one that counts up could be the steps, which is said.
    """
    steps, epochs = (_best(rows, columns, kind) for kind in ("step", "epoch"))
    if steps is not None and epochs is not None and len(np.unique(epochs)) > len(np.unique(steps)) == 1:
        steps = None  # a setting, as "n_iter=25"
    if steps is not None and _whole(steps):
        return _by_step(steps, epochs)
    counted = np.arange(1, rows + 1, dtype=np.int64)
    if epochs is None:
        counting = next((name for name, (row, value) in others.items() if len(row) == rows and _counts(value)), None)
        said = note("remark-no-steps") if counting is None else note("remark-no-steps_named", column=counting)
        return Axis("step", counted, (said,) if rows else ())
    if crowded or not _whole(epochs):
        why = "several" if crowded else "fractions"
        return Axis("step", counted, (note("remark-epochs-place-nothing", why=why),))
    return Axis("epoch", epochs.astype(np.int64))


def _by_step(steps: np.ndarray, epochs: np.ndarray | None) -> Axis:
    """Steps that begin anew in every epoch are counted on."""
    if epochs is None or len(steps) < 2:
        return Axis("step", steps.astype(np.int64))
    change = np.diff(steps)
    anew = (change < 0) & (np.diff(epochs) > 0)
    if not anew.any():
        return Axis("step", steps.astype(np.int64))
    usual = float(np.median(change[change > 0])) if (change > 0).any() else 1.0
    offset = np.concatenate([[0.0], np.cumsum(np.where(anew, usual - change, 0.0))])
    unrolled = steps + offset
    if np.abs(unrolled).max() > _LARGEST:
        return Axis("step", steps.astype(np.int64))
    return Axis("step", unrolled.astype(np.int64), (note("remark-steps-begin-anew"),))


def _best(rows: int, columns: dict[str, tuple[np.ndarray, np.ndarray]], kind: str) -> np.ndarray | None:
    """Return the best column of a kind for every row: the preferred name of those that fill at least half as many.

    One that goes up and down comes behind all others: "Episode 10, steps 22", of which the steps are the length.
    """
    found = []
    for name, (row, value) in columns.items():
        rank = axis_rank(name)
        usable = np.isfinite(value) & (np.abs(value) < _LARGEST)
        if rank and rank[0] == kind and usable.any():
            found.append((goes_up_and_down(value[usable]), rank[1], name, row[usable], value[usable]))
    most = max((len(row) for *_, row, _ in found), default=0)
    found = sorted((item for item in found if 2 * len(item[3]) >= most), key=lambda item: item[:3])
    return _filled(rows, found[0][3], found[0][4]) if found else None


def goes_up_and_down(values: np.ndarray) -> bool:
    """Whether so many values are below the one before that they count nothing."""
    return len(values) > _COUNTED and bool(np.mean(np.diff(values) < 0) > _UP_AND_DOWN)


def _filled(rows: int, row: np.ndarray, value: np.ndarray) -> np.ndarray:
    """A row without a place stands where the one before it does, and a first one where the next does."""
    known = np.zeros(rows, np.int64)
    known[row] = np.arange(len(row))
    return value[np.maximum.accumulate(known)]


def _counts(values: np.ndarray) -> bool:
    """Whether values are whole numbers that rise from row to row, as steps do."""
    return len(values) >= _COUNTED and _whole(values) and bool((np.diff(values) > 0).all())


def _whole(values: np.ndarray) -> bool:
    return bool(np.all(values == np.round(values)))

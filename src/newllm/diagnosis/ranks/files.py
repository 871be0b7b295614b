"""What each rank of a training wrote by itself, `RUN/ranks/rank-00001.jsonl` (`recorder.ranks`), read and checked.

The first line says whose file it is. A row has fingerprints after its step, where it is a sampled one, and lists of
numbers of the steps up to it, the last of them its own.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newllm.files import read_bytes
from newllm.trace.rows import decode_number

FOLDER = "ranks"
MOST = 64  # ranks that are read: enough to see that one differs
WEIGHTS, MOMENTS, INPUTS, PIECES = "weights", "moments", "inputs", "pieces"
OWN_ROWS = "own_rows"
GENERATORS = "generators"
BY_LOOP, BY_MODEL = 1, 2
"""Who drew from a generator in a step that is compared: the loop before it called the model, and the model."""
BATCHES = "batches"
"""What all ranks together read from the row before on: each draws it whole, and computes its part."""
LOSS, GRADIENT_NORM, SECONDS = "loss", "gradient_norm", "seconds"
NUMBERS = (LOSS, GRADIENT_NORM, SECONDS)
"""Of a step, each rank's own: its loss, its gradient's norm before the reduction, seconds that it computed for."""
_LARGEST = 256 * 2**20  # bytes of all files
_LARGEST_NUMBER = 2**53  # past it a float does not count any more


@dataclass(frozen=True)
class RankFile:
    """What one rank wrote.

    Attributes:
        number: of the rank.
        names: of the parameters that are compared.
        pieces: which piece of each it holds, None where all of it.
        left_out: parameters that are not compared.
        world: how many ranks there are.
        wrapped: whether a wrapper averages the gradients.
        own_rows: whether it reads rows of its own, so that its numbers can be compared.
        records: whether it records the training beside.
        rows: fingerprints of weights and moments by step.
        inputs: fingerprint of what it was given, by step.
        generators: by step, the state of each generator that was drawn from, and who did (`BY_LOOP`, `BY_MODEL`).
        batches: fingerprint of the whole batches up to a step, from the one before on; none where each rank has a
            loader of its own.
        numbers: of NUMBERS, by step.
    """

    number: int
    names: tuple[str, ...]
    pieces: tuple[int | None, ...]
    left_out: int
    world: int
    wrapped: bool
    own_rows: bool
    records: bool
    rows: Mapping[int, Mapping[str, Sequence[int | None]]]
    inputs: Mapping[int, int]
    generators: Mapping[int, Mapping[str, tuple[int, int]]]
    batches: Mapping[int, int]
    numbers: Mapping[str, Mapping[int, float]]


def read_rank_files(folder: Path) -> Iterator[RankFile]:
    """Yield what each rank wrote; a file without a whole line is passed over.

    Raises:
        OSError, ValueError, KeyError, TypeError, RecursionError: a file cannot be read, or is damaged.
    """
    files = sorted(folder.glob("rank-*.jsonl"))[:MOST]
    if sum(file.stat().st_size for file in files) > _LARGEST:
        raise ValueError(f"more than {_LARGEST // 2**20} MB")
    for file in files:
        lines = read_bytes(file, _LARGEST).decode().split("\n")[:-1]  # what was cut off by a kill is no line
        if lines:
            yield _checked(file.name, *map(json.loads, lines))


def _checked(name: str, head: Mapping[str, Any], *rows: Mapping[str, Any]) -> RankFile:
    names = tuple(map(str, head["parameters"]))
    pieces = tuple(None if one is None else a_count(one) for one in head.get(PIECES, [None] * len(names)))
    if len(pieces) != len(names):
        raise ValueError(f"{name} says of other parameters which pieces they are")
    others = {"step", *NUMBERS, BATCHES}  # an earlier newllm wrote a step alone, too
    compared = [row for row in rows if WEIGHTS in row or not others.issuperset(row)]
    by_step = {a_count(row["step"]): {part: list(row[part]) for part in (WEIGHTS, MOMENTS)} for row in compared}
    for values in (values for row in by_step.values() for values in row.values()):
        if len(values) != len(names):
            raise ValueError(f"{name} has a row of another length")
        if not {int, type(None)}.issuperset(map(type, values)):
            raise ValueError(f"{name} has a row of something else than fingerprints")
    rank, left_out, world = (a_count(head[key]) for key in ("rank", "left_out", "ranks"))
    return RankFile(
        *(rank, names, pieces, left_out, world),
        wrapped=bool(head["wrapped"]),
        own_rows=bool(head.get(OWN_ROWS)),
        records=bool(head.get("records")),
        rows=by_step,
        inputs={row["step"]: a_count(row[INPUTS]) for row in compared if row.get(INPUTS) is not None},
        generators={row["step"]: dict(_states(row[GENERATORS])) for row in compared if row.get(GENERATORS)},
        batches={a_count(row["step"]): a_count(row[BATCHES]) for row in rows if row.get(BATCHES) is not None},
        numbers={key: dict(_numbers(key, rows)) for key in NUMBERS},
    )


def _states(found: Mapping[str, Sequence[Any]]) -> Iterator[tuple[str, tuple[int, int]]]:
    for name, (state, by) in dict(found).items():
        yield str(name), (a_count(state), a_count(by))


def _numbers(key: str, rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[int, float]]:
    """Yield the steps and numbers of one kind; a single one is of the row's step, as an earlier newllm wrote it."""
    for row in rows:
        listed, last = row.get(key), a_count(row["step"])
        values = listed if isinstance(listed, list) else [listed]
        for step, value in enumerate(values, last + 1 - len(values)):
            if value is None:
                continue
            number = decode_number(value)
            yield step, a_time(number) if key == SECONDS else number


def a_count(value: object) -> int:
    """Return what a file says is a count.

    Raises:
        ValueError: it is none.
    """
    if type(value) is not int or not 0 <= value <= _LARGEST_NUMBER:
        raise ValueError("a count is no whole number from 0 up")
    return value


def a_time(value: Any) -> float:
    """Return what a file says are seconds.

    Raises:
        ValueError: they are none.
    """
    if type(value) not in (int, float) or not 0 <= value <= _LARGEST_NUMBER:
        raise ValueError("a time is no number of seconds")
    return float(value)

"""A study: the arms, seeds, data sets and claims together, and what is done with a cell.

A study is a Python file with `STUDY = Study(...)`: one of ours in `studies/`, or anyone's by path.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newllm.study.cell_recording import OwnSignals, no_signals
from newllm.study.design import Arm, Claim, Record, Row
from newllm.study.outcomes import outcomes
from newllm.training.config import RunConfig
from newllm.words.tables import Table


def one_text(folder: Path, name: str, variant: str) -> Sequence[str]:  # noqa: ARG001 (the form of a lay_out)
    """Return the settings that read a data set which is one text, file or directory; it has no variants."""
    return [f"data.texts={json.dumps([name])}"]


def no_tables(results: dict[str, Any]) -> Sequence[Table]:  # noqa: ARG001 (the form of tables)
    """Return no table beside that of the claims."""
    return ()


def no_pages(folder: Path, results: dict[str, Any]) -> None:
    """Write nothing beside results and tables."""


@dataclass(frozen=True)
class Study:
    """A grid of runs with its claims.

    Attributes:
        name: short.
        title: one line.
        arms: all of them.
        sets: names of the data sets; seed s trains on set s modulo their number.
        claims: what is tested.
        seeds: how many by default.
        quick: names of the arms of the quick form; empty for all.
        quick_seeds: how many seeds it has.
        quick_seconds: that it takes at most; runs that had no time are told, and the same command goes on with them.
        lay_out: `(folder, set, variant) -> settings`: writes the texts of a set, says where they are.
        measure: somebody's own way to make a cell's record, in place of a run; None trains a run.
        signals: what is measured of a run more, see `cell_recording.OwnSignals`.
        outcomes: `(record, the control's record or None) -> row`, without arm, seed and data.
        tables: `results -> tables`, beside that of the claims.
        write: `(folder, results)`: the pages and figures beside results.json.
        translations: what its title, claims, arms, numbers and tables say in English, by language:
            `{"ja": {"As it is.": "変更なし。"}}`.
    """

    name: str
    title: str
    arms: tuple[Arm, ...]
    sets: tuple[str, ...]
    claims: tuple[Claim, ...]
    seeds: int = 10
    quick: tuple[str, ...] = ()
    quick_seeds: int = 2
    quick_seconds: float = 300.0
    lay_out: Callable[[Path, str, str], Sequence[str]] = one_text
    measure: Callable[[RunConfig], Record] | None = None
    signals: OwnSignals = no_signals
    outcomes: Callable[[Record, Record | None], Row] = outcomes
    tables: Callable[[dict[str, Any]], Sequence[Table]] = no_tables
    write: Callable[[Path, dict[str, Any]], None] = no_pages
    translations: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

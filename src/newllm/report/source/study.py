"""What a study left in its directory, read so that a damaged part takes no other with it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newllm.checksum import read_checked
from newllm.errors import UserError
from newllm.messages import Message, message
from newllm.report.source.replays import ill_typed
from newllm.trace import Verdict
from newllm.words.tables import TABLES, Table

RESULTS, REPLAY, PRINTED = "results.json", "replay.json", "printed.json"
_LARGEST = 256 * 2**20
_KINDS = {"arms": ("name",), "claims": ("id", "text", "verdict"), "rows": ("arm", "seed")}

Item = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class StudySource:
    """What a page shows of a study. Of what stands in the items only the fields below are checked.

    Attributes:
        path: its directory.
        name, title: as results.json has them.
        arms: each with a "name" and a "control", texts; the control is empty where there is none.
        claims: each with "id", "text" and "verdict", texts or whole numbers.
        rows: one a run, each with "arm" and "seed", likewise.
        curves: quartiles by arm and signal, unchecked.
        about: the rest of results.json: seeds, sets, environment, core_seconds, failed, worker_deaths.
        replay: the verdict of replay.json, None without one.
        tables: the study's own, in English; made harmless.
        printed: of printed.json, by language: figures that somebody printed beside the study's own, unchecked.
        problems: what could not be read.
    """

    path: Path
    name: str
    title: str = ""
    arms: tuple[Item, ...] = ()
    claims: tuple[Item, ...] = ()
    rows: tuple[Item, ...] = ()
    curves: Item = field(default_factory=dict)
    about: Item = field(default_factory=dict)
    replay: Verdict | None = None
    tables: tuple[Table, ...] = ()
    printed: Item = field(default_factory=dict)
    problems: tuple[Message, ...] = ()

    @property
    def translations(self) -> Item:
        """What the study's English texts are in other languages, unchecked; printed.json had them at first."""
        known = self.about.get("translations")
        return known if known else {lang: _mapping(part).get("said") for lang, part in self.printed.items()}

    def rows_of(self, arm: str) -> list[Item]:
        """Return the runs of an arm."""
        return [row for row in self.rows if row["arm"] == arm]


def is_study(path: str | os.PathLike[str]) -> bool:
    """Say whether a directory is that of a study, finished or not. It never raises."""
    try:
        place = Path(path)
        if not place.is_dir():
            return False
        return (place / RESULTS).is_file() or "cells" in _object(place / "study.json")
    except (OSError, ValueError):
        return False


def read_study(path: str | os.PathLike[str]) -> StudySource:
    """Read a study's directory. What is damaged in it is left out and told in `problems`.

    Raises:
        UserError: there are no results yet, or the file is none.
    """
    place = Path(path)
    try:
        results = _object(place / RESULTS)
    except OSError as error:
        mend = "go on with newllm study until it is done"
        raise UserError(f"'{place}' has no {RESULTS} that can be read ({error.strerror}): {mend}") from error
    except ValueError as error:
        raise UserError(
            f"'{place / RESULTS}' is damaged ({error}): run newllm study again, it keeps its runs"
        ) from error
    problems: list[Message] = []
    parts = {name: _items(results, name, problems.append) for name in _KINDS}
    parts["arms"] = tuple(
        {**arm, "name": str(arm["name"]), "control": _text(arm.get("control"))} for arm in parts["arms"]
    )
    return StudySource(
        place,
        str(results.get("study") or place.name),
        str(results.get("title") or ""),
        curves=_mapping(results.get("curves")),
        about={name: value for name, value in results.items() if name not in (*_KINDS, "curves")},
        replay=_replay(place / REPLAY, problems.append),
        tables=tuple(_tables(_side_file(place / TABLES, problems.append).get("tables"))),
        printed=_side_file(place / PRINTED, problems.append),
        problems=tuple(problems),
        **parts,
    )


def _object(path: Path) -> Item:
    found = read_checked(path, _LARGEST)
    if not isinstance(found, Mapping):
        raise ValueError("no object")
    return found


def _items(results: Item, name: str, say: Callable[[Message], None]) -> tuple[Item, ...]:
    """Return the sound items of a list."""
    listed, needs = results.get(name), _KINDS[name]
    if not isinstance(listed, list):
        say(message("problem-study-no_list", file=RESULTS, name=name))
        return ()
    sound = [one for one in listed if isinstance(one, Mapping) and all(_is_name(one.get(need)) for need in needs)]
    if len(sound) < len(listed):
        damaged = len(listed) - len(sound)
        say(message("problem-study-damaged_items", damaged=damaged, count=len(listed), name=name, file=RESULTS))
    return tuple(sound)


def _is_name(value: Any) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _mapping(value: Any) -> Item:
    return value if isinstance(value, Mapping) else {}


def _replay(path: Path, say: Callable[[Message], None]) -> Verdict | None:
    if not path.is_file():
        return None
    try:
        verdict = Verdict.from_dict(dict(_object(path)))
        if problem := ill_typed(verdict):
            raise ValueError(problem)
        return verdict
    except (OSError, ValueError, TypeError, LookupError, AttributeError) as error:
        say(message("problem-no-verdict", file=path.name, reason=type(error).__name__))
        return None


def _tables(found: Any) -> list[Table]:
    return [Table.from_dict(one) for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []


def _side_file(path: Path, say: Callable[[Message], None]) -> Item:
    if not path.is_file():
        return {}
    try:
        return _object(path)
    except (OSError, ValueError, RecursionError) as error:
        say(message("problem-study-damaged_file", file=path.name, reason=type(error).__name__))
        return {}

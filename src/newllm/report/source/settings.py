"""The settings of a run, one value a dotted name: as the list of runs and the report of a recording show them."""

import math
import sys
from collections.abc import Iterator, Mapping
from typing import Any

Setting = str | int | float | bool

_OF_NO_INTEREST = {"schema", "environment", "sha256"}
_RECORDED = ("kind", "vocabulary")  # what a recorder says of a training beside its settings
_MOST, _DEEPEST, _LONGEST = 300, 6, 80  # settings of a run, levels, characters of a value or a name


def settings_of(config: Mapping[str, Any], recording: Mapping[str, Any]) -> dict[str, Setting]:
    """Return settings by name ("optimizer.learning_rate"); what is neither text, number nor a list of them is left out.

    Args:
        config: RUN/config.toml, empty where there is none.
        recording: RUN/recording.json, likewise: of another training it holds what that said of itself ("config").
    """
    if config:
        tables = {name: item for name, item in config.items() if name not in _OF_NO_INTEREST}
    else:
        said = recording.get("config")
        tables = {"optimizer": {"name": recording["optimizer"]}} if "optimizer" in recording else {}
        tables |= {name: recording[name] for name in _RECORDED if name in recording}
        tables |= said if isinstance(said, Mapping) else {}
    found: dict[str, Setting] = {}
    for name, value in _flat(tables, "", _DEEPEST):
        if len(found) == _MOST:
            break
        found[sys.intern(name)] = value
    return found


def _flat(table: Mapping[str, Any], before: str, deepest: int) -> Iterator[tuple[str, Setting]]:
    for key, value in table.items():
        name = f"{before}{key}"
        if len(name) > _LONGEST or not name.isprintable() or "," in name:  # a comma parts names in an address
            continue
        if isinstance(value, Mapping):
            if deepest > 1:
                yield from _flat(value, f"{name}.", deepest - 1)
        elif isinstance(value, list | tuple):
            if all(isinstance(one, str | int | float) for one in value):
                yield name, ", ".join(map(str, value))[:_LONGEST]
        elif isinstance(value, str):
            yield name, value[:_LONGEST]
        elif isinstance(value, int | float):
            yield name, value if math.isfinite(value) and abs(value) < 2**53 else str(value)

"""The settings of a run, one value a dotted name: as the list of runs and the report of a recording show them."""

import math
import sys
from collections.abc import Mapping
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
        of_optimizer, said = (_table(recording.get(name)) for name in ("optimizer_settings", "config"))
        named = {"name": recording["optimizer"]} if "optimizer" in recording else {}
        told = {name: recording[name] for name in _RECORDED if name in recording}
        tables = told | flat({"optimizer": {**named, **of_optimizer}}) | flat(said)
    found: dict[str, Setting] = {}
    for name, item in flat(tables).items():
        value = _value(item)
        if value is None or len(name) > _LONGEST or not name.isprintable() or "," in name:
            continue  # a comma parts names in an address
        found[sys.intern(name)] = value
        if len(found) == _MOST:
            break
    return found


def flat(config: Mapping[str, Any], prefix: str = "", deepest: int = _DEEPEST) -> dict[str, Any]:
    """Return a nested configuration by dotted key: {"model": {"rule": "ema"}} as {"model.rule": "ema"}.

    What lies deeper than `deepest` levels is left out.
    """
    found: dict[str, Any] = {}
    for name, item in config.items():
        if not isinstance(item, Mapping):
            found[f"{prefix}{name}"] = item
        elif deepest > 1:
            found |= flat(item, f"{prefix}{name}.", deepest - 1)
    return found


def _table(said: Any) -> Mapping[str, Any]:
    return said if isinstance(said, Mapping) else {}


def _value(item: Any) -> Setting | None:
    """Return a value as a list shows it, None where it is neither text, number nor a list of them."""
    if isinstance(item, list | tuple):
        return ", ".join(map(str, item))[:_LONGEST] if all(isinstance(one, str | int | float) for one in item) else None
    if isinstance(item, str):
        return item[:_LONGEST]
    if isinstance(item, int | float):
        return item if abs(item) < 2**53 and math.isfinite(item) else str(item)[:_LONGEST]
    return None

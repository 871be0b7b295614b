"""Configurations as TOML files, and single settings from the command line.

Reading is strict: an unknown key or a value of the wrong type is one line that names it.
"""

import dataclasses
import difflib
import math
import re
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import tomli_w

from newllm.errors import UserError, quoted
from newllm.files import parse_toml, read_toml, write_bytes
from newllm.training.config import SCHEMA, Plan, Ranks, RunConfig

_C = TypeVar("_C")
_ROW = re.compile(r"\[\s+(\d+(?:,\s+\d+)+),\s+\],")  # of numbers: a line each, not one a number
_BITS, _BITS_OF_A_SEED = 63, 256  # of a whole number; a seed may be any hash
_ROWS: dict[Any, Any] = {Plan: ((0, 2000, 50),), Ranks: ((0, 2),)}  # lists of rows of numbers, with an example
_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    tuple: "a list of strings",
    dict: "a table",
}


def save_config(config: RunConfig, path: Path) -> None:
    """Write config.toml whole or not at all."""
    content = tomli_w.dumps(_plain(dataclasses.asdict(config)))
    write_bytes(path, _ROW.sub(_in_a_line, content).encode())


def _in_a_line(row: re.Match[str]) -> str:
    return f"[{' '.join(row[1].split())}],"


def load_config(path: Path) -> RunConfig:
    """Read a complete configuration.

    Raises:
        UserError: the file cannot be read, is no TOML, or says something that does not exist.
    """
    return merge(RunConfig(), read_changes(path), where=f"'{path}'")


def read_changes(path: Path) -> dict[str, Any]:
    """Read a TOML file that names what differs from a preset, as nested values.

    Raises:
        UserError: the file cannot be read, is no TOML, or is written for another version.
    """
    try:
        content = read_toml(path)
    except OSError as error:
        raise UserError(f"cannot read the configuration '{path}': {error.strerror}") from error
    except ValueError as error:
        raise UserError(f"'{path}' is not a TOML file: {error}: correct it, or copy it again") from error
    if content.get("schema", SCHEMA) != SCHEMA:
        raise UserError(f"'{path}' has schema {quoted(content['schema'])}: this version reads schema {SCHEMA}")
    return content


def merge(config: _C, changes: dict[str, Any], *, where: str, prefix: str = "") -> _C:
    """Return a configuration with some values replaced.

    Args:
        config: a configuration dataclass, with others inside.
        changes: nested values by field name.
        where: the source of the changes, quoted in errors.
        prefix: dotted name of this part.

    Raises:
        UserError: a key does not exist, or a value has the wrong type.
    """
    hints = get_type_hints(type(config))
    replaced = {}
    for key, value in changes.items():
        name = f"{prefix}{key}"
        if key not in hints:
            raise UserError(f"{where}: unknown setting '{name}': {_instead(config, key, prefix)}")
        now = getattr(config, key)
        if dataclasses.is_dataclass(now):
            if not isinstance(value, dict):
                raise UserError(f"{where}: {name} is {quoted(value)}: it is a part, set one of {', '.join(vars(now))}")
            replaced[key] = merge(now, value, where=where, prefix=f"{name}.")
        else:
            example = _ROWS.get(hints[key])
            what = f"{where}: {name}"
            replaced[key] = _converted(value, now, what) if example is None else _numbers(value, example, what)
    return dataclasses.replace(config, **replaced)  # type: ignore[type-var]


def _instead(config: Any, key: str, prefix: str) -> str:
    """Say what may have been meant by a setting that does not exist: the same name in a part, or a near one."""
    parts = {part: vars(value) for part, value in vars(config).items() if dataclasses.is_dataclass(value)}
    meant = [f"{part}.{key}" for part, names in parts.items() if key in names]
    meant = meant or difflib.get_close_matches(key, vars(config), n=1, cutoff=0.4)
    if meant:
        return "did you mean " + " or ".join(f"'{prefix}{name}'" for name in meant) + "?"
    return f"known here: {', '.join(vars(config))}"


def parse_setting(setting: str) -> dict[str, Any]:
    """Turn `optimizer.learning_rate=1e-3` into nested values.

    Raises:
        UserError: there is no `=`, or no name before it.
    """
    name, equals, text = setting.partition("=")
    if not equals or not name.strip():
        raise UserError(f"--set {quoted(setting)}: write KEY=VALUE, for example optimizer.learning_rate=1e-3")
    value = _value(text.strip())
    for part in reversed(name.strip().split(".")):
        value = {part: value}
    return value


def _value(text: str) -> Any:
    """Read a TOML value; a bare word is itself, but for Python's True and False."""
    if text in ("True", "False"):
        return text == "True"
    try:
        return parse_toml(f"value = {text}")["value"]
    except ValueError:
        return _number(text)


def _number(text: str) -> Any:
    try:
        return float(text)  # TOML has no 1e-3 without a digit after the dot in some spellings
    except ValueError:
        return text


def _converted(value: Any, now: Any, name: str) -> Any:
    """Return the value in the type of what it replaces."""
    if isinstance(now, bool) or isinstance(value, bool):
        good = isinstance(now, bool) and isinstance(value, bool)
    elif isinstance(now, int):
        value = int(value) if isinstance(value, float) and value.is_integer() else value
        good = isinstance(value, int)
        bits = _BITS_OF_A_SEED if name.endswith("seed") else _BITS
        if isinstance(value, int) and value.bit_length() > bits:
            raise UserError(f"{name} is {quoted(value)}: it must be below 2^{bits}, for example {now}")
    elif isinstance(now, float):
        value = _as_float(value)
        good = isinstance(value, float) and math.isfinite(value)
    elif isinstance(now, tuple):
        value = (value,) if isinstance(value, str) else value
        good = isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)
        value = tuple(value) if good else value
    else:
        good = isinstance(value, type(now))
    if not good:
        raise UserError(f"{name} is {quoted(value)}: it must be {_KINDS[type(now)]}, for example {_example(now)}")
    return value


def _numbers(value: Any, example: Ranks | Plan, name: str) -> Any:
    """Return a list of rows of whole numbers, as many a row as the example has, as tuples."""
    width = len(example[0])
    rows = value if isinstance(value, list | tuple) else [None]
    for row in rows:
        if not isinstance(row, list | tuple) or len(row) != width or not all(map(_counts, row)):
            shown = [list(one) for one in example]
            how_many = "two" if width == 2 else "three"
            raise UserError(
                f"{name} is {quoted(value)}: it must be rows of {how_many} whole numbers, for example {shown}"
            )
    return tuple(map(tuple, rows))


def _counts(value: Any) -> bool:
    return type(value) is int and value.bit_length() <= _BITS


def _as_float(value: Any) -> Any:
    if not isinstance(value, int):
        return value
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _example(now: Any) -> str:
    if isinstance(now, bool):
        return str(now).lower()
    return str(list(now)) if isinstance(now, tuple) else repr(now)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value

"""From what a person says to a configuration: preset, file, body, single values."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newllm.errors import UserError, quoted
from newllm.training.config import RunConfig
from newllm.training.config_file import merge, parse_setting, read_changes
from newllm.training.presets import preset as find_preset
from newllm.training.presets import with_body, with_width


def configure(
    preset: str | None,
    file: str | Path | None,
    body: str | None,
    settings: Sequence[str],
    changes: dict[str, Any],
    width: int | None = None,
) -> RunConfig:
    """Return the configuration that was asked for: preset, file, body and width, changes, settings, in this order."""
    written = read_changes(Path(file)) if file is not None else {}
    result = start = find_preset(preset or str(written.get("preset", "small")))
    if file is not None:
        result = merge(result, {**written, "preset": result.preset}, where=f"'{file}'")
    if body is not None:
        result = with_body(result, body)
    if width is not None:
        result = with_width(result, width)
    result = merge(result, changes, where="train")
    said = [written, changes]
    for setting in settings:
        said.append(_changes(setting))
        result = merge(result, said[-1], where=f"--set {quoted(setting)}")
    return _with_window(result, start, said)


def _changes(setting: str) -> dict[str, Any]:
    """Read a setting; refuse those that would only relabel the run."""
    changes = parse_setting(setting)
    if "preset" in changes:
        raise UserError(f"--set {quoted(setting)} would change the name alone: take --preset {changes['preset']}")
    if changes.keys() & {"schema", "environment"}:
        raise UserError(f"--set {quoted(setting)}: newllm writes that itself, for the record: drop it")
    return changes


def _with_window(config: RunConfig, start: RunConfig, said: Sequence[dict[str, Any]]) -> RunConfig:
    """Return the configuration with model.window at data.window where only the latter was said.

    Attention's reach and the longest time scale are those of what it is trained on. A founding preset, where the two
    differ from the start, keeps its own.
    """
    named = {part for changes in said for part in ("data", "model") if "window" in changes.get(part, {})}
    if named != {"data"} or start.model.window != start.data.window:
        return config
    return dataclasses.replace(config, model=dataclasses.replace(config.model, window=config.data.window))

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
    if "environment" in written:  # a run wrote it, whole: what it lacks is as it was before there was such a setting
        result = start = RunConfig(preset=start.preset)
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
    return _with_tables(_with_window(result, start, said), said)


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
    said_of_model = _was_said(said, "model", "window")
    if said_of_model or not _was_said(said, "data", "window") or start.model.window != start.data.window:
        return config
    return dataclasses.replace(config, model=dataclasses.replace(config.model, window=config.data.window))


def _with_tables(config: RunConfig, said: Sequence[dict[str, Any]]) -> RunConfig:
    """Return the configuration without a preset's tables of n-grams where they do harm and were not asked for.

    Those of byte pairs are learnt by heart (docs/models.md). Adam divides a decay by the size of the gradient, and SGD
    wants rates at which one of 3 would blow the tables up. What has no tables has no decay of them.
    """
    model, optimizer = config.model, config.optimizer
    other = optimizer.name in ("adam", "sgd")
    if (other or config.data.tokenizer != "bytes") and not _was_said(said, "model", "ngram_rows"):
        model = dataclasses.replace(model, ngram_rows=0)
    if (other or not model.ngram_rows) and not _was_said(said, "optimizer", "ngram_decay"):
        optimizer = dataclasses.replace(optimizer, ngram_decay=0.0)
    return dataclasses.replace(config, model=model, optimizer=optimizer)


def _was_said(said: Sequence[dict[str, Any]], part: str, name: str) -> bool:
    return any(name in changes.get(part, {}) for changes in said)

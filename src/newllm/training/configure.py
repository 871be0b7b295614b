"""From what a person says to a configuration: preset, file, body, single values."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from newllm.training.config import RunConfig
from newllm.training.config_file import merge, parse_setting, read_changes
from newllm.training.presets import preset as find_preset
from newllm.training.presets import with_body


def configure(
    preset: str | None, file: str | Path | None, body: str | None, settings: Sequence[str], changes: dict[str, Any]
) -> RunConfig:
    """Return the configuration that was asked for: preset, then file, then body, then changes, then settings."""
    written = read_changes(Path(file)) if file is not None else {}
    result = find_preset(preset or str(written.get("preset", "small")))
    if file is not None:
        result = merge(result, {**written, "preset": result.preset}, where=f"'{file}'")
    if body is not None:
        result = with_body(result, body)
    result = merge(result, changes, where="train")
    for setting in settings:
        result = merge(result, parse_setting(setting), where=f"--set '{setting}'")
    return result

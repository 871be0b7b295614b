"""docs/settings.md names every setting of a configuration, its default, and nothing else."""

import dataclasses
import re
from pathlib import Path
from typing import Any

from newllm.training.config import RunConfig
from newllm.training.presets import preset

PAGE = Path(__file__).parents[3] / "docs/settings.md"
ROW = re.compile(r"^\| (`[^|]+`) \| ([^|]+) \|", re.MULTILINE)
PARTS = ("model", "data", "optimizer", "training", "numerics", "parallel")


def written(value: Any) -> str:
    """Return a default as the page writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return str(list(value))
    return f"`{value}`" if isinstance(value, str) else str(value).replace("e-0", "e-")


def documented() -> dict[str, str]:
    found: dict[str, str] = {}
    for names, defaults in ROW.findall(PAGE.read_text(encoding="utf-8")):
        settings = re.findall(r"`([^`]+)`", names)
        found |= zip(settings, defaults.split(", ") if len(settings) > 1 else [defaults], strict=True)
    return found


def test_the_page_has_every_setting_with_its_default() -> None:
    config: RunConfig = preset("small")
    settings = {"seed": written(config.seed)}
    for part in PARTS:
        of_part = getattr(config, part)
        settings |= {f"{part}.{one.name}": written(getattr(of_part, one.name)) for one in dataclasses.fields(of_part)}
    assert documented() == settings

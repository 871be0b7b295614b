"""Texts that somebody looked at and kept."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def as_kept(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str, str], None]:
    """Hold a text to the one that is kept by this name beside the test."""

    def check(name: str, text: str) -> None:
        now, kept = tmp_path / f"{name}.txt", request.path.parent / "kept" / f"{name}.txt"
        now.write_text(text, encoding="utf-8")
        assert text == kept.read_text(encoding="utf-8"), f"look at it; if it is as it should be: cp {now} {kept}"

    return check

"""What the next release will list: each file of changes/ is of a kind that towncrier takes, and says something."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_each_change_is_of_a_known_kind() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["towncrier"]
    kinds = {kind["directory"] for kind in settings["type"]}
    assert (ROOT / settings["filename"]).read_text(encoding="utf-8").startswith(settings["start_string"])
    for file in (ROOT / settings["directory"]).iterdir():
        if file.name in settings["ignore"]:
            continue
        found = re.fullmatch(r"\+[a-z0-9-]+\.([a-z]+)\.md", file.name)
        assert found, file.name
        assert found[1] in kinds, file.name
        assert file.read_text(encoding="utf-8").strip().endswith("."), file.name

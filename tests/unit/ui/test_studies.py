"""What the list of studies tells of one, and of one that cannot be read."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from newllm.messages import Message
from newllm.ui.studies import read_study

WHOLE = {
    "title": "t" * 500, "arms": [1, 2], "seeds": 3,
    "claims": [{"verdict": "holds"}, {"verdict": "undecided"}, {"verdict": "holds"}],
}  # fmt: skip


def told(place: Path, content: str) -> dict[str, Any]:
    (place / "results.json").write_text(content)
    os.utime(place / "results.json", (5.0, 7.5))
    return read_study(place, id="i", name="n").as_dict()


def test_a_study_is_told_in_numbers(tmp_path: Path) -> None:
    assert told(tmp_path, json.dumps(WHOLE)) == {
        "id": "i", "name": "n", "title": "t" * 400, "arms": 2, "seeds": 3, "when": 7.5, "problems": (),
        "verdicts": (("holds", 2), ("undecided", 1)), "titles": (),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("translations", "titles"),
    [({"ja": {"t" * 500: "題" * 500}}, (("ja", "題" * 400),)), ({"ja": {"t" * 500: 3}}, ()), ({"ja": 3}, ()), (3, ())],
)
def test_its_title_in_other_languages(tmp_path: Path, translations: Any, titles: tuple[tuple[str, str], ...]) -> None:
    assert told(tmp_path, json.dumps(WHOLE | {"translations": translations}))["titles"] == titles


@pytest.mark.parametrize(
    "content", ["", "[]", "3", json.dumps(WHOLE | {"claims": [3]}), json.dumps(WHOLE | {"seeds": None})]
)
def test_of_a_damaged_one_only_that_is_told(tmp_path: Path, content: str) -> None:
    found = told(tmp_path, content)
    (problem,) = found.pop("problems")
    assert str(Message(**problem)).startswith("results.json cannot be read (")
    numbers = {"arms": 0, "seeds": 0, "when": 0.0, "verdicts": ()}
    assert found == {"id": "i", "name": "n", "title": "", "titles": ()} | numbers


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other.json").write_text(json.dumps(WHOLE))
    (tmp_path / "results.json").symlink_to(tmp_path / "other.json")
    assert list(map(str, read_study(tmp_path, id="i", name="n").problems)) == ["results.json is a link"]

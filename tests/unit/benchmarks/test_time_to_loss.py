"""What a result is added to must have asked the same, and no text is trained twice."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest

import time_to_loss
from time_to_loss import QUICK, Question, found_texts, known
from trials import Text, precision

SEARCHED = [Text("searched", ("a.txt",)), Text("second", ("b.txt",), evaluate_tokens=64)]


def written(directory: Path, **changes: Any) -> Path:
    path = directory / "result.json"
    extent = dataclasses.asdict(QUICK)
    whole = {"extent": extent, "precision": precision(), "searched_on": "searched", "texts": [], "best": {}}
    path.write_text(json.dumps({**whole, **changes}))
    return path


def test_a_result_of_the_same_question_is_added_to(tmp_path: Path) -> None:
    assert known(written(tmp_path), Question(tmp_path, QUICK, SEARCHED))["texts"] == []


def test_nothing_is_added_to_a_result_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"'.*none.json' is not there.*leave out --add"):
        known(tmp_path / "none.json", Question(tmp_path, QUICK, SEARCHED))


@pytest.mark.parametrize(
    ("name", "value"), [("precision", "fp8"), ("searched_on", "another"), ("extent", {"trial": 1.0})]
)
def test_a_result_of_another_question_is_refused_by_name(tmp_path: Path, name: str, value: object) -> None:
    path = written(tmp_path, **{name: value})
    with pytest.raises(SystemExit, match=rf"result.json' has another {name}"):
        known(path, Question(tmp_path, QUICK, SEARCHED))


def test_a_text_may_be_judged_on_a_part_and_the_quick_form_judges_less(tmp_path: Path) -> None:
    whole = dataclasses.replace(QUICK, evaluate_tokens=0)
    settings = QUICK.settings[0]
    tokens = [
        Question(tmp_path, extent, SEARCHED).trial("newllm stack", SEARCHED[1], settings, 1.0).evaluate_tokens
        for extent in (whole, QUICK)
    ]
    assert tokens == [64, QUICK.evaluate_tokens]


def test_only_what_a_result_lacks_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    best = {"newllm stack": dataclasses.asdict(QUICK.settings[0])}
    path = written(tmp_path, texts=[{"text": "searched"}], best=best)
    asked: list[str] = []
    monkeypatch.setattr(time_to_loss, "found_texts", lambda _: SEARCHED)
    monkeypatch.setattr(Question, "answer", lambda _, text, __: asked.append(text.name) or {"text": text.name})
    arguments = ["time_to_loss", "--out", str(path), "--runs", str(tmp_path), "--quick", "--add"]
    monkeypatch.setattr("sys.argv", arguments)
    time_to_loss.main()
    time_to_loss.main()
    assert asked == ["second"]
    assert [text["text"] for text in json.loads(path.read_text())["texts"]] == ["searched", "second"]


def test_texts_that_the_project_does_not_ship_are_taken_where_they_are(tmp_path: Path) -> None:
    assert [text.name for text in found_texts(None)] == ["Moby Dick"]
    assert [text.name for text in found_texts(tmp_path)] == ["tiny shakespeare", "Moby Dick"]
    for part in ("train", "valid"):
        (tmp_path / f"wikitext2.{part}.txt.xz").touch()
    assert [text.name for text in found_texts(tmp_path)][2:] == ["WikiText-2"]

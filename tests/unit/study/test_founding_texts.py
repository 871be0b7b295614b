"""The sentences of the founding study in their variants."""

import json
from pathlib import Path

import pytest
from studies.founding.texts import SETS, lay_out

from newllm.errors import UserError


def parts(settings: list[str]) -> list[list[str]]:
    """The sentences of the training and of the validation that settings name."""
    (train,), (validation,) = (json.loads(one.partition("=")[2]) for one in settings)
    assert [one.partition("=")[0] for one in settings] == ["data.texts", "data.validation"]
    return [Path(place).read_text().splitlines() for place in (train, validation)]


def test_as_packaged_nothing_is_written(tmp_path: Path) -> None:
    assert lay_out(tmp_path, SETS[0], "") == [f'data.texts=["{SETS[0]}"]']
    assert list(tmp_path.iterdir()) == []


def test_more_sentences_are_added_to_the_training_alone(tmp_path: Path) -> None:
    few, many = (parts(list(lay_out(tmp_path, SETS[0], variant))) for variant in ("124", "500"))
    assert [len(few[0]), len(many[0])] == [124, 500]
    assert few[1] == many[1]
    assert len(few[1]) == 6
    assert many[0][:124] == few[0]
    assert len(set(many[0])) == 500
    assert all(line.strip() for line in many[0])
    names = sorted(path.name.rpartition("-")[2] for path in tmp_path.iterdir())
    assert names == ["train.txt"] * 2 + ["validation.txt"] * 2


def test_the_known_validation_has_no_word_that_training_does_not_know(tmp_path: Path) -> None:
    plain = parts(list(lay_out(tmp_path, SETS[0], "124")))
    train, validation = parts(list(lay_out(tmp_path, SETS[0], "validation-known")))
    assert train == plain[0][:24]
    known = set(" ".join(train).lower().split())
    expected = [" ".join(word for word in line.split() if word.lower() in known) for line in plain[1]]
    assert validation == [line for line in expected if line]
    assert sum(map(len, validation)) < sum(map(len, plain[1]))


def test_where_training_knows_no_word_of_it_there_is_no_validation(tmp_path: Path) -> None:
    text = tmp_path / "alien.txt"
    text.write_text("".join(f"a{n} b{n} c{n}\n" for n in range(10)))
    with pytest.raises(UserError, match="training knows no word of its validation sentences"):
        lay_out(tmp_path, str(text), "validation-known")
    with pytest.raises(ValueError, match="no variant '7'"):
        lay_out(tmp_path, SETS[0], "7")

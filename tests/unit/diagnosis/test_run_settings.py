"""Settings as one value a dotted name: of a configuration, of a recording, of whatever stands in a damaged one."""

import math

import pytest

from newllm.diagnosis.run_settings import settings_of


def test_a_configuration_without_its_environment():
    config = {"schema": 1, "seed": 3, "model": {"rule": "ema", "deep": {"a": [1, "x"]}}, "environment": {"torch": "2"}}
    assert settings_of(config, {"optimizer": "Adam"}) == {"seed": 3, "model.rule": "ema", "model.deep.a": "1, x"}


def test_a_recording_with_what_its_training_said():
    recording = {
        "optimizer": "AdamW",
        "kind": "fine-tune",
        "parameters": 7,
        "optimizer_settings": {"name": "AdamW", "learning_rate": 0.1},
        "config": {"batch": 8, "optimizer": "mine"},
    }
    assert settings_of({}, recording) == {
        "optimizer.name": "AdamW", "optimizer.learning_rate": 0.1, "kind": "fine-tune", "batch": 8, "optimizer": "mine",
    }  # fmt: skip
    assert settings_of({}, {"optimizer": "SGD"}) == {"optimizer.name": "SGD"}


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (math.nan, "nan"),
        (math.inf, "inf"),
        (2**60, str(2**60)),
        (None, ...),
        ([{}], ...),
        ("x" * 500, "x" * 80),
        (True, True),
    ],
)
def test_values_that_are_none(value, kept):
    assert settings_of({"a": value}, {}) == ({} if kept is ... else {"a": kept})


def test_names_and_numbers_of_settings_have_bounds():
    assert settings_of({"a,b": 1, "\x1b": 2, "x" * 90: 3, "ok": 4}, {}) == {"ok": 4}
    assert len(settings_of({str(one): one for one in range(1000)}, {})) == 300
    deep: dict[str, object] = {"end": 1}
    for _ in range(50):
        deep = {"a": deep}
    assert settings_of(deep, {}) == {}

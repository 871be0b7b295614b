"""Models of the recall benchmark are alike in all but what is compared."""

import dataclasses

import pytest

from newllm.errors import UserError
from newllm.recall.contenders import MODELS, Shape, model_config

SHAPE = Shape(width=16, layers=2, vocabulary=28, trained=8, asked=24)


@pytest.mark.parametrize("name", MODELS)
def test_models_have_one_width_and_the_window_they_need(name: str) -> None:
    config = model_config(name, Shape(64, 2, 100, trained=256, asked=4096))
    assert (config.width, config.context, config.layers, config.vocabulary) == (64, 64, 2, 100)
    assert config.hidden == (64 if name == "lstm" else 176)
    assert config.window == (4096 if name == "attention" else 256)


def test_settings_of_models_are_changed_in_their_own_kind() -> None:
    changed = dataclasses.replace(SHAPE, changes=("context=32", "dropout=0.5", "learn_decay=true", "norm=read"))
    config = model_config("stack", changed)
    assert (config.context, config.dropout, config.learn_decay, config.norm) == (32, 0.5, True, "read")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("context", "--set 'context' has no '='"),
        ("contxt=3", "unknown setting of a model 'contxt': did you mean 'context'"),
        ("context=wide", "--set 'context=wide': give a value like int"),
        ("learn_decay=maybe", "--set 'learn_decay=maybe': give a value like bool"),
    ],
)
def test_a_setting_that_cannot_be_is_refused(change: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        model_config("stack", dataclasses.replace(SHAPE, changes=(change,)))

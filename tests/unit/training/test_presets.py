"""Presets of the founding document have a former name, under which everything stays as it was."""

import dataclasses

import pytest

from newllm.errors import UserError
from newllm.training.config_file import load_config, save_config
from newllm.training.configure import configure
from newllm.training.presets import ALIASES, PRESETS, preset

FORMER = {"seed-baseline", "seed-experiment1", "seed-experiment2", "seed-experiment3", "seed-transformer"}


def test_every_founding_preset_has_its_former_name() -> None:
    assert set(ALIASES) == FORMER
    assert sorted(ALIASES.values()) == sorted(name for name in PRESETS if name.startswith("founding-"))
    assert not FORMER & set(PRESETS)


@pytest.mark.parametrize("former", sorted(FORMER))
def test_a_former_name_gives_the_same_configuration_under_that_name(former: str, tmp_path) -> None:
    present = PRESETS["founding-" + former.removeprefix("seed-")]
    assert preset(former) == dataclasses.replace(present, preset=former)
    save_config(configure(former, None, None, [], {"seed": 3}), tmp_path / "former.toml")
    save_config(configure(ALIASES[former], None, None, [], {"seed": 3}), tmp_path / "present.toml")
    assert (tmp_path / "former.toml").read_text() == (tmp_path / "present.toml").read_text().replace(
        f'preset = "{present.preset}"', f'preset = "{former}"'
    )


def test_a_configuration_that_was_written_under_a_former_name_reads_back(tmp_path) -> None:
    config = configure("seed-baseline", None, None, ["training.steps=7"], {"seed": 3})
    save_config(config, tmp_path / "config.toml")
    assert load_config(tmp_path / "config.toml") == config
    assert configure(None, tmp_path / "config.toml", None, [], {}) == config


def test_a_mistyped_former_name_is_answered_with_the_present_names() -> None:
    with pytest.raises(UserError, match="unknown preset 'seed-basline': did you mean 'founding-baseline'\\?"):
        preset("seed-basline")

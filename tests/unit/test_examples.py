"""Which examples Hypothesis draws: the same ones, unless other ones are asked for."""

import re
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parents[2]


def test_examples_are_the_same_every_time_unless_asked_for_others(pytestconfig: pytest.Config) -> None:
    asked = pytestconfig.getoption("--hypothesis-profile") or "same"
    assert settings().derandomize is (asked == "same")
    assert settings().deadline is None


def test_the_slow_tests_ask_for_others() -> None:
    (asked,) = re.findall(r"--hypothesis-profile=(\S+)", (ROOT / ".ci/slow").read_text())
    assert not settings.get_profile(asked).derandomize
    assert settings.get_profile(asked).deadline is None

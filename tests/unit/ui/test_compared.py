"""One signal of several runs on one chart: over each axis, as lines, differences or means of arms."""

from dataclasses import replace

import numpy as np
import pytest

from newllm.messages import catalogue
from newllm.report.several.arms import Member
from newllm.report.several.line_styles import COLOURS
from newllm.trace import Series
from newllm.ui.compared import ChartQuery, compared, first_signal, signals_of

EN = catalogue("en")
STEPS = np.arange(10, 60, 10)


def member(name: str, gain: float = 1.0, seed: int = 0, **others: Series) -> Member:
    loss = Series(STEPS, 5 - gain * np.arange(5) / 4)
    signals = {"loss": loss, "validation_loss": Series(STEPS, loss.value + 0.5), **others}
    settings = {"seed": seed, "optimizer.learning_rate": gain}
    return Member(name, settings, signals, per_step={"tokens": 64.0, "seconds": 0.5})


def test_losses_come_first_then_what_most_runs_have_and_parts_last() -> None:
    few = Series(STEPS, np.ones(5))
    runs = [member("a", x=few, y=few, **{"loss/rare": few}), member("b", y=few, empty=Series(STEPS[:0], np.ones(0)))]
    assert signals_of(runs) == ["loss", "validation_loss", "y", "x", "loss/rare"]


@pytest.mark.parametrize(("axis", "factor"), [("step", 1), ("token", 64), ("time", 0.5)])
def test_the_axis_is_the_step_or_what_steps_took(axis: str, factor: float) -> None:
    chart, missing = compared([member("a"), member("b", 2.0)], ChartQuery("loss", axis, "overlay"), EN)
    assert [line.x.tolist() for line in chart.lines] == [(factor * STEPS).tolist()] * 2
    assert [line.label for line in chart.lines] == ["a", "b"]
    assert len({line.name for line in chart.lines}) == len({line.colour for line in chart.lines}) == 2
    assert (chart.unit, missing) == (EN("unit-loss"), [])
    assert chart.about == (EN("compare-about_mean_pace") if axis in ("token", "time") else "")


def test_at_equal_progress_a_run_stands_where_its_training_loss_does() -> None:
    steps = np.arange(1, 201)
    long = member(
        "a", loss=Series(steps, 5 - steps / 100), validation_loss=Series(steps[::10], 5.5 - steps[::10] / 100)
    )
    chart, missing = compared([long, Member("b")], ChartQuery("validation_loss", "progress", "overlay"), EN)
    assert missing == ["b"]
    assert chart.about == EN("compare-about_progress")
    assert (np.diff(chart.lines[0].x) > 0).all()
    assert len(chart.lines[0].x) >= 2


def test_runs_without_the_signal_or_what_the_axis_needs_are_named() -> None:
    bare = Member("bare", {}, {"loss": Series(STEPS, np.ones(5))})
    asked = [
        ChartQuery("validation_loss", "step", "overlay"),
        ChartQuery("loss", "token", "overlay"),
        ChartQuery("loss", "step", "overlay"),
    ]
    assert [compared([member("a"), bare], one, EN)[1] for one in asked] == [
        ["bare"], [EN("compare-no_pace", name="bare", by="tokens")], [],
    ]  # fmt: skip
    chart, missing = compared([], asked[0], EN)
    assert (chart.lines, missing, chart.log) == ((), [], False)


def test_losses_over_another_number_of_tokens_are_of_another_unit() -> None:
    runs = [replace(member(name), vocabulary=number) for name, number in (("a", 256), ("b", 1024), ("c", None))]
    for view in ("overlay", "difference", "arms"):
        chart, missing = compared(runs, ChartQuery("loss", "step", view), EN)
        assert "b" not in {line.label for line in chart.lines}
        assert missing == [EN("compare-other_unit", name="b")]


def test_a_loss_of_another_unit_than_the_firsts_is_named_and_not_drawn() -> None:
    units = [("a", "bytes"), ("b", "words"), ("c", None), ("d", "bytes")]
    runs = [replace(member(name), unit=unit) for name, unit in units]
    for signal in ("loss", "validation_loss", "loss/rare"):
        named = [replace(one, signals={signal: one.signals["loss"]}) for one in runs]
        chart, missing = compared(named, ChartQuery(signal, "step", "overlay"), EN)
        assert [line.label for line in chart.lines] == ["a", "c", "d"]
        assert missing == [EN("compare-other_unit", name="b")]
        assert [line.colour for line in chart.lines] == [COLOURS[at] for at in (0, 2, 3)]  # as on every other chart
    others = [replace(one, signals={"validation_bits_per_byte": one.signals["loss"]}) for one in runs]
    assert len(compared(others, ChartQuery("validation_bits_per_byte", "step", "overlay"), EN)[0].lines) == 4


def test_bits_per_byte_are_shown_first_of_losses_that_share_no_chart() -> None:
    signals = ["loss", "validation_loss", "validation_bits_per_byte"]
    bits = Series(STEPS, np.ones(5))
    apart = [replace(member(name, validation_bits_per_byte=bits), unit=name) for name in ("bytes", "words")]
    assert first_signal(signals, apart) == "validation_bits_per_byte"
    assert first_signal(signals, [apart[0], replace(member("c"), unit="words")]) == "loss"  # one has none to compare
    assert first_signal(signals[:2], apart) == first_signal(signals, apart[:1]) == "loss"
    assert first_signal([], []) == "loss"


@pytest.mark.parametrize("others", [(), ("c", "d")])
def test_a_run_has_one_colour_and_one_dash_in_every_view(others: tuple[str, ...]) -> None:
    runs = [member("a", seed=0), member("b", seed=1), *(member(name, 2.0 + at) for at, name in enumerate(others))]
    styles = {
        view: {
            line.label: (line.colour, line.dash)
            for line in compared(runs, ChartQuery("loss", "step", view), EN)[0].lines
        }
        for view in ("overlay", "arms", "difference")
    }
    assert len(set(styles["overlay"].values())) == len(runs)
    for view in ("arms", "difference"):
        shared = styles[view].keys() & styles["overlay"].keys() - ({"a"} if view == "difference" else set())
        assert len(shared) >= len(runs) - 1
        assert all(styles[view][name] == styles["overlay"][name] for name in shared)


def test_differences_are_taken_from_the_first_over_a_line_of_nothing() -> None:
    chart, _ = compared([member("a"), member("b", 2.0), member("c", 3.0)], ChartQuery("loss", "step", "difference"), EN)
    assert [line.label for line in chart.lines] == ["a", "b", "c"]
    assert chart.lines[0].y.tolist() == [0, 0]
    assert chart.lines[0].x.tolist() == [10, 50]
    assert chart.lines[1].y.tolist() == pytest.approx([0, -0.25, -0.5, -0.75, -1])
    assert not chart.log
    assert chart.about == EN("compare-about_difference_alone")
    alone, _ = compared([member("a")], ChartQuery("loss", "step", "difference"), EN)
    assert alone.lines == ()


def test_runs_that_differ_by_the_seed_alone_are_one_arm_with_a_band() -> None:
    runs = [member("a", seed=0), member("b", seed=1), member("c", 2.0)]
    chart, _ = compared(runs, ChartQuery("loss", "step", "arms"), EN)
    assert [line.faint for line in chart.lines] == [False, True, True, False]
    assert [line.label for line in chart.lines[1:3]] == ["a", "b"]
    assert len({line.name for line in chart.lines}) == 4
    assert chart.lines[0].colour == chart.lines[1].colour != chart.lines[3].colour
    assert chart.about == EN("compare-about_band")

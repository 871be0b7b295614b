"""Each run of a comparison has one colour and one dash."""

from newllm.report.several.arms import Member, arms_of
from newllm.report.several.line_styles import COLOURS, DASHES, LineStyle, LineStyles


def run(rate: float, seed: int) -> Member:
    return Member(f"{rate}-{seed}", {"rate": rate, "seed": seed})


def test_arms_differ_by_colour_and_their_seeds_by_dash() -> None:
    runs = [run(rate, seed) for rate in (1.0, 2.0) for seed in (0, 1, 2)]
    arms = arms_of(runs)
    styles = LineStyles(arms)
    assert [styles.of_run(one) for one in runs] == [LineStyle(COLOURS[at], dash) for at in (0, 1) for dash in range(3)]
    assert [styles.of_arm(arm) for arm in arms] == [LineStyle(COLOURS[0]), LineStyle(COLOURS[1])]


def test_the_runs_of_a_single_arm_have_the_colours_and_their_mean_is_black() -> None:
    runs = [run(1.0, seed) for seed in (0, 1, 1)]
    arms = arms_of(runs)
    styles = LineStyles(arms)
    assert [styles.of_run(one).colour for one in runs] == list(COLOURS[:3])
    assert styles.of_arm(arms[0]) == LineStyle("ink")
    again = arms_of(runs[1:])  # one seed, trained twice: no mean
    assert LineStyles(again).of_arm(again[0]) == LineStyles(again).of_run(runs[1]) == LineStyle(COLOURS[0])


def test_as_many_runs_as_colours_times_dashes_are_told_apart() -> None:
    runs = [run(float(rate), 0) for rate in range(len(COLOURS) * DASHES)]
    styles = LineStyles(arms_of(runs))
    assert len({styles.of_run(one) for one in runs}) == len(runs)
    assert styles.of_run(runs[0]) != styles.of_run(runs[len(COLOURS)])

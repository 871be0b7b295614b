from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from newllm.errors import UserError
from newllm.plotting import IntervalRow, colours, draw_intervals, intervals

LABELS: dict[str, Any] = {"title": "which change removes the spike", "x_label": "share of runs that spike"}
BOTH = ("validation", "probe")


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """Draw, and return the figure that was written."""
    kept = []
    save = intervals.style.save

    def keep(figure, path):
        kept.append(figure)
        save(figure, path)

    monkeypatch.setattr(intervals.style, "save", keep)

    def figure(*rows, **changes):
        path = tmp_path / "intervals.png"
        draw_intervals(rows, path, **(LABELS | changes))
        assert path.read_bytes().endswith(b"IEND\xaeB`\x82")
        return kept[-1]

    return figure


def labels(figure):
    return [label.get_text() for label in figure.axes[0].get_yticklabels()]


def legend(figure):
    return [text.get_text() for legend in figure.legends for text in legend.get_texts()]


def texts(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def points(figure, marker):
    return [line for line in figure.axes[0].lines if line.get_marker() == marker]


def spans(figure):
    """Return the ends of the intervals as they are drawn, from the top down."""
    drawn = [line for line in figure.axes[0].lines if line.get_linewidth() == 1.8]
    return [line.get_xdata().tolist() for line in drawn]


def is_hollow(point):
    return point.get_markerfacecolor() == colours.PAPER


def test_a_row_has_its_label_its_point_its_interval_and_its_note(drawn):
    figure = drawn(IntervalRow("gate", 0.4, 0.2, 0.7, note="4 of 10"), note_heading="runs")
    (point,) = points(figure, "o")
    assert point.get_xdata() == [0.4]
    assert not is_hollow(point)
    assert spans(figure) == [[0.2, 0.7]]
    assert labels(figure) == ["gate"]
    assert texts(figure) == ["4 of 10", "runs"]
    assert legend(figure) == ["95 % interval"]
    assert figure.axes[0].get_xlabel() == LABELS["x_label"]


@pytest.mark.parametrize(("low", "high"), [(None, None), (0.2, None), (None, 0.7), (np.nan, 0.7), (0.2, np.inf)])
def test_without_both_ends_a_point_is_hollow(drawn, low, high):
    figure = drawn(IntervalRow("gate", 0.4, low, high))
    (point,) = points(figure, "o")
    assert is_hollow(point)
    assert spans(figure) == []
    assert legend(figure) == ["no interval"]


def test_rows_stand_under_the_headings_of_their_groups_in_the_order_of_mention(drawn):
    rows = [
        IntervalRow("gate", 0.4, group="context"),
        IntervalRow("SGD", 0.5, group="optimizer"),
        IntervalRow("ema", 0.6, group="context"),
    ]
    figure = drawn(*rows)
    assert labels(figure) == ["context", "gate", "ema", "optimizer", "SGD"]
    weights = [label.get_fontweight() for label in figure.axes[0].get_yticklabels()]
    assert weights == ["bold", "normal", "normal", "bold", "normal"]
    heights = figure.axes[0].get_yticks()
    assert np.all(np.diff(heights) > 0)
    assert [point.get_ydata()[0] for point in points(figure, "o")] == pytest.approx(heights[[1, 2, 4]])


def test_two_estimates_stand_side_by_side_in_two_colours_with_names(drawn):
    figure = drawn(IntervalRow("gate", 0.4, 0.2, 0.7, second=(0.5, None, None)), names=BOTH)
    (first,), (second,) = points(figure, "o"), points(figure, "D")
    assert first.get_ydata()[0] < second.get_ydata()[0]
    assert first.get_color() == colours.VALIDATION
    assert second.get_color() not in (colours.VALIDATION, colours.TRAINING)
    assert is_hollow(second)
    assert legend(figure) == ["validation", "probe", "95 % interval", "no interval"]


def test_the_reference_is_an_upright_line_and_always_within_the_axis(drawn):
    figure = drawn(IntervalRow("gate", 0.4, 0.2, 0.7), reference=3.0, reference_label="baseline")
    assert [3.0, 3.0] in [list(line.get_xdata()) for line in figure.axes[0].lines]
    assert figure.axes[0].get_xlim()[1] > 3
    assert legend(figure) == ["95 % interval", "baseline"]
    assert legend(drawn(IntervalRow("gate", 0.4, 0.2, 0.7), reference_label="baseline")) == ["95 % interval"]


def test_beyond_a_given_range_arrows_show_what_goes_on(drawn):
    rows = [
        IntervalRow("a", 0.0, -5.0, 0.5),
        IntervalRow("b", 3.0, 2.5, 4.0),
        IntervalRow("c", -3.0),
        IntervalRow("d", 0.0, -1.0, 1.0),
    ]
    figure = drawn(*rows, x_range=(-1, 1))
    assert figure.axes[0].get_xlim() == (-1, 1)
    assert spans(figure) == [[-1, 0.5], [1, 1], [-1, 1]]
    left, right = points(figure, "<"), points(figure, ">")
    assert [arrow.get_ydata()[0] for arrow in left] == [0.5, 2.5]
    assert [arrow.get_ydata()[0] for arrow in right] == [1.5]
    assert [point.get_ydata()[0] for point in points(figure, "o")] == [0.5, 3.5]


@pytest.mark.parametrize("value", [None, np.nan, np.inf])
def test_a_row_without_a_value_says_so(drawn, value):
    assert texts(drawn(IntervalRow("gate", value, 0.1, 0.2))) == ["no value"]
    assert texts(drawn(IntervalRow("gate", value, second=(0.5, 0.4, 0.6)), names=BOTH)) == []
    assert texts(drawn(IntervalRow("gate", value, second=(value, 0.4, 0.6)), names=BOTH)) == ["no value"]


def test_the_height_follows_the_rows_and_nothing_overlaps(drawn):
    def many(count):
        return [IntervalRow(f"arm {i}", i / count, 0.0, 1.0, f"group {i // 8}", "9 of 10") for i in range(count)]

    short, long = drawn(*many(5)), drawn(*many(45))
    assert long.get_figheight() > short.get_figheight() + 40 * 0.2
    boxes = [label.get_window_extent() for label in long.axes[0].get_yticklabels()]
    assert len(boxes) == 45 + 6
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))
    assert max(box.x1 for box in boxes) < long.axes[0].get_window_extent().x0
    assert min(box.x0 for box in boxes) > 0
    assert max(text.get_window_extent().x1 for text in long.axes[0].texts) < long.bbox.width
    assert long.legends[0].get_window_extent().y0 > long.axes[0].get_tightbbox().y1


def test_a_long_label_takes_lines_and_room(drawn):
    figure = drawn(IntervalRow("a long explanation " * 8, 0.5), IntervalRow("short", 0.5))
    first, second = (label.get_window_extent() for label in figure.axes[0].get_yticklabels())
    assert "\n" in labels(figure)[0]
    assert first.y0 > second.y1
    assert figure.axes[0].get_position().width > 0.4


@pytest.mark.parametrize("value", [0.0, 1e308, -1e308])
def test_whatever_a_row_holds_is_drawn_without_a_warning(drawn, value):
    drawn(IntervalRow("gate", value, value, value))


@pytest.mark.parametrize("text", ["costs $5 and $x^{", "空 ε", "a\nb", ""])
def test_texts_are_taken_as_they_are(drawn, text):
    drawn(
        IntervalRow(text, 0.5, 0.4, 0.6, text, text, (0.5, None, None)),
        title=text, note_heading=text, names=(text + "1", text + "2"),
    )  # fmt: skip


def test_mistakes_are_refused_and_nothing_is_written(tmp_path):
    with pytest.raises(ValueError, match="at least one row"):
        draw_intervals([], tmp_path / "a.png", **LABELS)
    with pytest.raises(ValueError, match="names"):
        draw_intervals([IntervalRow("a", 1.0, second=(1.0, None, None))], tmp_path / "a.png", **LABELS)
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_does_not_exist_is_not_hidden(tmp_path):
    with pytest.raises((FileNotFoundError, UserError)):
        draw_intervals([IntervalRow("a", 1.0)], tmp_path / "absent" / "a.png", **LABELS)

"""Smoothing: a trend is drawn, and nothing that leaves it is hidden."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from newllm.report.charts.chart import Curves, Line, Mark

if TYPE_CHECKING:
    from playwright.sync_api import Page

FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
MILLION, AT = 1_000_000, 618_033

# Of the pixels in the upper half of the plot those in the training colour that are not faint (two strokes of a
# third of the colour over each other still are): how far to the right they are (0 to 1).
STRONG = """(id) => {
  const { plot, palette } = handles.get(id), { left, top, width, height } = plot.bbox;
  const [red, green, blue] = newllm.rgb(palette("training").toLowerCase());
  const { data } = plot.ctx.getImageData(left, top, width, height / 2);
  const found = [];
  for (let at = 0; at < data.length; at += 4) {
    const off = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue);
    if (off < 60 && data[at + 3] > 150) found.push(((at / 4) % width) / width);
  }
  return found;
}"""
TREND = """([id, share]) => {
  const { lines, view } = handles.get(id);
  return Array.from(newllm.trend(lines[0].columns, view.first, view.last, share).y, String);
}"""
EVERY = 9


def line(y: Any, x: Any = None, name: str = "loss") -> Line:
    y = np.asarray(y, dtype=np.float32)
    return Line(name, name, "training", np.arange(len(y)) if x is None else np.asarray(x), y)


def curves(*lines: Line, **more: Any) -> Curves:
    return Curves("c", "Loss", "step", "nats", lines, **more)


def smoothed(page: "Page", level: int = 3) -> None:
    page.locator(".plot-smooth input").first.fill(str(level))
    page.evaluate(FRAME)


def noisy(points: int, seed: int = 0) -> np.ndarray:
    return 3 + np.random.default_rng(seed).normal(0, 0.1, points)


def naive(x: np.ndarray, y: np.ndarray, half: float) -> list[float]:
    """Return the running median by its definition."""
    found = []
    for at, centre in enumerate(x):
        reach = min(half, centre - x[0], x[-1] - centre) * (1 + 1e-9) + 1e-9 * (x[-1] - x[0])
        inside = sorted(y[(x >= centre - reach) & (x <= centre + reach) & ~np.isnan(y)])
        found.append(float(inside[(len(inside) - 1) // 2]) if not np.isnan(y[at]) else np.nan)
    return found


@pytest.mark.parametrize("live", [False, True])
def test_a_spike_of_one_point_in_a_million_is_drawn_in_full(show, live: bool) -> None:
    y = noisy(MILLION)
    y[AT] = 14.25
    page = show(curves(line(y[:10] if live else y)))
    if live:
        page.evaluate(
            """([numbers, at]) => {
              const y = Float64Array.from({ length: 1e6 }, (_, at) => numbers[at % numbers.length]);
              y[at] = 14.25;
              handles.get("c").append("loss", Float64Array.from(y, (_, at) => at), y);
            }""",
            [y[:9973].tolist(), AT],
        )
        page.wait_for_timeout(600)
        assert page.evaluate("handles.get('c').drawn.to") == MILLION - 1
    for level in range(1, 6):
        smoothed(page, level)
        at = page.evaluate(STRONG, "c")
        assert len(at) > 30
        assert np.allclose(at, AT / (MILLION - 1), atol=0.004)
        trend = page.evaluate("Array.from(handles.get('c').smoothing.trends[0].y)")
        assert max(trend) < 3.2  # and it is not smeared over its neighbours
    page.evaluate("handles.get('c').zoom(617000, 619000)")
    page.evaluate(FRAME)
    assert len(page.evaluate(STRONG, "c")) > 30
    page.get_by_role("button", name="Log scale").click()
    page.evaluate(FRAME)
    assert len(page.evaluate(STRONG, "c")) > 30


def test_the_trend_is_strong_and_the_points_are_faint(show) -> None:
    page = show(curves(line(noisy(20_000))))
    before = page.evaluate(STRONG.replace("height / 2", "height / 4"), "c")
    smoothed(page)
    after = page.evaluate(STRONG.replace("height / 2", "height / 4"), "c")
    assert len(before) > 300
    assert len(after) < 0.1 * len(before)
    rows = page.evaluate("handles.get('c').data.map((row) => row.length)")
    assert rows[-1] > 1000
    smoothed(page, 0)
    assert page.evaluate("handles.get('c').data.slice(-2).map((row) => row.length)") == [0, 0]
    assert len(page.evaluate(STRONG.replace("height / 2", "height / 4"), "c")) == len(before)


@pytest.mark.parametrize("length", [60, 61, 500])
@pytest.mark.parametrize("share", [0.04, 0.3, 3])
def test_the_running_median_is_that_of_its_definition(show, length: int, share: float) -> None:
    chance = np.random.default_rng(length)
    x = np.cumsum(chance.integers(1, 5, length))
    y = chance.normal(size=length).astype(np.float32)
    y[chance.random(length) < 0.05] = np.nan
    y[chance.random(length) < 0.05] = np.inf
    y[chance.random(length) < 0.05] = -np.inf
    found = page_trend(show(curves(line(y, x))), share)
    assert np.array_equal(found, naive(x, y, share * (x[-1] - x[0]) / 2), equal_nan=True)


def page_trend(page: "Page", share: float) -> list[float]:
    return [float(value) for value in page.evaluate(TREND, ["c", share])]


def test_of_many_points_the_medians_of_groups_take_part(show) -> None:
    y = noisy(100_000).astype(np.float32)
    y[5000:5003] = np.nan
    groups, x = y, np.arange(len(y))
    for _ in range(2):  # of 9, of 81: fewer than 8192 are left
        count = len(groups) // EVERY
        rows = np.sort(groups[: count * EVERY].reshape(-1, EVERY), axis=1)
        numbers = (~np.isnan(rows)).sum(1)
        groups = rows[np.arange(count), np.maximum(0, (numbers - 1) // 2)]
        x = x[: count * EVERY].reshape(-1, EVERY)[:, EVERY // 2]
    found = page_trend(show(curves(line(y))), 0.02)
    assert np.array_equal(found, naive(x, groups, 0.01 * (len(y) - 1)), equal_nan=True)


def test_the_trend_of_a_slope_neither_lags_nor_bends_at_the_ends(show) -> None:
    y = np.linspace(5, 1, 2001)
    assert page_trend(show(curves(line(y))), 0.1) == pytest.approx(y.tolist(), abs=1e-6)


def test_a_line_in_extremes_is_smoothed_by_the_medians_of_all_its_points(show) -> None:
    """Of 4 in 10 points that are far above, extremes alone would make the half."""
    y = np.where(np.arange(300_000) % 10 < 4, 9.0, noisy(300_000))
    trend = page_trend(show(curves(line(y))), 0.02)
    assert 2.9 < min(trend) < max(trend) < 3.3


def test_what_is_not_finite_breaks_the_trend_and_stays_marked(show) -> None:
    y = noisy(1000)
    y[500:520], y[700], y[800:] = np.nan, np.inf, np.nan
    page = show(curves(line(y)))
    marks = page.evaluate("handles.get('c').drawn.lines.loss.off.length")
    smoothed(page)
    assert page.evaluate("handles.get('c').drawn.lines.loss.off.length") == marks > 3
    drawn = page.evaluate("handles.get('c').data.at(-1)")
    assert all(value is None for value in drawn[500:520] + drawn[800:])
    assert all(value is not None for value in drawn[:500] + drawn[520:700])
    assert drawn[700] is None


def test_marks_of_findings_stay_and_the_reading_tells_both_values(show) -> None:
    y = np.full(1001, 2.0)
    y[500] = 8.125
    page = show(curves(line(y), marks=(Mark(500, 500, "fault", "the spike"),)))
    smoothed(page)
    assert page.evaluate("handles.get('c').placed.map(({ row, mark }) => [row, mark.label])") == [[0, "the spike"]]
    page.evaluate("handles.get('c').zoom(490, 510)")
    smoothed(page, 5)
    page.locator(".plot").focus()
    page.evaluate("handles.get('c').reading.at = 499")
    page.keyboard.press("Shift+ArrowRight")
    page.evaluate(FRAME)
    heard = page.evaluate("document.querySelector('[aria-live]').textContent")
    assert heard == "step 500, loss 8.125 (smoothed 2), the spike"
    assert page.locator(".plot-value").inner_text() == "8.125 (smoothed 2)"


def test_what_leaves_the_trend_is_drawn_to_its_neighbours_and_not_beyond(show) -> None:
    y = noisy(60)
    y[30] = 9
    other = line(noisy(120), name="other")
    page = show(curves(line(y, np.arange(0, 120, 2)), other))
    smoothed(page, 5)
    drawn = page.evaluate("handles.get('c').data[3].map((value) => value === undefined ? 'on' : value)")
    assert [at for at, value in enumerate(drawn) if value is not None] == [58, 59, 60, 61, 62]
    assert [drawn[59], drawn[61]] == ["on", "on"]  # where the other line has points, this one only goes on
    assert drawn[60] == 9


def test_it_is_one_choice_for_all_curves_of_a_page_and_has_a_key(show) -> None:
    other = Curves("d", "Other", "step", "", (line(noisy(500)),))
    few = Curves("e", "Few", "step", "", (line([1, 2, 3]),))
    page = show(curves(line(noisy(500))), other, few)
    sliders = page.get_by_role("slider", name="Smoothing")
    assert [sliders.nth(at).get_attribute("aria-valuetext") for at in range(2)] == ["off", "off"]
    assert sliders.count() == 2  # three points have no trend
    before = page.locator("[data-chart=c] .plot").bounding_box()
    page.locator("[data-chart=d] .plot").focus()
    page.keyboard.press("s")
    page.evaluate(FRAME)
    assert sliders.first.get_attribute("aria-valuetext") == "0.5 % of what is shown"
    sliders.first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.evaluate(FRAME)
    assert sliders.nth(1).get_attribute("aria-valuetext") == "2 % of what is shown"
    assert page.evaluate("handles.get('d').data.at(-1).length") == 500
    assert page.evaluate("handles.get('e').data.at(-1).length") == 0
    assert page.locator("[data-chart=c] .plot").bounding_box() == before  # nothing has moved
    page.evaluate("handles.get('c').destroy(); newllm.smooth(1)")  # what has gone is not drawn

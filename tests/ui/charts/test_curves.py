"""What a plot of curves draws, by what it says it drew and by its pixels."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from newllm.report.charts.chart import Curves, Line, Mark

if TYPE_CHECKING:
    from playwright.sync_api import Page

FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
SPIKE, HEIGHT, POINTS = 61_803, 14.25, 100_000

# Pixels of the training colour in the upper half of the plot, and how far to the right they are (0 to 1).
UPPER = """(id) => {
  const { plot, palette } = handles.get(id), { left, top, width, height } = plot.bbox;
  const [red, green, blue] = newllm.rgb(palette("training").toLowerCase());
  const { data } = plot.ctx.getImageData(left, top, width, height / 2);
  const found = [];
  for (let at = 0; at < data.length; at += 4) {
    const off = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue);
    if (off < 60) found.push(((at / 4) % width) / width);
  }
  return found;
}"""


def drawn(page: "Page", name: str = "c") -> dict[str, Any]:
    page.evaluate(FRAME)
    return page.evaluate("(id) => handles.get(id).drawn", name)


def once_drawn(page, holds) -> dict:
    """Return what is drawn once that holds, or after ten seconds."""
    for _ in range(100):
        if holds(drawn(page)):
            break
        page.wait_for_timeout(100)
    return drawn(page)


def zoomed(page: "Page", first: float, last: float, name: str = "c") -> dict[str, Any]:
    page.evaluate("([id, first, last]) => handles.get(id).zoom(first, last)", [name, first, last])
    return drawn(page, name)


def line(name: str, y: Any, x: Any = None, **more: Any) -> Line:
    y = np.asarray(y, dtype=np.float32)
    return Line(
        name, name, more.pop("colour", "training"), np.arange(len(y)) if x is None else np.asarray(x), y, **more
    )


def curves(*lines: Line, **more: Any) -> Curves:
    return Curves("c", "Loss", "step", "nats", lines, **more)


def test_a_spike_of_one_point_is_seen_from_afar_and_again_after_zooming_in_and_out(show, spike: Curves) -> None:
    page = show(spike)
    for _ in range(2):
        assert drawn(page, "spike")["lines"]["loss"]["high"] == HEIGHT
        at = page.evaluate(UPPER, "spike")
        assert len(at) > 30
        assert np.allclose(at, SPIKE / (POINTS - 1), atol=0.004)
        away = zoomed(page, 10_000, 11_000, "spike")
        assert away["lines"]["loss"]["high"] < 4
        page.evaluate("handles.get('spike').reset()")
    near = zoomed(page, SPIKE - 20, SPIKE + 20, "spike")
    assert near["lines"]["loss"]["high"] == HEIGHT
    assert near["positions"] == 43  # every point, and one beyond each end


def test_every_zoom_takes_its_buckets_anew_and_exactly(show) -> None:
    chance = np.random.default_rng(3)
    y = chance.standard_cauchy(60_000).astype(np.float32)
    page = show(curves(line("loss", y), line("other", -y[::7], np.arange(0, 60_000, 7))))
    for first, last in [(0, 59_999), (13, 59_003), (20_000, 23_456), (31_000, 31_100), (5.5, 40_000.5)]:
        told = zoomed(page, first, last)["lines"]
        part = y[int(np.ceil(first)) : int(last) + 1]
        assert (told["loss"]["low"], told["loss"]["high"]) == (part.min(), part.max())
        other = [-y[at] for at in range(0, 60_000, 7) if first <= at <= last]
        assert (told["other"]["low"], told["other"]["high"]) == (min(other), max(other))


@pytest.mark.parametrize("wide", [1280, 320])  # few points a bucket, and more than the blocks that are summed up
def test_every_bucket_holds_its_own_extremes(show, page: "Page", wide: int) -> None:
    page.set_viewport_size({"width": wide, "height": 700})
    y = np.random.default_rng(4).normal(size=50_000).astype(np.float32)
    show(curves(line("loss", y)))
    x, row = page.evaluate("() => { const { x, rows } = handles.get('c').table; return [x, rows[0].y]; }")
    pixels = len(x) // 2
    bucket = np.minimum((np.arange(len(y)) / (len(y) - 1) * pixels).astype(int), pixels - 1)
    for at in range(0, pixels, 97):
        own = y[bucket == at]
        assert sorted(row[2 * at : 2 * at + 2]) == [own.min(), own.max()]


def test_what_is_not_finite_is_marked_and_breaks_the_line(show) -> None:
    y = np.ones(200)
    y[50], y[90], y[91] = np.nan, np.inf, -np.inf
    page = show(curves(line("loss", y)))
    assert drawn(page)["lines"]["loss"]["off"] == [
        {"x": 50, "kind": "nan"}, {"x": 90, "kind": "high"}, {"x": 91, "kind": "low"}
    ]  # fmt: skip
    row = page.evaluate("handles.get('c').table.rows[0].y")
    assert [at for at, value in enumerate(row) if value is None] == [50, 90, 91]


def test_one_nan_among_thousands_is_marked(show) -> None:
    y = np.ones(50_000)
    y[33_333] = np.nan
    (off,) = drawn(show(curves(line("loss", y))))["lines"]["loss"]["off"]
    assert off["kind"] == "nan"
    assert off["x"] == pytest.approx(33_333, abs=50)


def test_the_logarithm_can_be_had_and_says_what_it_cannot_show(show) -> None:
    y = np.geomspace(1e-6, 10, 300)
    y[7], y[8] = 0, -1
    page = show(curves(line("loss", y)))
    assert not drawn(page)["log"]
    page.get_by_role("button", name="Log scale").click()
    told = drawn(page)
    assert told["log"]
    assert told["lines"]["loss"]["low"] == pytest.approx(1e-6)
    assert told["lines"]["loss"]["off"] == [{"x": 7, "kind": "low"}, {"x": 8, "kind": "low"}]
    assert page.get_by_role("button", name="Log scale").get_attribute("aria-pressed") == "true"


def test_a_line_without_a_positive_value_has_no_logarithm(show) -> None:
    assert not drawn(show(curves(line("loss", [-1, -2, 0]), log=True)))["log"]


def test_a_band_is_part_of_what_is_shown(show) -> None:
    low, high = np.full(5, -2, dtype=np.float32), np.full(5, 9, dtype=np.float32)
    told = drawn(show(curves(line("loss", np.ones(5), low=low, high=high))))
    assert (told["lines"]["loss"]["low"], told["lines"]["loss"]["high"]) == (-2, 9)


def test_a_line_can_be_hidden_and_the_rest_gets_its_room(show) -> None:
    page = show(curves(line("loss", [1, 2, 1]), line("giant", [1e6, 2e6, 1e6], colour="context")))
    before = page.evaluate("handles.get('c').range[1]")
    page.get_by_role("button", name="giant").click()
    drawn(page)
    assert before > 1e6 > 10 > page.evaluate("handles.get('c').range[1]")


def test_live_points_are_added_and_followed(show) -> None:
    page = show(curves(line("loss", np.ones(1000))))
    page.evaluate("""() => {
      const chart = handles.get("c");
      chart.append("loss", [1000, 1001], [5, null]);
      chart.append("loss", [1000, 1001, 1002], [7, 7, 1]); // as after a new connection
      chart.append("another chart's", [1], [1]);
    }""")
    told = once_drawn(page, lambda told: told["to"] == 1002)
    assert told["to"] == 1002
    assert told["lines"]["loss"]["high"] == 5
    assert told["lines"]["loss"]["off"] == [{"x": 1001, "kind": "nan"}]


def test_who_looks_closer_is_not_moved_by_live_points(show) -> None:
    page = show(curves(line("loss", np.ones(1000))))
    zoomed(page, 100, 200)
    page.evaluate("handles.get('c').append('loss', [1000, 1001], [5, 6])")
    page.wait_for_timeout(400)
    assert (drawn(page)["from"], drawn(page)["to"]) == (100, 200)


def test_a_chart_out_of_sight_catches_up_once_it_is_seen(show) -> None:
    page = show(curves(line("loss", np.ones(1000))))
    page.evaluate("document.body.style.paddingTop = '4000px'")
    page.evaluate(FRAME)
    page.evaluate("handles.get('c').append('loss', [1000], [5])")
    page.wait_for_timeout(400)
    assert drawn(page)["to"] == 999
    page.locator(".plot").scroll_into_view_if_needed()
    assert once_drawn(page, lambda told: told["to"] == 1000)["lines"]["loss"]["high"] == 5


def test_a_chart_begins_with_its_first_live_point(show) -> None:
    page = show(curves(line("loss", [])))
    assert page.get_by_text("No values").is_visible()
    page.evaluate("handles.get('c').append('loss', [1, 2, 3], [3, 2, 1])")
    page.get_by_text("No values").wait_for(state="detached")
    assert once_drawn(page, lambda told: told["to"] == 3)["lines"]["loss"]["high"] == 3
    assert page.get_by_text("No values").count() == 0


def test_finer_points_are_asked_for_where_a_line_came_in_buckets(show) -> None:
    page = show(curves(line("loss", np.ones(300_000))))
    page.evaluate("""async () => {
      const spec = JSON.parse(document.getElementById("charts").textContent);
      const finer = async (names, from, to) => {
        window.asked = [names, from, to];
        return { loss: { x: [from, (from + to) / 2, to], y: [1, 77, 1] } };
      };
      handles.get("c").destroy();
      window.handles = await newllm.hydrate(document, spec, { window: finer });
    }""")
    zoomed(page, 1000, 3000)
    assert once_drawn(page, lambda told: told["lines"]["loss"]["high"] == 77)["lines"]["loss"]["high"] == 77
    assert page.evaluate("asked") == [["loss"], 1000, 3000]


def test_labels_of_marks_do_not_lie_on_each_other(show) -> None:
    marks = tuple(Mark(10 * at, 10 * at + 3, "warning", f"finding number {at}") for at in range(30))
    page = show(curves(line("loss", np.ones(300)), marks=(*marks, Mark(150, 155, "fault", "the spike"))))
    placed = page.evaluate("handles.get('c').placed.map(({ row, at, text, mark }) => [row, at, text, mark.label])")
    assert next(row for row, _, _, label in placed if label == "the spike") == 0  # what matters most has a place
    rows: dict[int, list[float]] = {}
    for row, at, _, _ in placed:
        rows.setdefault(row, []).append(at)
    for row in range(2):
        assert min(np.diff(sorted(rows[row]))) > 80
    page.evaluate("handles.get('c').setMarks([])")
    drawn(page)
    assert page.evaluate("handles.get('c').placed") == []


def test_quiet_marks_are_shaded_and_told_under_the_cursor_alone(show) -> None:
    marks = (
        Mark(10, 20, "warning", "follows", quiet=True),
        Mark(12, 14, "fault", "root"),
        Mark(50, 50, "planned", "b"),
    )
    page = show(curves(line("loss", np.ones(100)), marks=marks))
    placed = page.evaluate("Object.fromEntries(handles.get('c').placed.map(({ row, mark }) => [mark.label, row]))")
    assert placed == {"follows": -1, "root": 0, "b": 0}
    page.evaluate("() => { const { reading } = handles.get('c'); reading.at = 18; reading.tell(); }")
    assert page.locator("output.plot-where").inner_text().endswith("follows")


def test_positions_that_double_stand_equally_far_apart_and_are_told_as_they_are(show) -> None:
    page = show(curves(line("norm", [1.0, 2.0, 4.0, 8.0], x=[1, 16, 64, 256]), log_x=True))
    page.evaluate("() => { const { reading } = handles.get('c'); reading.at = 4; reading.tell(); }")
    assert page.locator("output.plot-where").inner_text() == "step 16"
    assert [page.evaluate(f"handles.get('c').view.{end}") for end in ("first", "last")] == [0, 8]
    texts = "() => { const { plot } = handles.get('c'); return plot.axes[0]._values; }"
    assert {"4", "16", "64", "256"} <= set(page.evaluate(texts))


def test_noise_around_a_value_is_not_drawn_as_a_fall(show) -> None:
    page = show(curves(line("gain", 1 + np.linspace(1e-4, 0, 50)), around=(0.9, 1.1)))
    low, high = page.evaluate("handles.get('c').range")
    assert low < 0.9
    assert high > 1.1


def test_one_bad_chart_leaves_the_others(show) -> None:
    page = show(curves(line("loss", [1, 2])))
    page.evaluate("console.error = (...parts) => { window.said = parts.map(String); }")
    page.evaluate("""async () => {
      const spec = JSON.parse(document.getElementById("charts").textContent);
      spec.c.lines[0].y.n = 7;
      handles.get("c").destroy();
      window.handles = await newllm.hydrate(document, spec);
    }""")
    assert "chart c" in page.evaluate("said[0]")
    assert page.locator(".problem").inner_text().startswith("This chart could not be drawn: 7 numbers in 8 bytes")


def test_japanese_pages_speak_japanese(show) -> None:
    page = show(curves(line("loss", [1, 2])), lang="ja")
    assert page.get_by_role("button", name="対数目盛").is_visible()

"""What a heat map shows, by its numbers and by its pixels."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from matplotlib import colormaps

from newllm.report.charts.chart import Heat, Mark

if TYPE_CHECKING:
    from playwright.sync_api import Page

# The colour at a share of the map's width and in the middle of a row.
COLOUR = """([share, row]) => {
  const { box, grid, canvas } = handles.get("h"), ratio = devicePixelRatio;
  const x = box.left + share * (box.right - box.left);
  const y = box.top + ((row + 0.5) * (box.bottom - box.top)) / grid.rows.length;
  return [...canvas.getContext("2d").getImageData(Math.round(x * ratio), Math.round(y * ratio), 1, 1).data].slice(0, 3);
}"""


def heat(values: Any, **more: Any) -> Heat:
    values = np.asarray(values, dtype=np.float32)
    rows = tuple(f"blocks.{at}.weight" for at in range(len(values)))
    return Heat("h", "Gradient", "step", "norm", np.arange(values.shape[1]), rows, values, **more)


def shown(page: "Page") -> np.ndarray:
    """What each pixel of the image stands for."""
    rows = page.evaluate("handles.get('h').grid.rows.length")
    return np.array(page.evaluate("[...handles.get('h').drawn.values]")).reshape(rows, -1)


def test_one_cell_of_thousands_is_seen_at_any_zoom(show) -> None:
    values = np.random.default_rng(0).uniform(1, 2, (6, 30_000))
    values[4, 12_345] = 70
    page = show(heat(values))
    seen = shown(page)
    assert seen[4].max() == 70
    assert np.delete(seen, 4, 0).max() < 2.001
    assert abs(seen[4].argmax() / seen.shape[1] - 12_345 / 30_000) < 0.002
    page.evaluate("handles.get('h').view.set(12000, 12500)")
    page.evaluate("handles.get('h').drawNow()")
    assert shown(page)[4].max() == 70
    page.evaluate("handles.get('h').view.set(0, 12000)")
    page.evaluate("handles.get('h').drawNow()")
    assert shown(page).max() < 2.001


@pytest.mark.parametrize("columns", [300, 5_000, 30_000])
def test_every_pixel_shows_the_highest_near_it(show, columns: int) -> None:
    values = np.random.default_rng(1).lognormal(size=(2, columns)).astype(np.float32)
    seen = shown(show(heat(values)))
    wide = seen.shape[1]
    assert seen.max() == values.max()
    for pixel in range(0, wide, 53):
        near = values[:, max(0, int((pixel - 1) * columns / wide) - 1) : int((pixel + 2) * columns / wide) + 1]
        assert (seen[:, pixel] <= near.max(1)).all()
        inner = values[:, int(np.ceil((pixel + 0.5) * columns / wide)) : int((pixel + 0.5) * columns / wide)]
        assert inner.shape[1] == 0 or (seen[:, pixel] >= inner.max(1)).all()


def test_around_a_centre_what_is_farthest_from_it_is_shown(show) -> None:
    values = np.full((2, 20_000), 1e-3)
    values[0, 5_000], values[1, 15_000] = 1e-5, 1e-1
    seen = shown(show(heat(values, centre=1e-3)))
    assert seen[0].min() == pytest.approx(1e-5)
    assert seen[1].max() == pytest.approx(1e-1)


def test_colours_are_those_of_viridis(show) -> None:
    page = show(heat([np.geomspace(1, 100, 101)]))
    low, high = page.evaluate("[handles.get('h').drawn.low, handles.get('h').drawn.high]")
    assert high == pytest.approx(100)
    for value in (2.0, 10.0, 30.0, 90.0):
        column = round(100 * np.log(value) / np.log(100))
        share = np.log(np.geomspace(1, 100, 101)[column] / low) / np.log(high / low)
        wanted = 255 * np.array(colormaps["viridis"](share)[:3])
        assert np.abs(page.evaluate(COLOUR, [(column + 0.5) / 101, 0]) - wanted).max() < 9


def test_what_has_no_colour_is_told_apart(show) -> None:
    values = np.ones((4, 50))
    values[1], values[2], values[3] = np.nan, np.inf, 0
    values[0, ::2] = 2
    page = show(heat(values))
    colours = [tuple(page.evaluate(COLOUR, [0.5, row])) for row in range(4)]
    assert len(set(colours)) == 4
    for word in ("not measured", "infinite", "not above 0"):
        assert page.get_by_text(word, exact=True).is_visible()


def test_numbers_can_be_replaced_in_place(show) -> None:
    page = show(heat(np.ones((3, 10)), marks=(Mark(2, 3, "fault", "spike"),)))
    spec = heat(np.full((5, 20), 7.0)).as_dict()
    page.evaluate("(spec) => handles.get('h').replace(spec)", spec)
    assert shown(page).shape[0] == 5
    assert (shown(page) == 7).all()
    page.evaluate("(spec) => handles.get('h').replace(spec)", heat(np.ones((0, 0))).as_dict())
    assert page.get_by_text("No values").is_visible()
    page.evaluate("(spec) => handles.get('h').replace(spec)", spec)
    assert page.get_by_text("No values").count() == 0


def test_rows_of_long_names_are_told_apart_on_a_phone(show) -> None:
    page = show(heat(np.ones((4, 10))))
    names = page.evaluate("""() => {
      const pen = document.createElement("canvas").getContext("2d");
      pen.font = newllm.plotFont;
      const rows = [0, 1, 12].map((at) => `model.blocks.${at}.recurrent.gate.projection.weight`);
      return newllm.shortNames(pen, rows, 90);
    }""")
    assert names == ["…0…", "…1…", "…12…"] or names == ["…blocks.0…", "…blocks.1…", "…blocks.12…"]


def test_the_axis_of_a_map_begins_and_ends_with_what_was_measured(show) -> None:
    x = np.array([0, 50, 100])
    page = show(Heat("h", "Norm", "step", "", x, ("a",), np.ones((1, 3), np.float32)))
    assert [page.evaluate(f"handles.get('h').view.{end}") for end in ("first", "last")] == [0, 100]

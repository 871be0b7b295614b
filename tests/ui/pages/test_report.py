"""The report as a person opens it: from disk, with the network off."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from newllm.report.sections import SECTIONS

if TYPE_CHECKING:
    from playwright.sync_api import Page

SPIKE, HEIGHT, LAST = 61_803, 14.25, 99_999
FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"
TOP = "() => { const c = handles.values().next().value; return c.drawn.lines.loss.high; }"

# How far to the right (0 to 1) the pixels of the training curve in the upper half of the first plot are.
UPPER = """() => {
  const { plot, palette } = handles.values().next().value, { left, top, width, height } = plot.bbox;
  const [red, green, blue] = newllm.rgb(palette("training").toLowerCase());
  const { data } = plot.ctx.getImageData(left, top, width, height / 2);
  const found = [];
  for (let at = 0; at < data.length; at += 4) {
    const off = Math.abs(data[at] - red) + Math.abs(data[at + 1] - green) + Math.abs(data[at + 2] - blue);
    if (off < 60) found.push(((at / 4) % width) / width);
  }
  return found;
}"""


@pytest.fixture(scope="session")
def reports(kept: Path, call: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Reports of the runs, in a directory of their own."""
    place = tmp_path_factory.mktemp("reports")
    call("report", kept / "founding", "--out", place / "founding.html")
    call("report", kept / "founding", "--lang", "ja", "--out", place / "ja.html")
    call("report", kept / "long", "--out", place / "long.html")
    call("report", kept / "words", kept / "words-2", "--out", place / "several.html")
    call("report", kept / "study", "--out", place / "study.html")
    return place


@pytest.fixture
def offline(open_page: Callable[..., "Page"]) -> "Page":
    return open_page(offline=True, viewport={"width": 1280, "height": 900})


def opened(page: "Page", report: Path) -> "Page":
    page.goto(report.as_uri())
    page.evaluate("newllm.ready.then((handles) => { window.handles = handles; })")
    return page


def zoomed(page: "Page", first: float, last: float) -> float:
    page.evaluate("([a, b]) => handles.values().next().value.zoom(a, b)", [first, last])
    page.evaluate(FRAME)
    return page.evaluate(TOP)


def test_a_report_opens_from_disk_with_all_of_its_sections(offline: "Page", reports: Path) -> None:
    asked: list[str] = []
    offline.on("request", lambda request: asked.append(request.url))
    page = opened(offline, reports / "founding.html")
    assert asked == [(reports / "founding.html").as_uri()]
    sections = page.locator("main > section").evaluate_all("(all) => all.map((one) => one.id)")
    assert sections == [name for name in SECTIONS if name in sections]
    assert set(SECTIONS) - set(sections) <= {"check", "classes", "others"}  # a run may have nothing to show there
    assert page.locator(".section-failed, .problem").count() == 0
    assert page.evaluate("handles.size") == page.locator("[data-chart]").count() > 8
    assert page.locator("#verdict").inner_text().count("\n") >= 3
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    for figure in page.locator("[data-chart]").all():
        assert figure.locator("canvas").first.bounding_box()
        is_small = "small" in str(figure.get_attribute("class"))  # of a line that stands elsewhere too
        assert bool(figure.locator(".numbers table td").count()) is not is_small


def test_the_spike_of_one_step_in_100_000_is_never_lost(offline: "Page", reports: Path) -> None:
    page = opened(offline, reports / "long.html")
    for _ in range(2):
        assert page.evaluate(TOP) == HEIGHT
        seen = page.evaluate(UPPER)
        assert len(seen) > 20
        assert max(abs(at - SPIKE / LAST) for at in seen) < 0.005
        assert zoomed(page, 10_000, 12_000) < 4
        page.locator("figure .plot").first.press("Home")
        page.evaluate(FRAME)
    assert zoomed(page, SPIKE - 10, SPIKE + 10) == HEIGHT
    assert max(abs(at - 0.5) for at in page.evaluate(UPPER)) < 0.06


def test_a_hand_zooms_to_the_spike(offline: "Page", reports: Path) -> None:
    page = opened(offline, reports / "long.html")
    page.locator("figure .plot").first.scroll_into_view_if_needed()
    box = page.locator("figure .plot-over").first.bounding_box()
    assert box
    x, y = box["x"] + box["width"] * SPIKE / LAST, box["y"] + box["height"] / 2
    page.mouse.move(x - 40, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    page.mouse.up()
    page.evaluate(FRAME)
    shown = page.evaluate("(() => { const { from, to } = handles.values().next().value.shown; return [from, to]; })()")
    assert shown[0] < SPIKE < shown[1]
    assert shown[1] - shown[0] < 12_000
    assert page.evaluate(TOP) == HEIGHT
    assert len(page.evaluate(UPPER)) > 20


def test_a_report_speaks_japanese(offline: "Page", reports: Path) -> None:
    page = opened(offline, reports / "ja.html")
    assert page.get_attribute("html", "lang") == "ja"
    assert page.locator("nav.sections").inner_text().splitlines() == [
        page.locator(f"#{name} h2").inner_text()
        for name in SECTIONS if page.locator(f"main > section#{name}").count()
    ]  # fmt: skip
    heads = page.locator("main > section h2").all_inner_texts()
    assert all(any("\u3040" <= letter <= "\u9fff" for letter in head) for head in heads), heads
    assert page.get_by_role("button", name="対数目盛").first.is_visible()


def test_reports_of_several_runs_and_of_a_study(offline: "Page", reports: Path) -> None:
    page = opened(offline, reports / "several.html")
    assert page.locator("details.run").count() == 2
    assert page.locator("section").first.locator("canvas").first.is_visible()
    page.locator("details.run > summary").nth(1).click()
    assert page.locator("details.run").nth(1).locator("canvas").first.is_visible()
    page = opened(offline, reports / "study.html")
    assert "holds" in page.locator("main").inner_text()
    assert page.locator("canvas").first.is_visible()


def test_a_report_fits_a_phone(open_page: Callable[..., "Page"], reports: Path) -> None:
    page = open_page(offline=True, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    opened(page, reports / "founding.html")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

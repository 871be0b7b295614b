"""Zooming and reading with keys, mouse and fingers, and what is told to who cannot see."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from newllm.report.charts.chart import Curves, Heat, Line, Mark

if TYPE_CHECKING:
    from playwright.sync_api import Page

FRAME = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@pytest.fixture
def curves() -> Curves:
    y = np.ones(1001, dtype=np.float32)
    y[500] = 8.125
    return Curves("c", "Loss", "step", "", (Line("loss", "loss", "training", np.arange(1001), y),), (
        Mark(498, 502, "fault", "the spike"),
    ))  # fmt: skip


@pytest.fixture
def heat() -> Heat:
    values = np.ones((3, 400), dtype=np.float32)
    values[1, 200], values[2, 10] = 50, np.nan
    return Heat("c", "Gradient", "step", "norm", np.arange(400) * 10, ("first", "second", "third"), values)


def shown(page: "Page") -> tuple[float, float]:
    page.evaluate(FRAME)
    return tuple(page.evaluate("[handles.get('c').shown.from, handles.get('c').shown.to]"))


def told(page: "Page") -> str:
    page.evaluate(FRAME)
    return page.evaluate("document.querySelector('[aria-live]').textContent")


def middle(page: "Page") -> dict[str, Any]:
    box = page.locator(".plot-over").bounding_box()
    assert box is not None
    return {**box, "cx": box["x"] + box["width"] / 2, "cy": box["y"] + box["height"] / 2}


def test_keys_alone_zoom_move_reset_and_change_the_scale(show, curves: Curves) -> None:
    page = show(curves)
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.className") != "plot":
        page.keyboard.press("Tab")
    assert page.locator(".plot-help").is_visible()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("+")
    first, last = shown(page)
    assert (first, last) == pytest.approx((200, 800))
    page.keyboard.press("ArrowRight")
    assert shown(page) == pytest.approx((290, 890))
    for _ in range(9):
        page.keyboard.press("ArrowRight")
    assert shown(page) == pytest.approx((400, 1000))
    page.keyboard.press("-")
    assert shown(page)[1] == 1000
    page.keyboard.press("Home")
    assert shown(page) == (0, 1000)
    page.keyboard.press("l")
    assert page.evaluate("handles.get('c').log")
    page.keyboard.press("+")
    page.keyboard.press("Escape")
    assert shown(page) == (0, 1000)


def test_keys_read_values_and_tell_them(show, curves: Curves) -> None:
    page = show(curves)
    page.evaluate("handles.get('c').zoom(490, 510)")
    page.locator(".plot").focus()
    page.keyboard.press("Shift+ArrowLeft")
    assert told(page) == "step 499, loss 1, the spike"
    page.keyboard.press("Shift+ArrowRight")
    assert told(page) == "step 500, loss 8.125, the spike"
    assert page.locator(".plot-value").inner_text() == "8.125"
    for _ in range(30):
        page.keyboard.press("Shift+ArrowRight")
    assert told(page) == "step 530, loss 1"  # the view went along
    assert shown(page)[0] < 530 < shown(page)[1]


def test_no_key_press_steps_over_a_spike(show, curves: Curves) -> None:
    page = show(curves)
    page.set_viewport_size({"width": 400, "height": 700})  # several points a pixel
    page.evaluate(FRAME)
    page.locator(".plot").focus()
    page.evaluate("handles.get('c').reading.at = 480")
    heard = ""
    for _ in range(12):
        page.keyboard.press("ArrowRight")
        heard += told(page)
    assert "1 to 8.125" in heard


def test_a_drag_zooms_and_a_double_click_shows_all(show, curves: Curves) -> None:
    page = show(curves)
    box = middle(page)
    page.mouse.move(box["cx"] - 100, box["cy"])
    page.mouse.down()
    page.mouse.move(box["cx"] + 100, box["cy"], steps=3)
    assert page.locator(".plot-chosen").is_visible()
    page.mouse.up()
    first, last = shown(page)
    assert (first + last) / 2 == pytest.approx(500, abs=2)
    assert last - first == pytest.approx(200_000 / box["width"], rel=0.02)
    page.mouse.dblclick(box["cx"], box["cy"])
    assert shown(page) == (0, 1000)


def test_the_pointer_reads_values(show, curves: Curves) -> None:
    page = show(curves)
    box = middle(page)
    page.mouse.move(box["cx"], box["cy"])
    assert page.locator(".plot-value").inner_text() in ("8.125", "1 to 8.125")
    page.mouse.move(5, 5)
    assert page.locator(".plot-value").inner_text() == ""


def test_the_wheel_scrolls_the_page_and_zooms_with_ctrl(show, curves: Curves) -> None:
    page = show(curves)
    box = middle(page)
    page.mouse.move(box["cx"], box["cy"])
    page.mouse.wheel(0, -100)
    assert shown(page) == (0, 1000)
    page.keyboard.down("Control")
    page.mouse.wheel(0, -100)
    page.keyboard.up("Control")
    page.wait_for_timeout(100)
    first, last = shown(page)
    assert (first + last) / 2 == pytest.approx(500, abs=2)
    assert last - first < 700


def test_two_fingers_zoom_on_a_phone(open_page, show, curves: Curves) -> None:
    page = show(curves, page=open_page(viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True))
    box = middle(page)
    session = page.context.new_cdp_session(page)

    def touch(kind: str, *across: float) -> None:
        points = [{"x": box["cx"] + x, "y": box["cy"], "id": at} for at, x in enumerate(across)]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", -20, 20)
    for reach in (40, 60, 80):
        touch("touchMove", -reach, reach)
    touch("touchEnd")
    first, last = shown(page)
    assert last - first == pytest.approx(250, rel=0.15)
    assert (first + last) / 2 == pytest.approx(500, abs=15)
    assert page.evaluate("visualViewport.scale") == 1  # the page itself did not zoom


def test_a_map_is_read_cell_by_cell(show, heat: Heat) -> None:
    page = show(heat)
    page.evaluate("handles.get('c').view.set(1995, 2075)")
    page.locator(".plot").focus()
    page.keyboard.press("ArrowDown")
    page.evaluate("handles.get('c').at = 1990")
    page.keyboard.press("Shift+Home")
    page.evaluate("handles.get('c').at = 1990")
    page.keyboard.press("ArrowRight")
    assert told(page) == "second · step 2,000 · 50"
    page.keyboard.press("ArrowUp")
    assert told(page) == "first · step 2,000 · 1"
    page.keyboard.press("ArrowUp")
    assert told(page).startswith("first")
    page.evaluate("handles.get('c').at = 100")
    for _ in range(2):
        page.keyboard.press("ArrowDown")
    assert told(page) == "third · step 100 · not measured"


def test_a_map_is_zoomed_and_moved_by_keys(show, heat: Heat) -> None:
    page = show(heat)
    whole = shown(page)
    page.locator(".plot").focus()
    page.keyboard.press("+")
    first, last = shown(page)
    assert last - first == pytest.approx(0.6 * (whole[1] - whole[0]))
    page.keyboard.press("Shift+ArrowLeft")
    assert shown(page)[0] < first
    page.get_by_role("button", name="Show all").click()
    assert shown(page) == whole

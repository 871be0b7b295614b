"""The page of a run: what one opens it for stands open within three screens, all else is a line to unfold."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

SCREEN = 860  # pixels of a laptop's
BOTTOM = "(id) => document.getElementById(id).getBoundingClientRect().bottom + scrollY"
OPEN = "(id) => document.querySelector(`#${id} > details.fold`)?.open ?? null"
ACTIVE = "document.activeElement.closest('section')?.id + ' ' + document.activeElement.localName"
PAINTED = """(id) => {
  const canvas = document.querySelector(`#${id} .plot canvas`), pen = canvas.getContext("2d");
  return canvas.width > 300 && pen.getImageData(0, 0, canvas.width, canvas.height).data.some((part) => part > 0);
}"""


def shown(page: "Page", local: Any, name: str) -> "Page":
    page.goto(local.run(page, name))
    page.locator("#configuration").wait_for()
    return page


def test_verdict_loss_and_findings_stand_open_within_three_screens(page: "Page", local: Any) -> None:
    page.set_viewport_size({"width": 1280, "height": SCREEN})
    shown(page, local, "founding")
    parts = page.locator("#parts > section").evaluate_all("(all) => all.map((one) => one.id)")
    assert parts[:3] == ["verdict", "curves", "findings"]
    assert [page.evaluate(OPEN, part) for part in parts] == [None, None, None, *[False] * (len(parts) - 3)]
    assert max(page.evaluate(BOTTOM, part) for part in parts[:3]) <= 3 * SCREEN
    assert page.locator("#findings > .content > article").count() < page.locator("#findings .severity").count()


def test_a_link_or_a_key_unfolds_a_section_whose_charts_are_drawn(page: "Page", local: Any, until: Callable) -> None:
    shown(page, local, "founding")
    page.locator("nav.sections").get_by_role("link", name="The context").click()
    assert page.evaluate(OPEN, "context")
    until(page, f"({PAINTED})('context')")
    page.locator("#layers summary").first.focus()
    page.keyboard.press("Enter")
    assert page.evaluate(OPEN, "layers")
    until(page, f"({PAINTED})('layers')")
    assert page.evaluate(ACTIVE) == "layers summary"


def test_an_address_that_leads_to_a_section_unfolds_it(page: "Page", local: Any, until: Callable) -> None:
    page.goto(f"{local.run(page, 'founding')}#data")
    page.locator("#configuration").wait_for()
    until(page, f"({OPEN})('data')")
    assert not page.evaluate(OPEN, "layers")


def test_a_report_unfolds_what_its_address_and_its_list_lead_to(
    page: "Page", kept: Path, call: Callable, tmp_path: Path
) -> None:
    call("report", kept / "founding", "--out", tmp_path / "report.html")
    page.goto(f"{(tmp_path / 'report.html').as_uri()}#layers")
    page.evaluate("newllm.ready")
    assert page.evaluate(OPEN, "layers")
    assert not page.evaluate(OPEN, "context")
    page.locator("nav.sections").get_by_role("link", name="The context").click()
    assert page.evaluate(OPEN, "context")


@pytest.mark.parametrize(("name", "offered"), [("founding", True), ("words", False)])
def test_a_replay_is_offered_where_there_is_a_spike(page: "Page", local: Any, name: str, *, offered: bool) -> None:
    shown(page, local, name)
    assert page.get_by_role("button", name="Replay", exact=True).is_visible() is offered
    assert page.get_by_role("button", name="Doctor", exact=True).is_visible()


def test_nothing_of_a_phone_is_wider_than_it_is(
    open_page: Callable[..., "Page"], serving: Callable, kept: Path, tmp_path: Path
) -> None:
    shutil.copytree(kept / "founding", tmp_path / "runs" / "founding")
    (verdict,) = (tmp_path / "runs" / "founding" / "replays").glob("*/verdict.json")
    shutil.copy(Path(__file__).parents[3] / "studies" / "founding" / "replay.json", verdict)  # it names a cause
    page = open_page(viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    with serving(tmp_path / "runs") as local:
        shown(page, local, "founding")
        page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert page.get_by_text("plain-depth").first.is_visible()
        assert page.evaluate("document.documentElement.scrollWidth") == 390

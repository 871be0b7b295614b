"""axe-core finds nothing on any page, in light and in dark, and all of it fits a phone."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = ("runs", "run", "compare", "studies", "study", "playground", "report", "missing")


@pytest.fixture(scope="module")
def report(kept: Path, call: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("report") / "report.html"
    call("report", kept / "founding", kept / "words", "--out", place)
    return place


def show(page: "Page", name: str, local: Any, report: Path) -> None:
    """Open a page and wait until all of it is there."""
    run = local.run(page, "founding")
    address = {
        "runs": local.url, "run": run, "playground": local.run(page, "words") + "/play", "report": report.as_uri(),
        "compare": f"{local.url}compare?runs={run.rsplit('/', 1)[1]},{local.run(page, 'words').rsplit('/', 1)[1]}",
        "studies": f"{local.url}studies", "study": "", "missing": f"{local.url}run/none",
    }[name]  # fmt: skip
    if name == "study":
        page.goto(f"{local.url}studies")
        page.locator("table a").first.click()
    else:
        page.goto(address)
    wanted = {
        "runs": "tr[data-id]", "studies": "table a", "playground": ".play textarea", "missing": "h1",
        "run": "#configuration", "report": "#comparison",
    }  # fmt: skip
    page.locator(wanted.get(name, "[data-chart] canvas")).first.wait_for()
    if name == "report":
        page.evaluate("newllm.ready")
    if name == "playground":
        page.locator(".play textarea").first.fill("the whale ")
        page.locator(".play textarea").first.press("Control+Enter")
        page.get_by_text("Wrote ").wait_for()
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    page.evaluate("document.querySelectorAll('tr:nth-child(n + 6)').forEach((one) => { one.remove(); })")  # all alike
    page.wait_for_timeout(300)


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible(
    name: str, open_page: Callable[..., "Page"], local, report: Path, violations: Callable
) -> None:
    page = open_page(
        viewport={"width": 1280, "height": 900}, expected="404" if name == "missing" else "", bypass_csp=True
    )
    show(page, name, local, report)
    light = violations(page)
    page.emulate_media(color_scheme="dark")
    page.wait_for_timeout(200)
    dark = [f"dark: {one}" for one in violations(page)]
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 844})
    page.wait_for_function("document.documentElement.scrollWidth <= 390")  # charts are drawn anew, maybe late
    assert not light + dark, "\n".join(light + dark)

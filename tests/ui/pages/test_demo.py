"""The packaged demo in a browser: it opens, its model writes, and nothing that would change it is offered."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def demo() -> Iterator[str]:
    command = [sys.executable, "-P", "-m", "newllm.cli.main", "ui", "--demo", "--port", "0", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    yield json.loads(process.stdout.readline())["url"]
    process.terminate()
    process.communicate(timeout=60)


def test_its_run_shows_the_cause_and_no_button_that_changes_it(page: "Page", demo: str) -> None:
    page.goto(demo)
    page.get_by_role("link", name="A loss spike and its cause").click()
    page.get_by_text("The cause is plain-depth").first.wait_for()
    assert [one.inner_text() for one in page.locator("#actions > *").all()] == ["Compare", "Report"]
    page.get_by_role("button", name="Report").hover()
    assert page.get_by_title("newllm report: one HTML file").count() == 1  # which it hands over, and writes nowhere


def test_its_model_writes(page: "Page", demo: str) -> None:
    page.goto(demo)
    page.get_by_role("navigation").get_by_role("link", name="Playground").click()
    page.get_by_label("Text to read").fill("The captain")
    began = time.monotonic()
    page.get_by_role("button", name="Write", exact=True).click()
    page.get_by_text("Wrote 120 tokens").wait_for()
    print(f"wrote after {time.monotonic() - began:.1f} s")
    assert page.locator(".play-text").first.inner_text().startswith("The captain")
    assert page.get_by_text("Save and restore contexts").count() == 0


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_on_a_phone_what_is_written_stands_above_what_is_typed(open_page, demo: str, lang: str) -> None:
    page = open_page(viewport=PHONE, is_mobile=True, has_touch=True)
    page.goto(f"{demo}play?lang={lang}")
    text, field = page.locator(".play-text").first, page.locator(".play textarea").first
    field.wait_for()
    assert text.bounding_box()["y"] < field.bounding_box()["y"]
    assert field.bounding_box()["y"] + field.bounding_box()["height"] <= PHONE["height"]
    assert page.evaluate("document.documentElement.scrollWidth") == PHONE["width"]
    links = page.locator("nav.bar a:visible").all()
    assert all(link.bounding_box()["x"] + link.bounding_box()["width"] <= PHONE["width"] for link in links)


def test_pages_without_content_say_what_to_do(page: "Page", serving, tmp_path) -> None:
    with serving(tmp_path) as local:
        for path in ("", "compare", "studies", "play"):
            page.goto(f"{local.url}{path}")
            page.locator(".empty:visible pre").first.wait_for()
            commands = [one.inner_text() for one in page.locator(".empty:visible pre").all()]
            assert commands[0].startswith(("newllm train ", "newllm study "))
            assert commands[1] == "newllm ui --demo"
            page.locator(".empty:visible .copy").nth(1).wait_for()  # scripts run after the first paint

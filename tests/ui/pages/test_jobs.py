"""Doctor and replay, started from the page of a run."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

SECONDS = 40
# The page offers a minute at the least; a test has less time. The button and all that follows are the page's own.
SHORTER = f"(budget) => {{ budget.options[0].value = '{SECONDS}'; budget.selectedIndex = 0; }}"


@pytest.fixture
def opened(page: "Page", serving: Callable, kept: Path, tmp_path: Path) -> Iterator["Page"]:
    """The page of a run with a spike that nobody has looked into."""
    left_out = shutil.ignore_patterns("replays", "findings.json")
    shutil.copytree(kept / "founding", tmp_path / "runs" / "founding", ignore=left_out)
    with serving(tmp_path / "runs") as local:
        page.goto(local.run(page, "founding"))
        page.locator("#curves canvas").first.wait_for()
        yield page


def test_the_doctor_is_started_from_the_page(opened: "Page", tmp_path: Path) -> None:
    opened.get_by_role("button", name="Doctor", exact=True).click()
    card = opened.get_by_role("group", name="Doctor")
    card.get_by_text("The doctor found").wait_for()
    found = json.loads((tmp_path / "runs" / "founding" / "findings.json").read_text())["findings"]
    counts = card.locator(".count").evaluate_all("(all) => all.map((one) => parseInt(one.textContent.slice(1)))")
    assert sum(counts) == len(found) > 0
    assert opened.get_by_role("button", name="Doctor", exact=True).is_enabled()


def test_a_replay_goes_from_its_start_to_its_verdict(opened: "Page", tmp_path: Path) -> None:
    assert opened.locator("#replay").count() == 0
    opened.get_by_label("Budget").evaluate(SHORTER)
    opened.get_by_role("button", name="Replay").click()
    card = opened.get_by_role("group", name="Replay")
    card.locator("progress").wait_for()
    assert opened.get_by_role("button", name="Replay", exact=True).is_disabled()
    card.get_by_text("null replays").first.wait_for()
    card.locator("p[lang=en]").first.wait_for(timeout=4_000 * SECONDS)  # the verdict's sentences
    (verdict,) = (tmp_path / "runs" / "founding" / "replays").glob("*/verdict.json")
    sentences = json.loads(verdict.read_text())["sentences"]
    assert card.locator("p[lang=en]").all_inner_texts() == sentences
    opened.locator("#replay table").first.wait_for()  # its section has come by itself
    assert sentences[0][:30] in opened.locator("#verdict").inner_text()


def test_a_list_made_before_a_job_began_does_not_hide_it(opened: "Page") -> None:
    late = f'retry: 100\nevent: jobs\ndata: {{"at": {time.time()}, "jobs": []}}\n\n'
    opened.route("**/live?*", lambda route: route.fulfill(content_type="text/event-stream", body=late))
    opened.reload()
    button = opened.get_by_role("button", name="Replay", exact=True)
    button.click()
    opened.get_by_role("group", name="Replay").locator("progress").wait_for()
    for _ in range(3):
        with opened.expect_response("**/live?*") as late_again:
            pass
        late_again.value.finished()
        assert button.is_disabled()
    opened.get_by_role("button", name="Stop").click()


def test_a_replay_is_stopped(opened: "Page", tmp_path: Path) -> None:
    opened.get_by_role("button", name="Replay").click()
    card = opened.get_by_role("group", name="Replay")
    card.get_by_text("null replays").first.wait_for()
    card.get_by_role("button", name="Stop").click()
    card.get_by_text("Stopped. What was replayed is kept").wait_for()
    assert opened.get_by_role("button", name="Replay", exact=True).is_enabled()
    card.get_by_role("button", name="Hide").click()
    card.wait_for(state="detached")
    assert not list((tmp_path / "runs" / "founding" / "replays").glob("*/verdict.json"))

"""The list of runs in a browser: columns, filter and sort in the address, what is done with runs, and its undoing."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from newllm.trace import Summary, TraceWriter
from newllm.ui.index import id_of

from .test_lists import serving

RATES = [1e-4, 3e-4, 1e-3, 3e-3]


def made(place: Path, number: int) -> None:
    place.mkdir(parents=True)
    settings = f'[model]\nbody = "stack"\n\n[optimizer]\nlearning_rate = {RATES[number % 4]}\n'
    (place / "config.toml").write_text(f'schema = 1\npreset = "tiny"\nseed = {number}\n\n{settings}')
    with TraceWriter(place / "trace.jsonl") as writer:
        for step in range(1, 30):
            writer.write(step, loss=4.0 - step / 100)
    summary = Summary(steps=30, parameters=10, scan_backend="numba", precision="fp32", device="cpu")
    summary.status, summary.step = "finished", 30
    summary.validated(30, 2.0 + number / 10, 1.0 + number / 10)
    summary.save(place / "summary.json")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for number in range(8):
        made(tmp_path / "runs" / f"run-{number}", number)
    return tmp_path / "runs"


@pytest.fixture
def address(root: Path) -> Iterator[str]:
    with serving(root) as address:
        yield address


def names(page) -> list[str]:
    return page.locator("tbody th.name a").all_inner_texts()


def shows(page, wanted: list[str]) -> None:
    shown = "[...document.querySelectorAll('tbody th.name a')].map((a) => a.textContent).join()"
    page.wait_for_function(f"wanted => {shown} === wanted", arg=",".join(wanted))


def choose(page, *numbers: int) -> None:
    for number in numbers:
        page.get_by_label(f"Choose: run-{number}", exact=True).check()


def test_columns_are_chosen_and_the_address_keeps_them_with_filter_and_sort(page, address):
    page.goto(address)
    page.wait_for_selector("tr[data-id]")
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("optimizer.learning_rate", exact=True).check()
    page.get_by_label("Findings", exact=True).uncheck()
    page.keyboard.press("Escape")
    page.locator("thead").get_by_role("button", name="learning_rate").click()
    page.fill("input[type=search] >> nth=0", "learning_rate>=0.001 seed!=3")
    shows(page, ["run-2", "run-6", "run-7"])
    assert page.locator("td.extra").all_inner_texts() == ["0.001", "0.001", "0.003"]
    assert page.locator("td.findings").count() == 0
    kept = page.url
    page.goto("about:blank")
    page.goto(kept)  # a link shows the same
    shows(page, ["run-2", "run-6", "run-7"])
    assert page.locator("thead [aria-sort=ascending]").inner_text().startswith("learning_rate")
    assert page.locator("td.extra").all_inner_texts() == ["0.001", "0.001", "0.003"]
    page.set_viewport_size({"width": 390, "height": 844})
    assert page.locator("td.extras").first.inner_text() == "learning_rate 0.001"
    assert page.evaluate("() => document.documentElement.scrollWidth") == 390


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("seed=3", ["run-3"]),
        ("SEED<2", ["run-0", "run-1"]),
        ("bits>=1.6", ["run-6", "run-7"]),
        ("run-1", ["run-1"]),
        ("tag=good", ["run-4"]),
        ("tag!=good seed>3 seed<7", ["run-5", "run-6"]),
        ('note="two words"', ["run-5"]),
        ("good", ["run-4"]),
        ("status=failed", []),
        ("seed=3 run-4", []),
    ],
)
def test_the_filter_takes_words_and_conditions(page, address, root, typed, wanted):
    (root / "run-4" / "labels.json").write_text('{"schema": 1, "tags": ["good"]}')
    (root / "run-5" / "labels.json").write_text('{"schema": 1, "note": "two words"}')
    page.goto(f"{address}?sort=name&up=1")
    page.wait_for_selector("td .tag, small .tag")
    page.fill("input[type=search] >> nth=0", typed)
    shows(page, wanted)


def test_a_setting_that_no_run_has_is_said(page, address):
    page.goto(f"{address}?q=colour%3Dred")
    page.wait_for_selector("text=No run has a setting called colour")
    shows(page, [])


def test_several_runs_are_tagged_archived_and_deleted_and_all_of_it_is_undone(page, address, root):
    page.goto(f"{address}?sort=name&up=1")
    page.wait_for_selector("tr[data-id]")
    choose(page, 1)
    page.get_by_label("Choose: run-3", exact=True).click(modifiers=["Shift"])
    page.get_by_role("button", name="Tag …").click()
    page.wait_for_selector("dialog input:focus")  # on a busy machine it opens later than one can type
    page.keyboard.type("good, new")
    page.keyboard.press("Enter")
    page.wait_for_function("() => document.querySelectorAll('small .tag').length === 6")
    page.get_by_role("button", name="Archive").click()
    shows(page, ["run-0", "run-4", "run-5", "run-6", "run-7"])
    page.get_by_role("button", name="Show archived (3)").click()
    shows(page, [f"run-{number}" for number in range(8)])
    assert "archived=1" in page.url
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("() => !document.querySelector('tr.archived')")
    page.get_by_role("button", name="Delete").click()
    shows(page, ["run-0", "run-4", "run-5", "run-6", "run-7"])
    assert not (root / "run-2").exists()
    page.get_by_role("button", name="Undo").click()
    shows(page, [f"run-{number}" for number in range(8)])
    assert json.loads((root / "run-2" / "labels.json").read_text())["tags"] == ["good", "new"]


def test_the_trash_gives_back_what_was_deleted_before(page, address, root):
    page.goto(f"{address}?sort=name&up=1")
    page.wait_for_selector("tr[data-id]")
    page.locator("tr[data-id] a").nth(5).focus()
    page.keyboard.press("x")
    page.keyboard.press("Delete")
    shows(page, [f"run-{number}" for number in (0, 1, 2, 3, 4, 6, 7)])
    page.reload()
    page.get_by_role("button", name="Trash").click()
    page.get_by_role("dialog").get_by_role("button", name="Restore").click()
    page.wait_for_selector("text=The trash is empty.")
    assert (root / "run-5" / "trace.jsonl").is_file()


def test_a_run_is_renamed_and_noted_on_its_page_and_the_other_tab_says_that_it_is_gone(address, root, open_page):
    # Either page may ask for the run by the name that it has just lost.
    page, other = open_page(expected=("409", "404")), open_page(expected=("404",))
    other.goto(f"{address}run/{id_of('run-0')}")
    other.wait_for_selector("section")
    page.goto(f"{address}run/{id_of('run-0')}")
    page.get_by_role("button", name="Edit …").click()
    page.get_by_label("Name").fill("run-1")
    page.get_by_label("Note").fill("<b>kept</b>\nfor later")
    page.get_by_role("button", name="Save").click()
    page.wait_for_selector("text='run-1' is the name of another run by now")
    page.get_by_label("Name").fill("baseline")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(f"**/run/{id_of('baseline')}")
    assert page.locator("p.note").inner_text() == "<b>kept</b>\nfor later"
    other.wait_for_selector(".status.gone")
    page.get_by_role("button", name="Undo").click()
    page.wait_for_url(f"**/run/{id_of('run-0')}")
    assert (root / "run-0").is_dir()
    assert json.loads((root / "run-0" / "labels.json").read_text())["note"] == ""


def test_a_run_is_deleted_on_its_page_and_the_list_undoes_it(address, root, open_page):
    page = open_page(expected=("404",))  # it may ask for the run once more before it goes
    page.goto(f"{address}run/{id_of('run-0')}")
    page.get_by_role("button", name="Edit …").click()
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    page.wait_for_selector("text=The run was moved to the trash.")
    assert "run-0" not in names(page)
    page.get_by_role("button", name="Undo").click()
    page.wait_for_function("() => [...document.querySelectorAll('th.name a')].some((a) => a.textContent === 'run-0')")
    assert (root / "run-0").is_dir()


@pytest.mark.parametrize("viewport", [{"width": 1280, "height": 860}, {"width": 390, "height": 844}])
def test_all_that_opens_above_the_list_is_accessible_and_fits(address, open_page, violations, viewport):
    page = open_page(viewport=viewport, bypass_csp=True)
    page.goto(f"{address}?columns=state,tags,optimizer.learning_rate")
    page.wait_for_selector("tr[data-id]")
    choose(page, 1, 2)
    found = [f"chosen: {one}" for one in violations(page)]
    page.get_by_role("button", name="Tag …").click()
    found += [f"tags: {one}" for one in violations(page)]
    page.wait_for_selector("dialog input:focus")
    page.keyboard.type("good")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Undo").wait_for()
    choose_again = page.get_by_label("Choose: run-2", exact=True)
    choose_again.uncheck()
    page.get_by_role("button", name="Edit …").click()
    found += [f"edit: {one}" for one in violations(page)]
    page.keyboard.press("Escape")
    page.get_by_text("Columns", exact=True).click()
    page.get_by_label("seed", exact=True).wait_for()
    found += [f"columns: {one}" for one in violations(page)]
    box = page.locator(".menu-box").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= viewport["width"]
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Trash").click()
    page.wait_for_selector("text=The trash is empty.")
    found += [f"trash: {one}" for one in violations(page)]
    assert not found, "\n".join(found)
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]

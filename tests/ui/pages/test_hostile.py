"""Names, logs and configurations that would like to be obeyed: they are text, and nothing else happens."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from newllm.trace import TraceWriter

if TYPE_CHECKING:
    from playwright.sync_api import Dialog, Page

SCRIPT = "</script><script>window.__pwned=1</script><img src=x onerror=window.__pwned=1>"
NAMES = (
    *('" onmouseover=window.__pwned=1 autofocus onfocus=window.__pwned=1 x="', "it's 'quoted' & &lt;b&gt;<b>bold"),
    *("<img src=x onerror=window.__pwned=1>", f"a{SCRIPT}", "javascript:window.__pwned=1", "\u202egnp.exe\u2066"),
    *("100% %2e%2e %00 %3Cscript%3E", "x..%2f..%2fsecret", "日本語 の 実行 🐋", "  two  spaces ", "new\nline\ttab"),
    *("-rf --json", "`touch x` $(touch y)", "{{7*7}} ${7*7}", "\udcff not utf-8", "C:\\windows", "?runs=a#b"),
)
UGLY = "\u202e\u2066\n\t"  # what a page shows as signs, so that names cannot pretend


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, make_run: Callable[..., Path]) -> Path:
    """Runs with such names, and one, `inside`, whose files are full of such text."""
    root = tmp_path_factory.mktemp("hostile") / "runs"
    for number, name in enumerate(NAMES):
        make_run(root / name, seed=number)
    run = make_run(root / "inside", message=SCRIPT)
    (run / "config.toml").write_text(
        f'schema = 1\npreset = "{SCRIPT}"\nseed = 0\n[model]\nbody = "{SCRIPT}"\nrule = "{SCRIPT}"\n"{SCRIPT}" = 1\n'
    )
    with TraceWriter(run / "trace.jsonl") as writer:
        for step in range(51, 90):
            writer.write_row(step, {"loss": 3.0, SCRIPT: step, f"gradient_norm/{SCRIPT}": 1.0 + step, '"><b>': 2.0})
    finding = {
        "kind": SCRIPT, "severity": "fault", "first_step": 55, "last_step": 60, "confidence": 0.9,
        "evidence": {SCRIPT: SCRIPT}, "alternatives": [SCRIPT], "candidate_causes": [SCRIPT],
    }  # fmt: skip
    (run / "findings.json").write_text(json.dumps({"schema": 1, "judged": True, "findings": [finding]}))
    (run / "data.json").write_text(json.dumps({"schema": 1, "sources": [{"name": SCRIPT}], SCRIPT: SCRIPT}))
    (root.parent / "log.csv").write_text(
        f'step,loss,"{SCRIPT}"\n' + "".join(f"{at},{9 - at},{at}\n" for at in range(9))
    )
    return root


@pytest.fixture(scope="module")
def shown(hostile: Path, serving: Callable) -> Iterator[Any]:
    with serving(hostile) as local:
        yield local


@pytest.fixture
def watched(page: "Page") -> Iterator["Page"]:
    """A page on which no dialog opens, nothing is run, and no element comes from a text."""
    dialogs: list[str] = []

    def dismiss(dialog: "Dialog") -> None:
        dialogs.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    yield page
    if page.url != "about:blank":
        harmless(page)
    assert not dialogs


def harmless(page: "Page") -> None:
    assert page.evaluate("window.__pwned") is None
    assert page.locator("main img, main script, main b:text-is('bold'), main [onfocus], main [onerror]").count() == 0
    assert page.locator("a[href^='javascript:']").count() == 0
    assert not set(page.locator("main").inner_text()) & set("\u202e\u2066")


def test_the_list_shows_every_name_as_text(watched: "Page", shown) -> None:
    runs = shown.runs(watched)
    assert len(runs) == len(NAMES) + 1
    watched.goto(shown.url)
    watched.locator("tr[data-id]").nth(len(NAMES)).wait_for()
    # Found and read in one evaluation: a row redrawn in between would be read detached, its spaces not laid out.
    names = watched.evaluate("Array.from(document.querySelectorAll('tr[data-id] th a'), (link) => link.innerText)")
    assert len(names) == len(NAMES) + 1
    for name in NAMES:
        told = "".join(letter for letter in " ".join(name.split()) if letter not in UGLY + "\udcff")
        ends = told[-9:] if "/" not in told else told.rsplit("/", 1)[1][-9:]
        assert any(ends in one for one in names), (name, names)
    for canvas in watched.locator("canvas.spark").all():
        canvas.scroll_into_view_if_needed()
    watched.get_by_role("searchbox").fill("<img src=x")
    harmless(watched)


def test_every_page_of_every_name_is_harmless(watched: "Page", shown) -> None:
    runs = shown.runs(watched)
    for run in runs:
        watched.goto(f"{shown.url}run/{run['id']}")
        watched.locator("#parts section").first.wait_for()
        harmless(watched)
    watched.locator("#curves canvas").first.wait_for()


def test_what_a_run_holds_is_harmless(watched: "Page", shown) -> None:
    watched.goto(shown.run(watched, "inside"))
    watched.locator("#configuration").wait_for()
    watched.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert "</script><script>window.__pwned=1</script>" in watched.locator("main").inner_text()
    watched.locator("#curves .plot-over").first.hover()
    watched.locator("#curves .plot").first.press("ArrowRight")
    harmless(watched)
    watched.goto(shown.run(watched, "inside") + "/play?snapshot=%3Cscript%3E")
    watched.locator(".play-problem, .play-panel").first.wait_for()


def test_comparing_and_asking_for_hostile_things_is_harmless(watched: "Page", shown) -> None:
    ids = ",".join(run["id"] for run in shown.runs(watched)[:24])
    watched.goto(f"{shown.url}compare?runs={ids},%3Cscript%3E&signal=%3C/script%3E&x=%22%3E%3Cb%3E")
    watched.locator("[data-chart=compared] canvas").first.wait_for()
    watched.locator(".side-by-side table").first.wait_for()
    harmless(watched)
    watched.goto(f"{shown.url}?q=%3Cimg%20src%3Dx%20onerror%3Dwindow.__pwned%3D1%3E&sort=%22%3E")
    watched.locator("tr[data-id]").first.wait_for()


def test_reports_of_hostile_runs_and_logs_are_harmless(
    watched: "Page", hostile: Path, call: Callable, tmp_path: Path
) -> None:
    out = tmp_path / "report.html"
    call("report", str(hostile / "inside"), str(hostile / NAMES[2]), str(hostile / NAMES[0]), "--out", str(out))
    call("report", str(hostile.parent / "log.csv"), "--out", str(tmp_path / "log.html"))
    for place in (out, tmp_path / "log.html"):
        watched.goto(place.as_uri())
        watched.evaluate("newllm.ready")
        watched.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
        assert "<img src=x onerror=window.__pwned=1>" in watched.locator("main").inner_text()
        harmless(watched)

"""The packaged demo on the local page: it opens, and nothing of it can be changed."""

import argparse
import html
import json
import re

import pytest
from starlette.routing import Route

from newllm.cli.parser import config_named
from newllm.demo import SET
from newllm.study import load_study
from newllm.ui.demo import REFUSAL


@pytest.fixture(scope="module")
def demo(serving, wait_for):
    with serving(SET, demo=True) as server:
        wait_for(lambda: server.app.state.index.ready)
        yield server


@pytest.fixture(autouse=True)
def untouched():
    before = {path: path.stat().st_mtime_ns for path in SET.rglob("*")}
    yield
    assert {path: path.stat().st_mtime_ns for path in SET.rglob("*")} == before


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_each_link_of_the_tour_leads_somewhere(demo, lang) -> None:
    page = demo.ask(f"/?lang={lang}").body.decode()
    links = re.findall(r'<a href="([^"]+)"', page.partition('class="tour"')[2].partition("</ul>")[0])
    assert len(links) == 5
    for link in links:
        assert demo.ask(link.replace("&amp;", "&")).status == 200, link
    compared = next(link for link in links if "runs=" in link).partition("runs=")[2]
    assert len(demo.ask(f"/api/compare?runs={compared}").json()["runs"]) == 2


def test_what_there_is(demo, wait_for) -> None:
    runs = {run["name"]: run for run in demo.ask("/api/runs").json()["runs"]}
    assert sorted(runs) == ["founding-baseline", "learning-rate-as-planned", "learning-rate-doubled", "moby-dick"]
    assert runs["founding-baseline"]["cause"] == "plain-depth"
    assert [name for name, run in runs.items() if run.get("playable")] == ["moby-dick"]
    assert all("problems" not in run for run in runs.values())

    def counts(name: str) -> dict[str, int]:
        own = runs[name]["id"]
        return wait_for(lambda: demo.ask(f"/api/findings?ids={own}").json()["counts"])[own]

    assert counts("learning-rate-as-planned") == {"fault": 0, "warning": 0, "note": 0}
    assert counts("learning-rate-doubled")["warning"]


def test_the_pages_say_that_it_is_the_demo(demo, served) -> None:
    for path in ("/", "/studies", "/compare"):
        page = demo.ask(path).body.decode()
        assert '"demo":true' in page
        assert 'class="demo"' in page
        assert str(SET) not in page
        other = served.ask(path).body.decode()
        assert '"demo":false' in other
        assert 'class="demo"' not in other


def test_the_commands_of_its_pages_write_nothing_in_it(demo) -> None:
    run = demo.id_of("founding-baseline")
    sections = demo.ask(f"/api/run/{run}/sections").json()["sections"]
    commands = html.unescape(next(one["html"] for one in sections if one["id"] == "configuration"))
    assert "newllm train --config demo:founding-baseline --out founding-baseline-again<" in commands
    assert "newllm doctor demo:founding-baseline<" in commands
    assert "newllm replay demo:founding-baseline --show" in commands
    assert not any(str(SET) in one["html"] for one in sections)  # nobody else has that path


def test_a_configuration_of_the_demo_is_named_as_its_run_is() -> None:
    assert config_named("demo:founding-baseline") == str(SET / "founding-baseline/config.toml")
    assert config_named("mine.toml") == "mine.toml"
    with pytest.raises(argparse.ArgumentTypeError, match="unknown part of the demo 'demo:other'"):
        config_named("demo:other")


def test_no_replay_is_offered_of_a_run_that_has_none(demo) -> None:
    sections = demo.ask(f"/api/run/{demo.id_of('moby-dick')}/sections").json()["sections"]
    assert "newllm replay" not in next(one["html"] for one in sections if one["id"] == "configuration")


def test_its_study_can_be_run_by_its_name(demo) -> None:
    page = demo.ask("/studies?lang=ja").body.decode()
    assert load_study("spike-remedies").translations["ja"][load_study("spike-remedies").title] in page
    assert "UTC" not in page  # when it was installed says nothing


def test_every_route_that_changes_something_is_refused(demo) -> None:
    run = demo.id_of("founding-baseline")
    changing = [
        (route.path.format(id=run, job="doctor-1", name="x"), method)
        for route in demo.app.routes
        if isinstance(route, Route)
        for method in set(route.methods or []) - {"GET", "HEAD"}
    ]
    assert len(changing) >= 3
    for path, method in [*changing, (f"/api/run/{run}", "DELETE"), (f"/api/run/{run}", "PUT"), ("/", "POST")]:
        content = {"kind": "doctor", "id": "1", "verb": "save", "branch": "a", "name": "b"}
        answer = demo.ask(path, method, json.dumps(content).encode(), Content_Type="application/json")
        assert answer.status == 403, (path, method)
        assert answer.json()["error"] == REFUSAL
        assert answer.headers["x-frame-options"] == "DENY"


def test_the_model_writes_and_its_context_is_not_saved(demo) -> None:
    run = demo.id_of("moby-dick")
    assert demo.ask("/play").headers["location"] == f"/run/{run}/play"

    def ask(number: int, **request):
        answer = demo.post(f"/api/run/{run}/play", {"id": str(number), **request})
        return answer.status, [json.loads(line) for line in answer.body.splitlines()]

    assert ask(1, verb="branch", name="main")[1][-1]["event"] == "done"
    status, events = ask(2, verb="write", branch="main", tokens=8)
    assert status == 200
    assert events[-1]["event"] == "done"
    assert ask(3, verb="save", branch="main", name="mine")[0] == 403

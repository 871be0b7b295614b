import html
import json
from html.parser import HTMLParser

import pytest

from newllm.messages import catalogue
from newllm.trace.verdict import EFFECT_CLASSES

HOSTILE = "deep/<img src=x onerror=alert(1)> \\u202e"


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def data_of(page):
    return json.loads(page.split('id="page">')[1].split("</script>")[0])


@pytest.mark.parametrize("path", ["/", "/run/{}", "/compare?runs={}", "/studies", "/nowhere"])
@pytest.mark.parametrize("lang", ["en", "ja"])
def test_pages_are_frames_with_our_own_files_only(served, path, lang):
    path = path.format(served.id_of("plain"))
    answer = served.ask(f"{path}{'&' if '?' in path else '?'}lang={lang}")
    assert answer.status == (404 if path == "/nowhere" else 200)
    page = answer.body.decode()
    assert f'<html lang="{lang}">' in page
    assert data_of(page)["lang"] == lang
    for tag, attributes in Elements(page).found:
        assert not any(name.startswith("on") or name == "style" for name in attributes), (tag, attributes)
        for name in ("src", "href", "data-src"):
            place = attributes.get(name)
            assert place is None or place.startswith(("/", "#", "?")), place
            if place and place.startswith("/static/"):
                assert served.ask(place).status == 200
        if tag == "script":
            assert attributes.get("type") == "application/json" or "data-src" in attributes


def test_the_language_is_remembered(served):
    cookie = served.ask("/?lang=ja").headers["set-cookie"]
    assert '<html lang="ja">' in served.ask("/", Cookie=cookie.split(";")[0]).body.decode()
    assert '<html lang="en">' in served.ask("/?lang=xx", Cookie="newllm-lang=xx").body.decode()


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_what_a_change_did_is_said_in_the_words_of_a_report(served, lang):
    page = served.ask(f"/?lang={lang}").body.decode()
    texts = json.loads(page.partition('type="application/json"')[2].partition(">")[2].partition("</script>")[0])[
        "texts"
    ]
    for outcome in EFFECT_CLASSES:
        assert texts[f"outcome-{outcome}".replace(" ", "-")] == catalogue(lang)(f"outcome-{outcome}")


def test_hostile_names_are_text(served):
    run = served.id_of(HOSTILE)
    page = served.ask(f"/run/{run}").body.decode()
    assert "<img" not in page
    assert "\u202e" not in page
    assert html.escape("<img src=x onerror=alert(1)>") in page
    sections = served.ask(f"/api/run/{run}/sections").json()
    assert "<img" not in json.dumps(sections["sections"])


@pytest.mark.parametrize(
    "id",
    [
        "..",
        "%2e%2e",
        "..%2f..%2fetc",
        "plain",
        "deep%2fplain",
        "%00",
        "a" * 5000,
        "..%5c..",
        "%2fetc%2fpasswd",
        "x%0d%0ay",
    ],
)
@pytest.mark.parametrize(
    "path", ["/run/{}", "/api/run/{}/sections", "/api/run/{}/window", "/api/run/{}/live", "/study/{}", "/static/{}"]
)
def test_no_name_is_a_path(served, id, path):
    answer = served.ask(path.format(id))
    assert answer.status in (400, 404)
    assert b"secret" not in answer.body


def test_static_files_are_no_directory(served):
    for name in ("../secret.txt", "..%2f..%2fapp.py", "app.py", "", "VENDORED.md"):
        assert served.ask(f"/static/{name}").status == 404


def test_a_window_keeps_spikes(tmp_path, serving, make_run):
    from newllm.trace import TraceWriter

    run = make_run(tmp_path / "run", steps=1)
    with TraceWriter(run / "trace.jsonl") as writer:
        for step in range(2, 20_000):
            writer.write(step, loss=99.0 if step == 12_345 else 2.0)
    with serving(tmp_path) as server:
        key = server.id_of("run")
        seen = server.ask(f"/api/run/{key}/window?name=loss&name=none&points=50").json()
        assert len(seen["loss"]["x"]) < 100
        assert seen["loss"]["x"][seen["loss"]["y"].index(99.0)] == 12_345
        assert "none" not in seen  # the chart keeps the points that it has
        near = server.ask(f"/api/run/{key}/window?name=loss&from=12340&to=12350&points=5000").json()["loss"]["x"]
        assert near == list(range(12_339, 12_352))
        assert server.ask(f"/api/run/{key}/window?name=loss&from=x").status == 400
        assert server.ask(f"/api/run/{key}/window?name=loss&from=nan").status == 400
        assert server.ask(f"/api/run/{key}/window?name=loss&from=-inf&to=inf&points=1e30").status == 200
        section = next(
            one for one in server.ask(f"/api/run/{key}/sections").json()["sections"] if one["id"] == "curves"
        )
        line = section["charts"]["loss"]["lines"][0]
        assert line["bucketed"] is True
        assert line["x"]["n"] < 4000
        spark = server.ask(f"/api/sparks?ids={key},none").json()
        assert list(spark) == [key]
        assert 99.0 in spark[key]["y"]


def test_broken_runs_have_a_page(tmp_path, serving, make_run):
    for name in ("torn", "no-trace", "damaged"):
        make_run(tmp_path / name)
    (tmp_path / "torn" / "summary.json").write_text('{"schema": 1, "st')
    (tmp_path / "torn" / "config.toml").write_bytes(b"\xff")
    (tmp_path / "no-trace" / "trace.jsonl").unlink()
    with (tmp_path / "damaged" / "trace.jsonl").open("ab") as file:
        file.write(b"nonsense\n")
    with serving(tmp_path) as server:
        for name in ("torn", "no-trace", "damaged"):
            key = server.id_of(name)
            assert server.ask(f"/run/{key}").status == 200
            told = server.ask(f"/api/run/{key}/sections").json()
            assert told["problems"] or name == "no-trace"
        assert server.ask("/api/run/none/sections").status == 404


@pytest.mark.parametrize("axis", ["step", "token", "time", "progress"])
@pytest.mark.parametrize("view", ["overlay", "difference", "arms"])
def test_runs_are_compared(tmp_path_factory, serving, make_run, axis, view):
    root = tmp_path_factory.mktemp("compared")
    for rule, seed in (("ema", 0), ("ema", 1), ("gated", 0)):
        make_run(root / f"{rule}-{seed}", rule=rule, seed=seed)
    with serving(root) as server:
        ids = [server.id_of(name) for name in ("ema-0", "ema-1", "gated-0")]
        told = server.ask(f"/api/compare?runs={','.join(ids)}&signal=validation_loss&x={axis}&view={view}").json()
    lines = [line["label"] for line in told["chart"]["lines"] if not line["faint"]]
    expected = {"overlay": ["ema-0", "ema-1", "gated-0"], "difference": ["ema-0", "ema-1", "gated-0"]}.get(view)
    assert lines == expected if expected else len(lines) == 2
    assert [run["name"] for run in told["runs"]] == ["ema-0", "ema-1", "gated-0"]
    assert told["missing"] == []
    assert told["section"]["id"] == "comparison"
    if view == "arms" and axis != "progress":
        assert told["chart"]["lines"][0]["low"] is not None


def test_what_cannot_be_compared_is_told(served):
    plain = served.id_of("plain")
    told = served.ask(f"/api/compare?runs={plain},none&signal=no_such").json()
    assert told["unknown"] == ["none"]
    assert told["signal"] == "loss"
    assert told["section"] is None
    assert served.ask(f"/api/compare?runs={plain}&x=__class__").status == 400
    assert served.ask(f"/api/compare?runs={plain}&view=x").status == 400
    assert served.ask("/api/compare?runs=" + ",".join(map(str, range(30)))).status == 400
    assert served.ask("/api/compare").json()["runs"] == []


def test_a_study_has_a_page(tmp_path, serving):
    study = tmp_path / "one"
    study.mkdir()
    claim = {
        "id": "1",
        "text": "<b>bold</b> claim",
        "measure": "m",
        "arms": ["a"],
        "verdict": "holds",
        "numbers": {},
        "p": None,
        "p_holm": None,
    }
    content = {
        "schema": 1, "study": "one", "title": "A <i>study</i>", "seeds": 1, "arms": [{"name": "a", "control": ""}],
        "claims": [claim], "rows": [{"arm": "a", "seed": 0}], "curves": {},
    }  # fmt: skip
    (study / "results.json").write_text(json.dumps(content))
    with serving(tmp_path) as server:
        page = server.ask("/studies").body.decode()
        while "/study/" not in page:
            page = server.ask("/studies").body.decode()
        key = page.split('href="/study/')[1].split('"')[0]
        assert "<i>study</i>" not in page + server.ask(f"/study/{key}").body.decode()
        told = server.ask(f"/api/study/{key}/sections").json()
        assert "study-claims" in told["order"]
        assert "<b>bold</b>" not in json.dumps(told)
        assert server.ask(f"/run/{key}").status == 404
        assert server.ask(f"/api/run/{key}/sections").status == 404


def test_a_run_that_nobody_diagnosed_is_not_shown_as_healthy(tmp_path, serving, make_run):
    from newllm.trace import TraceWriter

    for seed in (0, 1):
        run = make_run(tmp_path / f"ema-{seed}", seed=seed)
        with TraceWriter(run / "trace.jsonl") as writer:
            for step in range(51, 60):
                writer.write(step, loss=float("nan"))
    make_run(tmp_path / "short", steps=2, rule="gated")
    with serving(tmp_path) as server:
        ids = [server.id_of(name) for name in ("ema-0", "ema-1", "short")]
        address = f"/api/compare?runs={','.join(ids)}"
        told = server.ask(address).json()
        assert told["undiagnosed"] == ids
        assert "not diagnosed" in told["section"]["html"]
        counts = server.ask(f"/api/findings?ids={ids[0]},{ids[2]},none").json()["counts"]
        assert counts.keys() == {ids[0], ids[2]}
        assert counts[ids[0]]["fault"] > 0
        assert counts[ids[2]] is None  # two points show nothing
        told = server.ask(address).json()
        assert told["undiagnosed"] == ids[1:]
        assert "(1 of 2 diagnosed)" in told["section"]["html"]
        assert server.ask(f"/api/run/{ids[1]}/sections").status == 200  # its page judges it, and that is kept
        told = server.ask(address).json()
        assert told["undiagnosed"] == ids[2:]
        assert "of 2 diagnosed" not in told["section"]["html"]

import base64
import dataclasses
import hashlib
import json
import re
import zlib
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from newllm.checksum import read_checked
from newllm.messages import catalogue, quoted
from newllm.report.document import PAGE_NAME
from newllm.report.page import report_page, study_page
from newllm.report.source import Source, read_source
from newllm.report.source.study import read_study
from newllm.trace import Finding, Series, Trace
from newllm.trace.remark import left_out

EN = catalogue("en")
STUDY = Path(__file__).parents[3] / "studies" / "founding"
EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(2)>\"'\x1b[2J\u202e\u2066<style>*{}</style>{0}{x}"
HARMLESS = {
    *("html", "meta", "title", "style", "script", "body", "div", "nav", "main", "header", "footer", "section", "aside"),
    *("article", "h1", "h2", "h3", "h4", "p", "span", "small", "strong", "b", "a", "ul", "li", "dl", "dt", "dd", "pre"),
    *("code", "figure", "figcaption", "details", "summary", "table", "thead", "tbody", "tr", "th", "td"),
    *("svg", "path", "circle", "rect", "text", "line", "g"),
}
ATTRIBUTES = {
    *("lang", "charset", "name", "content", "http-equiv", "class", "id", "href", "role", "tabindex", "type", "scope"),
    *(
        "aria-label",
        "aria-hidden",
        "data-head",
        "data-chart",
        "open",
        "viewbox",
        "width",
        "height",
        "d",
        "cx",
        "cy",
        "r",
        "x",
        "y",
    ),
}


class Seen(HTMLParser):
    """What a browser would make of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.inside: dict[str, list[str]] = {"script": [], "style": []}
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in self.inside and self.cdata_elem == self.tags[-1]:
            self.inside[self.tags[-1]][-1] += data
        else:
            self.text += data


def charts(page: str) -> dict:
    return json.loads(Seen(page).inside["script"][0])


def long_run(length: int, names: int) -> Source:
    chance = np.random.default_rng(0)
    shown = ("loss", "gradient_norm", "gradient_norm_clipped", "context_norm", "validation_loss", "step_seconds")[
        :names
    ]
    made = {name: Series(np.arange(length), np.exp(chance.normal(0, 1, length))) for name in shown}
    return Source(Path("long"), "long", own=True, trace=Trace(made))


@pytest.fixture(scope="module")
def page(whole: Path) -> str:
    return report_page([read_source(whole)], EN)


def test_the_policy_names_just_the_script_and_the_style_that_are_there(page: str) -> None:
    seen = Seen(page)
    policy = next(value for name, value in seen.attributes if value.startswith("default-src"))
    data, words, script = seen.inside["script"]
    (style,) = seen.inside["style"]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in (script, style)]
    assert policy == (
        f"default-src 'none'; script-src 'sha256-{hashes[0]}'; style-src 'sha256-{hashes[1]}'; "
        "base-uri 'none'; form-action 'none'"
    )
    assert json.loads(data)
    assert json.loads(words)["all"] == "Show all"


def test_a_page_has_nothing_that_loads_or_runs_anything_else(page: str) -> None:
    seen = Seen(page)
    assert set(seen.tags) <= HARMLESS
    assert {name for name, _ in seen.attributes} <= ATTRIBUTES
    assert all(value.startswith("#") for name, value in seen.attributes if name == "href")
    assert "url(" not in seen.inside["style"][0]
    assert PAGE_NAME in page[:200]


def test_every_link_leads_to_a_section_and_every_chart_has_its_numbers(page: str) -> None:
    seen = Seen(page)
    ids = [value for name, value in seen.attributes if name == "id"]
    assert len(set(ids)) == len(ids)
    assert {value[1:] for name, value in seen.attributes if name == "href"} <= set(ids)
    assert {value for name, value in seen.attributes if name == "data-chart"} == charts(page).keys()


def test_hostile_text_does_nothing_wherever_it_comes_from(run: Path) -> None:
    source = read_source(run)
    finding = Finding(
        kind=EVIL, severity="fault", sentence=quoted(EVIL), first_step=10, last_step=12, signal=EVIL,
        evidence={EVIL: EVIL}, alternatives=(quoted(EVIL),), test=quoted(EVIL), candidate_causes=(EVIL,),
    )  # fmt: skip
    layers = {f"{name}/{EVIL}": Series(np.arange(9), np.ones(9)) for name in ("gradient_norm", "validation_loss")}
    trace = Trace({**source.trace.signals, **layers, EVIL: Series(np.arange(9), np.ones(9))}, axis=EVIL)
    (replayed,) = source.replays
    assert replayed.verdict is not None
    tried = dataclasses.replace(
        replayed.verdict.interventions[0], name=EVIL, kind=EVIL, change=EVIL, hypothesis=EVIL, price=EVIL,
        moved={"signal": EVIL, "moved": True}, signals={EVIL: {"spiked": 1.0, "null_spiked": 2.0}},
    )  # fmt: skip
    verdict = dataclasses.replace(
        replayed.verdict, sentences=(EVIL,) * 3, interventions=(tried,), missing=(EVIL,), not_tried={EVIL: EVIL},
        cause={"name": EVIL, "intervention": EVIL}, suspects=({"name": EVIL, "intervention": EVIL, "class": EVIL},),
    )  # fmt: skip
    evil = dataclasses.replace(
        source, path=Path(EVIL), name=EVIL, trace=trace, findings=(finding,), config_text=EVIL * 3,
        summary={**source.summary, "message": EVIL, "status": "failed", "device": EVIL},
        problems=(left_out("quoted", text=EVIL),),
        config={"model": {"body": EVIL}, "environment": {EVIL: EVIL}, "seed": 1},
        data={"sources": [{"name": EVIL, "sha256": EVIL, "bytes": EVIL}], "counts": {EVIL: EVIL}, "format": EVIL},
        recoveries=({"sentence": EVIL, "remedy": EVIL, "number": EVIL, "detected": EVIL},),
        replays=(dataclasses.replace(replayed, name=EVIL, verdict=verdict),),
    )  # fmt: skip
    for sources in ([evil], [evil, evil]):
        page = report_page(sources, EN)
        seen = Seen(page)
        assert set(seen.tags) <= HARMLESS
        assert {name for name, _ in seen.attributes} <= ATTRIBUTES
        assert (len(seen.inside["script"]), len(seen.inside["style"])) == (3, 1)
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page)
        assert "alert(2)" in seen.text  # shown, as the text that it is
        assert EN("section-failed", error="").split("(")[0] not in seen.text
        labels = [line["label"] for chart in charts(page).values() for line in chart.get("lines", ())]
        assert not any("\x1b" in label or "\u202e" in label for label in labels)


def test_megabytes_of_text_stay_small(run: Path) -> None:
    (run / "config.toml").write_text(f'note = """{"x" * 900_000}"""\n' + 'a = "b"\n')
    summary = read_checked(run / "summary.json")
    (run / "summary.json").write_text(json.dumps({**summary, "status": "failed", "message": "m" * 5_000_000}))
    source = dataclasses.replace(read_source(run), name="n" * 3_000_000)
    assert len(report_page([source], EN)) < 700_000


def test_six_noisy_signals_of_100_000_points_stay_below_4_megabytes() -> None:
    page = report_page([long_run(100_000, 6)], EN)
    assert 2e6 < len(page.encode()) < 4e6
    drawn = {line["name"]: line["y"]["n"] for chart in charts(page).values() for line in chart["lines"]}
    assert drawn["loss"] == drawn["context_norm"] == 100_000


def test_a_million_points_are_bounded_and_no_spike_is_lost() -> None:
    source = long_run(1_000_000, 1)
    source.trace.series("loss").value[123_456] = 1e6
    page = report_page([source], EN)
    (line,) = (line for chart in charts(page).values() for line in chart["lines"])
    assert line["bucketed"]
    assert line["y"]["n"] < 200_000
    values = np.frombuffer(zlib.decompress(base64.b64decode(line["y"]["data"])), "<f4")
    assert values.max() == np.float32(1e6)
    assert "1,000,000 at step 123,456" in page


def test_several_runs_are_compared_first_and_share_a_page_of_bounded_size(whole: Path) -> None:
    source = read_source(whole)
    page = report_page([source, long_run(100_000, 6), *[source] * 12], EN)
    seen = Seen(page)
    ids = [value for name, value in seen.attributes if name == "id"]
    assert len(set(ids)) == len(ids)
    assert ids.index("comparison") < ids.index("run-1-run")
    assert "run-12-run" in ids
    assert "run-13-run" not in ids
    assert EN("more_runs", count=2) in seen.text
    longest = max(line["y"]["n"] for chart in charts(page).values() for line in chart.get("lines", ()))
    assert longest <= 20_000
    assert len(page) < 4e6


def test_a_study_has_its_verdict_first() -> None:
    page = study_page(read_study(STUDY), EN)
    ids = [value for name, value in Seen(page).attributes if name == "id"]
    assert ids[0] == "verdict"
    assert "study-claims" in ids


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_page_says_its_language_and_what_of_it_is_english(whole: Path, lang: str) -> None:
    page = report_page([read_source(whole)], catalogue(lang))
    assert page.startswith(f'<!doctype html>\n<html lang="{lang}">\n')
    assert ('<span lang="en">' in page) == (lang != "en")

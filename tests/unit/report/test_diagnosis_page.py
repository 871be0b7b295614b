import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue, quoted
from newllm.report.diagnosis_page import PAGE_NAME, diagnosis_page
from newllm.trace import Finding, Series, Trace
from newllm.trace.remark import left_out

EN = catalogue("en")
HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>\x1b[2J\u202e'<style>*{display:none}</style>"
TAGS = {
    *("html", "meta", "title", "style", "body", "header", "main", "footer", "article", "figure", "figcaption"),
    *(
        "h1",
        "h2",
        "h3",
        "p",
        "span",
        "div",
        "dl",
        "dt",
        "dd",
        "ul",
        "li",
        "b",
        "br",
        "details",
        "summary",
        "svg",
        "path",
        "rect",
        "circle",
        "text",
    ),
}
ATTRIBUTES = {
    *("lang", "charset", "name", "content", "http-equiv", "class", "viewbox", "role", "aria-label", "d"),
    *("x", "y", "width", "height", "cx", "cy", "r", "text-anchor"),
}


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def _seen(page: str) -> _Seen:
    seen = _Seen()
    seen.feed(page)
    return seen


def _trace(name: str = "loss", length: int = 2000) -> Trace:
    y = np.linspace(5, 2, length)
    y[1500:1510] += 4
    y[100] = np.nan
    return Trace(
        {name: Series(np.arange(length), y)}, axis="step", remarks=(left_out("quoted", text=f"3 rows of {name}"),)
    )


def _finding(signal: str = "loss", text: str = "it jumped") -> Finding:
    return Finding(
        kind=text, severity="fault", sentence=quoted(text), first_step=1500, last_step=1509, signal=signal,
        confidence=0.97, evidence={text: text, "peak": 6.1234567}, alternatives=(quoted(text), quoted("b")),
        test=quoted(text), candidate_causes=(text, "two"),
    )  # fmt: skip


def test_the_page_tells_everything_and_draws_the_whole_and_the_place() -> None:
    page = diagnosis_page("runs/x", _trace(), Facts(), [_finding()], EN)
    assert page.startswith(f'<!doctype html>\n<html lang="en">\n{PAGE_NAME}\n')
    seen = _seen(page)
    told = (
        "runs/x",
        "Something is wrong: 1 fault.",
        "steps 1,500 to 1,509, no blind test yet",
        "6.1235",
        "it jumped, two",
    )
    for part in (*told, "left out: 3 rows of loss"):
        assert part in seen.text
    assert seen.tags.count("svg") == 2
    assert page.count('class="region"') == 2


def test_what_follows_from_a_root_fault_stands_in_its_article() -> None:
    spike = Finding(kind="spike", severity="warning", sentence=quoted("It spikes."), first_step=5, follows="it jumped")
    page = diagnosis_page("x", _trace(), Facts(), [_finding(), spike, _finding(text="other")], EN)
    first, second = page.split("<article")[1:]
    assert ("It spikes." in first, "It spikes." in second) == (True, False)
    assert EN("consequences", count=1) in first


def test_causes_and_what_was_checked_are_told() -> None:
    finding = dataclasses.replace(_finding(), causes=(), candidate_causes=("learning-rate", "weight-decay"))
    text = _seen(diagnosis_page("x", _trace(), Facts(), [finding], EN)).text
    for part in (EN("cause-none_named"), EN("cause-unrecorded"), EN("unseen-count", count=3)):
        assert part in text


def test_nothing_that_a_log_says_becomes_markup() -> None:
    trace = _trace(HOSTILE)
    page = diagnosis_page(HOSTILE, trace, Facts(), [_finding(HOSTILE, HOSTILE)] * 3, EN)
    seen = _seen(page)
    assert set(seen.tags) <= TAGS
    assert seen.attributes <= ATTRIBUTES
    assert seen.tags.count("style") == 1
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", page)
    assert "alert(1)" in seen.text  # as text, for a person to see


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = diagnosis_page("x", _trace(), Facts(), [_finding()], EN)
    assert "://" not in page
    assert "url(" not in page
    assert not _seen(page).attributes & {"style", "src", "href", "onload", "onclick"}
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    style = re.search(r"<style>(.*?)</style>", page, re.S)
    assert policy is not None
    assert style is not None
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert f"default-src 'none'; style-src 'sha256-{digest}'" in policy[1]


def test_a_healthy_run_shows_its_loss() -> None:
    page = diagnosis_page("x", _trace(), Facts(), [], EN)
    assert 'class="verdict good"' in page
    assert _seen(page).tags.count("svg") == 1


@pytest.mark.parametrize("trace", [Trace(), Trace({"loss": Series(np.arange(3), np.full(3, np.nan))})])
def test_there_is_a_page_of_next_to_nothing(trace: Trace) -> None:
    finding = Finding(kind="not-finite", severity="fault", sentence=quoted("s"), signal="loss", first_step=0)
    page = diagnosis_page(
        "x", trace, Facts(), [finding, Finding(kind="leak", severity="note", sentence=quoted("s"))], EN
    )
    assert set(_seen(page).tags) <= TAGS


def test_a_page_of_many_findings_stays_small() -> None:
    trace = _trace(length=50_000)
    assert len(diagnosis_page("x", trace, Facts(), [_finding()] * 500, EN)) < 8_000_000

"""Rich output of a notebook: one frame that holds all of it, and a summary for who sees no frame."""

import html
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from newllm.demo import demo_run
from newllm.errors import UserError
from newllm.messages import catalogue, quoted
from newllm.report.charts.chart import Curves
from newllm.report.notebook import check_shown, comparison_shown, run_shown, study_shown, verdict_shown
from newllm.report.notebook.frame import _thinned
from newllm.report.source import Source, read_source
from newllm.report.source.study import read_study
from newllm.trace import Trace
from newllm.trace.check import Check, Outcome
from newllm.trace.rich import Rich
from newllm.trace.series import Series

EN, JA = catalogue("en"), catalogue("ja")
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>'


@pytest.fixture(scope="module")
def founding() -> Source:
    return read_source(demo_run("founding-baseline"))


def series(values: list[float]) -> Series:
    return Series(np.arange(1, len(values) + 1), np.array(values))


def page_of(shown) -> str:
    """Return the page in the frame."""
    srcdoc = re.search(r'srcdoc="([^"]*)"', shown.html)
    assert srcdoc is not None
    return html.unescape(srcdoc[1])


class _Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))


def test_a_run_is_its_page_in_a_frame_of_its_own_origin(founding):
    shown = run_shown(founding, EN)
    frames = [attributes for tag, attributes in _Tags(shown.html).seen if tag == "iframe"]
    assert len(frames) == 1
    assert frames[0]["sandbox"] == "allow-scripts"  # not the notebook's origin
    page = page_of(shown)
    for part in ('id="verdict"', 'id="curves"', 'id="findings"', "residual-fnn", "default-src 'none'"):
        assert part in page
    assert not re.search(r'(src|href)="(?!#)', page)
    assert shown.text == repr(shown)
    assert shown.text.startswith("founding-baseline: The training loss spikes")


def test_the_summary_needs_neither_frame_nor_script_nor_style(founding):
    summary = run_shown(founding, EN).summary
    assert "The cause is plain-depth" in summary
    assert "3,009,768" in summary
    assert {tag for tag, _ in _Tags(summary).seen} <= {"p", "b", "dl", "div", "dt", "dd", "span"}


def test_a_verdict_is_shown_with_what_was_tried_in_each_language(founding):
    verdict = founding.replays[0].verdict
    shown = verdict_shown(verdict, JA)
    assert "原因はplain-depthである" in shown.summary
    assert "residual-fnn" in page_of(shown)
    assert shown.text.count("\n") == 2
    assert "uPlot" not in page_of(shown)  # it draws nothing: a tenth of the size


def test_runs_are_shown_as_their_comparison():
    shown = comparison_shown([read_source(demo_run(f"learning-rate-{name}")) for name in ("as-planned", "doubled")], EN)
    assert 'id="comparison"' in page_of(shown)
    assert "2 warnings" in shown.summary
    assert shown.text.splitlines()[1] == "learning-rate-doubled: Something is doubtful: 2 warnings."


def test_runs_that_cannot_be_compared_are_listed(founding):
    other = Source(founding.path, "other", trace=Trace({"loss": series([2.0, 1.0])}, axis="epoch"))
    assert "other" in page_of(comparison_shown([founding, other], EN))


def test_a_study_is_shown_with_its_claims():
    shown = study_shown(read_study(demo_run("spike-remedies")), EN)
    assert "Without the context the spike is gone." in shown.summary
    assert 'id="study-claims"' in page_of(shown)


def test_a_check_is_shown_with_what_is_wrong_first():
    outcomes = (
        Outcome("rows", "sound", quoted("all is well")),
        Outcome("causality", "wrong", quoted(f"seen {HOSTILE}")),
    )
    shown = check_shown(Check(outcomes, 1.0), EN)
    page = page_of(shown)
    assert page.index("later tokens") < page.index("rows of a batch")
    assert "causal mask that is missing" in page
    assert shown.text.splitlines()[0].startswith("1 wrong, 1 sound")
    assert "<script>alert" not in page
    assert "<script>alert" not in shown.html


def test_what_a_log_smuggles_in_stays_text():
    trace = Trace({"loss": series([3.0, 2.0, 1.0]), HOSTILE: series([1.0, 2.0])})
    shown = run_shown(Source(demo_run("moby-dick"), HOSTILE, trace=trace), EN)
    for text in (shown.html, page_of(shown)):
        tags = _Tags(text).seen
        assert not [tag for tag, _ in tags if tag == "img"]
        assert all("onerror" not in attributes for _, attributes in tags)
    scripts = re.findall(r"<script>(.*?)</script>", page_of(shown), re.S)
    assert len(scripts) == 1


def test_a_long_run_keeps_its_extremes_and_a_small_notebook():
    values = [2.0] * 200_000
    values[123_456] = 9.0
    trace = Trace({"loss": series(values)})
    shown = run_shown(Source(demo_run("moby-dick"), "long", trace=trace), EN)
    chart = _thinned(shown.charts[0])
    assert isinstance(chart, Curves)
    line = chart.lines[0]
    assert len(line.y) < 5000
    assert line.y.max() == 9.0
    assert len(shown.html) < 600_000


def test_what_nothing_draws_has_no_html_and_says_why():
    class Bare(Rich):
        pass

    bare = Bare()
    assert bare._repr_html_() is None
    assert bare._repr_mimebundle_() == {}
    with pytest.raises(UserError, match="nothing draws a Bare"):
        bare.show()

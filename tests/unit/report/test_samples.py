"""The section of what the model wrote: the newest first, escaped, in both languages."""

import re
from pathlib import Path

import numpy as np
import pytest

from newllm.messages import catalogue
from newllm.report.page import report_page
from newllm.report.sections.samples import samples
from newllm.report.source import read_source
from newllm.trace import TraceWriter
from newllm.trace.samples import Sample, add_sample


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with TraceWriter(tmp_path / "trace.jsonl") as writer:
        for step in range(1, 7):
            writer.write(step, loss=1 / step, sample=step)
    (tmp_path / "recording.json").write_text("{}")
    for step in range(6):
        add_sample(tmp_path / "samples.jsonl", Sample(1000 * step, "", f"<b>{step}</b>\x1b[2J\u202e", 7))
    return tmp_path


@pytest.mark.parametrize(
    ("lang", "words"),
    [("en", ("What the model writes", "step 5,000", "3 earlier ones", "seed 7")),
     ("ja", ("モデルの書く文章", "ステップ 5,000", "それ以前の 3 件", "シード 7"))],
)  # fmt: skip
def test_the_newest_comes_first_and_is_escaped(run: Path, lang: str, words: tuple[str, ...]):
    section = samples(read_source(run), catalogue(lang))
    assert section is not None
    found = [section.html.index(f"&lt;b&gt;{step}&lt;/b&gt;\\x1b[2J\\u202e") for step in range(6)]
    assert found == sorted(found, reverse=True)
    assert all(word in section.title + section.html for word in words)
    assert "\x1b" not in section.html
    page = report_page([read_source(run)], catalogue(lang))
    assert "&lt;b&gt;5&lt;/b&gt;" in page
    assert "<b>5" not in page


def test_an_ended_text_says_so_and_damage_takes_nothing_else_along(run: Path):
    with (run / "samples.jsonl").open("ab") as file:
        file.write(b'\xff\n[]\n{"step": 6000, "prompt": "", "text": "", "seed": 7}\n{"step": 70')
    source = read_source(run)
    assert "samples.jsonl is damaged in line 7, 8: what the model wrote there is lost" in map(str, source.problems)
    section = samples(source, catalogue("en"))
    assert section is not None
    assert section.html.index("the model ended the text at once") < section.html.index("&lt;b&gt;5")


def test_a_run_from_before_samples_has_no_such_section(run: Path):
    (run / "samples.jsonl").unlink()
    assert samples(read_source(run), catalogue("en")) is None


def test_its_line_numbers_are_no_curve(run: Path):
    page = report_page([read_source(run)], catalogue("en"))
    assert 'id="others"' not in page


def test_of_many_texts_those_that_are_shown_lie_evenly_from_the_first_to_the_newest(run: Path):
    (run / "samples.jsonl").unlink()
    for step in range(1000):
        add_sample(run / "samples.jsonl", Sample(step, "", f"text {step}."))
    section = samples(read_source(run), catalogue("en"))
    assert section is not None
    shown = [int(found) for found in re.findall(r"text (\d+)\.", section.html)]
    assert (len(shown), shown[0], shown[-1]) == (100, 999, 0)
    assert {-11, -10} == set(np.diff(shown))
    assert "997 earlier ones" in section.html
    assert "recorded by the training" in section.html  # by nobody's seed

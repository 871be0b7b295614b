"""In a language that is made up, nothing that the doctor and replays print on a terminal holds an English sentence."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console, RenderableType

from newllm.api import Diagnosis, doctor, replay_lines
from newllm.cli.doctor_page import brief_page, finding_line, full_page
from newllm.cli.paper import Paper
from newllm.cli.replay_list import list_page, listed
from newllm.cli.replay_page import verdict_page
from newllm.cli.replay_progress import ReplayProgress
from newllm.diagnosis.facts import Facts
from newllm.messages import Catalogue, catalogue, message
from newllm.time_limit import TimeLimit
from newllm.trace import Series, Trace, Verdict

FOUNDING = Path(__file__).parents[3] / "studies" / "founding" / "replay.json"
_English = Callable[[str], list[str]]


def _printed(page: RenderableType, width: int = 160) -> str:
    console = Console(file=(stream := io.StringIO()), width=width)
    console.print(page)
    return stream.getvalue()


@pytest.fixture(scope="module")
def diagnosis(tmp_path_factory: pytest.TempPathFactory) -> Diagnosis:
    """What the doctor says of a log with three kinds of findings and a remark."""
    place = tmp_path_factory.mktemp("log") / "log.csv"
    losses = [5 + (4 if step in (60, 61) else 0) - step / 100 for step in range(100)] + [12.0] * 40 + [float("nan")] * 5
    rows = [f"{step},{loss},{1e-3 if step < 50 else 1e-1}" for step, loss in enumerate(losses)]
    place.write_text("\n".join(["step,loss,learning_rate", *rows, "no row", ""]))
    return doctor(place)


def test_the_doctors_pages(diagnosis: Diagnosis, wide: Catalogue, english: _English) -> None:
    assert len({finding.kind for finding in diagnosis.findings}) > 2
    paper = Paper(160, unicode=True, words=wide)
    for page in (full_page(diagnosis, paper), brief_page(diagnosis, paper, 40), brief_page(diagnosis, paper, 20)):
        assert english(_printed(page)) == []
    assert english("\n".join(finding_line(diagnosis, one, wide) for one in diagnosis.findings)) == []


@pytest.mark.parametrize("trace", [Trace(), Trace({"loss": Series(np.arange(40), np.ones(40))})])
def test_the_page_of_nothing_wrong(trace: Trace, wide: Catalogue, english: _English) -> None:
    facts = Facts(vocabulary=257, parameters=1000)
    page = full_page(Diagnosis(Path("log"), trace, facts, []), Paper(160, unicode=True, words=wide))
    assert english(_printed(page)) == []


def test_a_verdicts_page(wide: Catalogue, english: _English) -> None:
    verdict = Verdict.from_dict(json.loads(FOUNDING.read_bytes()))
    series = Series(np.arange(100), np.ones(100))
    assert english(_printed(verdict_page(verdict, "loss", series, Paper(160, unicode=True, words=wide)))) == []
    shown = _printed(verdict_page(verdict, "loss", series, Paper(160, unicode=True, words=catalogue("en"))))
    assert len(english(shown)) > 20


def test_the_list_of_interventions(wide: Catalogue, english: _English) -> None:
    assert english(_printed(list_page(listed(None), wide))) == []


def test_what_is_said_while_replays_run(wide: Catalogue, english: _English, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_lines, "PLAIN_SECONDS", 0.0)
    stream = io.StringIO()
    verdict = Verdict.from_dict(json.loads(FOUNDING.read_bytes()))
    with ReplayProgress(stream, wide, quiet=False, time=TimeLimit(300, lambda: 0.0)) as progress:
        progress.noticed(message("notice-leaves", step=3))
        for stage in ("reproduction", "null replays", "screen", "confirm", "reverse test"):
            progress.planned(stage, 6)
            progress.replayed(stage, "sgd", 1, True, 0.5)
            progress.replayed(stage, "", 1, False, 0.5)
        for one in verdict.interventions:
            progress.tried(one)
    assert len(stream.getvalue().splitlines()) > 15
    assert english(stream.getvalue()) == []

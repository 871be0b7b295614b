"""`newllm study`: what it is asked, what it prints of results, and how far it says it is."""

# ruff: noqa: RUF001 (Japanese has its own brackets)

import io
import json
import math
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from newllm.cli.study_progress import StudyProgress
from newllm.messages import catalogue, quoted
from newllm.time_limit import TimeLimit

EN = catalogue("en")
SOURCE = """
from newllm.study import Arm, Claim, Study, Table

STUDY = Study(
    name="mine", title="Mine.", arms=(Arm("base", "As it is.", "seed-baseline", (), 1),), sets=("bundled:sentences",),
    claims=(), quick_seconds=60.0,
    tables=lambda results: [Table("gains", "Gains", ("arm", "last"), [("base", "1.00"), ("low", "[0.5]")])],
)
"""
CLAIM = {"text": "It spikes.", "measure": "", "p": None, "p_holm": None, "arms": ["base"]}
CLAIMS = [
    CLAIM | {"id": "1", "verdict": "holds", "numbers": {"gain": 0.5}},
    CLAIM | {"id": "2", "verdict": "undecided", "numbers": {"seeds": 2, "needed": 4}},
    CLAIM | {"id": "3", "verdict": "undecided", "numbers": {"seeds": 2, "needed": 7}},
]


PLACES: dict[str, Any] = {"processors": [], "unpaired": []}


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A study whose results are known: `study(**results)` returns what it is asked with."""
    (tmp_path / "mine.py").write_text(SOURCE)

    def known(**results: Any) -> list[dict[str, Any]]:
        asked: list[dict[str, Any]] = []
        whole = {"claims": [], "failed": {}, "worker_deaths": [], "waiting": []} | PLACES | results

        def run_study(name: str, out: Path, **options: Any) -> dict[str, Any]:
            asked.append({"name": name, "out": out, **options})
            return whole

        monkeypatch.setattr("newllm.study.run_study", run_study)
        return asked

    return known


def test_the_tables_then_what_went_wrong_then_what_is_missing(call, study, tmp_path) -> None:
    study(
        claims=CLAIMS, failed={"base/0": "it cannot be"}, worker_deaths=["a worker died"], waiting=["base/1", "base/2"]
    )
    done = call("study", tmp_path / "mine.py", "--out", "results")
    assert (done.code, done.err) == (1, "")
    assert [line.strip(" ─") for line in done.out.splitlines() if line.strip(" ─")] == [
        "Gains", "arm    last", "base   1.00", "low    [0.5]",
        "The claims", "claim        verdict     by",
        "1   It spikes.   holds       gain 0.5", "2   It spikes.   undecided   2 seeds, 4 are needed",
        "3   It spikes.   undecided   2 seeds, 7 are needed",
        "note: a worker died; its run was begun again", "failed: base/0: it cannot be",
        "2 runs had no time: the same command goes on with them",
        "2 claims have too few seeds to be decided: --seeds 7, without --quick",
        "[low, high] are 95 % intervals, ... is beyond the data, > N is after the last epoch", "results: results",
    ]  # fmt: skip


def test_in_japanese_tables_claims_and_remarks_are_japanese(call, study, tmp_path) -> None:
    said = {"Gains": "改善", "last": "最後", "It spikes.": "スパイクが起きる。", "gain": "改善量"}
    study(claims=CLAIMS, waiting=["base/1"], translations={"ja": said})
    done = call("study", tmp_path / "mine.py", "--out", "results", "--lang", "ja")
    assert [" ".join(line.split()) for line in done.out.splitlines() if line.strip(" ─")] == [
        "改善", "arm 最後", "base 1.00", "low [0.5]", "主張", "主張 判定 根拠",
        "1 スパイクが起きる。 成り立つ 改善量 0.5",
        "2 スパイクが起きる。 このデータでは判定できない シードが2個しかなく、4個必要",
        "3 スパイクが起きる。 このデータでは判定できない シードが2個しかなく、7個必要",
        "時間がなく実行していないもの：1件（最初はbase/1）。同じコマンドで続きから実行できる。",
        "2件の主張は、シードが少なすぎて判定できない。--quickを付けず、--seeds 7で実行する。",
        "[下端, 上端]は95%信頼区間、...はデータの範囲外、> Nは最後のエポックより後を表す", "結果：results",
    ]  # fmt: skip


def test_one_run_without_time_is_named_and_is_no_failure(call, study, tmp_path) -> None:
    study(waiting=["base/1"])
    done = call("study", tmp_path / "mine.py")
    assert done.code == 0
    assert "1 run had no time (base/1): the same command goes on with it\n" in done.out
    assert "too few seeds" not in done.out


@pytest.mark.parametrize(
    ("options", "place", "seconds", "workers"),
    [([], "studies/mine", math.inf, None), (["--quick"], "studies/mine-quick", 60.0, None),
     (["--out", "x", "--workers", "3", "--seeds", "5"], "x", math.inf, 3)],
)  # fmt: skip
def test_what_was_asked_for_reaches_the_study(call, study, tmp_path, options, place, seconds, workers) -> None:
    asked = study()
    assert call("study", tmp_path / "mine.py", *options, "--quiet").code == 0
    (asked,) = asked
    assert (asked["name"], asked["out"]) == (str(tmp_path / "mine.py"), Path(place))
    assert (asked["seeds"], asked["quick"]) == (5 if "--seeds" in options else None, "--quick" in options)
    assert asked["time"].seconds == seconds
    assert (asked["workers"], asked["engine"]) == (workers, "local")
    assert asked["study"].name == "mine"


def test_other_texts_take_the_place_of_its_own(call, study, tmp_path, text) -> None:
    asked = study()
    assert call("study", tmp_path / "mine.py", "--text", text, "--quiet").code == 0
    assert asked[0]["study"].sets == (str(text),)


def test_as_json_it_is_the_claims_and_the_troubles(call, study, tmp_path) -> None:
    study(claims=CLAIMS[:1], waiting=["base/1"])
    told = json.loads(call("study", tmp_path / "mine.py", "--json").out)
    assert told == {
        "schema": 1, "study": "mine", "out": "studies/mine",
        "claims": [{"id": "1", "verdict": "holds", "arms": ["base"]}],
        "failed": {}, "worker_deaths": [], "waiting": ["base/1"], **PLACES,
    }  # fmt: skip


def test_the_list_has_a_line_a_study(call, refused) -> None:
    told = json.loads(call("study", "--list", "--json").out)
    assert told["schema"] == 1
    lines = "".join(f"{name:18}{title}\n" for name, title in told["studies"].items())
    done = call("study", "--list")
    assert (done.code, done.out) == (0, lines)
    assert "no study named: newllm study NAME, one of founding" in refused("study")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _cell(arm: str, layers: int = 1) -> Any:
    model = SimpleNamespace(layers=layers, hidden=10)
    return SimpleNamespace(arm=arm, seed=2, config=SimpleNamespace(model=model, training=SimpleNamespace(steps=10)))


def _progress(stream: io.StringIO, seconds: float = math.inf) -> tuple[StudyProgress, list[float]]:
    now = [0.0]
    return StudyProgress(stream, EN, quiet=False, time=TimeLimit(seconds, lambda: now[0])), now


def test_it_speaks_every_five_seconds_of_what_is_left_of_what_waited() -> None:
    stream, cells = io.StringIO(), [_cell("a"), _cell("b"), _cell("c", layers=90), _cell("d")]
    progress, now = _progress(stream)
    progress.planned(cells, cells[1:])
    for now[0] in (4.9, 5.0):
        progress.running(cells[1:2])
    progress.finished(cells[1], 6.0)
    progress.failed(cells[3], "it cannot be")
    progress.died(quoted("a worker died"))
    for now[0] in (9.9, 10.0):  # c has 90 layers: 10 * (90 * 100 + 10000) units, b had 10 * (100 + 10000)
        progress.running(cells[2:3])
    assert stream.getvalue().splitlines() == [
        "4 runs, 1 of them finished already",
        "1/4 runs   running b (seed 2)   5 s",
        "failed: d, seed 2: it cannot be",
        "note: a worker died; this run is repeated",
        "3/4 runs   running c (seed 2)   about 6 s left",
    ]


def test_what_is_left_is_shared_by_the_workers_and_never_more_than_there_is() -> None:
    stream, cells = io.StringIO(), [_cell(name) for name in "abcdefgh"]
    progress, now = _progress(stream, 60.0)
    progress.planned(cells, cells)
    progress.running(cells[:2])
    progress.finished(cells[0], 20.0)
    now[0] = 20.0
    progress.running(cells[1:3])  # not every worker has finished one
    progress.finished(cells[1], 20.0)
    now[0] = 25.0
    progress.running(cells[2:4])  # six are left, 20 s each, two at a time: 60 s, of which 5 are gone; 32 are left
    assert stream.getvalue().splitlines()[1:] == [
        "1/8 runs   running b (seed 2), c (seed 2)   20 s of at most 60 s",
        "2/8 runs   running c (seed 2), d (seed 2)   25 s of at most 60 s, about 32 s left",
    ]


def test_on_a_terminal_a_line_moves_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream, cells = Terminal(), [_cell("a"), _cell("b")]
    progress, _ = _progress(stream)
    with progress:
        progress.planned(cells, cells[1:])
        progress.running(cells[1:])
        progress._bar.refresh()
        assert re.search(r"1/2 runs (\x1b\[[\d;]*m)*━{12}(\x1b\[[\d;]*m)+╺", stream.getvalue()), "half of 24 cells"
        assert "running b (seed 2)   0 s" in stream.getvalue()
    assert not progress._bar.live.is_started
    quiet = Terminal()
    with StudyProgress(quiet, EN, quiet=True, time=TimeLimit(math.inf)) as silent:
        silent.planned(cells, cells)
        silent.running(cells)
    assert quiet.getvalue() == ""

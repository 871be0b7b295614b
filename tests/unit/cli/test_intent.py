"""`--kind`, `--role` and `--note` of newllm doctor and newllm report."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from newllm.trace import TraceWriter

SPIKED = [2 + np.exp(-at / 30) + 0.01 * np.sin(at * 7) + (4 if 100 <= at < 106 else 0) for at in range(200)]
Call = Callable[..., str]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "log.csv"
    rows = [f"{at},{loss:.5f},{at / 200:.3f}" for at, loss in enumerate(SPIKED)]
    path.write_text("\n".join(["step,loss,score", *rows]) + "\n")
    return path


def test_without_them_a_spike_is_a_warning(call, log: Path) -> None:
    done = call("doctor", log, "--json")
    assert (done.code, json.loads(done.out)["findings"][0]["kind"]) == (1, "spike")


def test_the_loss_of_a_policy_may_do_what_it_will(call, log: Path) -> None:
    assert call("doctor", log, "--kind", "rl", "--quiet").code == 0
    done = call("doctor", log, "--role", "reward=score")
    assert done.code == 0
    assert "by score; --kind corrects it" in " ".join(done.out.split())


def test_what_was_planned_is_a_note(call, log: Path) -> None:
    done = call("doctor", log, "--json", "--note", "98=another corpus")
    found = json.loads(done.out)["findings"]
    assert (done.code, {one["severity"] for one in found}) == (0, {"note"})
    assert found[0]["evidence"]["planned"] == "another corpus"


def test_what_was_planned_is_kept_with_a_run_and_not_beside_a_log(call, log: Path, tmp_path: Path) -> None:
    call("doctor", log, "--json", "--note", "98=another corpus")
    assert list(tmp_path.rglob("notes.json")) == []
    run = tmp_path / "run"
    run.mkdir()
    with TraceWriter(run / "trace.jsonl") as writer:
        for at, loss in enumerate(SPIKED):
            writer.write(at, loss=loss)
    (run / "recording.json").write_text("{}")
    assert call("doctor", run, "--json").code == 1
    assert not (run / "notes.json").exists()
    assert call("doctor", run, "--json", "--note", "98=another corpus").code == 0
    done = call("doctor", run, "--json")  # somebody else, who knows of no note
    assert (done.code, json.loads(done.out)["findings"][0]["evidence"]["planned"]) == (0, "another corpus")
    assert (
        call("doctor", "demo:learning-rate-doubled", "--quiet", "--note", "1=warm-up").err == ""
    )  # nothing is written


def test_a_page_knows_them_too(call, log: Path, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    for options, says in ((), "leaves its trend"), (("--note", "98=another corpus"), "another corpus"):
        assert call("report", log, "--out", page, *options).code == 0
        assert says in page.read_text(encoding="utf-8")
    assert call("report", log, "--out", page, "--kind", "gan").code == 0
    assert "leaves its trend" not in page.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("--kind", "cooking", "a training of the kind 'cooking': give one of language-model, "),
        ("--role", "reward", "--role 'reward': give ROLE=COLUMN, as in --role reward=score"),
        ("--role", "prize=score", "a column's role 'prize': give one of "),
        ("--role", "reward=prize", "--role: there is no column 'prize': the log has loss, score"),
        ("--note", "soon=x", "--note 'soon=x': give STEP=TEXT, as in --note 2000=curriculum"),
    ],
)
@pytest.mark.parametrize("command", ["doctor", "report"])
def test_a_mistake_is_a_line(refused: Call, log: Path, command: str, option: str, value: str, says: str) -> None:
    assert says in refused(command, log, option, value)

"""`newllm bench recall`: what its options ask, what it prints, and its mistakes in one line."""

import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from newllm.cli import bench
from newllm.cli.main import main
from newllm.recall import NAMES, TASKS, Question, Size

QUICK = ("bench", "recall", "--quick")


def question(*options: str) -> Question:
    parser = argparse.ArgumentParser()
    bench.add_arguments(parser)
    return bench._question(parser.parse_args(["recall", *options]))


def test_the_help_names_every_task_and_model(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["bench", "--help"])
    told = capsys.readouterr().out
    assert bench._TASKS.split(", ") == [*TASKS]
    assert {*bench._MODELS.split(",")} == {*NAMES}
    assert all(f"\n  {name} " in told or f"\n  {name}\n" in told for name in [*TASKS, *NAMES])


@pytest.mark.parametrize("name", TASKS)
def test_the_quick_form_runs(name: str, tmp_path: Path, call) -> None:
    out = tmp_path / "result.json"
    options = "--task", name, "--models", "zero,attention,ngram", "--evaluate", "1x32", "1x300", "--out", out
    lines = call(*QUICK, *options).out.splitlines()
    written = json.loads(out.read_text())
    assert [one["model"] for one in written["runs"]] == ["zero", "attention", "ngram"]
    assert "1x300" in written["floors"]
    assert written["settings"]["shape"]["asked"] == 300
    assert len(lines) == 4
    right = written["runs"][1]["evaluations"]["1x300"]["accuracy"]
    assert lines[1].startswith("attention, seed 0: 20 updates in ")
    assert lines[1].endswith(f", 1x300 {right:.3f}")
    assert (
        lines[3] == f"right by guessing: 1x32 {written['floors']['1x32']:.3f}, 1x300 {written['floors']['1x300']:.3f}"
    )


def test_json_is_the_file_and_lines_go_to_the_other_stream(tmp_path: Path, call) -> None:
    options = "--task", "parity", "--models", "zero", "--out", tmp_path / "result.json", "--json"
    done = call(*QUICK, *options)
    assert json.loads(done.out) == {"schema": 1, **json.loads((tmp_path / "result.json").read_text())}
    assert done.err.startswith("zero, seed 0: 20 updates")
    again = call(*QUICK, *options, "--quiet")
    assert (again.out, again.err) == (done.out, "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("rcall",), "unknown benchmark 'rcall': did you mean 'recall'? known: recall"),
        (("recall", "--task", "party"), "unknown task 'party': did you mean 'parity'?"),
        (("recall", "--models", "stack,dleta"), "unknown model 'dleta': did you mean 'delta'?"),
        (("recall", "--task", "parity", "--vocabulary", 9), "are of mqar, and the task is 'parity': drop them"),
        (("recall", "--vocabulary", 256), "vocabulary is 256 with 128 pairs: give at least 258"),
        (("recall", "--evaluate", "4by64"), "size '4by64' is not ITEMSxLENGTH: give for example 4x64"),
        (("recall", "--task", "s5", "--train", "2x8"), "size '2x8' has 2 items, and task s5 has 1: give 1x8"),
        (("recall", "--set", "head_width=7"), "does not divide into matrices of width 7: change model.context"),
        (("recall", "--threads", 0), "--threads 0: give at least 1"),
        (("recall", "--seeds", 0), "--seeds 0: give at least 1"),
        (("recall", "--steps", 0), "steps is 0: it must be above 0"),
        (("recall", "--out", "absent/result.json"), "'absent' is not a directory: make it, or choose another --out"),
        ((), "the following arguments are required: BENCHMARK"),
    ],
)
def test_a_mistake_is_one_line(options: tuple, says: str, refused) -> None:
    assert says in refused("bench", *options)


def test_mqar_takes_a_vocabulary_and_fillers() -> None:
    asked = question("--vocabulary", "512", "--zero-fillers", "--steps", "3")
    assert asked.settings()["task"] == "mqar-zero-fillers"
    tokens_BT, _ = asked.task.draw(np.random.default_rng(0), 2, Size(4, 64))
    assert asked.shape.vocabulary == asked.task.vocabulary == 512
    assert int((tokens_BT == 0).sum()) == 2 * (64 - 12)
    assert (asked.plan.steps, asked.shape.trained, asked.shape.asked) == (3, 256, 2048)
    assert (asked.shape.tied, asked.plan.precision) == (False, "fp32")
    asked = question("--tied", "--precision", "bf16")
    assert (asked.shape.tied, asked.plan.precision, asked.plan.steps) == (True, "bf16", 2000)
    asked = question("--train", "2x8", "--evaluate", "2x16", "4x32", "--asked-tokens", "99", "--seconds", "9")
    assert asked.task.trained == (Size(2, 8),)
    assert asked.task.evaluated == (Size(2, 16), Size(4, 32))
    assert (asked.asked_tokens, asked.plan.steps, asked.plan.seconds) == (99, None, 9.0)

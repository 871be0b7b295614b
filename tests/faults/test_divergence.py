"""A run whose numbers stop being numbers ends as diverged and keeps what it had."""

import json

import pytest

from newllm.checksum import read_checked

WILD = ["--set", "optimizer.clip=0", "--set", "optimizer.schedule=constant", "--set", "optimizer.warmup=0"]


@pytest.mark.slow
def test_a_loss_that_is_not_finite_ends_the_run(newllm, text, tiny, tmp_path, assert_whole) -> None:
    run = tmp_path / "run"
    options = [*WILD, "--set", "optimizer.learning_rate=1e30", "--steps", 50, "--set", "training.snapshot_every=1"]
    process = newllm.run("train", text, *tiny, *options, "--out", run, "--json", "--quiet", code=1)
    told = json.loads(process.stdout)
    assert told["status"] == "diverged"
    assert "step" in told["message"]
    assert process.stderr == ""
    assert_whole(run)
    summary = read_checked(run / "summary.json")
    assert {**summary, "run": str(run)} == told
    assert list(run.glob("snapshots/step-*")), "the snapshots before it stay"
    assert '"NaN"' in (run / "trace.jsonl").read_text() or '"Infinity"' in (run / "trace.jsonl").read_text()
    # Told again, not hidden, when it is resumed.
    assert newllm.run("train", "--resume", run, "--quiet", code=1).stderr == ""
    assert newllm.run("eval", run, text, "--snapshot", "last", "--json", "--quiet").stdout


def test_the_message_is_said_once(newllm, text, tiny, tmp_path) -> None:
    options = [*WILD, "--set", "optimizer.learning_rate=1e30", "--steps", 50]
    process = newllm.run("train", text, *tiny, *options, "--out", tmp_path / "run", code=1)
    message = json.loads((tmp_path / "run/summary.json").read_bytes())["message"]
    assert (process.stdout + process.stderr).count(message) == 1
    assert "diverged" in process.stdout

"""Ctrl-C and SIGTERM: the run stops after its step and goes on later as if it had never stopped."""

import json
import signal

import pytest

OPTIONS = ["--steps", 150, "--set", "training.snapshot_every=40", "--set", "training.evaluate_every=50"]


@pytest.fixture(scope="module")
def undisturbed(newllm, text, tiny, tmp_path_factory):
    run = tmp_path_factory.mktemp("undisturbed") / "run"
    newllm.run("train", text, *tiny, *OPTIONS, "--out", run, "--quiet")
    return run


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_stops_after_the_step_and_resume_goes_on_to_the_same_bits(
    number, newllm, text, tiny, tmp_path, undisturbed, result, assert_whole, wait_until
) -> None:
    run = tmp_path / "run"
    process = newllm.start("train", text, *tiny, *OPTIONS, "--out", run)
    wait_until(lambda: (run / "snapshots/step-00000040").exists())
    process.send(number)
    assert process.wait() == 128 + number
    summary = json.loads((run / "summary.json").read_bytes())
    assert summary["status"] == "interrupted"
    assert summary["message"] == f"stopped by {number.name} after step {summary['step']}"
    assert 40 <= summary["step"] < 150
    assert (run / f"snapshots/step-{summary['step']:08d}").is_dir()
    assert f"newllm train --resume {run}" in process.stdout
    assert summary["message"] in process.stdout
    assert_whole(run)
    newllm.run("train", "--resume", run, "--quiet")
    assert result(run) == result(undisturbed)


def test_an_interrupted_run_tells_its_status_as_json(newllm, text, tiny, tmp_path, wait_until) -> None:
    run = tmp_path / "run"
    process = newllm.start("train", text, *tiny, *OPTIONS, "--out", run, "--json")
    wait_until(lambda: (run / "snapshots/step-00000040").exists())
    process.send(signal.SIGINT)
    assert process.wait() == 130
    assert json.loads(process.stdout)["status"] == "interrupted"


@pytest.mark.slow
def test_a_second_signal_stops_at_once_and_the_run_stays_resumable(
    newllm, text, tiny, tmp_path, result, assert_whole, wait_until
) -> None:
    """With steps of a second: the cell goes position by position."""
    slow = [
        "--body",
        "cell",
        "--set",
        "data.window=400",
        "--set",
        "data.batch=1",
        "--set",
        "training.evaluate_tokens=64",
    ]
    options = [text, *tiny, *slow, "--steps", 4, "--set", "training.accumulate=3", "--set", "training.snapshot_every=1"]
    newllm.run("train", *options, "--out", tmp_path / "undisturbed", "--quiet")
    run = tmp_path / "run"
    process = newllm.start("train", *options, "--out", run, "--quiet")
    wait_until(lambda: (run / "snapshots/step-00000002").exists())
    process.send(signal.SIGINT)
    process.send(signal.SIGTERM)
    assert process.wait() == 143
    assert process.stderr == "newllm: stopped\n"
    assert json.loads((run / "summary.json").read_bytes())["status"] == "interrupted"
    assert not (run / "training_curves.png").exists()
    assert_whole(run)
    newllm.run("train", "--resume", run, "--quiet")
    assert result(run) == result(tmp_path / "undisturbed")

"""A kill while the state before a spike is written, and a disk without room for it: run and files stay whole."""

import contextlib
import json
import random
import signal
import time

import pytest

from newllm.training.pins import read_pins

# The garbage of the spoilt text, read in order, makes the loss leave its trend at step 54, on every processor.
# Step 0 and the end are the only other snapshots.
SPIKING = [
    *("--set=data.carry=true", "--set=optimizer.learning_rate=1e-2", "--set=optimizer.warmup=10"),
    *("--set=training.ring_every=5", "--set=training.evaluate_tokens=64"),
    *("--set=training.evaluate_every=1000", "--set=training.snapshot_every=1000"),
]


def _without_snapshots(result: dict[str, object]) -> dict[str, object]:
    return {name: value for name, value in result.items() if name != "snapshots"}


@pytest.mark.slow
def test_a_kill_while_a_pin_is_written_leaves_whole_snapshots_and_the_same_end(
    newllm, spoilt, tiny, tmp_path, result, assert_whole
) -> None:
    options = [spoilt, *tiny, *SPIKING, "--set=training.steps=120", "--quiet"]
    newllm.run("train", *options, "--out", tmp_path / "undisturbed")
    expected = result(tmp_path / "undisturbed")
    pinned = [place for place in (tmp_path / "undisturbed").glob("snapshots/step-*") if read_pins(place)]
    assert len(pinned) == 2
    chance, hits = random.Random("pin"), 0
    for number in range(20):
        run = tmp_path / f"run-{number}"
        process = newllm.start("train", *options, "--out", run)
        _wait_for_a_pin(run)
        time.sleep(chance.uniform(0.0, 0.003))
        with contextlib.suppress(ProcessLookupError):
            process.send(signal.SIGKILL)
        process.wait()
        hits += bool(list(run.glob("snapshots/.step-*[1-9]*.tmp")))
        assert_whole(run)
        newllm.run("train", "--resume", run, "--quiet")
        assert_whole(run)
        assert not list(run.glob("snapshots/.*"))
        assert _without_snapshots(result(run)) == _without_snapshots(expected)
        assert set(result(run)["snapshots"]) <= set(expected["snapshots"])
        if hits == 3:
            return
    assert hits, "no kill came while a pin was written"


def _wait_for_a_pin(run) -> None:
    """Wait until the directory is there that becomes a snapshot of another step than 0."""
    end = time.monotonic() + 60
    while not any(int(place.name[6:14]) for place in run.glob("snapshots/.step-*.tmp")):
        assert time.monotonic() < end, "it never came"


@pytest.mark.slow
@pytest.mark.parametrize("quiet", [True, False])
def test_no_room_for_a_pin_lets_the_training_go_on(quiet, newllm, spoilt, tiny, tmp_path, result, assert_whole) -> None:
    """A limit of the process between the size of the weights and that of the moments, which step 0 does not have.

    The model is so large that the trace stays below the limit: on a slow machine it is written out before the end.
    """
    options = [spoilt, *tiny, *SPIKING, "--set=model.hidden=512", "--set=training.steps=70"]
    options += ["--quiet"] if quiet else []
    newllm.run("train", *options, "--out", tmp_path / "undisturbed")
    (last,) = (tmp_path / "undisturbed").glob("snapshots/step-00000070")
    trace = (tmp_path / "undisturbed" / "trace.jsonl").stat().st_size
    weights, moments = ((last / f"{name}.safetensors").stat().st_size for name in ("model", "optimizer"))
    limit = (max(weights, trace) + moments) // 2
    assert trace < limit < moments
    run = tmp_path / "run"
    process = newllm.start("train", *options, "--out", run, file_bytes=limit)
    assert process.wait() == 2, "the last snapshot finds no room either, and that ends the run"
    assert_whole(run)
    assert [place.name for place in run.glob("snapshots/*")] == ["step-00000000"]
    said = process.stdout + process.stderr
    assert json.loads((run / "summary.json").read_bytes())["step"] == 70, f"the training did not go on: {said}"
    assert said.count("the state before a spike is not kept, the training goes on: no room to write") == (not quiet)
    assert process.stderr.count("newllm: no room to write '") == 1
    assert "Traceback" not in said
    newllm.run("train", "--resume", run, "--quiet")
    assert result(run) == result(tmp_path / "undisturbed")
    assert any(read_pins(place) for place in run.glob("snapshots/step-*"))

"""A disk that fills up while a run trains: one line, earlier snapshots stay, resume goes on to the same bits."""

import json

import pytest

OPTIONS = [
    *("--steps", 40, "--quiet", "--set", "training.snapshot_every=2", "--set", "training.keep=100"),
    *("--set", "training.evaluate_every=10"),
]


def _one_line(stderr: str) -> str:
    assert stderr.count("\n") == 1, stderr
    assert stderr.startswith("newllm: no room to write '")
    assert stderr.endswith("free some space, then go on\n")
    return stderr


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_resume_goes_on_to_the_same_bits(
    small_disk, newllm, text, tiny, tmp_path, result, assert_whole
) -> None:
    newllm.run("train", text, *tiny, *OPTIONS, "--out", tmp_path / "undisturbed")
    filler, run = small_disk / "filler", small_disk / "run"
    filler.write_bytes(bytes(14 << 20))  # what is left takes half a dozen of the twenty snapshots
    process = newllm.run("train", text, *tiny, *OPTIONS, "--out", run, code=2)
    assert str(run / "snapshots") in _one_line(process.stderr)
    assert process.stdout == ""
    assert_whole(run)
    snapshots = {place.name: (place / "state.json").read_bytes() for place in run.glob("snapshots/step-*")}
    assert len(snapshots) >= 3
    assert not list(run.glob("snapshots/.*")), "the snapshot that found no room was not removed"
    # Still full: as often as one tries, nothing is lost.
    _one_line(newllm.run("train", "--resume", run, "--quiet", code=2).stderr)
    assert_whole(run)
    assert {place.name: (place / "state.json").read_bytes() for place in run.glob("snapshots/step-*")} == snapshots
    filler.unlink()
    newllm.run("train", "--resume", run, "--quiet")
    assert result(run) == result(tmp_path / "undisturbed")


def test_a_disk_that_is_full_to_the_last_byte_is_one_line_too(small_disk, fill, newllm, text, tiny) -> None:
    """Not even an empty file finds room."""
    fill(small_disk)
    process = newllm.run("train", text, *tiny, *OPTIONS, "--out", small_disk / "run", code=2)
    _one_line(process.stderr)
    assert not (small_disk / "run").exists()


@pytest.mark.slow
def test_a_disk_that_fills_up_under_the_trace_alone(small_disk, fill, newllm, text, tiny, tmp_path, result, wait_until):
    """Between two snapshots only trace and summary are written."""
    options = ["--steps", 600, "--quiet", "--set", "training.snapshot_every=300"]
    options += ["--set", "training.evaluate_every=200"]
    newllm.run("train", text, *tiny, *options, "--out", tmp_path / "undisturbed")
    run = small_disk / "run"
    process = newllm.start("train", text, *tiny, *options, "--out", run)
    wait_until(lambda: (run / "snapshots/step-00000300").exists())
    filler = fill(small_disk)
    assert process.wait() == 2
    _one_line(process.stderr)
    filler.unlink()
    newllm.run("train", "--resume", run, "--quiet")
    assert result(run) == result(tmp_path / "undisturbed")


@pytest.mark.slow
def test_a_file_that_may_not_grow_stops_the_first_snapshot(newllm, text, tiny, tmp_path, result, assert_whole) -> None:
    """Without a mount: a limit of the process between the size of the weights and that of the moments."""
    newllm.run("train", text, *tiny, *OPTIONS, "--out", tmp_path / "undisturbed")
    run = tmp_path / "run"
    process = newllm.start("train", text, *tiny, *OPTIONS, "--out", run, file_bytes=150_000)
    assert process.wait() == 2
    _one_line(process.stderr)
    assert_whole(run)
    assert json.loads((run / "summary.json").read_bytes())["status"] == "failed"
    newllm.run("train", "--resume", run, "--quiet")
    assert result(run) == result(tmp_path / "undisturbed")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["data.json", "config.toml"])
def test_a_start_without_room_leaves_nothing_behind(name, newllm, text, tiny, tmp_path) -> None:
    long = f"--set=data.field={'x' * 5000}"  # config.toml is the larger one, so that a limit can stop it alone
    newllm.run("train", text, *tiny, long, "--steps", 1, "--out", tmp_path / "undisturbed", "--quiet")
    size = (tmp_path / "undisturbed" / name).stat().st_size
    run = tmp_path / "run"
    process = newllm.start("train", text, *tiny, long, *OPTIONS, "--out", run, file_bytes=size - 50)
    assert process.wait() == 2
    assert name in _one_line(process.stderr)
    assert not run.exists()

"""A file system that is mounted read-only, a real one: what only reads goes on, what writes says so in one line."""

import json
import subprocess

import pytest

OPTIONS = ["--quiet", "--steps", 4, "--set", "training.snapshot_every=2", "--set", "training.evaluate_every=2"]


@pytest.mark.slow
def test_a_run_on_a_read_only_disk_is_read_and_not_gone_on_with(
    small_disk, newllm, text, tiny, tmp_path, result, assert_whole
) -> None:
    run = small_disk / "run"
    newllm.run("train", text, *tiny, *OPTIONS, "--out", run)
    expected = result(run)
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    for command in (
        ["generate", run, "--tokens", 5, "--json"],
        ["eval", run, text, "--json"],
        ["report", run, "--out", tmp_path / "page.html", "--quiet"],
    ):
        newllm.run(*command)
    doctor = newllm.start("doctor", run, "--json")
    assert doctor.wait() in (0, 1)
    assert json.loads(doctor.stdout)["findings"] is not None
    for command in (
        ["train", "--resume", run, "--quiet"],
        ["train", text, *tiny, *OPTIONS, "--out", small_disk / "other"],
        ["generate", run, "--context-out", small_disk / "kept.context", "--tokens", 3],
        ["report", run],
    ):
        process = newllm.run(*command, code=2)
        assert process.stderr.count("\n") == 1, process.stderr
        assert "Read-only file system" in process.stderr
    assert {path: path.read_bytes() for path in run.rglob("*") if path.is_file()} == before
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    newllm.run("train", "--resume", run, "--quiet")
    assert_whole(run)
    assert result(run) == expected

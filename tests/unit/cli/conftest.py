import dataclasses
import functools
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from newllm.checksum import read_checked, write_checked
from newllm.cli.main import main
from newllm.cli.schema import schema_of


@functools.cache
def validator(command: str) -> Draft202012Validator:
    """Return what holds the output of a command to its schema."""
    return Draft202012Validator(schema_of(command))


@dataclasses.dataclass(frozen=True)
class Done:
    """What a call printed, and its exit code."""

    code: int
    out: str
    err: str


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def own_place(cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A token cache of our own, an empty working directory, and no time spent on figures."""
    monkeypatch.setenv("NEWLLM_CACHE", str(cache))
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    """Call the command line in this process; what --json prints is held to the command's schema."""

    def go(*arguments: object) -> Done:
        capsys.readouterr()
        code = main([str(item) for item in arguments])
        captured = capsys.readouterr()
        if "--json" in arguments and captured.out:
            validator(str(arguments[0])).validate(json.loads(captured.out))
        return Done(code, captured.out, captured.err)

    return go


@pytest.fixture
def refused(call) -> Callable[..., str]:
    """Call with a mistake: exit 2, nothing on standard output, one line on standard error that is returned."""

    def go(*arguments: object) -> str:
        done = call(*arguments)
        assert done.code == 2, done
        assert done.out == ""
        assert done.err.startswith("newllm: ")
        assert done.err.count("\n") == 1, done.err
        return done.err.strip()

    return go


@pytest.fixture
def process(cache: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run a program with this Python."""

    def go(*arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, *map(str, arguments)]
        environment = {**os.environ, "NEWLLM_CACHE": str(cache)}
        return subprocess.run(command, input=stdin, capture_output=True, env=environment, timeout=120)

    return go


@pytest.fixture(scope="session")
def finished(text: Path, tiny: list[str], tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A finished run of 6 steps. Copy it before changing it."""
    run = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(cache))
        options = ["--steps", "6", "--set", "training.snapshot_every=2", "--set", "training.keep=9"]
        options += ["--set", "training.evaluate_every=6", "--quiet"]
        assert main(["train", str(text), *tiny, *options, "--out", str(run)]) == 0
    return run


@pytest.fixture
def run(finished: Path, tmp_path: Path) -> Path:
    """A copy of the finished run."""
    return Path(shutil.copytree(finished, tmp_path / "run"))


@pytest.fixture
def stopped(run: Path) -> Path:
    """A run that was killed after step 4 of 6."""
    shutil.rmtree(run / "snapshots/step-00000006")
    summary = run / "summary.json"
    write_checked(summary, read_checked(summary) | {"status": "running", "step": 4})
    return run


@pytest.fixture(scope="session")
def content() -> Callable[[Path], dict[str, str]]:
    """Every file below a directory with its checksum; locks say nothing."""

    def read(directory: Path) -> dict[str, str]:
        return {
            str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
            for path in sorted(directory.rglob("*"))
            if path.name != ".lock"
        }

    return read

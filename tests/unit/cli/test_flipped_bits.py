"""One flipped bit in any file of a run: the command that reads it gives the same, repairs it, or says which file it is.

What is allowed: the same output and exit code as with the sound file; one line on standard error and exit code 2; or an
output that names the damaged file. Made from a real run that was replayed, a saved context and cached tokens.
config.toml is left out: whoever edits it by hand may. tests/unit/replays/test_store.py does the same to what was
replayed.
"""

import random
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from newllm import api
from newllm.api import replayed
from newllm.cli.main import main
from newllm.report.source import read_source
from newllm.time_limit import TimeLimit
from newllm.trace import Verdict

SPIKY = (
    *("model.width=16", "model.hidden=32", "model.context=16", "optimizer.learning_rate=0.01"),
    *("numerics.scan_backend=torch", "numerics.precision=fp32", "numerics.threads=1", "numerics.device=cpu"),
    *("training.snapshot_every=10", "training.keep=9", "training.evaluate_every=10"),
)
ONLY = ("--only", "half-learning-rate", "--budget", "100")  # on a clock that goes on by a second whenever it is read
FLIPS = 2  # of each file and command
_TIMES = re.compile(r"\d+(\.\d+)? ?(s|seconds)\b")


def _here(*given: Any, **named: Any) -> Verdict:
    """Replay in this process, whatever the command says."""
    named["workers"] = 0
    return replayed.replay(*given, **named)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, ticks: type) -> Path:
    """The founding cell, small, whose loss spikes; replayed, examined, with a context."""
    home = tmp_path_factory.mktemp("whole")
    run = home / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(home / "cache"))
        patch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
        _replay_by(patch, ticks)
        options = [f"--set={setting}" for setting in SPIKY]
        assert (
            main(["train", "--preset", "seed-baseline", *options, "--steps", "30", "--quiet", "--out", str(run)]) == 0
        )
        assert main(["replay", str(run), *ONLY, "--quiet"]) == 0
        assert main(["doctor", str(run), "--quiet"]) == 1
        assert main(["generate", str(run), "--prompt", "the", "--quiet", "--context-out", str(run / "context")]) == 0
    return home


@pytest.fixture(autouse=True)
def in_this_process(monkeypatch: pytest.MonkeyPatch, ticks: type) -> None:
    _replay_by(monkeypatch, ticks)


def _replay_by(patch: pytest.MonkeyPatch, ticks: type) -> None:
    patch.setattr(api, "replay", _here)
    patch.setattr("newllm.cli.replay.TimeLimit", lambda seconds, **_: TimeLimit(seconds, ticks()))


def last(run: Path) -> Path:
    return max((run / "snapshots").glob("step-*"))


def unfinished(run: Path) -> None:
    shutil.rmtree(last(run))
    (run / "summary.json").unlink(missing_ok=True)


COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "doctor": lambda run: ["doctor", str(run)],
    "eval": lambda run: ["eval", str(run), "bundled:sentences"],
    "generate": lambda run: ["generate", str(run), "--prompt", "the", "--quiet"],
    "continue": lambda run: ["generate", str(run), "--prompt", "", "--quiet", "--context-in", str(run / "context")],
    "resume": lambda run: ["train", "--resume", str(run), "--quiet"],
    "replay": lambda run: ["replay", str(run), *ONLY, "--quiet"],
}
READ = {
    "data.json": ("doctor", "resume"),
    "summary.json": ("doctor", "generate"),
    "tokenizer.json": ("generate", "eval", "replay"),
    "recording.json": ("doctor",),
    "trace.jsonl": ("doctor", "resume", "replay"),
    "context": ("continue",),
    "snapshots/step-00000030/model.safetensors": ("generate", "eval"),
    "snapshots/step-00000030/state.json": ("generate",),
    "snapshots/step-00000020/model.safetensors": ("resume",),
    "snapshots/step-00000020/optimizer.safetensors": ("resume",),
    "snapshots/step-00000020/state.json": ("resume",),
    "snapshots/*/pin.json": ("resume",),
    "replays/*/replay.json": ("replay",),
    "../cache/*/entry/*": ("resume",),
}


def prepared(whole: Path, home: Path, command: str) -> Path:
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(whole, home)
    if command == "resume":
        unfinished(home / "run")
    return home / "run"


def flip(file: Path, chance: random.Random) -> None:
    content = bytearray(file.read_bytes())
    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
    file.write_bytes(content)


def outcome(command: str, run: Path, capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Return exit code, output with the results that count, and everything that was said."""
    capsys.readouterr()
    code = main(COMMANDS[command](run))
    said = capsys.readouterr()
    weights = (last(run) / "model.safetensors").read_bytes().hex() if command == "resume" and code == 0 else ""
    return code, _TIMES.sub("", said.out) + weights, said.out + said.err


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "command"), [(p, c) for p, commands in READ.items() for c in commands])
def test_no_flipped_bit_is_believed(
    pattern: str, command: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    home = tmp_path / "home"
    monkeypatch.setenv("NEWLLM_CACHE", str(home / "cache"))
    run = prepared(whole, home, command)
    names = sorted(str(file.relative_to(run.parent)) for file in run.glob(pattern) if file.is_file())
    if pattern.startswith("../"):
        names = sorted(str(file.relative_to(home)) for file in home.glob(pattern[3:]))
    assert names, f"this run has no {pattern}"
    sound = outcome(command, run, capsys)
    chance = random.Random(f"{pattern} {command}")
    for _ in range(FLIPS):
        run, name = prepared(whole, home, command), chance.choice(names)
        flip(home / name, chance)
        code, result, said = outcome(command, run, capsys)
        refused = code == 2 and said.startswith("newllm: ") and said.count("\n") == 1
        assert refused or (code, result) == sound[:2] or Path(name).name in said, (name, code, said)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["findings.json", "data.json", "recording.json", "summary.json", "verdict.json"])
def test_the_page_names_a_damaged_file(name: str, whole: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(whole / "run", tmp_path / "run"))
    (file,) = [*run.glob(name), *run.glob(f"replays/*/{name}")]
    file.write_bytes(file.read_bytes().replace(b'"', b'"x": 1, "', 1))
    if name != "findings.json":  # the report examines anew, the list of runs reads it
        assert any(name in str(problem) for problem in read_source(run).problems)
    else:
        from newllm.ui.diagnoses import stored_findings

        assert stored_findings(run) is None

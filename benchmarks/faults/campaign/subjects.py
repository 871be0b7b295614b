"""What faults are brought upon: tiny trainings and replays, the next command after each, and what may not change.

All lies below one directory, `place`, and is always worked on there, so that a path in a file is the same every time:

    place/text.txt  place/spoilt.txt     what is trained on
    place/cache/                         the token cache
    place/run/                           the run
    place/small.py  place/study/         a study whose cells take no time, and its directory
"""

import hashlib
import json
import math
import os
import random
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newllm import api
from newllm.checksum import read_checked
from newllm.cli.main import main
from newllm.errors import UserError
from newllm.replays.watcher import Watcher
from newllm.time_limit import TimeLimit
from newllm.trace import load_recoveries, read_trace, store

Command = Callable[[], int]

RUN, STUDY = Path("run"), Path("study")
TINY = (
    *("model.width=16", "model.layers=1", "model.hidden=16", "model.context=16", "data.window=16", "data.batch=2"),
    *("numerics.precision=fp32", "numerics.threads=1", "numerics.scan_backend=torch", "numerics.device=cpu"),
    *("training.snapshot_every=3", "training.evaluate_every=7", "training.evaluate_tokens=64", "training.ring_every=5"),
)
_WORDS = ("the", "whale", "sea", "ship", "captain", "of", "and", "a", "was", "to", "his", "white", "boat", "upon")
_SPIKING = ("data.carry=true", "optimizer.learning_rate=1e-2", "optimizer.warmup=10")
_SPIKE = 60  # steps after which the loss has left its trend and come back


def write_texts(place: Path) -> None:
    """Write a text, and the same with 400 characters of garbage: read in order, they are a loss spike at step 53."""
    chance = random.Random(0)
    text = "\n".join(" ".join(chance.choice(_WORDS) for _ in range(9)) + "." for _ in range(160))
    garbage = "".join(chance.choice("QZXJ#%&@0123456789") for _ in range(400))
    (place / "text.txt").write_text(text, encoding="utf-8")
    (place / "spoilt.txt").write_text(text[:960] + garbage + text[960:], encoding="utf-8")
    (place / "held-out.txt").write_text(text[200:320], encoding="utf-8")
    (place / "small.py").write_text(Path(__file__).with_name("small_study.py").read_text())


def newllm(*arguments: object) -> Command:
    """Return the command line as a command."""
    words = [str(one) for one in arguments]
    return lambda: main(words)


def training(text: str, steps: int, *settings: str, options: tuple[str, ...] = ()) -> Command:
    """Return a training that begins, as a command."""
    sets = [f"--set={one}" for one in (*TINY, *settings)]
    return newllm("train", text, "--out", RUN, "--steps", steps, *options, *sets)


resuming = newllm("train", "--resume", RUN, "--quiet")
resuming_aloud = newllm("train", "--resume", RUN)


class _UpTo(Watcher):
    """Lets the time be up when the first stage after the null replays begins."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def planned(self, stage: str, replays: int) -> None:  # noqa: ARG002 (a watcher's form)
        if stage not in ("reproduction", "null replays"):
            self.seconds = math.inf


def replaying(*, nulls_only: bool = False) -> Command:
    """Return a replay in this process: the command's own workers would each need seconds to start."""

    def command() -> int:
        watcher = _UpTo() if nulls_only else Watcher()
        time = TimeLimit(1e6, lambda: watcher.seconds, 0.0) if isinstance(watcher, _UpTo) else TimeLimit(1e6)
        try:
            verdict = api.replay(RUN, only=("half-learning-rate",), budget=time, workers=0, watcher=watcher)
        except UserError as error:
            print(f"newllm: {error}", file=sys.stderr)
            return 2
        print(json.dumps(without_clocks(verdict.as_dict())))
        return 0

    return command


def packing(command: Command) -> Command:
    """Return a command that packs its trace into a block whenever the lines come to 2 kB."""

    def packed() -> int:
        store.PACK_BYTES = 2000
        return command()

    return packed


@dataclass(frozen=True)
class Subject:
    """Something that is stopped, and gone on with.

    Attributes:
        name: of it.
        command: what is stopped.
        begun: whether `again` can go on; where it cannot, `command` begins anew.
        again: the next command.
        result: what may not depend on how often it was stopped.
        before: name of the subject that must have run before, "" for none.
        heavy: whether it takes so long that the short form leaves it out.
    """

    name: str
    command: Command
    again: Command
    result: Callable[[Path], Any]
    before: str = ""
    heavy: bool = False

    def next(self, place: Path) -> Command:
        """Return what a person runs next."""
        return self.again if (place / RUN / "config.toml").exists() else self.command


def without_clocks(content: Any) -> Any:
    """Return plain data without what a clock gave."""
    clocks = ("seconds", "core_seconds", "tokens_per_second", "started", "heartbeat", "pid", "cost", "spent")
    if isinstance(content, dict):
        return {name: without_clocks(item) for name, item in content.items() if name not in clocks}
    return [without_clocks(item) for item in content] if isinstance(content, list | tuple) else content


def digest(path: Path) -> str:
    """Return the sha256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def result_of_training(place: Path) -> dict[str, Any]:
    """Return the last snapshot's tensors, every row of the trace, the summary without clocks, and the recoveries."""
    run = place / RUN
    last = max(run.glob("snapshots/step-*"))
    trace = read_trace(run / "trace.jsonl")
    signals = {name: (one.step.tolist(), one.value.tobytes()) for name, one in trace.signals.items()}
    summary = json.loads((run / "summary.json").read_bytes())
    kept = ("status", "step", "tokens", "last_validation", "best_validation", "message", "recoveries")
    found = {name: summary[name] for name in kept}
    found |= {name: digest(last / name) for name in ("model.safetensors", "optimizer.safetensors")}
    found |= {path.name: digest(path) for path in run.glob("recoveries/*.jsonl")}
    recoveries = [without_clocks(one.as_dict()) for one in load_recoveries(run / "recoveries.json")]
    left = [str(path.relative_to(run)) for path in run.rglob(".*.tmp")]
    return {**found, "signals": signals, "all recoveries": recoveries, "last": last.name, "left behind": left}


def result_of_replay(place: Path) -> dict[str, Any]:
    """Return the verdict, and the run itself, which a replay must not touch."""
    return {"verdict": verdict_of_replay(place), "run": result_of_training(place)}


def verdict_of_replay(place: Path) -> Any:
    """Return the verdict without clocks."""
    return without_clocks(read_checked(_verdict(place)))


def _verdict(place: Path) -> Path:
    (found,) = place.glob("run/replays/step-*/verdict.json")
    return found


def result_of_null_replay(place: Path) -> dict[str, Any]:
    """Return whether the run was made again to the bit. How much more fits a budget hangs on what is there already."""
    return {**result_of_replay(place), "verdict": read_checked(_verdict(place))["null"]}


def result_of_study(place: Path) -> dict[str, Any]:
    """Return what a study came to without clocks, its table, and what was left behind."""
    found = {"results": without_clocks(read_checked(place / STUDY / "results.json"))}
    left = [path.name for path in (place / STUDY).rglob(".*.tmp")]
    return {**found, "claims": digest(place / STUDY / "claims.md"), "left behind": left}


def result_of_context(place: Path) -> dict[str, str]:
    """Return the context file's content."""
    return {"context": digest(place / "kept.context")}


def result_of_report(place: Path) -> dict[str, str]:
    """Return the page's content."""
    return {"page": digest(place / RUN / "report.html")}


_GENERATE = newllm("generate", RUN, "--prompt", "the", "--tokens", 20, "--context-out", "kept.context")
_REPORT = newllm("report", RUN)
_CELL = training("text.txt", 12, "model.body=cell", "model.rule=lstm", "data.window=8")
_DROPOUT = training("text.txt", 15, "data.carry=true", "model.dropout=0.1", "model.rule=dual")
_SPIKED = training("spoilt.txt", _SPIKE, *_SPIKING, "training.snapshot_every=20", "training.evaluate_every=30")
_GUARDED = training(
    *("spoilt.txt", _SPIKE + 10, *_SPIKING, "training.snapshot_every=8", "training.evaluate_every=40"),
    options=("--guard",),
)
_PACKED = packing(training("text.txt", 24, "model.rule=dual", "training.snapshot_every=5"))
_STUDIED = newllm("study", "small.py", "--out", STUDY, "--workers", 1)
_SPIKE_KEPT = "spike, states kept"
_NULL, _REPLAY = replaying(nulls_only=True), replaying()
SUBJECTS = {
    one.name: one
    for one in (
        Subject("stack", training("text.txt", 15, "model.rule=gated"), resuming, result_of_training),
        Subject("cell", _CELL, resuming, result_of_training),
        Subject("packed trace", _PACKED, packing(resuming), result_of_training),
        Subject("study", _STUDIED, _STUDIED, result_of_study),
        Subject("carry and dropout", _DROPOUT, resuming, result_of_training),
        Subject(_SPIKE_KEPT, _SPIKED, resuming, result_of_training, heavy=True),
        Subject("guard", _GUARDED, resuming, result_of_training, heavy=True),
        Subject("replay", _NULL, _NULL, result_of_null_replay, before=_SPIKE_KEPT),
        Subject("replay, whole", _REPLAY, _REPLAY, result_of_replay, before=_SPIKE_KEPT, heavy=True),
        Subject("context file", _GENERATE, _GENERATE, result_of_context, before="stack"),
        Subject("report", _REPORT, _REPORT, result_of_report, before="stack"),
    )
}


def clear_environment(place: Path) -> None:
    """Let this process and its children use the cache below `place`, and no accelerator."""
    os.environ |= {"NEWLLM_CACHE": str(place / "cache"), "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"}

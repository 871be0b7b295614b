"""Do the loops of `newllm.hf.loop` and `newllm.lightning.loop` do what other authors' programs train?

    python benchmarks/strangers/loops.py --out FILE.jsonl [--callbacks] [--only NAME ...] [--budget SECONDS]

Each Trainer and Lightning program of both sets (cases/hugging*.py and light*.py, second/programs/hf.py and lit.py) is
run as it is, with a recorder added. From the same objects a loop is made before the training and trained beside it. A
row says whether it was refused (the line), how its losses compare with the recording, whether a spike of the recording
is in it, and, with a budget, what a replay of that spike names. It needs transformers, accelerate and lightning.
"""

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import sys
import tempfile
import time
import traceback
import warnings
import zlib
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[2]))

import torch

import newllm
from newllm.diagnosis.diagnose import diagnose
from newllm.errors import UserError
from newllm.replays.subjects.original import _Recorded
from newllm.replays.subjects.recorded import CHANCE_NOTICES, compare_with_recording
from newllm.replays.subjects.spikes import spikes_of


class Beside:
    """Takes the loop of the first training of a program, and records that training.

    Args:
        folder: for the recording.
        callbacks: whether the program's own callbacks take part in the loop.

    Attributes:
        loop: of it.
        refused: the line, where there is none.
    """

    def __init__(self, folder: Path, callbacks: bool) -> None:
        self.callbacks = callbacks
        self.recording, self.loop, self.refused = folder / "recording", None, ""
        self.taken = False

    def take(self, make: Any) -> None:
        """Take what `make` gives, or the line that refuses it."""
        self.taken = True
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self.loop = make()
        except UserError as error:
            self.refused = str(error)


def _is_theirs(callback: Any) -> bool:
    return type(callback).__module__.startswith("benchmarks.")


@contextlib.contextmanager
def watching(beside: Beside) -> Any:
    """Let the first training of either framework be taken and recorded."""
    import lightning
    import transformers

    import newllm.hf
    import newllm.lightning

    train, fit = transformers.Trainer.train, lightning.Trainer.fit

    def watched_train(trainer: Any, *given: Any, **named: Any) -> Any:
        if not beside.taken:
            theirs = [one for one in trainer.callback_handler.callbacks if _is_theirs(one)]
            beside.take(lambda: newllm.hf.loop(trainer, theirs if beside.callbacks else ()))
            trainer.add_callback(newllm.hf.Recorder(out=beside.recording))
        return train(trainer, *given, **named)

    def watched_fit(trainer: Any, *given: Any, **named: Any) -> Any:
        if not beside.taken:
            theirs = [one for one in trainer.callbacks if _is_theirs(one)] if beside.callbacks else []
            beside.take(lambda: newllm.lightning.loop(trainer, *given, **named, callbacks=theirs))
            trainer.callbacks.append(newllm.lightning.Recorder(out=beside.recording))
        return fit(trainer, *given, **named)

    transformers.Trainer.train, lightning.Trainer.fit = watched_train, watched_fit
    try:
        yield
    finally:
        transformers.Trainer.train, lightning.Trainer.fit = train, fit


def programs() -> dict[str, tuple[str, Any]]:
    """Return the programs by name: the kind of fault, and what runs one in a folder."""
    from benchmarks.strangers.cases.all import CASES
    from benchmarks.strangers.cases.registry import Out
    from benchmarks.strangers.second import generate
    from benchmarks.strangers.second.runs import named

    found: dict[str, tuple[str, Any]] = {}
    for name, case in CASES.items():
        if case.trainer in ("transformers", "lightning"):

            def run(folder: Path, case: Any = case) -> None:
                torch.manual_seed(case.seed)
                case.program(Out(folder, False, False, case.seed), **case.switches)

            found[name] = (case.kind, run)
    for name, one in named().items():
        if one.program in ("hf", "lit"):

            def run_second(folder: Path, name: str = name, one: Any = one) -> None:
                generate.make(name, one, folder / f"train.{one.ending}", one.switch)

            found[f"second/{name}"] = (one.kind, run_second)
    return found


def judge(task: tuple[str, float, bool]) -> dict[str, Any]:
    """Run a program, and say what its loop does."""
    name, budget, callbacks = task
    torch.set_num_threads(1)
    kind, run = programs()[name]
    row: dict[str, Any] = {"name": name, "kind": kind}
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        beside = Beside(Path(folder), callbacks)
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()), watching(beside):
            (Path(folder) / "log").mkdir()
            try:
                run(Path(folder) / "log")
            except Exception:
                row["program"] = traceback.format_exc().splitlines()[-1]
        row["refused"] = beside.refused
        if beside.loop is not None and (beside.recording / "trace.jsonl").is_file():
            try:
                row |= compared(beside, budget)
            except Exception:
                row["failed"] = traceback.format_exc().splitlines()[-1]
    row["seconds"] = round(time.perf_counter() - began, 1)
    return row


def compared(beside: Beside, budget: float) -> dict[str, Any]:
    loop = beside.loop
    assert loop is not None
    with tempfile.TemporaryDirectory() as folder, torch.random.fork_rng(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trace, facts = _Recorded(loop, Path(folder) / "recording").run()
    spikes = spikes_of(diagnose(trace, facts), trace)
    loss = trace.series("loss")
    by_chance = any(one.id in CHANCE_NOTICES for one in loop.notices)
    found = compare_with_recording(
        beside.recording, loss.step.tolist(), loss.value.tolist(), spikes, by_chance=by_chance
    ).as_dict()
    row = {
        key: found[key] for key in ("compared", "first", "leaves", "largest", "spike", "replayed_spike", "by_chance")
    }
    row |= {"notices": [one.id for one in loop.notices], "own_spikes": [one.onset for one in spikes]}
    if budget and spikes:
        verdict = newllm.replay(loop, budget=budget)
        row["verdict"] = {
            "identical": verdict.identical,
            "cause": None if verdict.cause is None else verdict.cause["name"],
            "removes": [one.name for one in verdict.interventions if one.effect_class == "removes"],
            "suspects": [one["name"] for one in verdict.suspects[:3]],
            "sentences": list(verdict.sentences),
        }
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a file; what is in it already is not run again")
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--budget", type=float, default=0.0, help="seconds of a replay, where there is a spike")
    parser.add_argument("--callbacks", action="store_true", help="let the programs' own callbacks take part")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    done = {json.loads(line)["name"] for line in given.out.read_text().splitlines()} if given.out.exists() else set()
    chosen = [name for name in programs() if (name in given.only or not given.only) and name not in done]
    chosen.sort(key=lambda name: zlib.crc32(name.encode()))
    with multiprocessing.get_context("spawn").Pool(given.workers, maxtasksperchild=1) as pool:
        for row in pool.imap_unordered(judge, [(name, given.budget, given.callbacks) for name in chosen]):
            with given.out.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print({key: row.get(key) for key in ("name", "refused", "leaves", "spike", "replayed_spike", "seconds")})


if __name__ == "__main__":
    main()

"""Makes what `newllm ui --demo` shows: src/newllm/demo/set, from the configurations in this folder.

    python -m studies.demo WORK
    python -m studies.demo --words    # only the findings and the verdict anew, after a change of the doctor or of words

WORK gets the whole runs; what is finished there is not made again. About forty minutes on two cores. Everything is
trained on the bundled texts. README.md says with what it was made last.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch

from newllm.checksum import read_checked, write_checked
from newllm.demo import PREFIX, SET, seal
from newllm.trace import Verdict, pack_trace
from newllm.training.snapshots import choose_snapshot, load_progress, snapshot_tensors, write_snapshot
from newllm.words.verdicts import in_english

from .rates import DOUBLED_AT, train

HERE = Path(__file__).parent
FOUNDING, DOUBLED, PLANNED, NOVEL, STUDY = (
    "founding-baseline", "learning-rate-doubled", "learning-rate-as-planned", "moby-dick", "spike-remedies",
)  # fmt: skip
BUDGET = 1200  # seconds of replays: enough on a busy machine
_SHOWN = (
    "check.json", "config.toml", "data.json", "tokenizer.json", "recording.json", "samples.jsonl", "summary.json",
    "trace.jsonl",
)  # fmt: skip


def newllm(*arguments: str | Path) -> None:
    """Call a command of newllm; 1 is a finding."""
    command = [sys.executable, "-m", "newllm.cli.main", *map(str, arguments), "--quiet"]
    if subprocess.run(command, check=False).returncode > 1:
        raise SystemExit(f"failed: {' '.join(command)}")


def make_runs(work: Path) -> None:
    """Train, replay and run the study; whatever is there already stays."""
    if not (work / FOUNDING).exists():
        newllm("train", "--preset", "founding-baseline", "--out", work / FOUNDING)
    if not list((work / FOUNDING).glob("replays/*/verdict.json")):
        newllm("replay", work / FOUNDING, "--budget", str(BUDGET))
    if not (work / NOVEL).exists():
        newllm("train", "--config", HERE / "moby-dick.toml", "--out", work / NOVEL)
    torch.set_num_threads(1)
    for name, doubled_at in ((DOUBLED, DOUBLED_AT), (PLANNED, None)):
        if not (work / name).exists():
            train(work / name, doubled_at)
    newllm("study", STUDY, "--out", work / STUDY)
    for name in (FOUNDING, NOVEL, DOUBLED, PLANNED):
        newllm("doctor", work / name)


def pack(work: Path, out: Path) -> None:
    """Copy what is shown of all this, and seal it."""
    shutil.rmtree(out, ignore_errors=True)
    for name in (FOUNDING, NOVEL, DOUBLED, PLANNED):
        (out / name).mkdir(parents=True)
        for file in _SHOWN:
            if (work / name / file).exists():
                shutil.copy(work / name / file, out / name / file)
        _copy_named(work / name / "findings.json", out / name / "findings.json", name)
        pack_trace(out / name / "trace.jsonl")
    _pack_replays(work / FOUNDING, out / FOUNDING)
    _pack_weights(work / NOVEL, out / NOVEL)
    (out / STUDY).mkdir()
    for file in ("results.json", "tables.json"):
        shutil.copy(work / STUDY / file, out / STUDY / file)
    seal(out)


def _copy_named(file: Path, to: Path, name: str) -> None:
    """Copy what is said of a run, under the run's name in the demo."""
    write_checked(to, read_checked(file) | {"run": f"{PREFIX}{name}"})


def _pack_replays(run: Path, out: Path) -> None:
    """Copy the verdict, and of the replays those whose curves are drawn."""
    for verdict in run.glob("replays/*/verdict.json"):
        place = verdict.parent.relative_to(run)
        (out / place / "trajectories").mkdir(parents=True)
        _copy_named(verdict, out / place / "verdict.json", run.name)
        for one in read_checked(verdict)["interventions"]:
            for name in (one["name"], "null") if one["stage"] == "confirmed" else ():
                for curve in verdict.parent.glob(f"trajectories/{name}-from-{one['start']}-replay-*.json"):
                    shutil.copy(curve, out / place / "trajectories" / curve.name)


def _pack_weights(run: Path, out: Path) -> None:
    """Write the best snapshot with weights in bf16, and without the optimizer's state."""
    snapshot = choose_snapshot(run / "snapshots", "best")
    weights = {name: value.to(torch.bfloat16) for name, value in snapshot_tensors(snapshot)[0].items()}
    tensors = {"model.safetensors": weights, "optimizer.safetensors": {}}
    write_snapshot(out / "snapshots", tensors, load_progress(snapshot))


def renew(out: Path) -> None:
    """Write findings and verdict of the packaged runs as they are said today."""
    with tempfile.TemporaryDirectory() as work:
        for name in (FOUNDING, NOVEL, DOUBLED, PLANNED):
            run = Path(shutil.copytree(out / name, Path(work) / name))
            newllm("doctor", run)
            _copy_named(run / "findings.json", out / name / "findings.json", name)
    for file in out.glob("*/replays/*/verdict.json"):
        write_checked(file, in_english(Verdict.from_dict(read_checked(file))).as_dict())
    seal(out)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    if sys.argv[1] == "--words":
        renew(SET)
    else:
        make_runs(Path(sys.argv[1]))
        pack(Path(sys.argv[1]), SET)

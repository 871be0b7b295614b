"""Can the benchmark be made again? Trains all of its runs from their seeds and packs their traces.

    python benchmarks/doctor/generate.py [--workers 2] [--work DIR] [--out DIR] [--quick]

A run that DIR holds already is not run again. Each run takes one thread, 1 to 5 seconds. Nothing here knows a detector:
of a healthy run the rule in healthy.py decides whether it is one, of a fault its twin decides where it shows.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

import newllm
from datasets import dataset
from fault_kinds import KINDS, RUNS_PER_KIND
from healthy import healthy_setups, ill
from injection import every_fault, hooks_of, setup_of
from logs import SUFFIXES, Curves, bare_log
from loop import Hooks, Loop
from newllm.data.facts import data_facts
from newllm.recorder.recorder import RECORDING, TRACE
from newllm.trace import read_trace
from setups import Setup
from split import half_of
from stored import LABELS, PACKED, pack_trace, write_packed
from twins import Curve, first_sight

HEALTHY = "healthy"
Job = tuple[str, int, Path]


def run_one(job: Job) -> str:
    """Make one run and keep it, packed, below the work directory; return a line about it."""
    kind, number, work = job
    torch.set_num_threads(1)
    setup = _setup(kind, number)
    place = work / f"{setup.name}.json"
    if place.exists():
        return f"{setup.name} is there"
    start = time.perf_counter()
    hooks = Hooks(setup, {}) if kind == HEALTHY else hooks_of(KINDS[kind], number)
    curves, run = trained(setup, hooks)
    label = _healthy_label(number, curves) if kind == HEALTHY else _fault_label(kind, number, setup)
    _write(place, {"label": {**_common(setup, number), **label}, "curves": curves.by_series(), "run": run})
    return f"{setup.name} {setup.model} {setup.log} {time.perf_counter() - start:.1f} s {label.get('ill', '')}"


def look_at_twin(job: Job) -> str:
    """Train the healthy twin of a fault and note in its label where the fault shows; return a line about it."""
    kind, number, work = job
    torch.set_num_threads(1)
    setup = _setup(kind, number)
    place = work / f"{setup.name}.json"
    made = json.loads(place.read_text(encoding="utf-8"))
    if "shows" not in made["label"]:
        twin = Curves()
        Loop(setup, Hooks(setup, {})).run(twin)
        sight = first_sight(made["curves"], twin.by_series())
        made["label"]["shows"] = {"step": sight.onset, "how": sight.how, "series": sight.series}
        _write(place, made)
    return f"{setup.name} shows {made['label']['shows']}, classed {made['label']['visible']}"


def _setup(kind: str, number: int) -> Setup:
    return healthy_setups(number + 1)[number] if kind == HEALTHY else setup_of(KINDS[kind], number)


def trained(setup: Setup, hooks: Hooks) -> tuple[Curves, dict[str, Any]]:
    """Train one run and return its curves and what is stored of it."""
    loop = Loop(setup, hooks)
    if setup.log != "recorder":
        curves = Curves()
        loop.run(curves)
        return curves, {"name": setup.name, "file": setup.name + SUFFIXES[setup.log], "text": bare_log(setup, curves)}
    with tempfile.TemporaryDirectory() as directory:
        out = Path(directory) / "run"
        with newllm.record(loop.model, loop.optimizer, out=out, every=10, vocabulary=loop.data.classes) as recorder:
            curves = Curves(recorder)
            loop.run(curves)
        recording = json.loads((out / RECORDING).read_text(encoding="utf-8"))
        signals = pack_trace(read_trace(out / TRACE))
    facts = loop.data.name if loop.data.is_text else None
    return curves, {"name": setup.name, "recording": recording, "facts": facts, "signals": signals}


def _common(setup: Setup, number: int) -> dict[str, Any]:
    names = ("name", "model", "task_name", "log", "steps", "epoch", "optimizer", "schedule", "batch", "seed")
    return {
        **{name: getattr(setup, name) for name in names},
        "classes": dataset(setup.task_name).classes,
        "run": number,
    }


def _healthy_label(number: int, curves: Curves) -> dict[str, Any]:
    return {"kind": HEALTHY, "half": half_of(HEALTHY, number), "ill": ill(curves.losses, curves.validation)}


def _fault_label(kind: str, number: int, setup: Setup) -> dict[str, Any]:
    injected = round(KINDS[kind].size.get("at", 0.0) * setup.steps) + 1
    return {"kind": kind, "visible": KINDS[kind].visible, "half": half_of(kind, number), "planted": injected}


def _renew(label: dict[str, Any], curves: dict[str, Curve]) -> None:
    label["half"] = half_of(label["kind"], label["run"])
    if label["kind"] == HEALTHY:
        label["ill"] = ill(curves["loss"][1], curves["validation"][1])
    else:
        label["visible"] = KINDS[label["kind"]].visible


def facts_of(jobs: list[Job], needed: set[str]) -> list[dict[str, Any]]:
    """Return the data facts of every data set that a stored run names, once each."""
    found: dict[str, Any] = {}
    for kind, number, _ in jobs:
        data = dataset(_setup(kind, number).task_name)
        if kind != HEALTHY:
            data = hooks_of(KINDS[kind], number).dataset(data)
        if data.name in needed and data.name not in found and data.documents is not None:
            found[data.name] = data_facts(*data.documents, unknown=data.unknown, shuffled=data.domains is None)
    return [{"facts": name, "content": content} for name, content in found.items()]


def jobs_of(work: Path, quick: bool) -> list[Job]:
    """Return every run to be made; the quick form has one of each model and of a few kinds."""
    healthy = [(HEALTHY, number, work) for number in range(6 if quick else len(healthy_setups()))]
    faults = [(kind.name, run, work) for kind, run in every_fault()]
    if quick:
        chosen = ("corrupted-batch", "frozen-layer", "nan-batch", "stale-evaluation")
        faults = [job for job in faults if job[0] in chosen and job[1] >= 4]
    # Interleaved, so that what is there so far is a picture of the whole.
    return sorted(healthy + faults, key=lambda job: job[1] / (len(healthy) if job[0] == HEALTHY else RUNS_PER_KIND))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work", type=Path, help="where finished runs wait for the others; a directory of its own")
    parser.add_argument("--out", type=Path, help="where the packed runs go; without it, beside this file")
    parser.add_argument("--quick", action="store_true", help="14 runs, packed into the work directory")
    arguments = parser.parse_args()
    work = arguments.work or Path(tempfile.mkdtemp(prefix="newllm-doctor-"))
    work.mkdir(parents=True, exist_ok=True)
    out = arguments.out or (work / "packed" if arguments.quick else PACKED.parent)
    jobs = jobs_of(work, arguments.quick)
    start = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(arguments.workers) as pool:
        for line in pool.imap_unordered(run_one, jobs):
            print(line, flush=True)
        faults = [job for job in jobs if job[0] != HEALTHY]
        for line in pool.imap_unordered(look_at_twin, faults):
            print(line, flush=True)
    pack(jobs, work, out)
    size = sum(path.stat().st_size for path in out.iterdir())
    print(f"{len(jobs)} runs, {size / 1e6:.2f} MB, {time.perf_counter() - start:.0f} s, in {out}")


def pack(jobs: list[Job], work: Path, out: Path) -> None:
    """Write the finished runs of the work directory, with the facts of their data and their labels."""
    made = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(work.glob("*.json"))]
    for one in made:  # rules and classes may be newer than the runs
        _renew(one["label"], one["curves"])
    runs = [one["run"] for one in made]
    facts = facts_of(jobs, {run["facts"] for run in runs if run.get("facts")})
    write_packed([*facts, *runs], out / PACKED.name)
    _write(out / LABELS.name, [one["label"] for one in made])


def _write(path: Path, content: Any) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")
    part.replace(path)


if __name__ == "__main__":
    main()

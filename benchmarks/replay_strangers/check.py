"""Do the trainings do what labels.toml says? Runs each and its twin by a plain loop; writes nothing."""

import argparse
import time
import tomllib
from dataclasses import replace
from pathlib import Path

import torch

from curves import Rise, greatest_rise, losses
from loops import NAMES, make

TAIL = 60  # updates behind the last one of the cause in which its spike may still come to its peak


def labels() -> dict[str, dict]:
    """The labels by name."""
    return {
        entry["name"]: entry for entry in tomllib.loads(Path(__file__).with_name("labels.toml").read_text())["case"]
    }


def holds(label: dict, faulty: Rise, twin: Rise) -> bool:
    """Whether the loss rises where the label says, and the twin's does not."""
    if label["kind"] == "control-healthy":
        return not faulty.spikes
    if label["kind"] == "control-spike":
        return faulty.spikes
    return faulty.spikes and not twin.spikes and label["first"] <= faulty.onset <= label["last"] + TAIL


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="trainings; all, if none is given")
    parser.add_argument("--seed", type=int, help="another seed for the weights and all that is drawn")
    given = parser.parse_args()
    torch.set_num_threads(1)
    known, wrong = labels(), 0
    print(f"{'name':28} steps seconds   level     peak  onset   at | twin: level     peak   at | as labelled")
    for name in given.names or NAMES:
        rises, seconds = [], []
        for fault in (True, False):
            loop = make(name, fault)
            loop = loop if given.seed is None else replace(loop, seed=given.seed)
            start = time.perf_counter()
            rises.append(greatest_rise(losses(loop)))
            seconds.append(time.perf_counter() - start)
        faulty, twin = rises
        right = holds(known[name], faulty, twin)
        wrong += not right
        calm = f"{twin.level:11.3f} {twin.peak:8.3f} {twin.at:4}" if twin.at else f"{'no rise of a half':>25}"
        print(
            f"{name:28} {loop.steps:5} {seconds[0]:7.1f} {faulty.level:7.3f} {faulty.peak:8.3f} {faulty.onset:6}"
            f" {faulty.at:4} | {calm} | {'yes' if right else 'NO'}",
            flush=True,
        )
    print(f"{wrong} of {len(given.names or NAMES)} not as labelled")
    return min(wrong, 1)


if __name__ == "__main__":
    raise SystemExit(main())

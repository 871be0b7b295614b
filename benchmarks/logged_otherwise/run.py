"""Does the doctor say the same of a training that is logged otherwise?

    python benchmarks/logged_otherwise/run.py [--quick]

Reads the logs and recordings of strangers (benchmarks/strangers, six sets) and of published code
(benchmarks/public_code). Of the sound ones about which nothing is said as they are it counts those about which
something is said once they are logged otherwise (ways.py); of the faulty ones that are found as they are, those about
which something is said still. Prints JSON.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
import tomllib
import zlib
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import numpy as np

import newllm
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.run_facts import runs_in
from newllm.errors import UserError
from newllm.trace import Finding

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks.logged_otherwise.ways import OF_ALL, OF_LOGS  # noqa: E402
from benchmarks.strangers.score import labels_of, unpack  # noqa: E402

STRANGERS, PUBLIC = HERE.parent / "strangers", HERE.parent / "public_code"
SETS = (".", "second", "third", "fourth", "fifth", "sixth")
QUICK = 16  # one training in so many


class Run(NamedTuple):
    """A log or a recording, and whether its training is sound."""

    name: str
    path: Path
    is_sound: bool
    is_log: bool


def alarms(findings: list[Finding]) -> list[str]:
    """Return the kinds of what is more than a note."""
    return sorted({one.kind for one in findings if one.severity != "note"})


def of_strangers(folder: Path) -> list[Run]:
    """Unpack the strangers' trainings."""
    runs = []
    for one in SETS:
        labels, place = labels_of(STRANGERS / one), folder / one.replace(".", "first")
        unpack(STRANGERS / one / "logs.tar.zst", place, set(labels))
        for name, label in labels.items():
            for source in ("log", "recording"):
                if label.get(source) and (place / label[source]).exists():
                    is_sound = label["kind"] == "healthy"
                    runs.append(Run(f"{one}/{name}", place / label[source], is_sound, source == "log"))
    return runs


def of_public_code(folder: Path) -> list[Run]:
    """Unpack the published trainings."""
    labels = tomllib.loads((PUBLIC / "labels.toml").read_text(encoding="utf-8"))["run"]
    for archive in PUBLIC.glob("recordings*.tar.zst"):
        unpack(archive, folder / "public", {label["name"] for label in labels})
    return [
        Run(f"public/{label['name']}", folder / "public" / label["name"] / source, label["healthy"], is_log)
        for label in labels
        for source, is_log in (("stdout.txt", True), ("recording", False))
    ]


def asked(run: Run) -> list[tuple[str, list[str]]]:
    """Return what is said of each way to log a run: the kinds of its alarms. "as it is" comes first."""
    said: list[tuple[str, list[str]]] = []
    for path in runs_in(run.path) or [run.path]:
        try:
            known = newllm.doctor(path)
        except UserError:  # a script that printed nothing
            continue
        said.append(("as it is", alarms(known.findings)))
        for name, way in (OF_ALL | OF_LOGS if run.is_log else OF_ALL).items():
            chance = np.random.default_rng(zlib.crc32(f"{run.name} {name}".encode()))
            said.append((name, alarms(diagnose(way(known.trace, chance), known.facts))))
    return said


def counted(runs: list[Run], said: list[list[tuple[str, list[str]]]]) -> dict[str, dict[str, object]]:
    """Count by way the sound ones that are alarmed since, and the faulty ones that are found still."""
    sound, alarmed, faulty, found = Counter[str](), Counter[str](), Counter[str](), Counter[str]()
    kinds: dict[str, Counter[str]] = {}
    for run, each in zip(runs, said, strict=True):
        as_it_is = False
        for way, alarm in each:
            if way == "as it is":
                as_it_is = bool(alarm)
            elif run.is_sound and not as_it_is:
                sound[way] += 1
                alarmed[way] += bool(alarm)
                kinds.setdefault(way, Counter()).update(alarm)
            elif not run.is_sound and as_it_is:
                faulty[way] += 1
                found[way] += bool(alarm)
    return {
        way: {
            "sound": sound[way],
            "alarmed": alarmed[way],
            "faulty": faulty[way],
            "found": found[way],
            "by": dict(kinds.get(way, Counter()).most_common()),
        }
        for way in OF_LOGS | OF_ALL
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help=f"one training in {QUICK}")
    quick = parser.parse_args().quick
    with tempfile.TemporaryDirectory() as folder:
        runs = (of_strangers(Path(folder)) + of_public_code(Path(folder)))[:: QUICK if quick else 1]
        with multiprocessing.get_context("spawn").Pool(2) as pool:
            said = pool.map(asked, runs, chunksize=8)
    print(json.dumps(counted(runs, said), indent=1))


if __name__ == "__main__":
    main()

"""What does the doctor say first of trainings of published code, and how many of the sound ones does it alarm about?

    python benchmarks/public_code/score.py [--only NAME ...]

Reads recordings*.tar.zst: for each training the recordings of `newllm.record` (two of a game of two models) and what
its own script printed. Of several recordings the gravest finding counts. judged.toml says how a reader who had not seen
the doctor judged an answer of that kind and cause; "?" is an answer that nobody has judged.
"""

import argparse
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import newllm
from newllm.diagnosis.run_facts import runs_in
from newllm.errors import UserError
from newllm.trace import SEVERITIES, Finding

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks.strangers.score import unpack  # noqa: E402

SOURCES = {"recording": "recording", "log": "stdout.txt"}
NOTHING = "nothing"


def first(place: Path) -> tuple[str, str]:
    """Return the kind and the causes of the first finding that is more than a note, and its sentence."""
    found: list[Finding] = []
    for run in runs_in(place) or [place]:
        try:
            found += [one for one in newllm.doctor(run).findings if one.severity != "note"]
        except UserError as error:  # a script that printed nothing
            return f"unreadable: {error}", ""
    if not found:
        return NOTHING, ""
    gravest = max(found, key=lambda one: SEVERITIES.index(one.severity))  # of equals the first
    return " ".join([gravest.kind, *(gravest.supported_causes or ())]), str(gravest.sentence)


def verdict(label: dict[str, Any], judged: dict[str, str], said: str) -> str:
    """Return how an answer was judged."""
    if said.startswith("unreadable"):
        return "unreadable"
    if label["healthy"]:
        return "right" if said == NOTHING else "false alarm"
    return judged.get(said, "missed" if said == NOTHING else "?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    given = parser.parse_args()
    labels = tomllib.loads((HERE / "labels.toml").read_text(encoding="utf-8"))["run"]
    judged = tomllib.loads((HERE / "judged.toml").read_text(encoding="utf-8"))
    counted: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for archive in HERE.glob("recordings*.tar.zst"):
            unpack(archive, Path(folder), {label["name"] for label in labels})
        for label in labels:
            name = label["name"]
            if given.only and name not in given.only:
                continue
            for source, file in SOURCES.items():
                said, sentence = first(Path(folder) / name / file)
                found = verdict(label, judged.get(name, {}).get(source, {}), said)
                counted.setdefault(f"{source}s, {'healthy' if label['healthy'] else 'faulty'}", Counter())[found] += 1
                if found not in {"right", "missed", "unreadable"}:
                    print(f"{name}, {source}: {said}: {found}\n    {sentence}")
    for group, numbers in sorted(counted.items()):
        print(f"{group}: " + ", ".join(f"{count} {word}" for word, count in sorted(numbers.items())))


if __name__ == "__main__":
    main()

"""What does the doctor say first of each of these trainings, and is it right?

    python benchmarks/user_loops/first_sentences.py --out DIR [--set first|second|...] [--only NAME ...]

Runs each script (what stands in DIR already is not run again), lets the doctor read its recording and its log alone,
and looks up in SET/judged.toml how a reader who held the sentence against labels.toml judged an answer of that kind and
cause. An answer that nobody has judged is printed as "?", with its sentence. Ends with 1 where an answer is wrong or
unjudged, or a healthy run brings an alarm.
"""

import argparse
import os
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

import newllm

HERE = Path(__file__).parent
SETS = sorted(file.parent.name for file in HERE.glob("*/labels.toml"))
SOURCES = {"recording": "recording", "log": "log.csv"}
NOTHING = "nothing"


def made(script: Path, out: Path) -> Path:
    """The folder of a script's run, which is made where it is not there."""
    folder = out / script.stem
    if not (folder / "log.csv").is_file():
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run([sys.executable, script, "--out", folder], env=environment, check=True, stdout=sys.stderr)
    return folder


def answer(place: Path) -> tuple[str, str]:
    """The first thing that is more than a note, as kind and cause, and its sentence."""
    found = next((one for one in newllm.doctor(place).findings if one.severity != "note"), None)
    if found is None:
        return NOTHING, ""
    return " ".join([found.kind, *(found.supported_causes or ())]), str(found.sentence)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs")
    parser.add_argument("--set", choices=SETS, default="first")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    given = parser.parse_args()
    folder = HERE / given.set
    labels = {one["name"]: one for one in tomllib.loads((folder / "labels.toml").read_text())["script"]}
    judged = tomllib.loads((folder / "judged.toml").read_text())
    counted: dict[str, Counter[str]] = {name: Counter() for name in (*SOURCES, "healthy")}
    print("| script | recording | log |\n|---|---|---|")
    for name, label in labels.items():
        if given.only and name not in given.only:
            continue
        run, cells = made(folder / f"{name}.py", given.out), []
        for source, file in SOURCES.items():
            said, sentence = answer(run / file)
            healthy = label["healthy"]
            known = judged.get(name, {}).get(source, {})
            how = ("right" if said == NOTHING else "alarm") if healthy else known.get(said, "?")
            how = "missed" if how == "?" and said == NOTHING else how
            is_hidden = not healthy and source == "log" and label["visible"] == "recording" and how == "missed"
            counted["healthy" if healthy else source]["not in the log" if is_hidden else how] += 1
            cells.append(f"{how}: {said}" + (f" ({sentence})" if how == "?" else ""))
        print(f"| {name} | {' | '.join(cells)} |", flush=True)
    print("\n" + "; ".join(f"{name}: {dict(count)}" for name, count in counted.items()))
    return 1 if any(count[how] for count in counted.values() for how in ("wrong", "alarm", "?")) else 0


if __name__ == "__main__":
    sys.exit(main())

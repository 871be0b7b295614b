"""How often is the doctor right about runs of other people's trainers?

    python benchmarks/strangers/score.py [--all] [--quick] [--only NAME ...] [--visible WHERE] [--recording] [--out F]
    python benchmarks/strangers/score.py --held-out --commit-note TEXT --out FILE
    python benchmarks/strangers/score.py --set second|...|sixth [--logs DIR] [--commit-note TEXT] [--details]

Asks `newllm.doctor` about each log and, apart from that, about each recording. Runs whose fault leaves nothing in what
is read are counted apart. Without --held-out only open runs are unpacked. With it only the others are, nothing but
totals is printed or stored, and it is done once: README.md says who may. That was done, so --all reads both parts now.
The second to the sixth set (README.md in their folders) are held out as a whole: totals only, unless --details
asks for single runs, which ends their being held out. From the third on they have recordings, which are asked about
too. --logs reads logs that were made again (sets/generate.py): a recorder may see more than it did when a set was made.
"""

import argparse
import io
import json
import multiprocessing
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

import zstandard

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks.strangers.answers import Accepted, Answer, Label, accepted_of, accepted_table, ask  # noqa: E402
from benchmarks.strangers.counting import Row, details, totals  # noqa: E402

SHOWN = {"log": ("log",), "recording": ("log", "recording")}
_WORKERS = 2
_QUICK = 8  # with --quick every eighth run
_LARGEST = 1 << 28
_COLUMNS = ("found", "any_warning", "right_cause_first", "wrong_cause_first", "wrong_cause_sure", "unknown")


def home(arguments: argparse.Namespace) -> Path:
    """Return the folder of the set that is scored."""
    return HERE / arguments.set if arguments.set else HERE


def labels_of(folder: Path) -> dict[str, Label]:
    """Return the labels of a set by the name of the run."""
    runs = json.loads((folder / "labels.json").read_text(encoding="utf-8"))["runs"]
    return {run["name"]: _in_one_form(run) for run in runs} if isinstance(runs, list) else runs


def _in_one_form(run: dict[str, Any]) -> Label:
    """Return a label of the third set (third/README.md) in the form of the others."""
    return {
        **run,
        "trainer": run["framework"],
        "kind": "healthy" if run["healthy"] else run["kind"],
        "steps": None if run["healthy"] else [run["begin"], run["end"]],
        "visible": None if run["healthy"] else run["visible"],
    }


def unpack(archive: Path, folder: Path, names: set[str]) -> None:
    """Write the logs and recordings of some runs of an archive below a folder."""
    content = zstandard.ZstdDecompressor().decompress(archive.read_bytes(), _LARGEST)
    with tarfile.open(fileobj=io.BytesIO(content)) as packed:
        wanted = [member for member in packed.getmembers() if member.name.removeprefix("./").split("/")[0] in names]
        packed.extractall(folder, members=wanted, filter="data")


def chosen(labels: dict[str, Label], arguments: argparse.Namespace) -> dict[str, Label]:
    """Return the runs that are scored."""
    whole = arguments.all
    runs = {name: label for name, label in labels.items() if whole or label["held_out"] == arguments.held_out}
    if arguments.only:
        runs = {name: runs[name] for name in arguments.only}
    if arguments.quick:
        runs = dict(list(runs.items())[::_QUICK])
    if arguments.visible != "all":
        runs = {
            n: label for n, label in runs.items() if label["kind"] == "healthy" or label["visible"] == arguments.visible
        }
    return runs


def answers(labels: dict[str, Label], source: str, folder: Path, tables: Path = HERE) -> list[Row]:
    """Ask the doctor about each log ("log") or about each recording that there is ("recording")."""
    kinds, own = accepted_table(tables)
    read = {name: label for name, label in labels.items() if label[source] is not None}
    if source == "recording":  # what shows in the log need not show in the recording
        read = {n: label if label.get("in_recording", True) else label | {"visible": "no"} for n, label in read.items()}
    jobs = [(label, folder / label[source], accepted_of(name, label, kinds, own)) for name, label in read.items()]
    with multiprocessing.get_context("spawn").Pool(_WORKERS) as pool:
        said = pool.starmap(_ask, jobs, chunksize=4)
    return [(name, label, answer) for (name, label), answer in zip(read.items(), said, strict=True)]


def _ask(label: Label, path: Path, accepted: Accepted) -> Answer:
    return ask(label, path, accepted)


def results(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return everything that is stored."""
    start = time.perf_counter()
    folder = home(arguments)
    labels = chosen(labels_of(folder), arguments)
    found: dict[str, Any] = {
        "question": "what the doctor finds in runs of other people's trainers, and says of healthy ones",
        "part": arguments.set or ("held out" if arguments.held_out else "whole" if arguments.all else "open"),
        "command": " ".join(["python", "benchmarks/strangers/score.py", *map(_without_folders, sys.argv[1:])]),
        "commit": _git("rev-parse", "HEAD"),
        "changed_since": bool(_git("status", "--porcelain", "src")),
        "note": arguments.commit_note,
        "runs": len(labels),
    }
    with tempfile.TemporaryDirectory() as directory:
        logs = arguments.logs or Path(directory)
        if arguments.logs is None:
            unpack(folder / "logs.tar.zst", logs, set(labels))
        sources = ("recording",) if arguments.recording else ("log",) if arguments.set == "second" else tuple(SHOWN)
        for source in sources:
            rows = answers(labels, source, logs, folder)
            found[source] = totals(rows, SHOWN[source])
            if not arguments.held_out or arguments.details:
                found[source]["details"] = details(rows)
    return found | {"seconds": round(time.perf_counter() - start, 1)}


def _without_folders(word: str) -> str:
    """Return a word of the command line; of a path outside of the repository its name, as others have other folders."""
    path = Path(word)
    if not path.is_absolute():
        return word
    return str(path.relative_to(HERE.parents[1])) if path.is_relative_to(HERE.parents[1]) else path.name


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=HERE.parents[1], capture_output=True, text=True, check=False)
    return done.stdout.strip()


def text(found: dict[str, Any]) -> str:
    """Return the numbers as lines and tables."""
    lines = [f"{found['part']} part, {found['runs']} runs, commit {found['commit'][:10]}"]
    for source in (name for name in SHOWN if name in found):
        part = found[source]
        lines += ["", f"## {source}s", f"healthy runs alarmed: {_share(part['healthy']['alarmed'])}"]
        lines += [f"right step, of faults that begin later: {_share(part['onset_right'])}"]
        lines += [f"too little to judge: {part['unjudged']}; errors: {part['failed']}"]
        lines += ["", "| faults | " + " | ".join(_COLUMNS) + " |", "| --- " * (1 + len(_COLUMNS)) + "|"]
        groups = {f"visible in: {', '.join(SHOWN[source])}": part["faulty"]}
        for kind in ("visibility", "trainer", "severity"):
            groups |= {f"{kind}: {name}": numbers for name, numbers in part[f"by_{kind}"].items()}
        lines += [f"| {name} | " + " | ".join(_share(row[c]) for c in _COLUMNS) + " |" for name, row in groups.items()]
        lines += ["", *_calibration(part["calibration"]), *_details(part.get("details"))]
    return "\n".join(lines)


def _calibration(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return ["no probabilities of causes are given"]
    lines = [
        f"expected calibration error of the cause named first: {found['expected_error']:.3f}, {found['runs']} runs"
    ]
    return lines + [f"  {row['mean_probability']:.2f} said, {_share(row['right'])} right" for row in found["bins"]]


def _details(found: dict[str, Any] | None) -> list[str]:
    if found is None:
        return []
    lines = ["", "| kind | runs | found | right | wrong | unknown |", "| --- | --- | --- | --- | --- | --- |"]
    numbers = ("runs", "found", "right", "wrong", "unknown")
    lines += [f"| {kind} | " + " | ".join(str(row[n]) for n in numbers) + " |" for kind, row in found["kinds"].items()]
    lines += ["", *(f"alarmed {name}: {_said(said)}" for name, said in found["alarmed"].items())]
    for name, row in found["runs"].items():
        faults = [
            word for word, is_so in (("missed", not row["found"]), ("wrong cause", row["verdict"] == "wrong")) if is_so
        ]
        if faults:
            lines.append(f"{', '.join(faults)}: {name} [{row['kind']}; {row['visible']}]: {_said(row['said'])}")
    return lines + [f"error {name}: {message}" for name, message in found["errors"].items()]


def _said(findings: list[dict[str, Any]]) -> str:
    told = (f"{f['severity']} {f['kind']} ({', '.join(f['causes']) or 'unknown'})" for f in findings)
    return "; ".join(told) or "nothing"


def _share(found: dict[str, Any]) -> str:
    if not found["of"]:
        return "-"
    return f"{found['hits']} of {found['of']}: {found['share']:.0%} [{found['low']:.0%}, {found['high']:.0%}]"


def arguments_of(given: list[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--held-out", action="store_true", help="score what is held out, once; totals only")
    parser.add_argument("--commit-note", help="which commit is scored and why; with --held-out")
    parser.add_argument(
        "--all", action="store_true", help="both parts: what was held out has been scored, and is open now"
    )
    parser.add_argument("--quick", action="store_true", help="every eighth run: that it works, not what it says")
    parser.add_argument("--only", nargs="+", default=[], metavar="NAME", help="these open runs")
    parser.add_argument("--visible", choices=("log", "recording", "all"), default="all", help="faults that show there")
    parser.add_argument("--recording", action="store_true", help="recordings alone, not logs")
    parser.add_argument("--out", type=Path, help="write JSON there")
    others = ("second", "third", "fourth", "fifth", "sixth")
    parser.add_argument("--set", choices=others, help="another set, held out as a whole; totals only")
    parser.add_argument("--logs", type=Path, help="with --set: a folder of logs that were made again")
    parser.add_argument(
        "--details", action="store_true", help="with --set: single runs too, which ends its being held out"
    )
    arguments = parser.parse_args(given)
    if (arguments.details or arguments.logs) and not arguments.set:
        parser.error("--details and --logs go with --set")
    if arguments.set:
        others = (arguments.all, arguments.only, arguments.quick, arguments.recording, arguments.held_out)
        if any(others) or arguments.visible != "all":
            parser.error("--set scores a whole set: give only --details, --commit-note and --out beside it")
        arguments.held_out = True
        return arguments
    labels = json.loads((HERE / "labels.json").read_text(encoding="utf-8"))["runs"]
    for name in arguments.only:
        if name not in labels or (labels[name]["held_out"] and not arguments.all):
            parser.error(f"--only {name}: no open run has this name; labels.json has the names")
    if arguments.held_out:
        if not arguments.commit_note or arguments.out is None:
            parser.error("--held-out is done once: say --commit-note TEXT (what is scored and why) and --out FILE")
        if arguments.all or arguments.only or arguments.quick or arguments.recording or arguments.visible != "all":
            parser.error(
                "--held-out scores all that is held out: leave out --all, --only, --quick, --visible, --recording"
            )
        if _git("status", "--porcelain", "src"):
            parser.error("--held-out scores a commit: commit what has changed in src first")
    return arguments


def main() -> None:
    arguments = arguments_of()
    found = results(arguments)
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(text(found))


if __name__ == "__main__":
    main()

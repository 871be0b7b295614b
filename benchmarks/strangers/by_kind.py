"""Which findings are right in runs that the doctor has never seen? Each set is read by the doctor that scored it once.

    python benchmarks/strangers/by_kind.py [--out FILE] [--write]

Takes the sources of the commits that scored the sets (sets/README.md, ../public_code/README.md) out of the repository,
asks each about its set, and counts by kind of finding that is more than a note: the sound runs in which it was said,
and was all that was said; the faulty ones in which it was right (accepted.toml, judged.toml), and all that was right;
and the faulty ones in which it was something else. Logs and recordings count apart.

--write stores what the doctor says of itself: how often a finding that follows from no other, and a named cause, were
right (src/newllm/diagnosis/blind_tests.json).
"""

import argparse
import json
import subprocess
import sys
import tempfile
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
PUBLIC = HERE.parent / "public_code"
sys.path.insert(0, str(ROOT))

from benchmarks.strangers.answers import accepted_of, accepted_table  # noqa: E402
from benchmarks.strangers.score import labels_of, unpack  # noqa: E402

from newllm.diagnosis.blind_tests import COUNTS, BlindTests, probability_by  # noqa: E402
from newllm.diagnosis.harm import SELDOM  # noqa: E402
from newllm.statistics.interval import wilson  # noqa: E402

SCORED_ONCE = {
    "second": "e0407e06", "third": "967c5f63", "fourth": "7e910ef4", "fifth": "61f19f52", "sixth": "59b7cc42",
    "public 1": "d2d92a7e", "public 2": "15da8e16", "public 3": "a7a5e9dd", "public 4": "0add0c39",
    "public 5": "5ba41d08", "public 6": "8b6a8c8b", "public 7": "a950b2a9", "public 8": "40bd402e",
    "public 9": "321194ff", "public 10": "3c078cad", "public 11": "ce0b354a",
    "public 12": "947f07cf",
}  # fmt: skip
BY_SCORE = {"second"}  # causes had a score by experience then
WITH_COUNTS = {"public 9", "public 10", "public 11", "public 12"}  # how sure it was came of the counts before them


@dataclass(frozen=True)
class Root:
    """A kind of finding that was said of a run and follows from no other there, or a cause that was named."""

    set: str
    kind: str
    is_right: bool
    confidence: float  # the detector's own


Run = dict[str, Any]  # set, name, source, path, healthy, and what is right: kinds of finding and causes

# Asks the newllm of another commit, line by line, about what stands in its standard input.
ASK = """
import json, sys
import newllm
try:
    from newllm.diagnosis.run_facts import runs_in
except ImportError:  # the first doctors read one run at a time
    runs_in = lambda place: []
for line in sys.stdin:
    said = []
    try:
        for place in runs_in(__import__("pathlib").Path(json.loads(line))) or [json.loads(line)]:
            said += [
                {
                    "kind": one.kind, "causes": list(getattr(one, "supported_causes", None) or ())[:3],
                    "follows": getattr(one, "follows", None), "confidence": one.confidence, "severity": one.severity,
                }
                for one in newllm.doctor(place).findings
                if one.severity != "note"
            ]
    except Exception as error:
        print(f"{line.strip()}: {error}", file=sys.stderr)
    print(json.dumps(said), flush=True)
"""


def strangers(name: str, folder: Path) -> Iterator[Run]:
    """Unpack a set of strangers' runs."""
    labels, (kinds, own) = labels_of(HERE / name), accepted_table(HERE / name)
    unpack(HERE / name / "logs.tar.zst", folder / name, set(labels))
    for run, label in labels.items():
        right = accepted_of(run, label, kinds, own)
        about = {"healthy": label["kind"] == "healthy", "kinds": right.findings, "causes": right.causes}
        for source in ("log", "recording"):
            if label.get(source):
                yield {"set": name, "name": run, "source": source, "path": folder / name / label[source], **about}


def published(name: str, folder: Path) -> Iterator[Run]:
    """Unpack a batch of trainings of published code."""
    labels = tomllib.loads((PUBLIC / "labels.toml").read_text(encoding="utf-8"))["run"]
    judged = tomllib.loads((PUBLIC / "judged.toml").read_text(encoding="utf-8"))
    labels = [one for one in labels if one["batch"] == int(name.split()[1])]
    for archive in PUBLIC.glob("recordings*.tar.zst"):
        unpack(archive, folder / "public", {label["name"] for label in labels})
    for label in labels:
        for source, file in (("log", "stdout.txt"), ("recording", "recording")):
            answers = judged.get(label["name"], {}).get(source, {})
            right = {said.split()[0] for said, verdict in answers.items() if verdict in ("named", "found")}
            place = folder / "public" / label["name"] / file
            named = {said.split()[1] for said, verdict in answers.items() if verdict == "named"}
            about = {"healthy": label["healthy"], "kinds": right, "causes": named}
            yield {"set": name, "name": label["name"], "source": source, "path": place, **about}


def asked(commit: str, runs: list[Run], sources: Path) -> list[list[dict[str, Any]]]:
    """Return what the doctor of a commit says of runs."""
    place = sources / commit
    place.mkdir(parents=True)
    packed = subprocess.run(["git", "archive", commit, "src"], cwd=ROOT, capture_output=True, check=True).stdout
    subprocess.run(["tar", "x", "-C", place], input=packed, check=True)
    lines = "".join(json.dumps(str(run["path"])) + "\n" for run in runs)
    said = subprocess.run(
        [sys.executable, "-c", ASK], input=lines, capture_output=True, text=True, check=True,
        env={"PYTHONPATH": str(place / "src"), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    print(said.stderr, end="", file=sys.stderr)
    return [json.loads(line) for line in said.stdout.splitlines()]


def _is_right(run: Run, finding: dict[str, Any]) -> bool:
    return not run["healthy"] and bool(finding["kind"] in run["kinds"] or {*finding["causes"]} & run["causes"])


def _roots(runs: list[Run], said: list[list[dict[str, Any]]]) -> Iterator[Root]:
    """Yield, of each run, each kind of finding that follows from no other."""
    for run, findings in zip(runs, said, strict=True):
        roots = [one for one in findings if one["follows"] is None]
        for kind in sorted({one["kind"] for one in roots}):
            these = [one for one in roots if one["kind"] == kind]
            yield Root(run["set"], kind, any(_is_right(run, one) for one in these), these[0]["confidence"])


def _naming(runs: list[Run], said: list[list[dict[str, Any]]]) -> Iterator[tuple[Run, dict[str, Any]]]:
    """Yield, of each run, the first finding that names a cause, since causes are named by proof."""
    for run, findings in zip(runs, said, strict=True):
        first = next((one for one in findings if one["causes"]), None)
        if first is not None and run["set"] not in BY_SCORE:
            yield run, first


def _names_it(run: Run, finding: dict[str, Any]) -> bool:
    return not run["healthy"] and finding["causes"][0] in run["causes"]


def _first_causes(runs: list[Run], said: list[list[dict[str, Any]]]) -> Iterator[Root]:
    """Yield, of each run, the cause that was named first."""
    for run, first in _naming(runs, said):
        yield Root(run["set"], first["causes"][0], _names_it(run, first), first["confidence"])


def tested(roots: list[Root]) -> dict[str, dict[str, int]]:
    """Count in how many runs a finding was said and right, by its kind; likewise causes."""
    found: dict[str, Counter[str]] = {}
    for one in roots:
        found.setdefault(one.kind, Counter()).update({"right": int(one.is_right), "said": 1})
    return {kind: {"right": of["right"], "said": of["said"]} for kind, of in sorted(found.items())}


def reliability(roots: list[Root]) -> dict[str, Any]:
    """Return how reliable the detectors' own confidence was, and what counts say.

    Those of all sets but the one that is read; and, as a forecast, those that the doctor had when it read a new set.
    """
    counted = []
    for left_out in sorted({one.set for one in roots}):
        counts = {kind: BlindTests(**of) for kind, of in tested([one for one in roots if one.set != left_out]).items()}
        these = [one for one in roots if one.set == left_out]
        counted += [(probability_by(counts, one.kind), one.is_right) for one in these]
    said = {
        forecast: [(one.confidence, one.is_right) for one in roots if (one.set in WITH_COUNTS) is forecast]
        for forecast in (False, True)
    }
    return {"detectors": _error(said[False]), "counted": _error(counted), "forecast": _error(said[True])}


def as_notes(runs: list[Run], said: list[list[dict[str, Any]]]) -> dict[str, list[int]]:
    """Count runs with an alarm, before and after warnings of seldom right kinds are notes, by the counts of other sets.

    Returns:
        Of sound runs those with an alarm; of faulty ones those with a right alarm, and those with wrong ones alone.
    """
    found = {"sound, alarmed": [0, 0], "faulty, right": [0, 0], "faulty, wrong": [0, 0]}
    for left_out in sorted({run["set"] for run in runs}):
        of = [at for at, run in enumerate(runs) if run["set"] != left_out]
        roots = list(_roots([runs[at] for at in of], [said[at] for at in of]))
        counts = {kind: BlindTests(**count) for kind, count in tested(roots).items()}
        for run, findings in zip(runs, said, strict=True):
            if run["set"] != left_out:
                continue
            kept = [
                one
                for one in findings
                if one["causes"] or one["severity"] == "fault" or probability_by(counts, one["kind"]) >= SELDOM
            ]
            for at, alarms in enumerate((findings, kept)):
                right = any(_is_right(run, one) for one in alarms)
                found["sound, alarmed"][at] += run["healthy"] and bool(alarms)
                found["faulty, right"][at] += right
                found["faulty, wrong"][at] += not run["healthy"] and bool(alarms) and not right
    return found


def _error(said: list[tuple[float, bool]]) -> dict[str, Any]:
    """Return the expected calibration error of ten bins of equal width, and the bins."""
    places = [min(9, int(10 * probability)) for probability, _ in said]
    bins, apart = [], 0.0
    for place in sorted(set(places)):
        these = [one for one, at in zip(said, places, strict=True) if at == place]
        right = sum(is_right for _, is_right in these)
        share = wilson(right, len(these))
        mean = sum(probability for probability, _ in these) / len(these)
        bins.append(
            {
                "said": mean,
                "right": right,
                "of": len(these),
                "low": share.low,
                "high": share.high,
            }
        )
        apart += len(these) * abs(mean - right / len(these))
    return {"error": apart / len(said), "bins": bins}


def counted(runs: list[Run], said: list[list[dict[str, Any]]]) -> dict[str, dict[str, int]]:
    """Count by kind of finding, the most often wrong first."""
    found: dict[str, Counter[str]] = {}
    for run, findings in zip(runs, said, strict=True):
        kinds = {one["kind"] for one in findings}
        right = {one["kind"] for one in findings if _is_right(run, one)}
        for kind in kinds:
            of = found.setdefault(kind, Counter())
            if run["healthy"]:
                of.update({"sound": 1, "sound, alone": int(len(kinds) == 1)})
            elif kind in right:
                of.update({"right": 1, "right, alone": int(len(right) == 1)})
            else:
                of["else"] += 1
    columns = ("sound", "sound, alone", "right", "right, alone", "else")
    rows = sorted(found.items(), key=lambda row: (-row[1]["sound"], -row[1]["right"], row[0]))
    return {kind: {column: of[column] for column in columns} for kind, of in rows}


def named(runs: list[Run], said: list[list[dict[str, Any]]]) -> dict[str, int]:
    """Count the causes that were named first, since causes are named by proof: right, wrong, and said of sound runs."""
    found: Counter[str] = Counter({"right": 0, "wrong": 0, "sound": 0})
    for run, first in _naming(runs, said):
        found["sound" if run["healthy"] else "right" if _names_it(run, first) else "wrong"] += 1
    return dict(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, help="write JSON there too")
    parser.add_argument("--write", action="store_true", help="store what the doctor says of itself")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        arguments, runs, said = parser.parse_args(), list[Run](), list[list[dict[str, Any]]]()
        for name, commit in SCORED_ONCE.items():
            these = list((published if name.startswith("public") else strangers)(name, place))
            runs += these
            said += asked(commit, these, place / "sources")
    found: dict[str, Any] = {"question": "which findings were right in runs that the doctor had never seen"}
    for source in ("recording", "log"):
        of = [at for at, run in enumerate(runs) if run["source"] == source]
        these, answers = [runs[at] for at in of], [said[at] for at in of]
        sound = [bool(answer) for run, answer in zip(these, answers, strict=True) if run["healthy"]]
        found[source] = {"sound runs": len(sound), "alarmed": sum(sound), "faulty runs": len(these) - len(sound)}
        found[source]["named"] = named(these, answers)
        found[source]["kinds"] = counted(these, answers)
    roots = list(_roots(runs, said))
    found["reliability"] = reliability(roots)
    found["as notes"] = as_notes(runs, said)
    found["reliability of causes"] = reliability(list(_first_causes(runs, said)))["counted"]
    if arguments.write:
        stored = {
            "command": "python benchmarks/strangers/by_kind.py --write",
            "runs": {"sound": sum(run["healthy"] for run in runs), "faulty": sum(not run["healthy"] for run in runs)},
            "causes": tested(list(_first_causes(runs, said))),
            "findings": tested(roots),
        }
        COUNTS.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")
    text = json.dumps(found, indent=1) + "\n"
    if arguments.out is not None:
        arguments.out.write_text(text, encoding="utf-8")
    print(text, end="")


if __name__ == "__main__":
    main()

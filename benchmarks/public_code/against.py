"""What does the doctor say of trainings with a planted mistake that are held against their sound twin?

    python benchmarks/public_code/against.py [--only NAME ...] [--all]

Reads recordings*.tar.zst of the batches whose trainings were recorded sound and with mistakes: NAME-a and NAME-b are
held against NAME, and NAME-again, the sound training with another seed, too. judged-against.toml says how a reader who
had not seen the doctor judged an answer; "?" is an answer that nobody has judged. Prints what was not judged right, or
all answers.
"""

import argparse
import sys
import tempfile
import tomllib
from collections import Counter
from pathlib import Path

import newllm
from newllm.diagnosis.run_facts import runs_in
from newllm.errors import UserError
from newllm.trace import Finding
from newllm.words.differences import differences_of

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

from benchmarks.public_code.score import NOTHING, SOURCES, verdict  # noqa: E402
from benchmarks.strangers.score import unpack  # noqa: E402

FIRST_WITH_TWINS = 8  # batch
OTHERS = ("-a", "-b", "-again")
AGAINST = ("differs-from-reference", "program-differs", "parts-from-reference")
TOLD = 6  # signals, or differences of a program, of an answer


def said(place: Path, twin: Path) -> tuple[str, list[str]]:
    """Return the kinds and signals of an answer, by which it is judged, and its sentences above notes."""
    pairs = list(zip(runs_in(place) or [place], runs_in(twin) or [twin], strict=True))
    try:
        found = [one for pair in pairs for one in newllm.doctor(pair[0], against=pair[1]).findings]
    except UserError as error:  # a script that printed nothing
        return f"unreadable: {error}", []
    alarms = [one for one in found if one.severity != "note"]
    told = [f"{one.kind}: {', '.join(_names(one)[:TOLD])}" for one in alarms if one.kind in AGAINST]
    told[:0] = [
        f"differs-from-reference: {', '.join(one.evidence['differs'])}" for one in alarms if "differs" in one.evidence
    ]
    own = [" ".join([one.kind, *(one.supported_causes or ())]) for one in alarms[:1]]
    return " | ".join(told or own) or NOTHING, [f"{one.severity}: {one.sentence}" for one in found]


def _names(finding: Finding) -> list[str]:
    """Return the signals that differ; of programs the statements, options and files."""
    if finding.kind != "program-differs":
        return finding.evidence.get("signals", [])
    return [str(one.parameters["name"]) for one in differences_of(finding.sentence)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--all", action="store_true", help="print every answer")
    given = parser.parse_args()
    labels = tomllib.loads((HERE / "labels.toml").read_text(encoding="utf-8"))["run"]
    sound = {one["name"] for one in labels if one["healthy"]}
    labels = [
        one
        for one in labels
        if one["batch"] >= FIRST_WITH_TWINS and one["name"].endswith(OTHERS) and one["name"].rpartition("-")[0] in sound
    ]
    judged = tomllib.loads((HERE / "judged-against.toml").read_text(encoding="utf-8"))
    counted: dict[str, Counter[str]] = {}
    with tempfile.TemporaryDirectory() as folder:
        names = {one["name"] for one in labels} | {one["name"].rpartition("-")[0] for one in labels}
        for archive in HERE.glob("recordings*.tar.zst"):
            unpack(archive, Path(folder), names)
        for label in labels:
            name = label["name"]
            if given.only and name not in given.only:
                continue
            for source, file in SOURCES.items():
                answer, sentences = said(Path(folder) / name / file, Path(folder) / name.rpartition("-")[0] / file)
                found = verdict(label, judged.get(name, {}).get(source, {}), answer)
                group = f"batch {label['batch']}, {source}s, {'healthy' if label['healthy'] else 'faulty'}"
                counted.setdefault(group, Counter())[found] += 1
                if given.all or found not in {"right", "named", "found", "missed", "unreadable"}:
                    print(f"{name}, {source}: {answer}: {found}", *sentences, sep="\n    ")
    for group, numbers in sorted(counted.items()):
        print(f"{group}: " + ", ".join(f"{count} {word}" for word, count in sorted(numbers.items())))


if __name__ == "__main__":
    main()

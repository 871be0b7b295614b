"""Which evidence for causes carries over to another author's runs? Counts every row of the doctor's table on all sets.

    python benchmarks/strangers/evidence.py [--write | --check] [--only AUTHOR ...]

Eight authors: "own" (benchmarks/doctor), "first" (this folder's set), "second" to "sixth", "fresh"; of a run that
has a recording, log and recording are two runs of one kind. A row is right in a kind of run if its cause is accepted
there in at least half of the runs in which it is seen; it is counted by kind. Then each author is left out in turn, and
each kind: what the doctor would name first there, if a row with an argument is believed unless it was wrong in more
kinds of the others than right; and, beside it, if rows without an argument were believed too that were right in two
kinds of the others and at least three times as often as wrong.
--write stores the counts in src/newllm/diagnosis/causes/counts.json, for the doctor and docs/causes.md; --check says
whether they are still so.
"""

import argparse
import json
import multiprocessing
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import newllm

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE.parent / "doctor")]

from benchmarks.strangers.answers import accepted_of, accepted_table  # noqa: E402
from benchmarks.strangers.score import labels_of, unpack  # noqa: E402

from fault_kinds import KINDS  # noqa: E402
from newllm.diagnosis.case import Case  # noqa: E402
from newllm.diagnosis.causes import seen  # noqa: E402
from newllm.diagnosis.causes.evidence import COUNTS, EVIDENCE  # noqa: E402
from newllm.diagnosis.run_facts import runs_in  # noqa: E402
from stored import LABELS  # noqa: E402
from stored import unpack as unpack_own  # noqa: E402

AUTHORS = ("own", "first", "fresh", "second", "third", "fourth", "fifth", "sixth")
ARGUED = {one.id for one in EVIDENCE if one.argument}
VERDICTS = ("right", "wrong", "unknown", "silent")
_WORKERS = 2
TWICE, SURE = 2, 3  # kinds in which a row without an argument was right; and times as often as wrong
Kind = tuple[str, str]  # author and kind of run


class Job(NamedTuple):
    """A run to look at: who made it, what is wrong with it, and which causes count as right."""

    author: str
    kind: str
    path: Path
    accepted: frozenset[str]


@dataclass
class Looked:
    """What was seen in a run: of each warning, in the doctor's order, the ids and causes of all evidence."""

    job: Job
    warnings: list[list[tuple[str, str]]]

    @property
    def kind(self) -> Kind:
        """Its author and kind."""
        return self.job.author, self.job.kind


def jobs(folder: Path, authors: Iterable[str]) -> Iterator[Job]:
    """Unpack the sets below a folder, and return all healthy runs and all whose fault shows in what is read."""
    for author in authors:
        place = folder / author
        place.mkdir()
        if author == "own":
            unpack_own(place)
            for label in json.loads(LABELS.read_text(encoding="utf-8")):
                if not label.get("ill"):
                    kind = KINDS.get(label["kind"])
                    name = label["name"] + {"recorder": "", "jsonl": ".jsonl"}.get(label["log"], ".csv")
                    yield Job(author, label["kind"], place / name, frozenset([kind.name, *kind.causes] if kind else []))
            continue
        home = HERE if author == "first" else HERE / author
        labels = labels_of(home)
        unpack(home / "logs.tar.zst", place, {label["log"].split("/")[0] for label in labels.values()})
        tables = accepted_table(home) if author != "fresh" else None
        for name, label in labels.items():
            causes = frozenset(
                accepted_of(name, label, *tables).causes if tables else label.get("accepted", {}).get("causes", ())
            )
            if label["kind"] == "healthy" or label["visible"] == "log":
                yield Job(author, label["kind"], place / label["log"], causes)
            recorded = label.get("recording")
            if recorded and (label["kind"] == "healthy" or label["visible"] in ("log", "recording")):
                for path in runs_in(place / recorded) or [place / recorded]:
                    yield Job(author, label["kind"], path, causes)


def look(job: Job) -> Looked:
    """Return all evidence for causes that is seen in a run."""
    found = newllm.doctor(job.path)
    warnings = []
    for one in found.findings:
        if one.severity != "note":
            others = [other for other in found.findings if other is not one]
            case = Case(one, found.trace, found.facts, others, found.trace.last_step)
            warnings.append([(row.id, cause.name) for row, cause in seen(case)])
    return Looked(job, warnings)


def by_kind(runs: Iterable[Looked]) -> dict[str, dict[Kind, bool]]:
    """Return of each row the kinds in which it was seen, and whether it was right there."""
    balance: dict[str, Counter[Kind]] = {one.id: Counter() for one in EVIDENCE}
    for run in runs:
        for row, cause in {pair for pairs in run.warnings for pair in pairs}:
            balance[row][run.kind] += 1 if cause in run.job.accepted else -1
    return {row: {kind: count >= 0 for kind, count in kinds.items()} for row, kinds in balance.items()}


def named(run: Looked, counted: dict[str, dict[Kind, bool]], left_out: set[Kind], *, experience: bool) -> str:
    """Return the cause that is named first in a run, by the counts of the other runs; empty without one."""
    for pairs in run.warnings:
        for row, cause in pairs:
            kinds = {kind: right for kind, right in counted[row].items() if kind not in left_out}
            right, wrong = sum(kinds.values()), len(kinds) - sum(kinds.values())
            if (wrong <= right) if row in ARGUED else (experience and right >= max(TWICE, SURE * wrong)):
                return cause
    return ""


def verdicts(
    runs: Iterable[Looked], counted: dict[str, dict[Kind, bool]], by: str, *, experience: bool
) -> Counter[str]:
    """Return how often the first cause is right, wrong or unknown in faulty runs, each judged by the others' counts."""
    found = Counter(dict.fromkeys(VERDICTS, 0))
    everywhere = {kind for kinds in counted.values() for kind in kinds}
    for run in runs:
        out = {kind for kind in everywhere if kind[0] == run.job.author} if by == "author" else {run.kind}
        cause = named(run, counted, out, experience=experience)
        if run.job.kind == "healthy":
            found["healthy named"] += bool(cause)
        else:
            said = "right" if cause in run.job.accepted else "wrong" if cause else "unknown"
            found[said if run.warnings else "silent"] += 1
    return found


def results(authors: Iterable[str]) -> dict[str, Any]:
    """Return everything that is stored."""
    with tempfile.TemporaryDirectory() as directory:
        todo = list(jobs(Path(directory), authors))
        with multiprocessing.get_context("spawn").Pool(_WORKERS) as pool:
            runs = pool.map(look, todo, chunksize=8)
    counted = by_kind(runs)
    groups = {author: [run for run in runs if run.job.author == author] for author in authors}
    left_out = {
        f"{by} left out{', experience too' if experience else ''}": {
            author: dict(verdicts(group, counted, by, experience=experience)) for author, group in groups.items()
        }
        for by in ("author", "kind")
        for experience in (False, True)
    }
    return {
        "command": "python benchmarks/strangers/evidence.py --write",
        "left_out": left_out,
        "rows": {row: _by_author(kinds) for row, kinds in counted.items()},
    }


def _by_author(kinds: dict[Kind, bool]) -> dict[str, dict[str, int]]:
    return {
        word: dict(Counter(author for (author, _), right in sorted(kinds.items()) if right is is_right))
        for word, is_right in (("right", True), ("wrong", False))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="store the counts where the doctor reads them")
    parser.add_argument("--check", action="store_true", help="exit with 1 where what is stored is not so any more")
    parser.add_argument("--only", nargs="+", choices=AUTHORS, default=AUTHORS, metavar="AUTHOR")
    arguments = parser.parse_args()
    if (arguments.write or arguments.check) and set(arguments.only) != set(AUTHORS):
        parser.error("--only counts a part: leave it out with --write and --check")
    found = results(arguments.only)
    text = json.dumps(found, indent=1) + "\n"
    print(json.dumps(found["left_out"], indent=1))
    if arguments.write:
        COUNTS.write_text(text, encoding="utf-8")
    if arguments.check and text != COUNTS.read_text(encoding="utf-8"):
        sys.exit(f"{COUNTS.name} is not what the runs say: look at the difference, then --write")


if __name__ == "__main__":
    main()

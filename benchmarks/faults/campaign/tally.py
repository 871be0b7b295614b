"""What a campaign has come to: counts by kind, by what was damaged and by verdict, kept in a file as it goes."""

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import filelock

from campaign.outcome import VERDICTS, VIOLATION, Outcome
from newllm.files import write_json

_KEPT = 60  # violations of one kind that are told in full


class Tally:
    """Counts of one kind of fault.

    Args:
        kind: of fault.
        seed: of the campaign.

    Attributes:
        cases: how many have been run: the number of the next one.
        seconds: that they took.
        counts: by what was damaged, and verdict.
        violations: as `(case, about, detail)`.
    """

    def __init__(self, kind: str, seed: str) -> None:
        self.kind, self.seed = kind, seed
        self.cases, self.seconds = 0, 0.0
        self.counts: Counter[tuple[str, str]] = Counter()
        self.violations: list[tuple[int, str, str]] = []

    @property
    def faults(self) -> int:
        """How many faults there were; one case may be several kills."""
        return sum(self.counts.values())

    def add(self, case: int, outcomes: Iterable[Outcome]) -> None:
        """Count what became of a case."""
        for one in outcomes:
            self.counts[one.about, one.verdict] += 1
            if one.verdict == VIOLATION and len(self.violations) < _KEPT:
                self.violations.append((case, one.about, one.detail))

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        by: dict[str, dict[str, int]] = {}
        for (about, verdict), count in sorted(self.counts.items()):
            by.setdefault(about, {})[verdict] = count
        totals = {verdict: sum(one.get(verdict, 0) for one in by.values()) for verdict in VERDICTS}
        return {
            "seed": self.seed,
            "cases": self.cases,
            "faults": self.faults,
            "seconds": round(self.seconds),
            "totals": {name: count for name, count in totals.items() if count},
            "by": by,
            "violations": [list(one) for one in self.violations],
        }

    def load(self, data: dict[str, Any]) -> None:
        """Take up what `as_dict` gave, of the same seed."""
        if data["seed"] == self.seed:
            self.cases, self.seconds = data["cases"], data["seconds"]
            for about, one in data["by"].items():
                self.counts.update({(about, verdict): count for verdict, count in one.items()})
            self.violations = [(case, about, detail) for case, about, detail in data["violations"]]


def load(file: Path | None, tallies: Iterable[Tally]) -> None:
    """Take up what a file holds of these kinds."""
    if file is not None and file.exists():
        content = json.loads(file.read_bytes())["kinds"]
        for one in tallies:
            if one.kind in content:
                one.load(content[one.kind])


def save(file: Path, tallies: Iterable[Tally], facts: dict[str, Any]) -> None:
    """Write the counts of these kinds into a file; what it holds of others stays."""
    with filelock.FileLock(f"{file}.lock"):
        kinds = json.loads(file.read_bytes())["kinds"] if file.exists() else {}
        kinds |= {one.kind: one.as_dict() for one in tallies}
        write_json(file, {**facts, "kinds": kinds})


def table(kinds: dict[str, dict[str, Any]]) -> str:
    """Return the counts as a Markdown table, a row a kind of fault and one for each thing that it was brought upon."""
    met = {verdict for one in kinds.values() for verdict in one["totals"]}
    shown = [verdict for verdict in VERDICTS if verdict in {*met, VIOLATION}]
    lines = [f"| fault | upon | {' | '.join(shown)} | all |", f"| --- | --- |{' ---: |' * (len(shown) + 1)}"]
    for kind, one in kinds.items():
        rows = [("**all**", one["totals"]), *one["by"].items()]
        for about, counts in rows:
            cells = [f"{counts.get(verdict, 0):,}" for verdict in shown]
            lines.append(f"| {kind} | {about} | {' | '.join(cells)} | {sum(counts.values()):,} |")
    return "\n".join(lines)

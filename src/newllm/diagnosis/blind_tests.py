"""How often what the doctor says was right in runs that nobody had shown it.

Each set of other people's runs was labelled before the doctor saw it and scored once (benchmarks/strangers,
benchmarks/public_code). What its findings and causes were worth there is said beside them, and nothing else is said of
how sure they are: the detectors' own confidence was between 0.8 and 0.99 where 64 of 100 were right.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from newllm.trace import Finding

COUNTS = Path(__file__).with_name("blind_tests.json")
PRIOR = 6  # findings of any kind that are counted with those of a rare one; of 2 to 12 the best calibrated


@dataclass(frozen=True)
class BlindTests:
    """How often something was said of runs that the doctor had never seen, half of them sound, and was right."""

    right: int
    said: int

    @property
    def share(self) -> float:
        """The share that was right."""
        return self.right / self.said


@cache
def _counts() -> Mapping[str, Mapping[str, BlindTests]]:
    """Return the counts of findings by kind and of causes, which `benchmarks/strangers/by_kind.py --write` wrote."""
    stored = json.loads(COUNTS.read_text(encoding="utf-8"))
    return {of: {name: BlindTests(**one) for name, one in stored[of].items()} for of in ("findings", "causes")}


def blind_tests(finding: Finding) -> BlindTests | None:
    """Return how often a warning or fault of its kind was right; None where it was never said, and for a note."""
    return None if finding.severity == "note" else _counts()["findings"].get(finding.kind)


def probability_of_kind(kind: str) -> float:
    """Return the probability that a warning or fault of a kind is right."""
    return probability_by(_counts()["findings"], kind)


def probability_by(counts: Mapping[str, BlindTests], name: str) -> float:
    """Return the probability that a finding of a kind, or a cause, is right: the usual one where it was never said.

    Counted as if `PRIOR` of the usual worth had been said besides, so that 2 of 2 do not make it certain.
    """
    usual = sum(one.right for one in counts.values()) / sum(one.said for one in counts.values())
    own = counts.get(name, BlindTests(0, 0))
    return (own.right + PRIOR * usual) / (own.said + PRIOR)


def probability_of_cause(cause: str) -> float:
    """Return the probability that a cause is right where it is named."""
    return probability_by(_counts()["causes"], cause)

"""What a program is told of at each of its trainings: a trait of it, and no news of one run."""

import math
from collections.abc import Sequence

from newllm.trace import SEVERITIES, Finding

GRAVER = 1.5  # times as far as in another run: then it is another finding
FEWEST = 2  # runs that have it


def has_too(finding: Finding, others: Sequence[Finding]) -> bool:
    """Whether another run has a finding too: of the same kind and signal, as grave, and as far off."""
    return any(
        one.kind == finding.kind
        and one.signal == finding.signal
        and SEVERITIES.index(one.severity) >= SEVERITIES.index(finding.severity)
        and _distance(finding) <= _distance(one) + math.log(GRAVER)
        for one in others
    )


def is_sound(findings: Sequence[Finding], runs: Sequence[Sequence[Finding]]) -> bool:
    """Whether a run has no alarm but warnings that are usual: the first run of its program and most others have them.

    Args:
        findings: of the run.
        runs: those of the runs of its program, the oldest first, its own among them.
    """
    return all(one.severity == "note" or _is_usual(one, runs) for one in findings)


def _is_usual(finding: Finding, runs: Sequence[Sequence[Finding]]) -> bool:
    have = [has_too(finding, one) for one in runs]
    return finding.severity == "warning" and have[:1] == [True] and sum(have) >= max(FEWEST, len(have) // 2 + 1)


def _distance(finding: Finding) -> float:
    """Return how far off a finding is, on a log scale; -inf where it has no such number."""
    for name in ("height", "worst", "ratio"):
        size = finding.evidence.get(name)
        if isinstance(size, int | float) and not isinstance(size, bool) and size and math.isfinite(size):
            far = math.log(abs(size))
            return abs(far) if name == "ratio" else far  # half as much is as far off as twice as much
    return -math.inf

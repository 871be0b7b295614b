"""Which findings a replay can take up: there must be something that a changed training may not show again."""

from collections.abc import Sequence

from newllm.trace import Finding

JUMPS = ("spike", "diverged")
_KINDS = (*JUMPS, "not-finite", "slow-divergence")
_INSTEAD = "gradient-explosion"


def replayable(findings: Sequence[Finding]) -> list[Finding]:
    """Return spikes, divergences and losses that are not finite; without any of them exploding gradients."""
    chosen = [one for one in findings if one.kind in _KINDS and not (one.kind == "not-finite" and _is_note(one))]
    return chosen or [one for one in findings if one.kind == _INSTEAD]


def _is_note(finding: Finding) -> bool:
    return finding.severity == "note"

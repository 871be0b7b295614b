"""Settings of an optimizer or a layer that are a slip in nearly every training that has them."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeGuard

import numpy as np

from newllm.diagnosis.facts import Facts, is_adam
from newllm.diagnosis.layers import and_more
from newllm.diagnosis.levels import median
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

MOST_DROPPED = 0.75  # of the numbers of a layer
MOST_SMOOTHED = 0.7  # of the entropy of a guess lie in the targets themselves: three classes of ten alike, say
FEWEST = 5  # sampled updates
NEWEST_ALONE = 0.9  # momentum of a batch norm from which its statistics are those of the newest batch


def are_exchanged(betas: Sequence[float] | None, optimizer: str) -> TypeGuard[Sequence[float]]:
    """Whether the betas of an optimizer of this name are those of an Adam, the wrong way round.

    The mean of the gradients forgets faster than that of their squares (beta1 below beta2), else an update may be far
    longer than the learning rate (Kingma and Ba 2015, arXiv:1412.6980, section 2.1).
    """
    return is_adam(optimizer) and betas is not None and betas[0] > betas[1]


def norm_slips(momenta: Mapping[str, float]) -> Iterator[tuple[str, list[str]]]:
    """Yield what is wrong with the momentum of batch norms, "still" or "newest", and of which of them.

    It is the share of the newest batch in torch, and of what was there before in TensorFlow.
    """
    for which, has in (
        ("still", lambda momentum: momentum == 0),
        ("newest", lambda momentum: momentum >= NEWEST_ALONE),
    ):
        if names := [name for name, momentum in momenta.items() if has(momentum)]:
            yield which, names


def detect_settings(trace: Trace, facts: Facts) -> list[Finding]:
    """Return betas that are exchanged, batch norms whose statistics stand still or are those of one batch, and others.

    False alarms: none by chance, as settings are read and nothing is measured; they may be meant.
    """
    steps = trace.series("loss").step
    if not len(steps):
        return []
    return [_finding(steps, which, evidence) for which, evidence in (*_slips(facts), *_too_much(trace, facts))]


def _slips(facts: Facts) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield which setting it is, and the numbers that say so."""
    if are_exchanged(facts.betas, facts.optimizer):
        yield "betas", {"beta1": facts.betas[0], "beta2": facts.betas[1]}
    momenta = {one.name: one.norm_momentum for one in facts.layers if one.trained and one.norm_momentum is not None}
    for which, names in norm_slips(momenta):
        yield which, {"layers": names, "momentum": momenta[names[0]]}


def _too_much(trace: Trace, facts: Facts) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what hides nearly all of what is to be learnt: dropout, or smoothing of the targets."""
    if facts.dropout >= MOST_DROPPED:
        yield "dropout", {"share": facts.dropout, "kept": round(1 - facts.dropout, 3)}
    entropy, guess = (finite(trace.series(name)).value for name in ("target_entropy", "entropy_of_guess"))
    if len(guess) >= FEWEST and median(entropy) >= MOST_SMOOTHED * median(guess):
        yield "smoothing", {"entropy": median(entropy), "guess": median(guess)}


def _finding(steps: np.ndarray, which: str, evidence: dict[str, Any]) -> Finding:
    numbers = {**evidence, "layers": and_more(evidence.get("layers", [])), "which": which}
    return Finding(
        kind="doubtful-setting",
        severity="warning",
        sentence=message("finding-doubtful-setting.sentence", **numbers),
        first_step=float(steps[0]),
        last_step=float(steps[-1]),
        confidence=0.9,
        signal="loss",
        evidence=evidence,
        alternatives=(message("finding-doubtful-setting.on-purpose"),),
        test=message("finding-doubtful-setting.test", **numbers),
    )

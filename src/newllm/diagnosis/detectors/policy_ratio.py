"""A policy whose probabilities are never other than before the update: the ratio of both is always one."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.roles import roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST_POINTS = 10
NOTHING = 1e-9
MOVED = 0.02  # of the entropy: the policy is not what it was


def detect_policy_ratio(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a divergence from the policy before the update that is exactly nothing while the policy changes.

    False alarms: with one pass over one batch the ratio is one by right, so a share of clipped ratios, which such a
    training has no use for, has to be logged too.
    """
    roles = roles_of(trace, facts)
    kl, entropy = roles.series("approximate_kl"), roles.series("entropy", "negative_entropy")
    clipped = roles.series("clip_fraction").value
    if training_kind(trace, facts).name != "reinforcement" or not len(clipped) or len(kl.value) < FEWEST_POINTS:
        return []
    if np.abs(kl.value).max() > NOTHING or np.abs(clipped).max() > NOTHING:
        return []
    if len(entropy.value) < FEWEST_POINTS or np.ptp(entropy.value) < MOVED * np.abs(entropy.value).max():
        return []
    name = roles.first("approximate_kl")
    return [
        Finding(
            kind="policy-ratio-one",
            severity="warning",
            sentence=message(
                "finding-policy-ratio-one.sentence",
                signal=name,
                axis=trace.axis,
                last=int(kl.step[-1]),
                points=len(kl.value),
            ),
            first_step=float(kl.step[0]),
            last_step=float(kl.step[-1]),
            confidence=0.9,
            signal=name,
            evidence={"largest": float(np.abs(kl.value).max())},
            alternatives=(message("finding-policy-ratio-one.one-pass"),),
            test=message("finding-policy-ratio-one.test"),
            candidate_causes=("stale-probabilities",),
        )
    ]

"""A loss of several parts, of which one has all the say: the others are not learnt."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite, is_own_part, is_validation
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST = 12  # points
DOMINATES = 20.0  # times the task's own part: the rest of the loss
OF_RUN = 0.8  # of the points
STILL = 0.1  # of its first value: the task's own part has fallen by less


def detect_dominated_part(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the task's own part of the loss where the rest outweighs it by far and it is hardly learnt.

    False alarms: a part is named by what tasks are called, so that the divergence of an autoencoder or the loss of a
    value function is none; a part that falls all the same is learnt, whatever its share.
    """
    if training_kind(trace, facts).name in {"reinforcement", "adversarial", "vae"}:
        return []
    loss = finite(trace.series("loss"))
    for name in trace.signals:
        part = finite(trace.series(name))
        if name == "loss" or is_validation(name) or not is_own_part(name) or len(part.value) < FEWEST:
            continue
        shared, here, there = np.intersect1d(loss.step, part.step, return_indices=True)
        whole, own = loss.value[here], part.value[there]
        if len(shared) < FEWEST or own[0] <= 0:
            continue
        few = max(2, len(own) // 8)
        fall = 1 - float(np.median(own[-few:]) / np.median(own[:few]))
        rest = np.abs(whole - own)
        times = float(np.median(rest / np.abs(own)))
        if np.mean(rest > DOMINATES * np.abs(own)) < OF_RUN or fall > STILL:
            continue
        return [
            Finding(
                kind="dominated-part",
                severity="warning",
                sentence=message("finding-dominated-part.sentence", part=name, times=times, fall=max(fall, 0.0)),
                first_step=float(shared[0]),
                last_step=float(shared[-1]),
                confidence=0.9,
                signal=name,
                evidence={"times": times, "fall": fall},
                alternatives=(message("finding-dominated-part.unlearnable"),),
                test=message("finding-dominated-part.test"),
                candidate_causes=("auxiliary-loss",),
            )
        ]
    return []

"""A classification that ends hardly better than guessing, as the recorder sees by targets, answers and loss."""

import math

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import end_level, median
from newllm.diagnosis.losses import finite
from newllm.messages import message
from newllm.trace import Finding, Trace

FEWEST_UPDATES = 300
FEWEST_LOOKS = 10  # sampled updates
FEWEST_CLASSES = 5  # of two or three, a task may say no more
LEFT = 0.95  # of the loss of a guess
RIGHT = 2.0  # times the share of right answers of a guess
LAST = 0.1  # of the run
PARTS = 10  # of the run: in none of them was the level below that of a guess


def detect_at_chance(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return that a loss ends near ln C, and hardly more of its targets are right than by a guess among C classes.

    It must never have been far below: what was learnt and lost is no standstill.

    False alarms: a run that has hardly begun has few updates; classes of unlike sizes are told apart by a guess, whose
    loss is lower; a loss that is no plain mean over its targets has other units; and one that leaves targets out from
    some step on is that of what is left, as of the hardest.
    """
    loss, classes = finite(trace.series("loss")), trace.series("target_classes_seen").value
    form, right = trace.series("cross_entropy").value, trace.series("targets_right").value
    multiple = trace.series("loss_multiple").value
    looks = min(len(form), len(right), len(multiple), len(classes))
    if len(loss.value) < FEWEST_UPDATES or looks < FEWEST_LOOKS or median(form) < 1 or classes[-1] < FEWEST_CLASSES:
        return []
    count, answered = int(classes[-1]), median(right[len(right) // 2 :])
    guess, level = math.log(count), end_level(loss, LAST)
    if abs(median(multiple) - 1) > 1 - LEFT or level < LEFT * guess or answered > RIGHT / count:
        return []
    if any(median(part) < LEFT * guess for part in np.array_split(loss.value, PARTS)):
        return []  # it was learnt, and lost
    used = trace.series("targets_used").value
    if len(used) and used[-1] < LEFT * used[0]:
        return []
    return [
        Finding(
            kind="plateau",
            severity="warning",
            sentence=message(
                "finding-plateau.chance",
                updates=len(loss.value),
                level=level,
                classes=count,
                guess=guess,
                right=answered,
            ),
            first_step=float(loss.step[0]),
            last_step=float(loss.step[-1]),
            confidence=0.9,
            signal="loss",
            evidence={"level": level, "uniform": guess, "right": answered, "whole_run": True},
            alternatives=(message("finding-plateau.small-rate"), message("finding-plateau.unlearnable")),
            test=message("finding-plateau.test"),
            candidate_causes=("learning-rate", "initialisation", "wrong-targets", "label-noise"),
        )
    ]

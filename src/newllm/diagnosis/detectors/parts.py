"""A loss of several parts, of which one has all the say, or the wrong sign: the others are not learnt."""

import itertools
import re

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite, is_own_part, is_validation, names_a_loss
from newllm.diagnosis.roles import is_layered, roles_of
from newllm.diagnosis.sums import weights
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace

FEWEST = 12  # points
FEWEST_READ = 3  # weights of an entropy, each of which many rows agree on
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
        if name == "loss" or is_validation(name) or is_layered(name) or not is_own_part(name):
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


# A part that is subtracted: the smaller the loss, the larger it is.
MOST_PARTS = 6  # columns that are tried, in threes at most
SHARE = 0.01  # of the loss
_PARTS = ("auxiliary_loss", "kl", "reconstruction")
# What is a sum with the loss in it, and what is meant to become large: an entropy, the loss of what is to be forgotten
# or not to be told (domains).
_WHOLE = re.compile(r"(^|[^a-z])(total|overall|combined|full|final|objective|sum)($|[^a-z])", re.IGNORECASE)
_WANTED = re.compile(
    r"(?<!cross)(^|[_/ .-])(?<!cross[_/ .-])(entropy|ent|domain|dann|adv|forget)($|[^a-z])", re.IGNORECASE
)


def detect_subtracted_part(trace: Trace, facts: Facts) -> list[Finding]:
    """Return a part with a weight below zero, where weights of logged parts give the loss at every point.

    False alarms: an entropy that is wanted, a reward and a margin have one; so only what is named a loss, a divergence
    or an error counts as a part. In the two sides of a game, and in policies, each may be the other's gain.
    """
    if training_kind(trace, facts).name in {"reinforcement", "adversarial", "preference"}:
        return []
    roles, names = roles_of(trace, facts), [name for name in trace.signals if not is_validation(name)]
    total = next((name for name in names if _WHOLE.search(name) and names_a_loss(name)), "loss")
    known = {name for role in _PARTS for name in roles.names(role)}
    parts = [name for name in names if name != total and (name in known or names_a_loss(name) or is_own_part(name))]
    parts = [name for name in parts if not _WANTED.search(name)]
    for count, chosen in ((n, one) for n in (1, 2, 3) for one in itertools.combinations(parts[:MOST_PARTS], n)):
        found = weights(trace, total, chosen)
        if found is None:
            continue
        least = int(np.argmin(found))
        part, whole = finite(trace.series(chosen[least])), finite(trace.series(total))
        share = float(-found[least] * np.median(np.abs(part.value)) / np.median(np.abs(whole.value)))
        if part.value.min() <= 0 or share < SHARE:
            return []  # how the loss is made is known, and no part is subtracted
        return [
            Finding(
                kind="auxiliary-loss",
                severity="warning",
                sentence=message(
                    "finding-auxiliary-loss.subtracted",
                    total=total,
                    signal=chosen[least],
                    weight=float(found[least]),
                    first=float(part.value[0]),
                    last=float(part.value[-1]),
                ),
                first_step=float(part.step[0]),
                last_step=float(part.step[-1]),
                confidence=0.97,
                signal=chosen[least],
                evidence={"weight": float(found[least]), "parts": count},
                alternatives=(message("finding-auxiliary-loss.wanted"),),
                test=message("finding-auxiliary-loss.sign"),
                candidate_causes=("auxiliary-loss", "loss-sign"),
            )
        ]
    return []


def detect_added_entropy(trace: Trace, facts: Facts) -> list[Finding]:
    """Return the entropy of a policy where it is added to the loss, so that training takes it away.

    The recorder reads its weight off the gradient of what the policy returned. In a log, the weights of the parts give
    the loss at every point, and that of the entropy is above zero.

    False alarms: an entropy that is logged with its sign turned round is rightly added; so only a column that is named
    an entropy, and not the loss of one, counts. Other kinds of training make an entropy small on purpose.
    """
    if training_kind(trace, facts).name != "reinforcement":
        return []
    roles = roles_of(trace, facts)
    read = finite(trace.series("entropy_weight"))
    if len(read.value) >= FEWEST_READ:
        shown = roles.first("entropy") or "entropy_weight"
        return [_entropy_asked_for(read, trace.axis, shown)] if read.value.min() > 0 else []
    others = [name for role in ("policy_loss", "value_loss") for name in roles.names(role)[:1]]
    entropy = roles.first("entropy")
    found = weights(trace, "loss", [*others, entropy]) if entropy and others else None
    if entropy is None or found is None or found[-1] <= 0:
        return []
    series = finite(trace.series(entropy))
    few = max(1, len(series.value) // 10)
    return [
        Finding(
            kind="auxiliary-loss",
            severity="warning",
            sentence=message(
                "finding-auxiliary-loss.added",
                total="loss",
                signal=entropy,
                weight=float(found[-1]),
                first=float(np.median(series.value[:few])),
                last=float(np.median(series.value[-few:])),
            ),
            first_step=float(series.step[0]),
            last_step=float(series.step[-1]),
            confidence=0.97,
            signal=entropy,
            evidence={"weight": float(found[-1]), "parts": len(found), "entropy": True},
            alternatives=(message("finding-auxiliary-loss.less-random"),),
            test=message("finding-auxiliary-loss.sign"),
            candidate_causes=("auxiliary-loss", "loss-sign"),
        )
    ]


def _entropy_asked_for(read: Series, axis: str, shown: str) -> Finding:
    weight = float(np.median(read.value))
    return Finding(
        kind="auxiliary-loss",
        severity="warning",
        sentence=message(
            "finding-auxiliary-loss.asked", weight=weight, axis=axis, first=int(read.step[0]), last=int(read.step[-1])
        ),
        first_step=float(read.step[0]),
        last_step=float(read.step[-1]),
        confidence=0.97,
        signal=shown,
        evidence={"weight": weight, "entropy": True},
        alternatives=(message("finding-auxiliary-loss.less-random"),),
        test=message("finding-auxiliary-loss.sign"),
        candidate_causes=("auxiliary-loss", "loss-sign"),
    )

"""Trainings on preferences (DPO and its kin): pairs that tell nothing, and a reference that is the policy itself.

Such a loss begins at ln 2, where policy and reference are equal. At exactly ln 2 for ever the two are one; a held-out
loss that never goes below it says that the pairs carry nothing that holds beyond themselves.
"""

import math

import numpy as np

from newllm.diagnosis.causes.fit import pairs_are_guessed
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import end_level, median
from newllm.diagnosis.losses import finite, sliding_mean
from newllm.diagnosis.roles import Roles, roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Trace, rank_trend

CHANCE = math.log(2)
EXACT = 1e-3  # nats: as near as logs are printed
NO_MARGIN = 1e-5
FEWEST_POINTS = 8
FEWEST_EVALUATIONS = 3
EARLY = 0.05  # of the run: hardly anything has been learnt
OFF = 0.05  # nats from ln 2
FAR_REWARD = 2.0  # of one answer, in the units that rewards are logged in
NEVER_BELOW = 0.99  # of ln 2, of held-out pairs
NEVER_BELOW_IN_TRAINING = 0.97  # likewise, of a mean over a tenth of the run


def detect_preference(trace: Trace, facts: Facts) -> list[Finding]:
    """Return what is wrong with a training on preferences: one finding.

    False alarms: a noisy set of pairs goes below ln 2 after all; at ln 2 to `EXACT` nats stays only what is ln 2.
    """
    if training_kind(trace, facts).name != "preference":
        return []
    roles = roles_of(trace, facts)
    found = _same_reference(roles) or _other_reference(roles) or _same_answers(roles) or _no_signal(roles)
    return [found] if found else []


def _same_reference(roles: Roles) -> Finding | None:
    loss = finite(roles.trace.series("loss"))
    if len(loss.value) < FEWEST_POINTS or np.abs(loss.value - CHANCE).max() > EXACT:
        return None
    rewards = {name: finite(roles.trace.series(name)).value for name in roles.names("chosen", "rejected", "margin")}
    largest = max((float(np.abs(value).max()) for value in rewards.values() if len(value)), default=0.0)
    if largest > NO_MARGIN:
        return None
    causes = ["no-gradient", "learning-rate"]  # a policy that never moves is its reference too
    causes.insert(0 if _is_updated(roles.trace) else 2, "reference-is-policy")
    return Finding(
        kind="preference-at-reference",
        severity="fault",
        sentence=message(
            "finding-preference-at-reference.sentence",
            axis=roles.trace.axis,
            first=int(loss.step[0]),
            last=int(loss.step[-1]),
            rewards=list(rewards) or None,
        ),
        first_step=float(loss.step[0]),
        last_step=float(loss.step[-1]),
        confidence=0.97 if rewards else 0.8,
        signal="loss",
        evidence={"loss": median(loss.value), "expected": CHANCE, "largest": largest},
        alternatives=(message("finding-preference-at-reference.no-update"),),
        test=message("finding-preference-at-reference.test"),
        candidate_causes=tuple(causes),
    )


def _is_updated(trace: Trace) -> bool:
    """Whether a rate and a gradient above zero are logged."""
    logged = [finite(trace.series(name)).value for name in ("learning_rate", "gradient_norm")]
    return all(len(value) and np.median(value) > 0 for value in logged)


def _other_reference(roles: Roles) -> Finding | None:
    """Return rewards that are far from zero before the first updates: of a reference that is another model.

    Both answers of a pair have to be, by more than they move over the rest of the run, at a first point that lies
    within `EARLY` of it.
    """
    loss = finite(roles.trace.series("loss"))
    chosen, rejected = roles.series("chosen"), roles.series("rejected")
    if min(len(one.value) for one in (loss, chosen, rejected)) < FEWEST_POINTS:
        return None
    first = float(chosen.value[0]), float(rejected.value[0])
    moved = max(float(np.std(one.value)) for one in (chosen, rejected))
    length = float(chosen.step[-1] - min(chosen.step[0], 0))
    late = chosen.step[0] > EARLY * length or abs(float(loss.value[0]) - CHANCE) < OFF
    if late or min(map(abs, first)) < max(FAR_REWARD, 2 * moved):
        return None
    if max(chosen.value.max(), rejected.value.max()) <= 0:
        return None  # log-probabilities: what a loss without a reference (SimPO, ORPO) takes for rewards
    return Finding(
        kind="reference-differs",
        severity="warning",
        sentence=message(
            "finding-reference-differs.sentence",
            axis=roles.trace.axis,
            first=int(chosen.step[0]),
            signal=roles.first("chosen"),
            reward=first[0],
            loss=float(loss.value[0]),
        ),
        first_step=float(chosen.step[0]),
        last_step=float(chosen.step[-1]),
        confidence=0.85,
        signal=roles.first("chosen"),
        evidence={"reward": first[0], "loss": float(loss.value[0]), "expected": CHANCE},
        alternatives=(message("finding-reference-differs.later"),),
        test=message("finding-reference-differs.test"),
        candidate_causes=("reference-mismatch",),
    )


def _same_answers(roles: Roles) -> Finding | None:
    """Return pairs of one and the same answer: their rewards move, and are equal to the last digit."""
    chosen, rejected = roles.series("chosen"), roles.series("rejected")
    equal = len(chosen.value) >= FEWEST_POINTS and np.array_equal(chosen.value, rejected.value)
    if not equal or float(np.abs(chosen.value).max()) < NO_MARGIN:
        return None
    return Finding(
        kind="preference-without-signal",
        severity="fault",
        sentence=message(
            "finding-preference-without-signal.equal",
            chosen=roles.first("chosen"),
            rejected=roles.first("rejected"),
            axis=roles.trace.axis,
            first=int(chosen.step[0]),
            last=int(chosen.step[-1]),
        ),
        first_step=float(chosen.step[0]),
        last_step=float(chosen.step[-1]),
        confidence=0.97,
        signal=roles.first("chosen"),
        evidence={"largest": float(np.abs(chosen.value).max()), "difference": 0.0},
        test=message("finding-preference-without-signal.test"),
        candidate_causes=("wrong-targets",),
    )


def _no_signal(roles: Roles) -> Finding | None:
    loss, held_out = finite(roles.trace.series("loss")), finite(roles.trace.series("validation_loss"))
    margin = roles.series("margin")
    has_evaluations = len(held_out.value) >= FEWEST_EVALUATIONS
    if has_evaluations and held_out.value.min() < NEVER_BELOW * CHANCE:
        return None
    if len(loss.value) < FEWEST_POINTS or not 0.7 * CHANCE < median(loss.value[:3]) < 1.3 * CHANCE:
        return None
    if not has_evaluations:
        tenth = max(5, len(loss.value) // 10)
        if len(loss.value) < 4 * tenth or not pairs_are_guessed(roles):
            return None
        if sliding_mean(loss.value, tenth).min() < NEVER_BELOW_IN_TRAINING * CHANCE:
            return None
    series = held_out if has_evaluations else loss
    moves = _rewards_move(roles)
    inverted = len(margin.value) >= FEWEST_POINTS and end_level(margin) < 0 and rank_trend(margin.value) < -0.8
    return Finding(
        kind="preference-without-signal",
        severity="fault",
        sentence=message(
            "finding-preference-without-signal.sentence",
            signal="validation_loss" if has_evaluations else "loss",
            least=float(series.value.min() if has_evaluations else median(series.value)),
            axis=roles.trace.axis,
            last=int(series.step[-1]),
            training=end_level(loss) if has_evaluations else None,
        ),
        first_step=float(loss.step[0]),
        last_step=float(loss.step[-1]),
        confidence=0.9 if has_evaluations else 0.8,
        signal="validation_loss" if has_evaluations else "loss",
        evidence={"best": float(series.value.min()), "expected": CHANCE, "rewards_move": moves, "inverted": inverted},
        alternatives=(message("finding-preference-without-signal.few-pairs"),),
        test=message("finding-preference-without-signal.test"),
        candidate_causes=("learning-rate", "wrong-targets"),
    )


def _rewards_move(roles: Roles) -> bool:
    """Whether the policy leaves its reference at all; without columns of it, that is taken for granted."""
    names = roles.names("chosen", "rejected")
    largest = [float(np.abs(finite(roles.trace.series(name)).value).max(initial=0.0)) for name in names]
    return not largest or max(largest) > 0.02

"""Policies (reinforcement learning): a reward that falls, stays or is hacked, and an entropy that is gone.

The loss of a policy is no measure of anything, so the reward (or the return) is judged. Rewards are noisy, rare and of
any unit: levels of `levels` are compared, and what has healed by the end of the run is no finding. A policy that is
sure and does well has an entropy of nearly nothing, too: it is a finding only beside a reward that is lost.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import end_level, for_good, median, scatter, smoothed, start_level
from newllm.diagnosis.losses import as_shares
from newllm.diagnosis.roles import Roles, roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Series, Trace, rank_trend

FEWEST_POINTS = 30
GONE = 0.02  # of the entropy at the start
LEARNT = 0.5  # of what was gained: more than that is lost
NOISE = 4.0  # standard deviations of the reward's noise
BELOW = 0.8  # of the run, to its end
HACKED = 0.5  # of the best success: less is left
LEAST_SUCCESS = 0.1  # a share of episodes
MOVED = 0.1  # of the entropy
STEADY = 0.2  # of the reward's level: with more noise no rise could be seen
STAYS, STAYS_OF_FEW = 0.1, 0.2  # of the run to its end, and where there are few points: policies have bad days
UNMOVED = 0.01  # of the entropy: the policy is what it was
LONG_ENOUGH = 60  # points
AT_ONCE = 0.1  # of the run: what falls by then fell with the first updates
IN_A_ROW, KEPT = 3, 0.7  # points; of what had been gained: the most that is left of it


def detect_policy(trace: Trace, facts: Facts) -> list[Finding]:
    """Return what is wrong with a policy: one finding, since the others follow from it.

    An exploited reward comes first, then an entropy that was gone before the reward was lost, then the reward itself.
    """
    if training_kind(trace, facts).name != "reinforcement":
        return []
    roles = roles_of(trace, facts)
    reward = roles.series("reward", "return")
    if len(reward.value) < FEWEST_POINTS:
        return []
    found = _hacked(roles, reward) or _lost(roles, reward) or _dropped(roles, reward) or _stays(roles, reward)
    return [found] if found else []


def _lost(roles: Roles, reward: Series) -> Finding | None:
    level, start, end = smoothed(reward), start_level(reward), end_level(reward, 0.1)
    best = int(np.argmax(level))
    noise = scatter(reward.value)
    below = for_good(reward, level < start - NOISE * noise)
    if below is not None and below[1] >= BELOW and level[len(level) // 5 :].max() < start:
        return _gone_before(roles, below[0], (start, end)) or _falls(
            roles, reward, below[0], (start, end), "from-start"
        )
    lost = float(level[best]) - end
    if lost < max(LEARNT * (float(level[best]) - start), NOISE * noise) or lost <= 0:
        return None
    stays = for_good(reward, level < level[best] - 0.5 * lost)
    if stays is None or stays[1] < (STAYS if len(reward.value) >= LONG_ENOUGH else STAYS_OF_FEW):
        return None
    levels = float(level[best]), end
    when = "from-start" if best <= max(2, AT_ONCE * len(level)) and end < start - NOISE * noise else "later"
    return _gone_before(roles, stays[0], levels) or _falls(roles, reward, stays[0], levels, when)


def _dropped(roles: Roles, reward: Series) -> Finding | None:
    """Return a reward that fell at once, to where no later point reaches most of what three in a row had before."""
    value, start = reward.value, start_level(reward)
    least = max(FEWEST_POINTS, int((STAYS if len(value) >= LONG_ENOUGH else STAYS_OF_FEW) * len(value)))
    places = np.arange(IN_A_ROW, len(value) - least + 1)
    before = np.min([value[places - back] for back in range(1, IN_A_ROW + 1)], axis=0) if len(places) else value[:0]
    after = np.maximum.accumulate(value[::-1])[::-1][places]
    fell = (before - start > NOISE * scatter(value)) & (after - start < KEPT * (before - start))
    if not fell.any():
        return None
    at, gained = int(places[fell][0]), float(before[fell][0])
    return _falls(roles, reward, float(reward.step[at]), (gained, float(np.median(value[at:]))), "later")


def _falls(roles: Roles, reward: Series, first: float, levels: tuple[float, float], when: str) -> Finding:
    name = roles.first("reward", "return")
    from_start = when == "from-start"
    return Finding(
        kind="reward-falls",
        severity="fault" if from_start else "warning",
        sentence=message(
            "finding-reward-falls.sentence",
            signal=name,
            before=levels[0],
            now=levels[1],
            axis=roles.trace.axis,
            first=int(first),
            when=when,
        ),
        first_step=float(reward.step[0]) if from_start else first,
        last_step=float(reward.step[-1]),
        confidence=0.9 if from_start else 0.8,
        signal=name,
        evidence={"before": levels[0], "after": levels[1]},
        alternatives=(message("finding-reward-falls.environment"),),
        test=message("finding-reward-falls.test"),
        candidate_causes=("reward-sign", "learning-rate") if from_start else ("learning-rate", "reward-sign"),
    )


def _entropy(roles: Roles) -> tuple[str | None, Series]:
    """Return the entropy of the policy; some trainers log it with its sign turned round."""
    if "entropy" in roles:
        return roles.first("entropy"), roles.series("entropy")
    turned = roles.series("negative_entropy")
    if len(turned.value) and turned.value[0] < 0:
        return roles.first("negative_entropy"), Series(turned.step, -turned.value)
    return None, turned


def _gone_before(roles: Roles, lost_at: float, levels: tuple[float, float]) -> Finding | None:
    """Return the entropy that was gone when the reward was lost, and stays so."""
    name, series = _entropy(roles)
    if name is None or len(series.value) < FEWEST_POINTS or start_level(series) <= 0:
        return None
    start = max(start_level(series), float(series.value[0]))
    near = series.step[min(len(series.step) - 1, 2 + len(series.step) // 20)] - series.step[0]
    gone = for_good(series, smoothed(series) < GONE * start)
    if gone is None or gone[0] > lost_at + near:
        return None
    return Finding(
        kind="entropy-collapse",
        severity="warning",
        sentence=message(
            "finding-entropy-collapse.sentence",
            signal=name,
            start=start,
            level=end_level(series),
            axis=roles.trace.axis,
            first=int(gone[0]),
            reward=roles.first("reward", "return"),
            before=levels[0],
            now=levels[1],
            lost=int(lost_at),
        ),
        first_step=gone[0],
        last_step=float(series.step[-1]),
        confidence=0.9,
        signal=name,
        evidence={"at_start": start, "entropy": end_level(series), "reward_before": levels[0], "reward": levels[1]},
        alternatives=(message("finding-entropy-collapse.solved"),),
        test=message("finding-entropy-collapse.test"),
        candidate_causes=("learning-rate",),
    )


def _stays(roles: Roles, reward: Series) -> Finding | None:
    """Return a reward that never rose although the policy has changed."""
    level, start, end = smoothed(reward), start_level(reward), end_level(reward)
    noise = max(scatter(reward.value), 1e-9 * max(1.0, abs(start)))
    if level.max() - start > 2 * noise or abs(end - start) > 2 * noise or abs(rank_trend(reward.value)) > 0.7:
        return None
    name, series = _entropy(roles)
    if name is None or len(series.value) < FEWEST_POINTS:
        return None
    began, ends = start_level(series), end_level(series)
    moved = (began - ends) / (abs(began) or 1.0)  # the entropy of a density may lie below zero
    is_still = float(np.ptp(smoothed(series))) < UNMOVED * abs(began) and len(reward.value) >= LONG_ENOUGH
    if moved < MOVED and not is_still:
        return None  # little has been learnt yet, for good or bad
    sentence = message(
        "finding-reward-stays.sentence",
        signal=roles.first("reward", "return"),
        level=end,
        entropy=name,
        moved=abs(moved),
        still=is_still,
        axis=roles.trace.axis,
        last=int(reward.step[-1]),
    )
    gone = began > 0 and ends < GONE * began
    is_clear = gone or is_still or noise < STEADY * abs(end)
    causes = ("learning-rate", "reward-sign") if gone else ("reward-sign", "learning-rate")
    causes = ("no-gradient", "learning-rate") if is_still else causes
    return Finding(
        kind="reward-stays",
        severity="warning" if is_clear else "note",
        sentence=sentence,
        first_step=float(reward.step[0]),
        last_step=float(reward.step[-1]),
        confidence=0.7,
        signal=roles.first("reward", "return"),
        evidence={"level": end, "noise": noise, "entropy_fell": moved},
        alternatives=(message("finding-reward-stays.rare"),),
        test=message("finding-reward-stays.test"),
        candidate_causes=causes,
    )


def _hacked(roles: Roles, reward: Series) -> Finding | None:
    """Return a reward that rises while what is meant by it falls."""
    name, success = roles.first("success"), roles.series("success")
    if name is None or len(success.value) < FEWEST_POINTS:
        return None
    success = Series(success.step, as_shares(success.value))
    level = smoothed(success)
    best, end = int(np.argmax(level)), end_level(success)
    before = reward.value[reward.step <= success.step[best]]
    if not len(before):
        return None  # nobody knows what the reward was when success was best
    earlier = median(before[-max(3, len(level) // 25) :])
    rise, noise = end_level(reward) - earlier, scatter(reward.value)
    if rise < NOISE * noise or rise <= 0.2 * float(np.ptp(smoothed(reward))):
        return None
    if level[best] < LEAST_SUCCESS or level[best] - end < LEAST_SUCCESS or end > HACKED * level[best]:
        return None
    stays = for_good(success, level < (1 + HACKED) / 2 * level[best])
    if stays is None:
        return None
    return Finding(
        kind="reward-hacking",
        severity="warning",
        sentence=message(
            "finding-reward-hacking.sentence",
            reward=roles.first("reward", "return"),
            before=earlier,
            now=end_level(reward),
            success=name,
            best=float(level[best]),
            left=end,
            axis=roles.trace.axis,
            first=int(stays[0]),
        ),
        first_step=stays[0],
        last_step=float(success.step[-1]),
        confidence=0.95,
        signal=name,
        evidence={"reward_before": earlier, "reward": end_level(reward), "best": float(level[best]), "last": end},
        alternatives=(message("finding-reward-hacking.other-measure"),),
        test=message("finding-reward-hacking.test"),
        candidate_causes=(),
    )

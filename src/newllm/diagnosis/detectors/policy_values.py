"""Values of states and actions (Q-learning, critics) that no episode has ever earned."""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.levels import end_level
from newllm.diagnosis.roles import roles_of
from newllm.diagnosis.training_kind import training_kind
from newllm.messages import message
from newllm.trace import Finding, Trace, rank_trend

FEWEST, FEWEST_RETURNS = 30, 5  # points
ABOVE = 2.0  # times the best return
RISES = 0.7  # correlation of ranks with time
CUT = 0.95  # of the longest episode: as long as that at the end, they are cut


def detect_values_above_returns(trace: Trace, facts: Facts) -> list[Finding]:
    """Return values that have risen, and rise, far above the best return of an episode.

    A value is the discounted sum of what an episode will earn, so that with rewards above zero no mean of values lies
    above the best return. False alarms: where episodes are cut at a length, a value rightly counts what would come
    later; so they must end by themselves, well below their longest, or have no length in the log.
    """
    roles = roles_of(trace, facts)
    values, returns, lengths = (roles.series(role) for role in ("value_estimate", "return", "length"))
    if training_kind(trace, facts).name != "reinforcement" or len(values.value) < FEWEST:
        return []
    if len(returns.value) < FEWEST_RETURNS or returns.value.min() < 0:
        return []
    best, end = float(returns.value.max()), end_level(values, 0.1)
    is_cut = len(lengths.value) > 0 and end_level(lengths, 0.1) > CUT * lengths.value.max()
    if best <= 0 or end <= ABOVE * best or rank_trend(values.value) < RISES or is_cut:
        return []
    below = np.flatnonzero(values.value <= ABOVE * best)
    name = roles.first("value_estimate")
    return [
        Finding(
            kind="values-above-returns",
            severity="warning",
            sentence=message(
                "finding-values-above-returns.sentence",
                signal=name,
                level=end,
                returns=roles.first("return"),
                best=best,
                times=end / best,
            ),
            first_step=float(values.step[below[-1] if len(below) else 0]),
            last_step=float(values.step[-1]),
            confidence=0.85,
            signal=name,
            evidence={"values": end, "best_return": best},
            alternatives=(
                message("finding-values-above-returns.scaled"),
                message("finding-values-above-returns.cut"),
            ),
            test=message("finding-values-above-returns.test"),
            candidate_causes=("bootstrap-target",),
        )
    ]

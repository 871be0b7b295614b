"""A training loss that falls far below its trend and comes back: data that is too easy for a while.

False alarms: as for spikes, by the tail of the run's own noise, downwards; and it must come back, since a loss that
falls for good is what training is for.
"""

import numpy as np

from newllm.diagnosis.excursion import SHORT, Excursion, find_excursions
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite, is_validation, loss_names
from newllm.messages import message
from newllm.trace import Finding, Trace

LEAST = 0.3  # on the log scale
MOST = 3  # with more dips than this the run is uneven
LONGEST = 0.2  # of the run
FIRST = 5  # points; what falls from above them falls back from a rise


def detect(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the dips of each training loss."""
    found: list[Finding] = []
    for name in loss_names(trace):
        series = finite(trace.series(name))
        if is_validation(name):
            continue
        spikes = find_excursions(series.value)
        dips = [one for one in find_excursions(series.value, sign=-1) if _came_back(one, spikes, len(series.value))]
        for one in dips if len(dips) <= MOST else []:
            low = float(series.value[one.peak])
            first, last = int(series.step[one.onset]), int(series.step[one.end - 1])
            if one.rise < LEAST or one.base > float(np.median(series.value[:FIRST])):
                continue
            found.append(
                Finding(
                    kind="loss-drop",
                    severity="warning",
                    sentence=message(
                        "finding-loss-drop.sentence",
                        signal=name,
                        base=one.base,
                        low=low,
                        axis=trace.axis,
                        first=first,
                        last=last,
                    ),
                    first_step=float(first),
                    last_step=float(last),
                    confidence=0.9,
                    signal=name,
                    evidence={"base": one.base, "low": low, "log_ratio": -one.rise, "expected_by_chance": one.chance},
                    alternatives=(message("finding-loss-drop.no-targets"), message("finding-loss-drop.seen-text")),
                    test=message("finding-loss-drop.test"),
                    candidate_causes=("repeated-text", "padding-counted", "data-order"),
                )
            )
    return found


def _came_back(one: Excursion, spikes: list[Excursion], count: int) -> bool:
    """Whether a fall is over soon, is no pause of a spike, and on a short curve does not end in one."""
    ended = one.end < count and one.end - one.onset <= max(3, LONGEST * count)
    if any(spike.onset <= one.onset <= spike.end for spike in spikes):
        return False
    followed = count < SHORT and any(spike.onset <= one.end + 1 and one.end <= spike.end for spike in spikes)
    return ended and not followed

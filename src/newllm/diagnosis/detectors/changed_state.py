"""Weights, frozen weights and moments that something else than the optimizer changed between two updates.

The recorder adds up their bits after each update and before the next (`recorder.ledger`): what is told here was seen,
and is no guess. What changes regularly is as a rule meant (a clamp after each update, Lookahead, an average of weights
that is put in and left there), and is a note. A change of weights that is undone before the next update, as for an
evaluation of averaged weights, is not seen and not told.
"""

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import and_more
from newllm.messages import message
from newllm.trace import Finding, Trace

PARTS = ("weights_changed", "frozen_changed", "moments_changed")
OFTEN = 0.1  # of the steps: what happens so often is part of the training
REGULAR = 5  # changes at equal distances


def detect_changed_state(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the first such change, with how often there was one."""
    counts: dict[str, float] = {}
    layers: dict[str, set[str]] = {}
    steps: set[int] = set()
    names = [name for name in sorted(trace.signals) if name.partition("/")[0] in PARTS]
    first = min((int(trace.series(name).step[0]) for name in names), default=None)
    if first is None:
        return []
    for name in names:
        part, _, layer = name.partition("/")
        series = trace.series(name)
        steps |= set(map(int, series.step))
        if int(series.step[0]) == first:
            counts[part] = counts.get(part, 0.0) + float(series.value[0])
            layers.setdefault(part, set()).add(layer)
    regular = _is_regular(np.array(sorted(steps)), len(trace.series("loss").step))
    what = [message(f"finding-changed-state.{part}", count=int(counts[part])) for part in PARTS if part in counts]
    where = sorted(set().union(*layers.values()))
    return [
        Finding(
            kind="changed-state",
            severity="note" if regular else "warning",
            sentence=message(
                "finding-changed-state.sentence",
                what=what,
                layers=and_more(where),
                axis=trace.axis,
                step=first,
                times=len(steps),
                regular=regular,
            ),
            first_step=float(first),
            last_step=float(max(steps)),
            confidence=0.99,
            signal="loss" if "loss" in trace.signals else None,
            evidence={"count": int(sum(counts.values())), "layers": len(where), "times": len(steps)},
            alternatives=tuple(
                message(f"finding-changed-state.{name}") for name in ("loaded", "by-hand", "other-optimizer", "memory")
            ),
            test=message("finding-changed-state.test"),
            candidate_causes=("changed-state",),
        )
    ]


def state_changes(trace: Trace) -> dict[int, dict[str, list[str]]]:
    """Return the changed layers, by the step before whose update it was seen, and by what: weights, frozen, moments."""
    found: dict[int, dict[str, list[str]]] = {}
    for name in sorted(trace.signals):
        part, _, layer = name.partition("/")
        if part in PARTS:
            for step in map(int, trace.series(name).step):
                found.setdefault(step, {}).setdefault(part.removesuffix("_changed"), []).append(layer)
    return found


def _is_regular(steps: np.ndarray, length: int) -> bool:
    gaps = np.diff(steps)
    return len(steps) > OFTEN * max(1, length) or (len(gaps) >= REGULAR and bool((gaps == gaps[0]).all()))

"""State that changed where it should not: weights, moments and buffers between updates, statistics of frozen layers.

The recorder adds up their bits after each update and before the next (`recorder.ledger`): what is told here was seen,
and is no guess. What changes regularly is as a rule meant (a clamp after each update, Lookahead, an average of weights
that is put in and left there), and is a note; not so moments that are changed again and again, and weights with them
not: an optimizer that is made anew. Nor weights that change whenever the model was evaluated: an evaluation is to leave
the model as it was. A change of weights that is undone before the next update, as for an
evaluation of averaged weights, is not seen and not told.

Statistics of a frozen layer that go on moving are no such change: its own forward passes move them, at every step.
"""

from collections.abc import Sequence

import numpy as np

from newllm.diagnosis.facts import Facts
from newllm.diagnosis.layers import ITSELF, ROOT, and_more
from newllm.messages import message
from newllm.trace import Finding, Trace

PARTS = ("weights_changed", "frozen_changed", "moments_changed", "buffers_changed")
STATISTICS = "statistics_changed"
OFTEN = 0.1  # of the steps: what happens so often is part of the training
MOST_LOOKS = 0.5  # of the looks at one tensor
REGULAR = 5  # changes at equal distances
FEWEST_NORMS, FEWEST_LAYERS, FAR_BACK = 4, 3, 3  # sampled steps before; layers; sampled steps back
MEMORY = 100  # updates: a tenth of what Adam's second moment remembers (beta2 = 0.999)


def detect_changed_state(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - every detector is called alike
    """Return the first such change, with how often there was one; what happens regularly is told by itself."""
    length = len(trace.series("loss").step)
    steps = {part: _steps(trace, part) for part in PARTS}
    regular = [
        part
        for part in PARTS
        if steps[part]
        and (is_regular(np.array(sorted(steps[part])), length) or _at_each_look(trace, sorted(steps[part]), length))
    ]
    others = [part for part in PARTS if steps[part] and part not in regular]
    return [_change(trace, parts, regular=parts is regular) for parts in (others, regular) if parts]


def _change(trace: Trace, parts: Sequence[str], *, regular: bool) -> Finding:
    steps = sorted(set[int]().union(*(_steps(trace, part) for part in parts)))
    first = steps[0]
    counts: dict[str, float] = {}
    layers: set[str] = set()
    for name in trace.signals:
        part, _, layer = name.partition("/")
        series = trace.series(name)
        if part in parts and int(series.step[0]) == first:
            counts[part] = counts.get(part, 0.0) + float(series.value[0])
            layers.add(layer)
    forgets = _moments_never_fill(parts, steps)
    evaluated = _follow_evaluations(trace, parts, steps)
    seldom = "regular-seen" if regular else "seen"
    watched, earlier = _watched(trace, first), _earlier_state(trace, first) if "weights_changed" in parts else None
    said = message(
        "finding-changed-state.sentence",
        what=[message(f"finding-changed-state.{part}", count=int(counts[part])) for part in PARTS if part in counts],
        layers=and_more(sorted(ITSELF if layer == ROOT else layer for layer in layers)),
        axis=trace.axis,
        step=first,
        times=len(steps),
        regular=evaluated or (regular if _all_seen(trace) else seldom),
    )
    said = said if watched is None else message("finding-changed-state.watched", said=said, watched=watched)
    if earlier is not None:
        said = message("finding-changed-state.earlier", said=said, axis=trace.axis, **earlier)
    return Finding(
        kind="changed-state",
        severity="note" if regular and not (forgets or evaluated) else "warning",
        sentence=said,
        first_step=float(first),
        last_step=float(steps[-1]),
        confidence=0.99,
        signal="loss" if "loss" in trace.signals else None,
        evidence={
            "count": int(sum(counts.values())),
            "layers": len(layers),
            "times": len(steps),
            **({"forgets": True} if forgets else {}),
            **({"as_at_step": earlier["as_at"]} if earlier else {}),
        },
        alternatives=tuple(
            message(f"finding-changed-state.{name}")
            for name in (["evaluation"] if evaluated else ["loaded", "by-hand", "other-optimizer", "memory"])
        ),
        test=message("finding-changed-state.test"),
        candidate_causes=("optimizer-reset", "changed-state") if forgets else ("changed-state",),
    )


def _earlier_state(trace: Trace, step: int) -> dict[str, int] | None:
    """Return how many layers' norms are, behind a change, what all of them were at one earlier step; and that step.

    Each layer by itself passes such a norm at a step of its own: noise, a clamp or a decay of the weights take them
    to no common one.
    """
    passed: list[list[float]] = []
    at = apart = 0
    for name in [name for name in sorted(trace.signals) if name.startswith("weight_norm/")]:
        norm = trace.series(name)
        behind = int(np.searchsorted(norm.step, step))
        if FEWEST_NORMS <= behind < len(norm.step) and np.ptp(norm.value[:behind]) > 0:
            off = norm.value[:behind] - norm.value[behind]
            over = np.flatnonzero(np.sign(off[:-1]) * np.sign(off[1:]) <= 0)
            share = off[over] / (off[over] - off[over + 1] + (off[over] == off[over + 1]))
            passed.append(list(norm.step[over] + share * (norm.step[over + 1] - norm.step[over])))
            at, apart = int(norm.step[behind]), int(norm.step[behind] - norm.step[behind - 1])
    if len(passed) < FEWEST_LAYERS or not all(passed):
        return None
    common = [[min(steps, key=lambda one: abs(one - first)) for steps in passed] for first in passed[0]]
    nearest = min(common, key=lambda steps: max(steps) - min(steps))
    as_at = round(float(np.median(nearest)))
    is_one = max(nearest) - min(nearest) <= apart
    return {"layers": len(passed), "at": at, "as_at": as_at} if is_one and as_at < step - FAR_BACK * apart else None


def _watched(trace: Trace, step: int) -> float | None:
    """Return which share of the tensors was held against before the update of a step, None where all were."""
    share = trace.series("ledger_share")
    known = share.value[share.step <= step] if len(share.step) else share.value
    return float(known[-1]) if len(known) and known[-1] < 1 else None


def _all_seen(trace: Trace) -> bool:
    """Whether all tensors were held against before at each update: else what was seen may have happened more often."""
    share = trace.series("ledger_share").value
    return not len(share) or bool(share.min() >= 1)


def _moments_never_fill(parts: Sequence[str], steps: Sequence[int]) -> bool:
    """Whether it is the optimizer's moments alone that are changed, again and again before they hold an average."""
    return list(parts) == ["moments_changed"] and len(steps) > REGULAR and int(np.diff(steps).max()) <= MEMORY


def _follow_evaluations(trace: Trace, parts: Sequence[str], steps: Sequence[int]) -> str | None:
    """Return "evaluated" where weights change in the first update after every evaluation, and at no other.

    "evaluated-since" where they do from the first of these changes on, as of an average that begins later; else None.
    """
    names = [name for name in trace.signals if name.partition("/")[0] == "validation_loss"]
    evaluated = {int(step) for name in names for step in trace.series(name).step}
    evaluated = {step for step in evaluated if step < int(trace.series("loss").step.max(initial=0))}
    since = {step for step in evaluated if step >= steps[0] - 1}
    if "weights_changed" not in parts or len(steps) < REGULAR or {step - 1 for step in steps} != since:
        return None
    return "evaluated" if since == evaluated else "evaluated-since"


def detect_frozen_statistics(trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 - as above
    """Return the frozen layers whose statistics move, unless their weights do too: they are trained otherwise, then."""
    weights = [name.partition("/")[2] for name in trace.signals if name.startswith("frozen_changed/")]
    moved = {
        layer: trace.series(name)
        for name in sorted(trace.signals)
        for part, _, layer in [name.partition("/")]
        if part == STATISTICS and not any(_is_beside(other, layer) for other in weights)
    }
    if not moved:
        return []
    steps = sorted({int(step) for series in moved.values() for step in series.step})
    return [
        Finding(
            kind="frozen-statistics",
            severity="warning",
            sentence=message(
                "finding-frozen-statistics.sentence",
                count=len(moved),
                layers=and_more(list(moved)),
                axis=trace.axis,
                first=steps[0],
                last=steps[-1],
            ),
            first_step=float(steps[0]),
            last_step=float(steps[-1]),
            confidence=0.95,
            signal="loss" if "loss" in trace.signals else None,
            evidence={"layers": len(moved), "times": len(steps)},
            alternatives=tuple(message(f"finding-frozen-statistics.{name}") for name in ("train", "meant")),
            test=message("finding-frozen-statistics.test"),
        )
    ]


def _is_beside(other: str, layer: str) -> bool:
    """Whether two layers are one, or parts of the same module below the model."""
    within = layer.rpartition(".")[0]
    return other == layer or (bool(within) and f"{other}.".startswith(f"{within}."))


def _steps(trace: Trace, part: str) -> set[int]:
    names = [name for name in trace.signals if name.partition("/")[0] == part]
    return {int(step) for name in names for step in trace.series(name).step}


def state_changes(trace: Trace) -> dict[int, dict[str, list[str]]]:
    """Return the changed layers by the step before whose update it was seen, and by what: "weights", "buffers", ..."""
    found: dict[int, dict[str, list[str]]] = {}
    for name in sorted(trace.signals):
        part, _, layer = name.partition("/")
        if part in PARTS:
            for step in map(int, trace.series(name).step):
                found.setdefault(step, {}).setdefault(part.removesuffix("_changed"), []).append(layer)
    return found


def is_regular(steps: np.ndarray, length: int) -> bool:
    """Whether steps `(n,)` of a training so long are many, or at equal distances."""
    gaps = np.diff(steps)
    return len(steps) > OFTEN * max(1, length) or (len(gaps) >= REGULAR and bool((gaps == gaps[0]).all()))


def _at_each_look(trace: Trace, steps: Sequence[int], length: int) -> bool:
    """Whether tensors that are watched in turn were seen to change at most looks since the first time.

    A clamp after each update does so, from the step on at which weights come to its bound.
    """
    share = trace.series("ledger_share").value
    looks = float(share.min(initial=1.0)) * int(length - np.searchsorted(trace.series("loss").step, steps[0]))
    return len(steps) > REGULAR and len(steps) >= MOST_LOOKS * float(looks)

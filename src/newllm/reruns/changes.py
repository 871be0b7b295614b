"""What is changed of a program that is run again: from what the recording shows before and within a rise."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from newllm.messages import Message
from newllm.reruns.rise import BEFORE, GIVEN, SOON, Rise, own_reasons
from newllm.trace import Finding, Series, Trace

EARLY = 5  # steps before a rise, from which on a change acts
ONES = 2  # updates, the last that may matter and those before, that are left out one by one
LOOK = 50  # steps before a rise, in which a setting may have moved
BACK = 0.25  # of a move, by ratio: what is left of one that was taken back while a schedule went on
MOVED = 1.2  # times a setting's value at the step before, from which on it has moved
LOW = 5.0  # times lower than it ever was, from where on a rate is next to nothing
_MOST_MOVES = 2  # of a setting
SETTINGS = {"learning_rate": "lr", "weight_decay": "weight_decay", "momentum": "momentum"}
"""Signals of a recording, by what a parameter group calls them."""
_HELD = {"momentum": ("momentum", "betas")}
_OF_STATE, _CARRIED = "changed-state", "gradient-carried"
_LEAST = 1e-30  # in place of 0, which has no ratio
SKIP, SKIP_ONE, STATE, INJECT = "skip-updates", "skip-one-update", "keep-state", "inject"
CLEAR, SIFT = "clear-gradients", "skip-not-finite"
_IN_LOSS = "numerics-in-loss"


@dataclass(frozen=True)
class Change:
    """One thing that is changed.

    Attributes:
        name: of what is tried.
        kind: as `newllm.recorder.applied_change` has it.
        first, last: the steps that it acts in.
        settings: that are held.
        factor: of the learning rate.
        norm: to which the gradient is clipped.
        before, within: the value of a setting that is held before and in the rise; None of all else.
        moved: how many steps it is not as before; 0 of all else.
        tells: whether the cause is named by it: it undoes what happened in the run, and dampens nothing else.
    """

    name: str
    kind: str
    first: int
    last: int
    settings: tuple[str, ...] = ()
    factor: float = 1.0
    norm: float = 0.0
    before: float | None = None
    within: float | None = None
    moved: int = 0
    tells: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self) | {"settings": list(self.settings)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> "Change":
        """Return what `as_dict` gave.

        Raises:
            ValueError, KeyError, TypeError: it is something else.
        """
        numbers = {name: None if data[name] is None else float(data[name]) for name in ("before", "within")}
        return cls(
            str(data["name"]), str(data["kind"]), int(data["first"]), int(data["last"]),
            tuple(map(str, data["settings"])), float(data["factor"]), float(data["norm"]), moved=int(data["moved"]),
            tells=bool(data["tells"]), **numbers,
        )  # fmt: skip


def changes_of(trace: Trace, findings: Sequence[Finding], rise: Rise, last: int) -> list[Change]:
    """Return what is tried, what would name a cause first.

    Args:
        trace: of the run.
        findings: likewise.
        rise: that is asked about.
        last: step up to which trials run.
    """
    early = max(1, rise.first - EARLY)
    is_seen = any(one.kind == _OF_STATE for one in findings)
    state = Change(STATE, "keep-state", early, last, tells=is_seen)  # else others may change it on purpose all the time
    found = [*_cleared(findings, early, last), *_held(trace, rise, last), *([state] if is_seen else [])]
    found += [*_sifted(trace, findings, rise, last), Change(SKIP, "skip", early, last)]
    # A loss is computed before the update of its step: of one that is not finite that update can save nothing.
    latest = rise.first if rise.is_finite else rise.first - 1
    found += [Change(SKIP_ONE, "skip", at, at) for at in range(latest, max(0, latest - ONES), -1)]
    norms = _before(trace, "gradient_norm", early)
    if len(norms):
        found.append(Change("clip-gradients", "clip", early, last, norm=float(np.median(norms))))
    found.append(Change("half-learning-rate", "scale", early, last, factor=0.5))
    return found if is_seen else [*found, state]


def named_by(change: Change, findings: Sequence[Finding], rise: Rise) -> Message | None:
    """Return what the doctor found itself that points at what is changed, at the same place; None of nothing."""
    if change.name == SIFT:
        return own_reasons(rise, findings).get(_IN_LOSS)
    kind = {STATE: _OF_STATE, CLEAR: _CARRIED}.get(change.name)
    signal = next((it for it, name in SETTINGS.items() if change.settings == _HELD.get(name, (name,))), None)
    for one in findings:
        if one.first_step is None or one.severity == "note":
            continue
        is_same = (
            # What goes on may have begun long before, or be what the rise began with.
            one.kind == kind and one.first_step <= rise.first + SOON and one.end >= rise.first - SOON,
            signal is not None and one.signal == signal and abs(one.first_step - change.first) <= 1,
            change.name == SKIP_ONE and one.kind in GIVEN and one.first_step == change.first,
        )
        if any(is_same):
            return one.sentence
    return None


def injection_of(change: Change, rise: Rise) -> Change | None:
    """Return the same change of the learning rate in a stretch before the rise, where nothing is wrong; None of others.

    That the rise goes without a change shows it necessary; that the change brings one about elsewhere, sufficient.
    """
    if change.settings != ("lr",) or not change.before or not change.within:
        return None
    first = (rise.first - change.moved) // 2
    if first <= BEFORE // 2:
        return None
    return Change(INJECT, "scale", first, first + change.moved - 1, factor=change.within / change.before)


def _cleared(findings: Sequence[Finding], early: int, last: int) -> Iterator[Change]:
    """Yield, where gradients were seen to be carried over before the end, that they are cleared from there on."""
    for one in findings:
        if one.kind == _CARRIED and one.first_step is not None and one.first_step <= last:
            yield Change(CLEAR, "clear", max(1, min(early, int(one.first_step) - 1)), last, tells=True)


def _sifted(trace: Trace, findings: Sequence[Finding], rise: Rise, last: int) -> Iterator[Change]:
    """Yield, of a loss that is not finite, that no update is made by a gradient that is not finite.

    Not where every gradient before was finite: then none of these updates brought it about. It names the cause where
    the doctor found the gradient not finite first, from a calm one: else the loss may have grown beyond all measure.
    """
    norms = trace.series("gradient_norm")
    before = (norms.step >= rise.first - EARLY) & (norms.step < rise.first)
    broken = norms.step[before & ~np.isfinite(norms.value)]
    if rise.is_finite or (not len(broken) and rise.first - 1 in norms.step):
        return
    first = max(1, int(broken[0]) if len(broken) else rise.first - EARLY)
    tells = any(
        one.kind == rise.kind and one.first_step == rise.first and _IN_LOSS in (one.supported_causes or ())
        for one in findings
    )
    yield Change(SIFT, "sift", first, last, tells=tells and len(broken) > 0)


def _held(trace: Trace, rise: Rise, last: int) -> Iterator[Change]:
    """Yield of each setting that moves before or within a rise that it stands as before: the last two such moves."""
    for signal, name in SETTINGS.items():
        series = trace.series(signal)
        moves = [one for one in _moves(signal, series) if rise.first - LOOK <= one[0] <= rise.first + 1]
        for first, moved, before, within in moves[-_MOST_MOVES:]:
            highest = float(np.max(series.value[series.step < first]))
            # Of a schedule that restarts too high: held where it was, at next to nothing, there would be no updates.
            is_capped = signal == "learning_rate" and within > MOVED * highest > MOVED * LOW * before
            before = highest if is_capped else before
            yield Change(
                f"hold-{signal.replace('_', '-')}", "cap" if is_capped else "hold", first, last,
                _HELD.get(name, (name,)), before=before, within=within, moved=moved, tells=True,
            )  # fmt: skip


def _moves(signal: str, series: Series) -> Iterator[tuple[int, int, float, float]]:
    """Yield the sudden moves of a setting, each with its first step, its steps, the value before and the farthest one.

    One that is taken back, all but a quarter of it, is over there, and what takes it back is none. Within one that is
    taken back much later, as what a warm-up began is by the end of a schedule, there may be others.
    """
    sizes = np.log(_size(signal, series.value))
    at, over = 1, set[int]()
    while at < len(sizes):
        jump = abs(sizes[at] - sizes[at - 1])
        if not jump > np.log(MOVED) or at in over:
            at += 1
            continue
        apart = np.abs(sizes[at:] - sizes[at - 1])
        back = np.flatnonzero(~(apart > max(np.log(MOVED), BACK * jump)))
        length = int(back[0]) if len(back) else len(apart)
        within = float(series.value[at + int(np.argmax(apart[:length]))])
        first, end = int(series.step[at]), int(series.step[at + length - 1])
        yield first, end - first + 1, float(series.value[at - 1]), within
        over.add(at + length)
        at += length + 1 if len(back) and length <= LOOK else 1


def _size(signal: str, values: np.ndarray) -> np.ndarray:
    """Return by what a setting acts: a momentum by what it forgets at a step."""
    return np.maximum(1 - values if signal == "momentum" else values, _LEAST)


def _before(trace: Trace, signal: str, step: int) -> np.ndarray:
    """Return the finite values of a signal shortly before a step."""
    series = trace.series(signal)
    values = series.value[series.step < step][-BEFORE:]
    return values[np.isfinite(values)]

"""What a training was given and set to that a sound one was not: settings, layers, and signals that no loss decides."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from newllm.diagnosis.against.parting import Parting, exact_parting, noisy_parting
from newllm.diagnosis.changes import LEAST_SHARE
from newllm.diagnosis.exogenous import OF_ROWS, exogenous
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.losses import finite
from newllm.diagnosis.shift import is_exact
from newllm.diagnosis.training_kind import NO_PROGRESS, training_kind
from newllm.messages import Message, message
from newllm.trace import Series, Trace

SAME = 0.01  # of settings that are computed, as a schedule's rate
TURNS = 0.2  # of the changes of a schedule at most
LEAST = {"targets_used": 0.05, "loss_multiple": 0.1, "target_classes": 1.5}
"""By how much: rows of which a model is sure have no gradient, and count as left out of the loss."""
MODE = "evaluation_in_training_mode"
WITHOUT = {
    MODE: ("evaluation", "validation_loss"),
    "target_entropy": ("targets", "ledger_share"),
    "targets_padding": ("targets", "ledger_share"),
    "tensors_with_gradient": ("setting", "ledger_share"),
}
"""What is 0 in a recording at the steps of another signal where it is not written: its group, and that signal."""
OF_DEVIATION = 0.1  # standard deviations of the data, between two means
COUNTED = {"target_classes_seen": 0.1, "rows_distinct": 0.1}  # of counts up to there, where rows are drawn by chance
FORM = (
    "target_is_input", "target_is_next", "target_is_second", "rows_unasked", "rows_distinct", "target_noise", "texts",
    "choices", "batch_as_time", "positions_as_time", "sigmoid_twice", "softmax_twice", "log_softmax_missing",
    "log_missing", "softmax_over_batch", "targets_alike",
)  # fmt: skip
"""What a recorder sees of how targets and outputs belong together, which no weights decide."""
FLAGS = ("softmax_twice", "log_softmax_missing", "log_missing", "softmax_over_batch", "unregistered")
EVENTS = ("optimizer_replaced", "moments_missing")
"""Written only where it is so: in a gradient by chance too, so that it has to come again; of an event once."""
AGAIN = 3  # times, and at half of the sampled updates from the first on
OF_DATA = ("inputs", "targets", "form")  # groups
OF_POLICY = 0.5  # of the rows of a policy's updates, which follow its weights
CLIPPED = "gradient_norm_clipped"
Given = Mapping[str, tuple[str, Series]]
"""Signals by name, each with its group."""
REACHED = {
    "later_tokens_seen": 1e-6
}  # an influence: whether there is any is decided by the code, how strong by weights
_PLACE = re.compile(
    r"(^|[._-])(seed|dir|directory|path|file|folder|output|out|exp|experiment|log|logging|run|id|date|time|name|verbose"
    r"|workers|interval|device|print|save|project|tags?|notes?|comment)($|[._-])",
    re.IGNORECASE,
)  # and what changes no training
_OF_SIGNALS = {"optimizer.learning_rate": "learning_rate", "optimizer.weight_decay": "weight_decay",
               "optimizer.beta1": "momentum", "optimizer.momentum": "momentum"}  # fmt: skip
_NAMED = 4  # layers


@dataclass(frozen=True)
class Difference:
    """One thing that differs.

    Attributes:
        said: in words.
        step: the first at which it does; 0 of what holds from the start by itself.
        last: the last one; None where it does so to the end.
        size: see `Parting`; infinite of what is exact.
        signal: its name in the trace; None of a setting.
        recorded: whether it was seen while the training ran, not only written down as its setting.
    """

    said: Message
    step: float
    size: float
    signal: str | None = None
    last: float | None = None
    recorded: bool = True

    @property
    def what(self) -> str:
        """What differs, whatever the values: a signal, a setting, a part of the model."""
        return self.signal or f"{self.said.id} {self.said.parameters.get('name', self.said.parameters.get('what'))}"


def given_differences(here: tuple[Trace, Facts], there: tuple[Trace, Facts]) -> tuple[list[Difference], int]:
    """Return what differs, the earliest first, and how many settings and signals were held against each other."""
    signals, looked = _signals(here, there)
    seen = {one.signal for one in signals}
    settings, known = _settings(here[1].settings, there[1].settings, seen)
    found = [*settings, *_layers(here[1].layers, there[1].layers, seen), *signals]
    length = min(here[0].last_step, there[0].last_step) or 1.0
    return sorted(found, key=lambda one: (round(20 * one.step / length), -one.size)), looked + known


def _settings(here: Mapping[str, Any], there: Mapping[str, Any], seen: set[str | None]) -> tuple[list[Difference], int]:
    """Return the settings that differ: of those with the same two values one, and none that is seen as a signal."""
    names = [name for name in here.keys() & there.keys() if name == "optimizer.name" or not _PLACE.search(name)]
    found: dict[tuple[str, str], Difference] = {}
    for name in sorted(names, key=lambda one: (not one.startswith("optimizer."), one)):
        own, other = here[name], there[name]
        if own == other or _OF_SIGNALS.get(name) in seen or "/" in f"{own}{other}":
            continue
        said = message("against-setting", name=name, here=str(own), there=str(other))
        found.setdefault((str(own), str(other)), Difference(said, 0.0, np.inf, recorded=False))
    return list(found.values()), len(names)


def _layers(here: tuple[Layer, ...], there: tuple[Layer, ...], seen: set[str | None]) -> Iterator[Difference]:
    """Yield how the models differ: in layers, and in what was set for them."""
    own, other = ({layer.name: layer for layer in layers} for layers in (here, there))
    if not own or not other:
        return
    for where, names in (("here", own.keys() - other.keys()), ("there", other.keys() - own.keys())):
        if names:
            ordered = [name for name in (*own, *other) if name in names]
            yield _of_layers(f"against-layers-{where}", ordered)
    both = [(own[name], other[name]) for name in own if name in other]
    decay = () if "weight_decay" in seen else ("weight_decay", "penalty")
    for field in ("kind", "parameters", "trained", "given", *decay, "norm_momentum"):
        of_trained = field in ("given", "weight_decay", "penalty")  # what is frozen in both, none of these moves
        differ = [
            (one, (getattr(one, field), getattr(two, field)))
            for one, two in both
            if getattr(one, field) != getattr(two, field) and (one.trained or two.trained or not of_trained)
        ]
        if differ:
            values = differ[0][1]
            names = [one.name for one, pair in differ if pair == values]
            shown = {"here": _value(values[0]), "there": _value(values[1])}
            yield _of_layers("against-layers-differ", names, what=field, others=len(differ) - len(names), **shown)


def _value(value: Any) -> str | Message:
    return message("against-whether", yes=value) if isinstance(value, bool) else str(value)


def _of_layers(id: str, names: list[str], **parameters: Any) -> Difference:
    shown = {"names": names[:_NAMED], "more": max(0, len(names) - _NAMED), "count": len(names)}
    return Difference(message(id, **shown, **parameters), 0.0, np.inf)


def _signals(here: tuple[Trace, Facts], there: tuple[Trace, Facts]) -> tuple[list[Difference], int]:
    """Return the signals that differ, and how many were looked at."""
    own, other = _given(*here), _given(*there)
    shared = own.keys() & other.keys()
    found = []
    for name in own:
        if name not in shared:
            continue
        parting = _parting(name, own[name], other[name])
        if parting and abs(parting.here - parting.there) > _least(name, *there):
            found.append(said_of(name, parting, here[0].axis))
    found += _clips(here, there)
    for name in (*FLAGS, *EVENTS):
        for where, one, two in (("here", here[0], there[0]), ("there", there[0], here[0])):
            first = _first_flagged(one, name)
            if first is not None and not any(_is(signal, name) for signal in two.signals):
                said = message(f"against-only-{where}", signal=name, step=first, axis=here[0].axis)
                found.append(Difference(said, first, np.inf, name))
    return found, len(shared)


def _clips(here: tuple[Trace, Facts], there: tuple[Trace, Facts]) -> Iterator[Difference]:
    """Yield that the gradient is clipped to a number in one run, and is larger and not cut to it in the other."""
    own, other = _given(*here), _given(*there)
    for where, one, trace in (("here", own, there[0]), ("there", other, here[0])):
        if CLIPPED not in one or CLIPPED in (other if where == "here" else own):
            continue
        limit, step = float(np.median(one[CLIPPED][1].value)), float(one[CLIPPED][1].step[0])
        norm = finite(trace.series("gradient_norm"))
        clipped = trace.series(CLIPPED)
        cut = np.isin(norm.step, clipped.step[clipped.value <= limit * (1 + SAME)])
        if np.sum((norm.value > limit * (1 + SAME)) & ~cut) >= AGAIN:
            said = message(f"against-clipped-{where}", limit=limit, step=step, axis=here[0].axis)
            yield Difference(said, step, np.inf, CLIPPED)


def _first_flagged(trace: Trace, name: str) -> float | None:
    """Return the first step of a flag; None where it is not there, or may be there by chance."""
    steps = np.unique(np.concatenate([[], *(one.step for key, one in trace.signals.items() if _is(key, name))]))
    if not len(steps):
        return None
    sampled = trace.series("ledger_share").step
    often = AGAIN <= len(steps) >= np.sum(sampled >= steps[0]) / 2
    return float(steps[0]) if name in EVENTS or often else None


def _is(signal: str, name: str) -> bool:
    return signal.partition("/")[0] == name


def said_of(name: str, parting: Parting, axis: str, *, level: bool = False) -> Difference:
    """Return a signal that parts as a difference; of a level it is said where it ends."""
    lasts = "stays" if parting.last is None else "once" if parting.last == parting.step else "a-while"
    end = {} if parting.end is None else dict(zip(("here_end", "there_end"), parting.end, strict=True))
    said = message(
        "against-level" if level else "against-signal",
        signal=name,
        here=parting.here,
        there=parting.there,
        lasts=lasts,
        step=parting.step,
        last=parting.last,
        axis=axis,
        **({} if level else {"after": parting.after, "here_end": None, "there_end": None, **end}),
    )
    return Difference(said, parting.step, parting.size, name, parting.last)


def _given(trace: Trace, facts: Facts) -> Given:
    """Return the signals that no loss decides, each with its group; the data of a policy follow its weights."""
    of_itself = training_kind(trace, facts).name in NO_PROGRESS
    found = {
        name: (group, finite(series))
        for name, group, series in exogenous(trace, recorded=facts.origin == "record", evaluated=True)
    }
    found |= {name: ("form", finite(trace.series(name))) for name in (*FORM, *REACHED) if name in trace.signals}
    if facts.origin == "record":
        absent = {name: of for name, of in WITHOUT.items() if name not in found or name == MODE}
        found |= {name: (group, _with_zeros(trace, name, at)) for name, (group, at) in absent.items()}
    return {
        name: (group, series)
        for name, (group, series) in found.items()
        if len(series.step) and not (of_itself and name not in OF_ROWS and (group in OF_DATA or name == "rows"))
    }


def _with_zeros(trace: Trace, name: str, at: str) -> Series:
    """Return a signal with zeros at the steps of another one at which it is not written."""
    series, steps = finite(trace.series(name)), trace.series(at).step
    without = steps[~np.isin(steps, series.step)]
    every = np.concatenate([series.step, without])
    order = np.argsort(every)
    return Series(every[order], np.concatenate([series.value, np.zeros(len(without))])[order])


def _least(name: str, sound: Trace, facts: Facts) -> float:
    """Return by how much a signal differs at least: shares of rows by more than chance brings, means in deviations."""
    if "rows_" in name:
        return OF_POLICY if training_kind(sound, facts).name in NO_PROGRESS else LEAST_SHARE
    if name in LEAST:
        return LEAST[name]
    deviation = finite(sound.series(f"{name.removesuffix('_mean')}_std")).value if name.endswith("_mean") else ()
    return OF_DEVIATION * float(np.median(deviation)) if len(deviation) else 0.0


def _parting(name: str, here: tuple[str, Series], there: tuple[str, Series]) -> Parting | None:
    group, own = here
    _, other = there
    if name in REACHED:
        own, other = (Series(one.step, (one.value > REACHED[name]).astype(float)) for one in (own, other))
    if name in COUNTED:
        return _count_parting(own, other, COUNTED[name])
    if all(_is_set(group, one.value) for one in (own, other)):
        once = group == "state" and not (own.value.any() and other.value.any())  # never so there: each time counts
        return exact_parting(own, other, SAME, 1 if once else 2)
    return noisy_parting(own, other)


def _is_set(group: str, value: np.ndarray) -> bool:
    """Whether a signal (n,) is exact: what belongs to a batch if it stays as it is, a setting also if it seldom turns.

    A setting that is drawn at each batch turns all the time.
    """
    if group in OF_DATA:
        return not np.ptp(value)
    ways = np.sign(np.diff(value))
    ways = ways[ways != 0]
    turns = float(np.mean(ways[1:] != ways[:-1])) if len(ways) > 1 else 0.0
    return is_exact(value) or (group == "setting" and turns <= TURNS)


def _count_parting(here: Series, there: Series, tolerance: float) -> Parting | None:
    """Return where two counts that only rise part for good; None where they are near at the last step of both."""
    steps, at, other_at = np.intersect1d(here.step, there.step, return_indices=True)
    own, other = here.value[at], there.value[other_at]
    apart = np.abs(own - other) > tolerance * np.maximum(own, other)
    if not len(steps) or not apart[-1]:
        return None
    first = len(steps) - int(np.argmin(apart[::-1])) if not apart.all() else 0
    return Parting(float(steps[first]), None, float(own[-1]), float(other[-1]), 0.0)

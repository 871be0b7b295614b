"""What a training was given and set to that a sound one was not: settings, layers, and signals that no loss decides."""

from collections.abc import Iterator, Mapping

import numpy as np

from newllm.diagnosis.against.difference import Difference, said_of
from newllm.diagnosis.against.parting import Parting, exact_parting, noisy_parting
from newllm.diagnosis.against.written import layers_that_differ, settings_that_differ
from newllm.diagnosis.changes import LEAST_SHARE
from newllm.diagnosis.exogenous import OF_ROWS, exogenous
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.losses import finite
from newllm.diagnosis.shift import is_exact
from newllm.diagnosis.training_kind import NO_PROGRESS, training_kind
from newllm.messages import message
from newllm.trace import Series, Trace

SAME = 0.01  # of settings that are computed, as a schedule's rate
LOWERED = 0.95  # times the rate before: so much at least, where a schedule waits for the loss
TURNS = 0.2  # of the changes of a schedule at most
LEAST = {
    "targets_used": 0.05, "loss_multiple": 0.1, "target_classes": 1.5, "target_entropy": 0.01,
    "target_most_share": 0.03,
}  # fmt: skip
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
    "relu_on_logits", "sigmoid_on_logits", "tanh_on_logits", "dropout_on_logits",
)  # fmt: skip
"""What a recorder sees of how targets and outputs belong together, which no weights decide."""
FLAGS = (
    "softmax_twice", "log_softmax_missing", "log_missing", "softmax_over_batch", "unregistered",
    "relu_on_logits", "sigmoid_on_logits", "tanh_on_logits", "dropout_on_logits",
)  # fmt: skip
EVENTS = ("optimizer_replaced", "moments_missing")
"""Written only where it is so: in a gradient by chance too, so that it has to come again; of an event once."""
AGAIN = 3  # times, and at half of the sampled updates from the first on
OF_DATA = ("inputs", "targets", "form")  # groups
OF_POLICY = 0.5  # of the rows of a policy's updates, which follow its weights
CLIPPED = "gradient_norm_clipped"
Given = Mapping[str, tuple[str, Series]]
"""Signals by name, each with its group."""
REACHED = {"later_tokens_seen": 1e-6, "later_inputs_seen": 1e-4}
"""Influences: whether there is any the code decides, how strong it is the weights."""


def given_differences(here: tuple[Trace, Facts], there: tuple[Trace, Facts]) -> tuple[list[Difference], int]:
    """Return what differs, the earliest first, and how many settings and signals were held against each other."""
    signals, looked = _signals(here, there)
    seen = {one.signal for one in signals}
    settings, known = settings_that_differ(here[1].settings, there[1].settings, seen)
    found = [*settings, *layers_that_differ(here[1].layers, there[1].layers, seen), *signals]
    length = min(here[0].last_step, there[0].last_step) or 1.0
    return sorted(found, key=lambda one: (round(20 * one.step / length), -one.size)), looked + known


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
            follows = name == "learning_rate" and _follows_the_loss(own[name][1], other[name][1])
            found.append(said_of(name, parting, here[0].axis, follows=follows))
    found += _clips((own, here[0]), (other, there[0]))
    for name in (*FLAGS, *EVENTS):
        for where, one, two in (("here", here[0], there[0]), ("there", there[0], here[0])):
            first = _first_flagged(one, name)
            if first is not None and not any(_is(signal, name) for signal in two.signals):
                said = message(f"against-only-{where}", signal=name, step=first, axis=here[0].axis)
                found.append(Difference(said, first, np.inf, name))
    return found, len(shared)


def _follows_the_loss(here: Series, there: Series) -> bool:
    """Whether rates that begin alike are lowered, in one run or both, by one factor at irregular steps.

    So a schedule does that waits for the loss to stand still: then the rate is no setting, but what came of the loss.
    """
    if here.value[0] != there.value[0] or not (here.value[:-1].all() and there.value[:-1].all()):
        return False  # one that came to nothing and up again was not lowered
    factors, is_irregular = [], False
    for one in (here, there):
        at = np.flatnonzero(np.diff(one.value)) + 1
        factors += (one.value[at] / one.value[at - 1]).tolist()
        gaps = np.diff(one.step[at])
        is_irregular |= len(at) == 1 or bool(len(gaps) and np.ptp(gaps))
    if not factors or not is_irregular:
        return False
    return max(factors) < LOWERED and bool(np.ptp(factors) <= SAME * max(factors))


def _clips(here: tuple[Given, Trace], there: tuple[Given, Trace]) -> Iterator[Difference]:
    """Yield that the gradient is clipped to a number in one run, and is larger and not cut to it in the other."""
    for where, (own, own_trace), (other, trace) in (("here", here, there), ("there", there, here)):
        if CLIPPED not in own or CLIPPED in other:
            continue
        limit, step = float(np.median(own[CLIPPED][1].value)), float(own[CLIPPED][1].step[0])
        norm, clipped = finite(trace.series("gradient_norm")), trace.series(CLIPPED)
        cut = np.isin(norm.step, clipped.step[clipped.value <= limit * (1 + SAME)])
        if np.sum((norm.value > limit * (1 + SAME)) & ~cut) >= AGAIN:
            said = message(f"against-clipped-{where}", limit=limit, step=step, axis=own_trace.axis)
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

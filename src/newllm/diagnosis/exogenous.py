"""The signals that do not follow from the loss: what a training is given, what it is set to, and what is done to it.

The gradient, the accuracy or the activations change with the loss whatever is behind that. Data, targets, settings and
changes from outside do not, so that one of these that changes where the loss does was there first.
"""

import re
from collections.abc import Iterator

import numpy as np

from newllm.diagnosis.intent import STAGE
from newllm.diagnosis.losses import finite, is_validation, names_a_loss
from newllm.diagnosis.roles import is_layered, role_of
from newllm.diagnosis.shift import is_exact
from newllm.messages import catalogue
from newllm.trace import Series, Trace

STATE = ("weights_changed", "moments_changed", "frozen_changed", "buffers_changed", "statistics_changed")
MODE = ("update_in_evaluation_mode", "weights_moved", "update_skipped", "gradient_carried")
INPUTS = (
    "input_mean", "input_std", "token_mean", "token_pairs_apart", "row_numbers", "rows_repeated",
    "rows_equal", "rows_seen",
)  # fmt: skip
TARGETS = (
    "target_mean", "target_std", "target_most_share", "target_classes", "target_classes_seen",
    "target_entropy", "targets_used", "targets_padding", "targets_changed",
)  # fmt: skip
LOSS_FORM = ("loss_multiple", "cross_entropy")
SETTINGS = ("learning_rate", "weight_decay", "momentum", "dropout", "rows", "backwards", "tensors_with_gradient")
EVALUATION = (
    "validation_input_mean", "validation_input_std", "validation_rows", "validation_rows_seen", "validation_count",
    "evaluation_in_training_mode", "validation_token_pairs_apart",
)  # fmt: skip
OF_ROWS = ("rows_repeated", "rows_equal")
ABSENT = {"backwards": 1.0} | dict.fromkeys((*MODE, *OF_ROWS), 0.0)
"""What a signal is at a step where it was not written."""
OF_MODEL, OF_CALLS = "setting/", "setting/forward."  # begin the names of what a model is set to in Python
AT_CHANGES = frozenset({"weight_decay", "momentum", "dropout", "tensors_with_gradient"})
"""Written at the update from which they are other, as arguments of calls are; attributes at the next sampled one."""
ABSENT_SAMPLED = dict.fromkeys(("target_entropy", "targets_padding"), 0.0)
"""Likewise, of sampled steps."""
_OUTCOME = re.compile(
    r"(^|[^a-z])(acc|accuracy|f1|auc|iou|bleu|best|patience|bad|epoch|step|iteration|time|seconds|score|error|mae|rmse"
    r"|ppl|perplexity|top\d?|precision|recall|norm|memory|tokens|samples|seen|sample|count)($|[^a-z])",
    re.IGNORECASE,
)
GROUPS = {"inputs": INPUTS, "targets": TARGETS, "loss": LOSS_FORM, "state": MODE, "setting": SETTINGS}
FEWEST = 10  # points
CLIPS = 0.999  # of the norm before
Signal = tuple[str, str, Series]
"""A name, a group, and the values; what was written only where it is so, at every step."""


def exogenous(trace: Trace, *, recorded: bool, evaluated: bool = False) -> Iterator[Signal]:
    """Yield the signals of a run: of its state, of its data and settings, and columns of the user's that are set.

    Args:
        trace: of the run.
        recorded: whether `newllm.record` wrote it, so that some signals are there only where they are so.
        evaluated: whether those of evaluations too, on which a validation loss depends.
    """
    yield from _states(trace)
    for group, names in (GROUPS | {"evaluation": EVALUATION} if evaluated else GROUPS).items():
        for name in names:
            series = _filled(trace, name) if recorded else trace.series(name)
            if len(series.step):
                yield name, group, series
    for name in trace.signals:
        if name.startswith(OF_MODEL):
            yield name, "setting", _filled(trace, name)
    limit = _clip_limit(trace)
    if limit is not None:
        yield "gradient_norm_clipped", "setting", limit
    known = {name for names in GROUPS.values() for name in names}
    for name, series in trace.signals.items():
        if name not in known and _is_set_by_user(name, series):
            yield name, "column", series


def _states(trace: Trace) -> Iterator[Signal]:
    """Yield for each part of the state whether it was changed from outside, at every step; of all layers together."""
    for name in STATE:
        layers = [series for one, series in trace.signals.items() if one.startswith(f"{name}/")]
        if layers or "ledger_share" in trace.signals:
            steps = trace.series("loss").step
            changed = np.concatenate([[], *(one.step[one.value > 0] for one in layers)])
            yield name, "state", Series(steps, np.isin(steps, changed).astype(float))


def _filled(trace: Trace, name: str) -> Series:
    """Return a recorder's signal; where it is written only where it is so, with what it is at all other steps."""
    series = trace.series(name)
    if name in OF_ROWS and not len(trace.series("rows_seen").step):  # nobody looked
        return series
    if name in ABSENT:
        steps, absent = trace.series("loss").step, ABSENT[name]
    elif name in ABSENT_SAMPLED and len(series.step):
        steps, absent = trace.series("ledger_share").step, ABSENT_SAMPLED[name]
    elif len(series.step) and (name in AT_CHANGES or name.startswith(OF_MODEL)):
        at_once = name in AT_CHANGES or name.startswith(OF_CALLS)
        steps = np.union1d(trace.series("loss" if at_once else "ledger_share").step, series.step)
        latest = np.searchsorted(series.step, steps, side="right") - 1
        return Series(steps[latest >= 0], series.value[latest[latest >= 0]])
    else:
        return series
    value = np.full(len(steps), absent)
    _, here, there = np.intersect1d(steps, series.step, return_indices=True)
    value[here] = series.value[there]
    return Series(steps, value)


def _is_set_by_user(name: str, series: Series) -> bool:
    """Whether a column of the user's holds a setting: it mostly stays as it is, and is called nothing that is measured.

    A stage of a curriculum is planned by its name (`intent.py`).
    """
    if role_of(name) or is_layered(name) or names_a_loss(name) or is_validation(name):
        return False
    if catalogue("en").get(f"signal-{name}"):  # a recorder's own
        return False
    if _OUTCOME.search(name) or STAGE.search(name):
        return False
    value = finite(series).value
    return len(value) > FEWEST and np.ptp(value) > 0 and is_exact(value)


def _clip_limit(trace: Trace) -> Series | None:
    """Return what the gradient is clipped to, where that is one number: the norm after clipping where it is below."""
    norm, clipped = finite(trace.series("gradient_norm")), finite(trace.series("gradient_norm_clipped"))
    steps, here, there = np.intersect1d(norm.step, clipped.step, return_indices=True)
    acts = clipped.value[there] < CLIPS * norm.value[here]
    limit = np.round(clipped.value[there][acts], 6) if acts.any() else np.empty(0)
    return Series(steps[acts], limit) if len(limit) > FEWEST and is_exact(limit) else None

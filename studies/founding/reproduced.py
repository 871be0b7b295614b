"""Whether our runs reproduce a figure of the document.

A figure of the document is of one run. It is reproduced where it lies within the 95 % prediction interval of ours:
where one more run of ours, on sentences of its own, would lie in 95 of 100 cases. What is a size (losses,
perplexities, ratios, deviations, norms) is compared in the logarithm, the rest as it is; a perplexity takes median
and intervals of its loss. What chance has no part in (counts) must be equal.
"""

import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from newllm.statistics import Interval, paired_interval, prediction_interval
from newllm.statistics.units import units
from newllm.study.design import Row

from .document import ACCURACY
from .printed import LAST, Printed, printed
from .tables import rows_by_arm

VERDICTS = ("reproduced", "not reproduced", "cannot be compared")
_COUNTS = ("parameters", "parameters_by_the_baseline's", "vocabulary", "train_targets", "validation_targets")
_PLAIN = ("context_mean", "best_epoch", "epochs_after_best", "accuracy", "epochs_at_that_accuracy")
_OF_THE_STUDY = ("best_validation", "best_epoch", "epochs_after_best")
_LONGEST = 150  # epochs of experiment 3
_HALF_OF_ACCURACY = 5e-5
_LARGEST_EXPONENT = 709.0  # of e, as a float


@dataclass(frozen=True)
class Compared:
    """A figure beside ours.

    Attributes:
        printed: the document's.
        verdict: one of VERDICTS.
        runs: how many of ours have a value.
        ours: their median with its 95 % interval; None without a value.
        one_more: the 95 % prediction interval; None likewise, and for counts.
        of_the_study: the values are the founding study's own (results.json), else those of figures.json.
    """

    printed: Printed
    verdict: str
    runs: int = 0
    ours: Interval | None = None
    one_more: Interval | None = None
    of_the_study: bool = False

    @property
    def is_size(self) -> bool:
        """It is compared by a factor, not by a difference."""
        return self.printed.measure not in (*_PLAIN, *_COUNTS)

    @property
    def says_little(self) -> bool:
        """Whether the upper end of the prediction interval is more than three times the lower: much would lie there."""
        one = self.one_more
        if one is None or one.low is None or one.high is None or not self.is_size:
            return False
        return one.high > 3 * max(one.low, 0.0)


def compare_all(results: Mapping[str, Any], figures: Mapping[str, Any]) -> list[Compared]:
    """Compare every figure of the document.

    Args:
        results: of the founding study.
        figures: of `studies.founding.figure_runs`.
    """
    arms = {True: rows_by_arm(results), False: rows_by_arm(figures)}
    return [_compare(figure, arms[figure.measure in _OF_THE_STUDY]) for figure in printed()]


def _compare(figure: Printed, arms: Mapping[str, Sequence[Row]]) -> Compared:
    rows = arms.get(figure.run or "baseline", ())
    pairs = [(row, value) for row in rows if figure.measure and (value := _value(figure, row, arms)) is not None]
    if not pairs:
        return Compared(figure, "cannot be compared")
    known, values = [row for row, _ in pairs], [value for _, value in pairs]
    scale = _scale(figure.measure)
    ours = _mapped(scale.printed, paired_interval(values, *units(known), statistic="median"))
    of_the_study = figure.measure in _OF_THE_STUDY
    if figure.measure in _COUNTS:
        equal = all(abs(value - figure.value) <= figure.half_digit for value in values)
        return Compared(figure, VERDICTS[not equal], len(values), ours)
    found = prediction_interval([scale.into(value) for value in values])
    one_more = _mapped(scale.printed, _mapped(scale.back, found))
    if one_more.low is None or one_more.high is None:
        return Compared(figure, "cannot be compared", len(values), ours, of_the_study=of_the_study)
    lies_within = one_more.low <= figure.value + figure.half_digit and figure.value - figure.half_digit <= one_more.high
    return Compared(figure, VERDICTS[not lies_within], len(values), ours, one_more, of_the_study)


def _exp(value: float) -> float:
    """Return e to a value, infinity where that is past the largest float."""
    return math.exp(value) if value < _LARGEST_EXPONENT else math.inf


@dataclass(frozen=True)
class _Scale:
    """How a measure is compared: `into` the scale of Student's interval and `back`; then as the document prints it."""

    into: Callable[[float], float]
    back: Callable[[float], float]
    printed: Callable[[float], float] = float


# Of perplexities the values are losses, so that the two of one epoch have one median and one verdict.
_SCALES = {
    "rise": _Scale(lambda percent: math.log1p(percent / 100), lambda log: 100 * (_exp(log) - 1)),
    "times_the_usual": _Scale(float, float, _exp),
    **dict.fromkeys(("train_perplexity", "validation_perplexity"), _Scale(math.log, _exp, _exp)),
}


def _scale(measure: str) -> _Scale:
    return _SCALES.get(measure, _Scale(float, float) if measure in (*_PLAIN, *_COUNTS) else _Scale(math.log, _exp))


def _mapped(change: Callable[[float], float], interval: Interval) -> Interval:
    ends = [None if end is None else change(end) for end in (interval.low, interval.high)]
    return Interval(change(interval.estimate), *ends)


def _value(figure: Printed, row: Row, arms: Mapping[str, Sequence[Row]]) -> float | None:
    """Return what one run gives for a figure (a loss for a perplexity), None where it has none (it ended before)."""
    if figure.epoch is not None:
        return _at_epoch(figure.measure, figure.epoch, row)
    match figure.measure:
        case "accuracy" | "epochs_at_that_accuracy":
            return _of_accuracy(figure.measure, accuracies(row))
        case "epochs_after_best":
            return float(_LONGEST - row["best_epoch"])
        case "parameters_by_the_baseline's":
            baseline = arms.get("baseline")
            return row["parameters"] / baseline[0]["parameters"] if baseline else None
        case "train_targets" | "validation_targets":
            return float(row["targets"][figure.measure.removesuffix("_targets")])
        case "vocabulary":
            return float(row["words"])
        case _:
            return float(row[figure.measure])


def _at_epoch(measure: str, epoch: int, row: Row) -> float | None:
    if measure.startswith("context_"):
        return _at(row["context"][measure.removeprefix("context_")], epoch)
    signal = "train_loss" if measure.startswith("train") else "validation_loss"
    loss = _at(row[signal], epoch)
    if loss is None or measure == signal:
        return loss
    if measure == "rise":
        before = _at(row[signal], epoch - 1)
        return None if before is None else 100 * (loss / before - 1)
    return loss - row["best_validation"] if measure == "times_the_usual" else loss


def accuracies(row: Row) -> list[float]:
    """Return the validation accuracy after each epoch, from the first on."""
    return [correct / row["targets"]["validation"] for correct in row["correct"][1 : LAST + 1]]


def _of_accuracy(measure: str, values: Sequence[float]) -> float:
    if measure == "accuracy":
        return statistics.fmean(values)
    return 100 * statistics.fmean(abs(value - ACCURACY) <= _HALF_OF_ACCURACY for value in values)


def _at(series: Sequence[float | None], epoch: int) -> float | None:
    return series[epoch] if epoch < len(series) else None

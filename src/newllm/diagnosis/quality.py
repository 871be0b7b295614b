"""Logged measures of how well a model does its task, of which more is better, by their names."""

import re
from collections.abc import Iterator

from newllm.diagnosis.losses import finite, is_validation
from newllm.trace import Series, Trace

_GOOD_IS_ONE = re.compile(
    r"(^|[^a-z0-9])(acc|accuracy|exact|exact_match|em|dice|iou|miou|jaccard|f1|auc|auroc|map|recall|precision|bleu|rouge|"
    r"correct|success|solved|top1|top5|hit|hits|mrr|ndcg)($|[^a-z0-9])",
    re.IGNORECASE,
)
_GOOD_IS_ZERO = re.compile(r"(^|[^a-z])(error|err|loss|mse|mae|rmse|distance|miss|wrong)s?($|[^a-z])", re.IGNORECASE)
_RARE = 2
"""An evaluation comes with at most one in so many points of the training loss."""


def is_quality(name: str) -> bool:
    """Whether a signal of this name measures how well a model does, 1 at best."""
    return bool(_GOOD_IS_ONE.search(name)) and not _GOOD_IS_ZERO.search(name)


def qualities(trace: Trace) -> Iterator[tuple[str, Series]]:
    """Return each measure of which 1 is best, and its finite values. Those of single layers or classes are left out."""
    for name in sorted(trace.signals):
        if is_quality(name) and ("/" not in name or is_validation(name)):
            yield name, finite(trace.series(name))


def evaluated_qualities(trace: Trace) -> Iterator[tuple[str, Series]]:
    """Return those that are measured at evaluations: of validation by name, or far more rarely than the loss."""
    points = len(trace.series("loss").value)
    for name, series in qualities(trace):
        if is_validation(name) or _RARE * len(series.value) <= points:
            yield name, series

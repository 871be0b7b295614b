"""Logged measures of how well a model does its task, of which more is better, by their names."""

import re
from collections.abc import Iterator

from newllm.diagnosis.losses import finite, is_validation
from newllm.trace import Series, Trace
from newllm.trace.readers.naming import SILENT, split_of, words

_USUAL = r"acc|accuracy|exact_match|em|dice|m?iou|jaccard|f1|auc|auroc|recall|precision|bleu|rouge|top[15]|mrr|ndcg"
_GOOD_IS_ONE = re.compile(
    rf"(^|[^a-z0-9])({_USUAL}|exact|map|correct|success|solved|hits?)($|[^a-z0-9])", re.IGNORECASE
)
_GOOD_IS_ZERO = re.compile(r"(^|[^a-z])(error|err|loss|mse|mae|rmse|distance|miss|wrong)s?($|[^a-z])", re.IGNORECASE)
_HIGHER = re.compile(rf"{_USUAL}|f1_score|roc_auc|sacrebleu|rouge_?[12l]|mcc|matthews_correlation|psnr|ssim|r2")
_LOWER = re.compile(
    r"loss|errors?|err|((word|character)_)?error_rate|perplexity|ppl|wer|cer|r?mse|mae|mape|(absolute|squared)_error|nll|"
    r"cross_entropy|bpb|eer|fid"
)
_OF_CLASSES = frozenset(("macro", "micro", "weighted", "balanced"))  # how a measure is averaged
_RARE = 2
"""An evaluation comes with at most one in so many points of the training loss."""


def is_quality(name: str) -> bool:
    """Whether a signal of this name measures how well a model does, 1 at best."""
    return bool(_GOOD_IS_ONE.search(name)) and not _GOOD_IS_ZERO.search(name)


def is_better_higher(name: str) -> bool | None:
    """Whether more of a measure is better, where its name is a usual one and says nothing else; None where it is not.

    "eval_accuracy" is one. "val_critic_acc" (of an opponent), "neg_mse" and "accuracy_gap" are none.
    """
    found = [word for word in words(name) if split_of(word) is None and word not in (*SILENT, *_OF_CLASSES)]
    named = "_".join(found)
    return True if _HIGHER.fullmatch(named) else False if _LOWER.fullmatch(named) else None


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

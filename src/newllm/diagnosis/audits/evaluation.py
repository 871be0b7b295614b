"""How an evaluation is made: its set, its size, its padding, its units."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from newllm.diagnosis.audits.reading import last, number, values
from newllm.diagnosis.facts import Facts
from newllm.messages import message
from newllm.trace import Finding, Trace

# Evaluations of one run that are not of the same set: their losses cannot be compared.
_NAME = "validation_count"


def audit_changed_evaluation(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where the number of predictions changes, in all or of a class."""
    names = [_NAME, *sorted(name for name in trace.signals if name.startswith(f"{_NAME}/"))]
    return [found for name in names if (found := _changed(trace, name)) is not None][:1]


def _changed(trace: Trace, name: str) -> Finding | None:
    count = trace.series(name)
    changes = np.flatnonzero(np.diff(count.value))
    if not len(changes):
        return None
    first = int(changes[0]) + 1
    before, after = float(count.value[first - 1]), float(count.value[first])
    return Finding(
        kind="changed-evaluation",
        severity="warning",
        sentence=message(
            "finding-changed-evaluation.sentence",
            axis=trace.axis,
            step=int(count.step[first]),
            before=before,
            after=after,
            token_class=None if name == _NAME else name.removeprefix(_NAME + "/"),
        ),
        first_step=float(count.step[first]),
        last_step=float(count.step[int(changes[-1]) + 1]),
        confidence=0.99,
        signal="validation_loss" if "validation_loss" in trace.signals else name,
        evidence={"before": before, "after": after, "changes": len(changes)},
        alternatives=(message("finding-changed-evaluation.batch-left-out"),),
        test=message("finding-changed-evaluation.test"),
        candidate_causes=("changed-evaluation", "tokenizer-mismatch", "resume"),
    )


# Padding among the targets: a loss that counts it is lower than what the text costs.
LEAST_PADDING = 0.05  # share of padding in validation
NEAR_COUNT = 0.01  # of a count, for two counts that are the same
OFTEN = 0.9  # share of documents that end in it, where its id was not told


def audit_padding(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding where an evaluation's count holds the padding too; a note where nobody can tell."""
    share, tokens = number(data, "padding", "validation_share"), number(data, "validation", "tokens")
    if share is None or not tokens or not LEAST_PADDING <= share < 1:
        return []
    padding = data.get("padding")
    inferred = isinstance(padding, Mapping) and padding.get("inferred") is True
    if inferred and (number(data, "padding", "trailing") or 0.0) < OFTEN:
        return []
    count = last(trace, "validation_count")
    counted = None if count is None else _is_near(count, tokens)
    if count is not None and not counted:
        return []
    return [_padding(share, tokens, count, inferred, trace)]


def _is_near(count: float, other: float) -> bool:
    return abs(count - other) <= NEAR_COUNT * other


def _padding(share: float, tokens: float, count: float | None, inferred: bool, trace: Trace) -> Finding:
    loss = last(trace, "validation_loss")
    true = None if loss is None else loss / (1 - share)
    known = count is not None
    return Finding(
        kind="padding-counted",
        severity="warning" if known else "note",
        sentence=message("finding-padding-counted.sentence", share=share, counted=known, loss=loss, loss_without=true),
        confidence=0.9 if known and not inferred else 0.5,
        signal="validation_loss" if loss is not None else None,
        evidence={"share": share, "tokens": tokens, "count": count, "loss": loss, "loss_without": true},
        alternatives=(message("finding-padding-counted.text"), message("finding-padding-counted.left-out")),
        test=message("finding-padding-counted.test"),
        candidate_causes=("padding-counted",),
    )


# A perplexity that is not e to the loss of the same step.
PAIRS = (("loss", "perplexity"), ("validation_loss", "validation_perplexity"))
NEAR_LOSS = 0.02  # of the loss, and in nats
FEWEST_STEPS = 3  # common steps
MOST_STEPS = 0.5  # of them differ
LARGEST = 15.0  # nats; above, perplexities are cut off or overflow
UNITS = {"bits": math.log(2), "digits": math.log(10)}  # of a loss that is not in nats


def audit_perplexity(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:  # noqa: ARG001 (all alike)
    """Return a finding for each pair that does not fit together."""
    return [found for pair in PAIRS if (found := _compare(trace, *pair)) is not None]


def _compare(trace: Trace, loss_name: str, name: str) -> Finding | None:
    loss, perplexity = trace.series(loss_name), trace.series(name)
    steps, at, also_at = np.intersect1d(loss.step, perplexity.step, return_indices=True)
    nats, exponent = loss.value[at], perplexity.value[also_at]
    good = np.isfinite(nats) & np.isfinite(exponent) & (exponent > 0) & (nats < LARGEST) & (nats > 0)
    steps, nats, exponent = steps[good], nats[good], np.log(exponent[good])
    wrong = np.abs(exponent - nats) > NEAR_LOSS * np.maximum(1.0, nats) + _rounding(trace, name, exponent)
    if len(nats) < FEWEST_STEPS or wrong.mean() <= MOST_STEPS:
        return None
    ratio, difference = float(np.median(exponent / nats)), float(np.median(exponent - nats))
    unit = next((unit for unit, factor in UNITS.items() if abs(ratio / factor - 1) < NEAR_LOSS), None)
    return Finding(
        kind="perplexity-mismatch",
        severity="warning",
        sentence=message(
            "finding-perplexity-mismatch.sentence",
            signal=name,
            loss=loss_name,
            wrong=int(wrong.sum()),
            of=len(nats),
            difference=difference,
            unit=unit,
        ),
        first_step=float(steps[wrong][0]),
        last_step=float(steps[wrong][-1]),
        confidence=0.9,
        signal=name,
        evidence={"ratio": ratio, "difference": difference, "steps": len(nats), "wrong": int(wrong.sum())},
        alternatives=(
            message("finding-perplexity-mismatch.averaged"),
            message("finding-perplexity-mismatch.other-term"),
        ),
        test=message("finding-perplexity-mismatch.test"),
        candidate_causes=("averaged-perplexity", "loss-in-bits", "padding-counted"),
    )


def _rounding(trace: Trace, name: str, exponent: np.ndarray) -> np.ndarray:
    """Return how far the printed digits of a perplexity can move its logarithm."""
    if name not in trace.decimals:
        return np.zeros(len(exponent))
    return 0.5 * 10.0 ** -trace.decimals[name] * np.exp(-exponent)


# A validation too small for what is read from it: the interval on its loss.
FEWEST = 200  # predictions; the interval is then 14 % of the loss to either side
FEWEST_OF_FEW = 1000  # predictions, where they come from no more than `FEW_DOCUMENTS`
FEW_DOCUMENTS = 10
WIDTH = 1.96  # standard errors, a 95 % interval


def audit_small_validation(data: Mapping[str, Any], trace: Trace, facts: Facts) -> list[Finding]:
    """Return a finding where validation has too few predictions.

    Within one run the evaluations share their tokens, so that their differences are surer than the loss itself; between
    models, seeds or texts the interval holds. The spread of one token's nats is not in a log: it is about as large as
    their mean wherever a language model predicts (0.9 to 1.3 of it in our runs). Of other losses nothing says so:
    a note.
    """
    recorded = last(trace, "validation_count")
    count = recorded if recorded is not None else number(data, "validation", "tokens")
    if "target_is_next" in trace.signals and count is not None:  # a loop may count texts, each of many predictions
        count = max(count, (last(trace, "validation_rows") or 0) * (last(trace, "row_numbers") or 0))
    documents = number(data, "validation", "documents")
    if count is None or count < 1:
        return []
    few = documents is not None and documents <= FEW_DOCUMENTS and count < FEWEST_OF_FEW
    of_tokens = documents is not None or bool(facts.vocabulary) or "validation_count/unknown" in trace.signals
    return [_small(int(count), documents, trace, of_tokens)] if few or count < FEWEST else []


def _small(count: int, documents: float | None, trace: Trace, of_tokens: bool) -> Finding:
    loss = values(trace, "validation_loss")
    evidence: dict[str, Any] = {"predictions": count, "documents": documents}
    best = half = None
    if len(loss):
        best, half = float(loss.min()), WIDTH * float(loss.min()) / math.sqrt(count)
        evidence |= {"best_loss": best, "half_width": half, "last_loss": float(loss[-1])}
    return Finding(
        kind="small-validation",
        severity="warning" if of_tokens else "note",
        sentence=message(
            "finding-small-validation.sentence",
            predictions=count,
            documents=None if documents is None else int(documents),
            best_loss=best,
            half_width=half,
        ),
        confidence=0.95,
        signal="validation_loss" if len(loss) else None,
        evidence=evidence,
        alternatives=(message("finding-small-validation.shared-tokens"),),
        test=message("finding-small-validation.test"),
        candidate_causes=("small-validation",),
    )

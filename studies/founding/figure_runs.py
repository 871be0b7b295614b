"""The document's runs again, with what the founding study's own records lack: every figure by epoch, and contexts.

    newllm study founding-figures --out runs/founding-figures
    cp runs/founding-figures/results.json studies/founding/figures.json

`python -m studies.founding` then writes the pages. The cells are those of the founding study (the same
configurations, seeds and sentences), so that a measurement more does not ask for hundreds of runs again. Experiment
3 is left out: its figures (the best loss, its epoch) stand in the founding study's results.

Shapes: B rows, T positions, C channels.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from newllm.data import IGNORED, Batch, Corpus, probe_batch, trim, validation_batches
from newllm.model.context_summary import ContextSummary
from newllm.model.language_model import LanguageModel
from newllm.recorder import ContextRecorder, norm_by_position, summarise
from newllm.study.design import Record, Row
from newllm.study.outcomes import numbers
from newllm.study.study import Study
from newllm.training.config import RunConfig

from .arms import ARMS, BASELINE, TRANSFORMER
from .labels import labels, translations
from .texts import SETS, lay_out

MEASURED = (BASELINE, "experiment1", "experiment2", TRANSFORMER)
_STATISTICS = ("mean", "std", "norm")
_LENGTH = "norm by position/"


def signals(model: LanguageModel, corpus: Corpus, config: RunConfig, step: int) -> Mapping[str, float]:
    """Measure contexts: at every epoch where `newllm train` does, at the end in all candidate places."""
    padded = next(iter(validation_batches(corpus, config.data)))
    found = dict(_statistics("context", _ends(model, trim(padded))))
    if step == config.training.steps:
        found |= dict(_candidates(model, padded, probe_batch(corpus, config.data)))
    return found


def _candidates(model: LanguageModel, padded: Batch, probe: Batch) -> Iterator[tuple[str, float]]:
    """Yield the statistics of every set of vectors that the document may mean, `padded` read to its full length.

    A causal model reads a row's real positions alike, whatever padding follows.
    """
    for part, batch in (("validation", padded), ("training", probe)):
        seen = _contexts_of(model, batch)
        if seen is None:
            continue
        contexts_BTC, real_BT = seen
        yield from _statistics(f"{part}, ends", summarise(contexts_BTC, real_BT))
        yield from _statistics(f"{part}, all positions", _each(contexts_BTC[real_BT]))
        if part == "validation":
            yield from _statistics(f"{part}, ends of the padding", _each(contexts_BTC[:, -1]))
            yield from _statistics(f"{part}, all positions and the padding", _each(contexts_BTC.flatten(0, 1)))
        else:
            norms = norm_by_position(contexts_BTC, real_BT)
            yield from ((f"{_LENGTH}{n}", norm) for n, norm in enumerate(norms, start=1) if norm is not None)


def _ends(model: LanguageModel, batch: Batch) -> ContextSummary | None:
    seen = _contexts_of(model, batch)
    return None if seen is None else summarise(*seen)


def _contexts_of(model: LanguageModel, batch: Batch) -> tuple[Tensor, Tensor] | None:
    """Return the contexts `[B, T, C]` of a pass and the real positions `[B, T]`; None of a model without contexts."""
    with ContextRecorder(model) as recorder:
        model(torch.from_numpy(batch.inputs))
    real_BT = torch.from_numpy(batch.targets != IGNORED)
    return next(((contexts, real_BT) for contexts in recorder.contexts.values()), None)


def _each(contexts_NC: Tensor) -> ContextSummary | None:
    """Summarise contexts that are all real, each as a row of its own."""
    return summarise(contexts_NC[:, None], torch.ones(len(contexts_NC), 1, dtype=torch.bool))


def _statistics(of: str, seen: ContextSummary | None) -> Iterator[tuple[str, float]]:
    if seen is not None:
        yield from ((f"{of}/{name}", getattr(seen, name)) for name in _STATISTICS)


def outcomes(record: Record, control: Record | None) -> Row:  # noqa: ARG001 (the form of outcomes)
    """Return the series by epoch, the first value before the first update, and what belongs to the whole run."""
    validation = record["validation"]
    loss = numbers(validation["loss"])
    best = int(loss.argmin())
    last = {name: series[-1] for name, series in record["signals"].items() if not name.startswith("context/")}
    places = dict.fromkeys(name.partition("/")[0] for name in last if not name.startswith(_LENGTH))
    nothing = [None] * len(loss)
    return {
        "diverged": record["diverged"],
        "best_validation": float(loss[best]),
        "best_epoch": record["epoch"][best],
        "train_loss": record["train"]["loss"],
        "validation_loss": validation["loss"],
        "correct": validation["correct"],
        "context": {name: record["signals"].get(f"context/{name}", nothing) for name in _STATISTICS},
        "norm_by_position": [value for name, value in last.items() if name.startswith(_LENGTH)],
        **{name: record[name] for name in ("parameters", "words", "targets")},
        "contexts": {place: {name: last[f"{place}/{name}"] for name in _STATISTICS} for place in places},
    }


STUDY = Study(
    name="founding-figures",
    title=labels("en").figures_title,
    arms=tuple(arm for arm in ARMS if arm.name in MEASURED),
    sets=SETS,
    claims=(),
    seeds=len(SETS),  # each on sentences of its own
    lay_out=lay_out,
    signals=signals,
    outcomes=outcomes,
    translations=translations(),
)

"""The document's runs again, with what the founding study's own records lack: every figure by epoch, and contexts.

    newllm study founding-figures --out runs/founding-figures
    cp runs/founding-figures/results.json studies/founding/figures.json

`python -m newllm.study.founding` then writes the pages. The cells are those of the founding study (the same
configurations, seeds and sentences), so that a measurement more does not ask for hundreds of runs again. Experiment
3 is left out: its figures (the best loss, its epoch) stand in the founding study's results.

Shapes: B rows, T positions, C channels.
"""

import time
from typing import Any

import torch
from torch import Tensor

from newllm.data import IGNORED, Batch, prepare, validation_batches
from newllm.model.context_summary import ContextSummary
from newllm.recorder import ContextRecorder, summarise
from newllm.study.design import Record, Row
from newllm.study.founding.arms import ARMS, BASELINE, TRANSFORMER
from newllm.study.founding.texts import SETS, lay_out
from newllm.study.outcomes import numbers
from newllm.study.rounding import rounded
from newllm.study.study import Study
from newllm.study.trial import Trial
from newllm.training.budget import Budget
from newllm.training.config import RunConfig
from newllm.training.resolve import resolve

MEASURED = (BASELINE, "experiment1", "experiment2", TRANSFORMER)
_DIGITS = 6


class FigureTrial(Trial):
    """A trial that also measures contexts: by epoch where `newllm train` does, at the end in all candidate places."""

    def run(self) -> Record:
        """Train to the end; adds "parameters", "vocabulary", "targets" and "contexts", the candidates at the end."""
        record = super().run()
        padded = next(iter(validation_batches(self.corpus, self.config.data)))
        return record | {
            "parameters": sum(parameter.numel() for parameter in self.model.parameters()),
            "words": self.corpus.tokenizer.vocab_size,
            "targets": {part: self.corpus.report["counts"][f"{part}_targets"] for part in ("train", "validation")},
            "contexts": self._candidates(padded),
        }

    def _note(self, epoch: int, updates: list[dict[str, Any]]) -> None:
        super()._note(epoch, updates)
        seen = self._contexts_of(self.validation[0])
        self._add("context", _plain(None if seen is None else summarise(*seen)))

    def _exponent(self) -> float | None:
        return None  # the founding study has them

    def _contexts_of(self, batch: Batch) -> tuple[Tensor, Tensor] | None:
        """Return the contexts `[B, T, C]` of a pass in evaluation mode and the real positions `[B, T]`."""
        self.model.eval()
        with torch.no_grad(), ContextRecorder(self.model) as recorder:
            self.model(torch.from_numpy(batch.inputs))
        self.model.train()
        real_BT = torch.from_numpy(batch.targets != IGNORED)
        return next(((contexts, real_BT) for contexts in recorder.contexts.values()), None)

    def _candidates(self, padded: Batch) -> dict[str, Any]:
        """Return the statistics of every set of vectors that the document may mean, `padded` read to its full length.

        A causal model reads a row's real positions alike, whatever padding follows.
        """
        found: dict[str, Any] = {}
        for part, batch in (("validation", padded), ("training", self.probe)):
            seen = self._contexts_of(batch)
            if seen is None:
                continue
            contexts_BTC, real_BT = seen
            found[f"{part}, ends"] = _plain(summarise(contexts_BTC, real_BT))
            found[f"{part}, all positions"] = _plain(_each(contexts_BTC[real_BT]))
            if part == "validation":
                found[f"{part}, ends of the padding"] = _plain(_each(contexts_BTC[:, -1]))
                found[f"{part}, all positions and the padding"] = _plain(_each(contexts_BTC.flatten(0, 1)))
        return found


def _each(contexts_NC: Tensor) -> ContextSummary | None:
    """Summarise contexts that are all real, each as a row of its own."""
    return summarise(contexts_NC[:, None], torch.ones(len(contexts_NC), 1, dtype=torch.bool))


def _plain(seen: ContextSummary | None) -> dict[str, float | None]:
    return {name: getattr(seen, name, None) for name in ("mean", "std", "norm")}


def measure(config: RunConfig) -> Record:
    """Train one cell and return its record: that of `newllm.study.trial.measure`, and what `FigureTrial` adds."""
    corpus = prepare(config.data)
    config, model = resolve(config, corpus, Budget())
    start = time.perf_counter()
    with torch.random.fork_rng():
        record = FigureTrial(config, model, corpus).run()
    return rounded({**record, "seconds": time.perf_counter() - start}, _DIGITS)


def outcomes(record: Record, control: Record | None) -> Row:  # noqa: ARG001 (the form of outcomes)
    """Return the series by epoch, the first value before the first update, and what belongs to the whole run."""
    validation = record["validation"]
    loss = numbers(validation["loss"])
    best = int(loss.argmin())
    return {
        "diverged": record["diverged"],
        "best_validation": float(loss[best]),
        "best_epoch": record["epoch"][best],
        "train_loss": record["train"]["loss"],
        "validation_loss": validation["loss"],
        "correct": validation["correct"],
        "context": record["context"],
        "norm_by_position": (record["probe"]["context_norm"] or [None])[-1] or [],
        **{name: record[name] for name in ("parameters", "words", "targets", "contexts")},
    }


STUDY = Study(
    name="founding-figures",
    title="The document's runs again, measured for every figure that it prints.",
    arms=tuple(arm for arm in ARMS if arm.name in MEASURED),
    sets=SETS,
    claims=(),
    seeds=len(SETS),  # each on sentences of its own
    lay_out=lay_out,
    measure=measure,
    outcomes=outcomes,
)

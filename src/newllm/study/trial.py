"""One cell of a study: trains a small model in memory and measures it as it goes.

No run directory: a cell takes seconds, and its record is all that a study keeps. Everything is measured before
the first update and then every `training.evaluate_every` updates (with the founding document's data: every
epoch), in evaluation mode, on two fixed batches: the probe (the first sentences of the training part, one
batch of them, with no term of the arm's own) and the validation.
"""

import time
from typing import Any

import torch
from torch import Tensor

from newllm.data import IGNORED, Batch, Corpus, prepare, probe_batch, training_batches, trim, validation_batches
from newllm.model.language_model import LanguageModel
from newllm.recorder import (
    ActivationScale,
    ContextRecorder,
    TokenClasses,
    UpdateRatio,
    gradient_norms,
    growth_per_step,
    model_exponents,
    norm_by_position,
    total,
)
from newllm.study.design import Record
from newllm.study.rounding import rounded
from newllm.training.budget import Budget
from newllm.training.config import RunConfig
from newllm.training.optimizer import build_optimizer
from newllm.training.resolve import resolve
from newllm.training.step import Stepper, StepReport

_DIGITS = 6
# An exponent costs as much as two updates: of a few sentences, at every measurement only while runs are young.
_EXPONENT_ROWS, _EVERY_EXPONENT, _THEN_EVERY = 4, 60, 10


def measure(config: RunConfig) -> Record:
    """Train one cell and return its record.

    Args:
        config: the run; `training.steps` says how long.

    Returns:
        Series with one value a measurement: "epoch" (measurements so far), "train" (largest of the updates
        since the last one, of the loss the mean), "probe", "validation", "lyapunov". A run that is no longer
        finite ends there, and "diverged" says where.
    """
    corpus = prepare(config.data)
    config, model = resolve(config, corpus, Budget())
    start = time.perf_counter()
    with torch.random.fork_rng():
        record = Trial(config, model, corpus).run()
    return rounded({**record, "seconds": time.perf_counter() - start}, _DIGITS)


class Trial:
    """The training of one cell, with everything that is measured on the way.

    Args:
        config: resolved.
        model: at its initialisation.
        corpus: the data.
    """

    def __init__(self, config: RunConfig, model: LanguageModel, corpus: Corpus) -> None:
        self.config, self.model, self.corpus = config, model, corpus
        self.optimizer = build_optimizer(model, config.optimizer)
        self.stepper = Stepper(model, self.optimizer, training_batches(corpus, config.data, config.seed), config)
        self.probe = probe_batch(corpus, config.data)
        self.validation = [trim(batch) for batch in validation_batches(corpus, config.data)]
        self.ratio = UpdateRatio()
        self.clipped: dict[str, float] = {}
        self.moved: dict[str, float | None] = {}
        self.optimizer.register_step_pre_hook(lambda *_: self._before_step())
        self.optimizer.register_step_post_hook(lambda *_: self._after_step())
        self.record: Record = {"epoch": [], "diverged": None}

    def run(self) -> Record:
        """Train to the end, or to where the numbers end."""
        self.model.train()
        every = self.config.training.evaluate_every
        self._note(0, [])
        for epoch in range(1, self.config.training.steps // every + 1):
            updates = [self._update(step) for step in range((epoch - 1) * every, epoch * every)]
            self._note(epoch, updates)
            if not all(update["finite"] for update in updates):
                self.record["diverged"] = epoch
                break
        return self.record

    def _update(self, step: int) -> dict[str, Any]:
        self.clipped, self.moved = {}, {}
        report = self.stepper.update(step)
        return _describe(report, self.clipped, self.moved)

    def _before_step(self) -> None:
        self.clipped = gradient_norms(self.model)
        self.ratio.before(self.model)

    def _after_step(self) -> None:
        self.moved = self.ratio.after(self.model)

    def _note(self, epoch: int, updates: list[dict[str, Any]]) -> None:
        """Measure, and add one value to every series."""
        self.record["epoch"].append(epoch)
        self._add("train", _epoch_of(updates))
        self.model.eval()
        with torch.no_grad():
            self._add("probe", self._probe())
            self._add("validation", self._classes(self.validation))
        self._add("", {"lyapunov": self._exponent() if _is_due(epoch) else None})
        self.model.train()

    def _probe(self) -> dict[str, Any]:
        with ActivationScale(self.model) as scale, ContextRecorder(self.model) as contexts:
            seen = self._classes([self.probe])
        return {"loss": seen["loss"], "activation": scale.rms(), **_contexts(contexts, self.probe)}

    def _classes(self, batches: list[Batch]) -> dict[str, Any]:
        """Return the loss in all and by token class, and the correct predictions."""
        tokenizer = self.corpus.tokenizer
        classes = TokenClasses(tokenizer.unknown, tokenizer.end)
        for batch in batches:
            logits, _ = self.model(torch.from_numpy(batch.inputs))
            classes.add(logits, torch.from_numpy(batch.targets))
        parts = {name: part.loss for name, part in classes.classes.items()}
        correct = {str(token): count for token, count in classes.correct_tokens.items()}
        whole = classes.all
        tokens = {f"{name}_tokens": part.tokens for name, part in classes.classes.items()}
        return {"loss": whole.loss, **parts, **tokens, "correct": whole.correct, "correct_tokens": correct}

    def _exponent(self) -> float | None:
        rows = slice(_EXPONENT_ROWS)
        real = torch.from_numpy(self.probe.targets[rows] != IGNORED)
        return model_exponents(self.model, torch.from_numpy(self.probe.inputs[rows]), real)

    def _add(self, prefix: str, values: dict[str, Any]) -> None:
        place = self.record.setdefault(prefix, {}) if prefix else self.record
        for name, value in values.items():
            place.setdefault(name, []).append(value)


def _is_due(epoch: int) -> bool:
    return epoch <= _EVERY_EXPONENT or epoch % _THEN_EVERY == 0


def _contexts(recorder: ContextRecorder, batch: Batch) -> dict[str, Any]:
    """Return the context's norm by position and its growth per step, over all layers with a context."""
    real = torch.from_numpy(batch.targets != IGNORED)
    seen: list[Tensor] = list(recorder.contexts.values())
    if not seen:
        return {"context_norm": None, "context_growth": None}
    contexts = seen[0] if len(seen) == 1 else torch.cat(seen, dim=-1)
    return {"context_norm": norm_by_position(contexts, real), "context_growth": growth_per_step(contexts, real)}


def _describe(report: StepReport, clipped: dict[str, float], moved: dict[str, float | None]) -> dict[str, Any]:
    after = total(clipped)
    stretch = report.gradient_norm / after if after > 0 else 1.0
    return {
        "loss": report.loss,
        "tokens": report.tokens,
        "finite": report.finite,
        "gradient": report.gradient_norm,
        "gradient_clipped": after,
        "layer_gradient": {name: value * stretch for name, value in clipped.items()},
        "layer_gradient_clipped": clipped,
        "layer_update": moved,
    }


def _epoch_of(updates: list[dict[str, Any]]) -> dict[str, Any]:
    """Return one epoch's training loss over its tokens, and of its updates the largest of every signal."""
    if not updates:
        names = ("loss", "gradient", "gradient_clipped", "layer_gradient", "layer_gradient_clipped", "layer_update")
        return dict.fromkeys(names)
    tokens = sum(update["tokens"] for update in updates)
    whole = {name: max(update[name] for update in updates) for name in ("gradient", "gradient_clipped")}
    layers = {
        name: {layer: _largest([update[name].get(layer) for update in updates]) for layer in updates[0][name]}
        for name in ("layer_gradient", "layer_gradient_clipped", "layer_update")
    }
    return {"loss": sum(update["loss"] * update["tokens"] for update in updates) / tokens, **whole, **layers}


def _largest(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None

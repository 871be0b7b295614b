"""A run of ours at one step: what `newllm train` does, driven by the same stepper."""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from newllm.data import Batch, Batches, Corpus, probe_batch, training_batches, trim, validation_batches
from newllm.errors import UserError
from newllm.model.evaluation_mode import evaluation_mode
from newllm.recorder import TokenClasses
from newllm.replays.replica.replica import Replica, State, Update
from newllm.replays.replica.setup import Fetch, Setup
from newllm.training.config import RunConfig
from newllm.training.evaluation import as_inputs
from newllm.training.loss import sum_nats
from newllm.training.optimizer import build_optimizer
from newllm.training.precision import autocast
from newllm.training.resolve import build_model
from newllm.training.step import Stepper

_EVALUATED = 2048  # targets of an evaluation in a replay: it comes often


class OwnReplica(Replica):
    """A run of ours at one step, driven by the same `Stepper` as in training.

    Args:
        config: resolved.
        corpus: the data.
        setup: what is done to its batches.

    Attributes:
        tokens: targets of all updates that it did.
        left_out: classes of targets that the evaluation "validation" does not count ("unknown", "end", "seen").
    """

    def __init__(self, config: RunConfig, corpus: Corpus, setup: Setup) -> None:
        self.config, self.corpus = config, corpus
        self.model = build_model(config)
        self.model.train()
        own = training_batches(corpus, config.data, config.seed if setup.order is None else setup.order)
        self.seen: list[int] = []
        self.tokens = 0
        batches = _Fetched(own, setup.fetch(own.batch, self.seen))
        self.optimizer = build_optimizer(self.model, config.optimizer, config.numerics.precision)
        self.stepper = Stepper(self.model, self.optimizer, batches, config)
        self.rate, self.clip = self.stepper.rate, self.stepper.clip
        self.left_out: frozenset[str] = frozenset()
        self._probe = probe_batch(corpus, config.data)
        self._validation = [trim(batch) for batch in validation_batches(corpus, config.data, _EVALUATED)]

    def update(self, step: int) -> Update:
        """Do one update."""
        self.arrive(step)
        stepper = self.stepper
        stepper.optimizer, stepper.clip = self.optimizer, self.clip
        stepper.rate = self.rate or stepper.rate
        report = stepper.update(step)
        self.tokens += report.tokens
        norm = None if report.context is None else report.context.norm
        return Update(report.loss, report.gradient_norm, report.finite, norm)

    def probe(self) -> float:
        """Return the loss on the first sentences or windows of the training part."""
        nats, tokens = 0.0, 0
        for logits, targets in self._predictions([self._probe]):
            nats += float(sum_nats(logits, targets, fused=bool(self.model.fused)))
            tokens += int((targets >= 0).sum())
        return nats / tokens

    def evaluate(self) -> Mapping[str, float]:
        """Return the validation loss and that of each class of targets."""
        classes = TokenClasses(self.corpus.tokenizer.unknown, self.corpus.tokenizer.end)
        for logits, targets in self._predictions(self._validation):
            classes.add(logits, targets)
        parts = {name: part for name, part in classes.classes.items() if part.tokens}
        counted = [part for name, part in parts.items() if name not in self.left_out]
        tokens = sum(part.tokens for part in counted)
        found = {f"validation/{name}": part.nats / part.tokens for name, part in parts.items()}
        if tokens:
            found["validation"] = sum(part.nats for part in counted) / tokens
        return found

    @torch.no_grad()
    def _predictions(self, batches: list[Batch]) -> list[tuple[Tensor, Tensor]]:
        found = []
        with evaluation_mode(self.model):
            for batch in batches:
                with autocast(self.device, self.config.numerics.precision):
                    logits, _ = self.model(*as_inputs(batch, self.device))
                found.append((logits, torch.from_numpy(batch.targets).to(self.device)))
        return found

    def state(self) -> State:
        """Return a copy of weights, moments and the carried context."""
        carried = {name: value.clone() for name, value in (self.stepper.carried or {}).items()}
        return dataclasses.replace(super().state(), carried=carried)

    def restore(self, state: State) -> None:
        """Put a state back."""
        own = self.model.state_dict()
        for name in own.keys() | state.model.keys():
            if name not in own or name not in state.model or own[name].shape != state.model[name].shape:
                raise UserError(f"the snapshot does not fit the model: '{name}' is not the same in both")
        super().restore(state)
        self.stepper.carried = {name: value.to(self.device, copy=True) for name, value in state.carried.items()} or None


class _Fetched(Batches):
    """Batches through a fetch that interventions may have changed."""

    def __init__(self, own: Batches, fetch: Fetch) -> None:
        self.batches_per_epoch, self.tokens_per_batch = own.batches_per_epoch, own.tokens_per_batch
        self._fetch = fetch

    def batch(self, index: int) -> Batch:
        return self._fetch(index)

"""Faults of the data."""
# ruff: noqa: ARG002, D102 (each method is a hook, described where it is declared)

import dataclasses

import numpy as np
import torch

from datasets import CLASSES, Dataset, dataset, text_dataset, windows
from loop import Batch, Hooks
from newllm.chance import numpy_stream


class CorruptedBatch(Hooks):
    """One batch is noise."""

    def batch(self, step: int, batch: Batch, classes: int) -> Batch:
        if not self.at <= step < self.at + self.size["steps"]:
            return batch
        inputs, targets = batch
        noise = torch.from_numpy(numpy_stream(step, "noise").integers(classes, size=targets.shape))
        if inputs.is_floating_point():
            return 5 * torch.from_numpy(numpy_stream(step, "noise").normal(size=inputs.shape)).float(), noise
        return torch.from_numpy(numpy_stream(step, "noise-inputs").integers(classes, size=inputs.shape)), noise


class RepeatedText(Hooks):
    """Every row of a burst of batches is one and the same window."""

    def order(self, step: int, chosen: np.ndarray, data: Dataset, steps: int) -> np.ndarray:
        burst = self.at <= step < self.at + self.size["steps"]
        return np.zeros_like(chosen) if burst else chosen


class LabelNoise(Hooks):
    """Targets are shuffled among the examples for a while."""

    def batch(self, step: int, batch: Batch, classes: int) -> Batch:
        if not self.at <= step < self.at + self.size["steps"]:
            return batch
        inputs, targets = batch
        order = torch.from_numpy(numpy_stream(step, "label-noise").permutation(targets.numel()))
        return inputs, targets.flatten()[order].reshape(targets.shape)


class UnshuffledDomains(Hooks):
    """Domain after domain: of a text, two tasks' languages and both backwards; else classes in pairs."""

    def dataset(self, data: Dataset) -> Dataset:
        targets = data.train[1]
        if not data.is_text:
            domains = targets * int(self.size["domains"]) // CLASSES[data.name]
            return dataclasses.replace(data, domains=domains)
        parts = _domains(data)
        both = [np.concatenate([part[side] for part in parts]) for side in (0, 1)]
        held = [np.concatenate([part[side][:32] for part in parts]) for side in (0, 1)]
        domains = np.repeat(np.arange(len(parts)), [len(part[0]) for part in parts])
        name = f"{data.name}-domains"
        train, validation = (both[0], both[1]), (held[0], held[1])
        return dataclasses.replace(data, name=name, train=train, validation=validation, domains=domains)

    def order(self, step: int, chosen: np.ndarray, data: Dataset, steps: int) -> np.ndarray:
        now = min(int((step - 1) * self.size["domains"] / steps), int(self.size["domains"]) - 1)
        assert data.domains is not None
        mine = np.flatnonzero(data.domains == now)
        return mine[chosen % len(mine)]


class TokenizerMismatch(Hooks):
    """Validation has other ids for the same tokens."""

    def dataset(self, data: Dataset) -> Dataset:
        ids = numpy_stream(0, "tokenizer").permutation(data.classes)
        assert data.documents is not None
        training, validation = data.documents
        changed = [ids[document] for document in validation]
        return _renamed(data, "tokenizer-mismatch", training, changed)


class OverFitting(Hooks):
    """Far too few examples."""

    def dataset(self, data: Dataset) -> Dataset:
        few = int(self.size["examples"])
        start = int(self.size["run"]) * few
        cut = slice(start, start + few)
        train = data.train[0][cut], data.train[1][cut]
        documents = data.documents
        if documents is not None:
            documents = list(train[0]), documents[1]
        name = f"{data.name}-over-fitting-{start}"
        return dataclasses.replace(data, name=name, train=train, documents=documents)


class UnknownWords(Hooks):
    """Some words of validation are unknown."""

    def dataset(self, data: Dataset) -> Dataset:
        assert data.documents is not None
        assert data.unknown is not None
        training, validation = data.documents
        chance = numpy_stream(0, "unknown-words")
        changed = [
            np.where(chance.random(len(words)) < self.size["share"], data.unknown, words) for words in validation
        ]
        return _renamed(data, "unknown-words", training, changed)


class SmallValidation(Hooks):
    """A handful of sentences."""

    def dataset(self, data: Dataset) -> Dataset:
        assert data.documents is not None
        training, validation = data.documents
        return _renamed(data, "small-validation", training, validation[: int(self.size["documents"])])


class Leak(Hooks):
    """Training has read half of validation."""

    def dataset(self, data: Dataset) -> Dataset:
        assert data.documents is not None
        training, validation = data.documents
        return _renamed(data, "leak", [*training, *validation[:: round(1 / self.size["share"])]], validation)


class Duplicates(Hooks):
    """Half of training is copies of a few documents."""

    def dataset(self, data: Dataset) -> Dataset:
        assert data.documents is not None
        training, validation = data.documents
        kept = training[: round((1 - self.size["share"]) * len(training))]
        few = kept[: int(self.size["documents"])]
        copies = [few[at % len(few)] for at in range(len(training) - len(kept))]
        order = numpy_stream(0, "duplicates").permutation(len(training))
        every = [*kept, *copies]
        return _renamed(data, "duplicates", [every[at] for at in order], validation)


def _renamed(data: Dataset, fault: str, training: list[np.ndarray], validation: list[np.ndarray]) -> Dataset:
    return text_dataset(f"{data.name}-{fault}", training, validation, data.classes, data.unknown)


def _domains(data: Dataset) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return windows of four languages over the ids of one vocabulary."""
    assert data.documents is not None
    other = dataset("words" if data.name == "letters" else "letters").documents
    assert other is not None
    here = data.documents[0][:2000]
    there = [document % data.classes for document in other[0][: 2000 if data.name == "words" else 12000]]
    languages = (here, there, [document[::-1] for document in here], [document[::-1] for document in there])
    return [windows(documents) for documents in languages]


DATA_FAULTS: dict[str, type[Hooks]] = {
    "corrupted-batch": CorruptedBatch,
    "repeated-text": RepeatedText,
    "label-noise": LabelNoise,
    "unshuffled-domains": UnshuffledDomains,
    "tokenizer-mismatch": TokenizerMismatch,
    "over-fitting": OverFitting,
    "unknown-words": UnknownWords,
    "small-validation": SmallValidation,
    "leak": Leak,
    "duplicates": Duplicates,
}

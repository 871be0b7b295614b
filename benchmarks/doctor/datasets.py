"""The four tasks: letters of Moby-Dick, words of a small grammar, vectors of eight classes, images of gratings.

Every task is a fixed table of examples, the same for every seed of a run; what a seed changes is the model's start and
the order. Healthy by construction: no document occurs twice, none of training occurs in validation, every token of
validation occurs in training, and there are 20 or more training tokens a parameter.

Shapes: N examples, T = 16 positions of a text.
"""

import functools
from dataclasses import dataclass

import numpy as np

from newllm.chance import numpy_stream
from newllm.data import read_documents

WINDOW = 16
VALIDATION_TOKENS = 4096
CLASSES = {"vectors": 8, "images": 6}
LETTERS = "\n abcdefghijklmnopqrstuvwxyz.,;'-!?"
_UNKNOWN, _END = 0, 1  # of the words
Examples = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class Dataset:
    """One task's examples.

    Attributes:
        name: equal names mean equal data: the data facts are computed once a name.
        classes: number of targets; the vocabulary of a text.
        train: inputs and targets; texts [N, T] both.
        validation: likewise.
        documents: token ids of each document of training and of validation; None for what is no text.
        unknown: id of the unknown word; None without one.
        domains: the domain of each training example, where the order of domains is asked for.
    """

    name: str
    classes: int
    train: Examples
    validation: Examples
    documents: tuple[list[np.ndarray], list[np.ndarray]] | None = None
    unknown: int | None = None
    domains: np.ndarray | None = None

    @property
    def is_text(self) -> bool:
        """Whether the examples are windows of tokens."""
        return self.documents is not None


@functools.cache
def dataset(task: str) -> Dataset:
    """Return a task's data."""
    if task in ("letters", "words"):
        documents = _paragraphs() if task == "letters" else _sentences()
        return text_dataset(task, *_split(documents), _classes(task), _UNKNOWN if task == "words" else None)
    inputs, targets = _vectors() if task == "vectors" else _images()
    held = 1024
    return Dataset(task, CLASSES[task], (inputs[held:], targets[held:]), (inputs[:held], targets[:held]))


def text_dataset(
    name: str, training: list[np.ndarray], validation: list[np.ndarray], classes: int, unknown: int | None
) -> Dataset:
    """Cut documents into windows."""
    return Dataset(name, classes, windows(training), windows(validation), (training, validation), unknown)


def windows(documents: list[np.ndarray]) -> Examples:
    """Return inputs and targets [N, T] of the documents one after the other; a short rest is filled from the start."""
    stream = np.concatenate(documents)
    stream = np.resize(stream, max(len(stream), WINDOW + 1))
    count = (len(stream) - 1) // WINDOW
    cut = slice(0, count * WINDOW)
    return stream[:-1][cut].reshape(count, WINDOW), stream[1:][cut].reshape(count, WINDOW)


def encode(text: str) -> np.ndarray:
    """Return the letters' ids; other characters are left out."""
    return np.array([at for at in map(LETTERS.find, text.lower()) if at >= 0], np.int64)


def _classes(task: str) -> int:
    return len(LETTERS) if task == "letters" else 2 + sum(map(len, _WORDS.values()))


def _paragraphs() -> list[np.ndarray]:
    text = read_documents(["bundled:moby-dick"])[0].text.decode()
    pieces = [" ".join(piece.split()) for piece in text.split("\n\n")]
    return [encode(piece + "\n") for piece in dict.fromkeys(pieces) if len(piece) >= 120]


def _split(documents: list[np.ndarray]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Return training and as many documents for validation as make up its tokens."""
    order = numpy_stream(0, "split").permutation(len(documents))
    lengths = np.cumsum([len(documents[at]) for at in order])
    held = int(np.searchsorted(lengths, VALIDATION_TOKENS)) + 1
    return [documents[at] for at in order[held:]], [documents[at] for at in order[:held]]


_WORDS = {"determiner": range(6), "adjective": range(30), "noun": range(60), "verb": range(36), "adverb": range(12)}
_PLACE = {name: 2 + sum(len(_WORDS[other]) for other in list(_WORDS)[:at]) for at, name in enumerate(_WORDS)}
_PATTERN = ("determiner", "adjective", "noun", "adverb", "verb", "determiner", "adjective", "noun", "verb", "noun")


def _sentences(count: int = 60_000) -> list[np.ndarray]:
    """Return sentences of 10 words and an end: a word's kind follows a pattern, its choice the word before it."""
    chance = numpy_stream(0, "sentences")
    columns: list[np.ndarray] = []
    for kind in _PATTERN:
        size = len(_WORDS[kind])
        weights = 1 / np.arange(2, 2 + size)
        drawn = chance.choice(size, count, p=weights / weights.sum())
        before = columns[-1] if columns else np.zeros(count, np.int64)
        columns.append(_PLACE[kind] + (drawn + 7 * before) % size)
    table = np.unique(np.stack([*columns, np.full(count, _END)], axis=1), axis=0)
    return list(table[chance.permutation(len(table))])


def _vectors(count: int = 9216) -> Examples:
    """Return points [N, 20] around two centres a class; the classes overlap."""
    chance = numpy_stream(0, "vectors")
    centres = chance.normal(size=(2 * CLASSES["vectors"], 20))
    which = chance.integers(len(centres), size=count)
    points = centres[which] + 0.9 * chance.normal(size=(count, 20))
    return points.astype(np.float32), (which % CLASSES["vectors"]).astype(np.int64)


def _images(count: int = 5120) -> Examples:
    """Return gratings [N, 1, 12, 12] of six directions with a random phase, in noise."""
    chance = numpy_stream(0, "images")
    label = chance.integers(CLASSES["images"], size=count)
    angle = np.pi * label / CLASSES["images"] + chance.normal(0, 0.08, count)
    phase = chance.uniform(0, 2 * np.pi, count)
    y, x = np.mgrid[:12, :12]
    along = np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y
    image = np.sin(1.3 * along + phase[:, None, None]) + 0.9 * chance.normal(size=(count, 12, 12))
    return image[:, None].astype(np.float32), label.astype(np.int64)

"""Training is worth its time: on the bundled novel it beats an interpolated bigram model on the same bytes."""

from pathlib import Path

import numpy as np
import pytest

import newllm
from newllm.data.sources import read_documents
from newllm.training.budget import Budget


def _bigram_bits_per_byte(train: bytes, held_out: bytes) -> float:
    """Interpolate bigram, unigram and uniform with the weights that suit the held-out text best of all."""
    ids, unseen = np.frombuffer(train, np.uint8), np.frombuffer(held_out, np.uint8)
    pairs = np.zeros((257, 256))
    np.add.at(pairs, (np.concatenate([[256], ids[:-1]]), ids), 1)  # 256 stands before the text
    unigram = pairs.sum(axis=0) / len(ids)
    rows = pairs.sum(axis=1, keepdims=True)
    bigram = np.divide(pairs, rows, out=np.tile(unigram, (257, 1)), where=rows > 0)
    parts = np.stack(
        [bigram[np.concatenate([[256], unseen[:-1]]), unseen], unigram[unseen], np.full(len(unseen), 1 / 256)]
    )
    weights = np.full(3, 1 / 3)
    for _ in range(100):  # expectation maximisation
        shares = weights[:, None] * parts
        weights = (shares / shares.sum(axis=0)).mean(axis=1)
    return float(-np.log2(weights @ parts).mean())


def _compare(tmp_path: Path, size: int, steps: int, *settings: str) -> tuple[float, float]:
    """Return bits per byte of the bigram model and of a run, on exactly the same held-out bytes."""
    novel = read_documents(["bundled:moby-dick"])[0].text[30_000 : 30_000 + size]
    cut = novel.index(b"\n", size * 9 // 10)
    train, held_out = novel[:cut], novel[cut:]
    (tmp_path / "train.txt").write_bytes(train)
    (tmp_path / "held-out.txt").write_bytes(held_out)
    own = [f"data.validation={tmp_path / 'held-out.txt'}", "numerics.precision=fp32", "numerics.threads=1"]
    run = newllm.train(
        str(tmp_path / "train.txt"),
        out=tmp_path / "run",
        preset="tiny",
        budget=Budget(steps=steps),
        settings=[*own, "numerics.scan_backend=torch", "training.evaluate_every=100000", *settings],
    )
    evaluation = newllm.load(run.path, "last", device="cpu").evaluate(str(tmp_path / "held-out.txt"))
    assert evaluation.bytes == len(held_out)
    assert evaluation.bits_per_byte is not None
    return _bigram_bits_per_byte(train, held_out), evaluation.bits_per_byte


@pytest.mark.slow
def test_a_run_of_seconds_beats_a_bigram_model(tmp_path) -> None:
    small = ("model.width=64", "model.layers=2", "model.hidden=128", "model.context=64", "data.window=64")
    bigram, run = _compare(tmp_path, 100_000, 150, *small, "optimizer.learning_rate=1e-2", "data.batch=16")
    assert run < bigram


@pytest.mark.slow
def test_preset_tiny_beats_a_bigram_model_by_far(tmp_path) -> None:
    bigram, run = _compare(tmp_path, 200_000, 300, "data.window=128")
    assert run < 0.8 * bigram

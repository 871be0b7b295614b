"""Evaluation: sums over targets, without dropout, leaving the model as it was."""

import math

import numpy as np
import pytest
import torch

import newllm
from newllm.data import (
    IGNORED,
    Batch,
    DataConfig,
    Document,
    sentence_lines,
    split_documents,
    train_tokenizer,
)
from newllm.data.segments import encode_blocks
from newllm.training.evaluation import Evaluation, evaluate
from newllm.training.read_through import read_through


@pytest.fixture
def model():
    small = ["model.width=16", "model.layers=1", "model.hidden=16", "model.context=16", "model.dropout=0.5"]
    return newllm.build("tiny", settings=small).train()


def _batch(rows: int = 3) -> Batch:
    chance = np.random.default_rng(0)
    targets = chance.integers(0, 256, (rows, 12))
    targets[0, 5:] = IGNORED
    return Batch(chance.integers(0, 256, (rows, 12)), targets)


def test_dropout_is_off_and_the_mode_is_put_back(model) -> None:
    first, second = (evaluate(model, [_batch()], np.ones(257, np.int64), "fp32") for _ in range(2))
    assert first == second
    assert model.training
    evaluate(model.eval(), [_batch()], None, "fp32")
    assert not model.training


def test_the_sum_is_that_of_single_rows_and_padding_counts_nothing(model) -> None:
    batch = _batch()
    rows = [Batch(batch.inputs[i : i + 1], batch.targets[i : i + 1]) for i in range(3)]
    whole = evaluate(model, [batch], np.full(257, 2), "fp32")
    single = evaluate(model, rows, np.full(257, 2), "fp32")
    assert whole.tokens == single.tokens == 5 + 12 + 12
    assert whole.bytes == 2 * whole.tokens
    assert single.nats == pytest.approx(whole.nats, rel=1e-6)
    changed = Batch(batch.inputs.copy(), batch.targets)
    changed.inputs[0, 6:] = 9
    assert evaluate(model, [changed], None, "fp32").nats == pytest.approx(whole.nats, rel=1e-6)


def test_reading_through_is_without_dropout_too(model) -> None:
    from newllm.data.byte_tokenizer import ByteTokenizer

    first, second = (read_through(model, ByteTokenizer(), [b"some text"]) for _ in range(2))
    assert first == second
    assert model.training
    assert first.tokens == first.bytes == 9


@pytest.mark.parametrize("name", ["bytes", "word"])
def test_sentences_are_read_as_they_are_trained_on(name) -> None:
    raw = b"  one two \r\n\n \t\nthree\x0cfour\rfive\x1csix\n"
    config = DataConfig(format="sentences", tokenizer=name)
    document = Document("a", raw)
    split = split_documents([document], [document], config, words=True)
    tokenizer = train_tokenizer(name, [raw], 20)
    small = ["model.width=8", "model.layers=1", "model.hidden=8", "model.context=8"]
    trained_on = [piece.text for (piece,) in split.train]
    assert trained_on == sentence_lines(raw) == [b"one two", b"three\x0cfour\rfive\x1csix"]
    read = read_through(newllm.build("tiny", settings=small), tokenizer, [raw], sentences=True)
    assert read.tokens == encode_blocks(split.train, tokenizer, closed=True).targets


def test_the_numbers_of_an_evaluation() -> None:
    evaluation = Evaluation(nats=10 * math.log(2), tokens=5, bytes=20)
    assert evaluation.loss == pytest.approx(2 * math.log(2))
    assert evaluation.perplexity == pytest.approx(4)
    assert evaluation.bits_per_byte == pytest.approx(0.5)
    assert Evaluation(1.0, 1, None).bits_per_byte is None
    assert Evaluation(1e6, 1, 1).perplexity == math.inf


def test_bf16_is_near_fp32(model) -> None:
    near = evaluate(model, [_batch()], None, "bf16").loss
    assert near == pytest.approx(evaluate(model, [_batch()], None, "fp32").loss, rel=0.02)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())

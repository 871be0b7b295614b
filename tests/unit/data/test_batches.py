import dataclasses
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import example, given, reject, settings
from hypothesis import strategies as st

from newllm.data import (
    IGNORED,
    Batch,
    Corpus,
    DataConfig,
    Segments,
    Tokenizer,
    prepare,
    train_tokenizer,
    training_batches,
    trim,
    validation_batches,
)
from newllm.data.orders import WindowBatches
from newllm.errors import UserError

BYTES = train_tokenizer("bytes", [], 1)
SENTENCES = DataConfig(texts=("bundled:sentences",), format="sentences", tokenizer="word", window=31, batch=16)


class CharacterTokenizer(Tokenizer):
    """One id a character, so that a text of distinct characters shows where every token comes from."""

    name = "bytes"
    vocab_size = 0x110000
    begin = end = 0
    pad = unknown = None
    lossless = True

    def encode(self, text: bytes) -> np.ndarray:
        return np.array([ord(character) for character in text.decode()], dtype=np.int32)

    def decode(self, ids) -> bytes:
        return "".join(chr(token) for token in ids if token).encode()

    def token_bytes(self) -> None:
        return None

    def to_json(self) -> str:
        return BYTES.to_json()


def made_of(*lengths: int) -> Corpus:
    """Return a corpus in memory whose tokens are their positions, with one bound for each length."""
    ends = np.cumsum(lengths).tolist()
    bounds = list(zip([0, *ends[:-1]], ends, strict=True))
    part = Segments(np.arange(ends[-1], dtype=np.uint16), bounds, np.array([start for start, _ in bounds]))
    return Corpus(BYTES, part, part, {})


def same(one: Batch, other: Batch) -> bool:
    return all(
        (a is None and b is None) or np.array_equal(a, b)
        for a, b in zip(vars(one).values(), vars(other).values(), strict=True)
    )


configs = st.builds(
    DataConfig,
    window=st.integers(1, 12),
    batch=st.integers(1, 9),
    resets=st.booleans(),
    carry=st.booleans(),
    validation_fraction=st.floats(0.02, 0.5),
    validation_blocks=st.integers(1, 9),
)


@settings(max_examples=60, deadline=None)
@given(configs, st.lists(st.integers(20, 300), min_size=1, max_size=4), st.integers(0, 3))
def test_no_training_window_touches_the_validation_part(config: DataConfig, lengths: list[int], seed: int) -> None:
    characters = iter(range(0x4E00, 0x9000))
    with TemporaryDirectory() as directory:
        names = []
        for index, length in enumerate(lengths):
            path = Path(directory) / f"{index}.txt"
            path.write_text("".join(chr(next(characters)) for _ in range(length)))
            names.append(str(path))
        config = replace(config, texts=tuple(names))
        try:
            corpus = prepare(config, CharacterTokenizer(), Path(directory) / "cache")
        except UserError:  # characters of 3 bytes: the blocks may be too short
            reject()
        held_out = set(corpus.validation.tokens.tolist()) - {0}
        kept = set(corpus.train.tokens.tolist()) - {0}
        assert held_out
        assert not held_out & kept
        assert len(held_out) + len(kept) == sum(lengths)
        batches = training_batches(corpus, config, seed)
        for step in range(2 * batches.batches_per_epoch):
            batch = batches.batch(step)
            rows = np.concatenate([batch.inputs, batch.targets[:, -1:]], axis=1)
            assert not held_out & set(rows.ravel().tolist())
            text = np.where(rows == 0, -1, rows)  # neighbours in a window are neighbours in the text
            steps = np.diff(text)[(text[:, 1:] > 0) & (text[:, :-1] > 0)]
            assert (steps == 1).all()
        seen = [t for batch in validation_batches(corpus, config) for t in batch.targets.ravel() if t > 0]
        assert set(seen) <= held_out
        assert len(seen) == len(set(seen))


@settings(deadline=None)
@given(
    configs,
    st.lists(st.integers(1, 80), min_size=1, max_size=5),
    st.integers(0, 2**40),
    st.lists(st.integers(0, 200), min_size=1, max_size=12),
)
def test_a_batch_is_a_pure_function_of_seed_and_step(
    config: DataConfig, lengths: list[int], seed: int, steps: list[int]
) -> None:
    corpus = made_of(config.window + 1, *lengths)
    one, other = training_batches(corpus, config, seed), training_batches(corpus, config, seed)
    in_order = {step: one.batch(step) for step in sorted(set(steps))}
    for step in steps:
        assert same(other.batch(step), in_order[step])
        assert same(training_batches(corpus, config, seed).batch(step), in_order[step])


def test_sentence_batches_are_pure_too() -> None:
    corpus = prepare(SENTENCES)
    one, other = training_batches(corpus, SENTENCES, 3), training_batches(corpus, SENTENCES, 3)
    expected = [one.batch(step) for step in range(8)]
    assert all(same(other.batch(step), expected[step]) for step in (7, 0, 3, 3, 6))


def test_a_seed_changes_the_order_and_an_epoch_does() -> None:
    corpus, config = made_of(1000), DataConfig(window=7, batch=4)
    batches = training_batches(corpus, config, 0)
    assert isinstance(batches, WindowBatches)
    assert not same(batches.batch(0), training_batches(corpus, config, 1).batch(0))
    assert not same(batches.batch(0), batches.batch(batches.batches_per_epoch))
    starts = [row[0] for step in range(batches.batches_per_epoch) for row in batches.batch(step).inputs.tolist()]
    assert starts[:142] != sorted(starts[:142])
    for epoch in range(2, 6):
        batches.batch(epoch * batches.batches_per_epoch)
    assert len(batches._epochs) <= 2  # a long run's memory stays flat


def test_sentences_are_shuffled_anew_every_epoch() -> None:
    batches = training_batches(prepare(SENTENCES), SENTENCES, 0)
    assert not same(batches.batch(0), batches.batch(2))
    assert not same(batches.batch(0), training_batches(prepare(SENTENCES), SENTENCES, 1).batch(0))


@settings(deadline=None)
@given(
    st.lists(st.integers(1, 60), min_size=0, max_size=5),
    st.integers(1, 9),
    st.integers(0, 5),
    st.integers(0, 5),
)
def test_an_epoch_holds_every_window_once(lengths: list[int], window: int, seed: int, epoch: int) -> None:
    corpus = made_of(window + 1, *lengths)
    batches = training_batches(corpus, DataConfig(window=window, batch=1), seed)
    count = sum((length - 1) // window for length in (window + 1, *lengths))
    assert batches.batches_per_epoch == count
    rows = [batches.batch(epoch * count + step) for step in range(count)]
    starts = sorted(int(batch.inputs[0, 0]) for batch in rows)
    bounds = [bound for bound in corpus.train.bounds if bound[1] - bound[0] > window]
    shifts = set()
    for start, stop in bounds:
        inside = [place for place in starts if start <= place and place + window < stop]
        assert len(inside) == (stop - start - 1) // window
        shifts |= {place - start - index * window for index, place in enumerate(inside) if place + window + 1 < stop}
    assert len(shifts) <= 1
    for batch in rows:
        assert (np.diff(batch.inputs[0]) == 1).all()
        assert (batch.targets == batch.inputs + 1).all()
        assert batch.inputs.dtype == batch.targets.dtype == np.int64


def test_few_windows_repeat_in_one_batch() -> None:
    batches = training_batches(made_of(21), DataConfig(window=10, batch=5), 0)
    assert batches.batches_per_epoch == 1
    assert batches.tokens_per_batch == 50
    assert batches.batch(9).inputs.shape == (5, 10)


def test_resets_mark_the_document_starts_and_keep_the_begin_token_as_target(corpus_of: Callable) -> None:
    corpus, config = corpus_of(b"a" * 45, b"b" * 300, b"c" * 30, window=16, batch=2, resets=True, validation_blocks=1)
    for carry in (False, True):
        batches = training_batches(corpus, replace(config, carry=carry), 0)
        marks = targets = 0
        for step in range(batches.batches_per_epoch):
            batch = batches.batch(step)
            assert batch.reset is not None
            assert np.array_equal(batch.reset, batch.inputs == 256)
            marks += batch.reset.sum()
            targets += (batch.targets == 256).sum()
        assert marks > 0
        assert targets > 0
    for batch in validation_batches(corpus, config):
        assert batch.reset is not None
        assert np.array_equal(batch.reset, batch.inputs == 256)
    assert training_batches(corpus, replace(config, resets=False), 0).batch(0).reset is None


@settings(deadline=None)
@given(st.lists(st.integers(1, 90), min_size=0, max_size=5), st.integers(1, 9), st.integers(1, 9))
def test_a_carried_row_continues_unless_it_is_fresh(lengths: list[int], window: int, rows: int) -> None:
    corpus = made_of(window + 1, *lengths)
    batches = training_batches(corpus, DataConfig(window=window, batch=rows, carry=True), 0)
    count = sum((length - 1) // window for length in (window + 1, *lengths))
    before = batches.batch(0)
    assert before.fresh is not None
    assert before.fresh.all()
    seen = set(before.inputs[:, 0].tolist())
    opens = {start for start, _ in corpus.train.bounds}
    for step in range(1, 2 * count + 1):
        batch = batches.batch(step)
        assert batch.fresh is not None
        assert np.array_equal(batch.fresh, np.isin(batch.inputs[:, 0], list(opens)))
        assert (batch.fresh | (batch.inputs[:, 0] == before.targets[:, -1])).all()
        seen |= set(batch.inputs[:, 0].tolist())
        before = batch
    assert len(seen) == count


def test_sentences_in_rows() -> None:
    corpus = prepare(SENTENCES)
    batches = training_batches(corpus, SENTENCES, 0)
    assert batches.batches_per_epoch == 2
    assert batches.tokens_per_batch == 66
    first, second = batches.batch(0), batches.batch(1)
    assert first.inputs.shape == (16, 31)
    assert second.inputs.shape == (8, 31)
    inputs, targets = (
        np.concatenate([first.inputs, second.inputs]),
        np.concatenate([first.targets, second.targets]),
    )
    assert (targets != IGNORED).sum() == 132
    assert not (targets == corpus.tokenizer.pad).any()
    sentences = set()
    for row, following in zip(inputs, targets, strict=True):
        length = int((following != IGNORED).sum())
        assert row[0] == corpus.tokenizer.begin
        assert following[length - 1] == row[length] == corpus.tokenizer.end
        assert (row[1 : length + 1] == following[:length]).all()
        assert (row[length + 1 :] == corpus.tokenizer.pad).all()
        sentences.add(tuple(row.tolist()))
    assert len(sentences) == 24


def test_words_are_dropped_for_inputs_and_targets_alike_and_by_step() -> None:
    config = dataclasses.replace(SENTENCES, word_dropout=0.3)
    corpus = prepare(config)
    dropping, whole = training_batches(corpus, config, 0), training_batches(corpus, SENTENCES, 0)
    tokenizer, dropped, words = corpus.tokenizer, 0, 0
    for step in range(40):
        batch, full = dropping.batch(step), whole.batch(step)
        changed = batch.targets != full.targets
        assert (batch.targets[changed] == tokenizer.unknown).all()
        assert (batch.inputs[:, 1:] == tokenizer.unknown).sum() == (batch.targets == tokenizer.unknown).sum()
        assert ((batch.targets == tokenizer.end) == (full.targets == tokenizer.end)).all()
        assert (batch.inputs[:, 0] == tokenizer.begin).all()
        dropped += int(changed.sum())
        words += int(((full.targets != IGNORED) & (full.targets != tokenizer.end)).sum())
        again = dropping.batch(step)
        assert (again.inputs == batch.inputs).all()
    assert 0.25 < dropped / words < 0.35


def test_trim_drops_only_what_predicts_nothing_in_any_row() -> None:
    batch = training_batches(prepare(SENTENCES), SENTENCES, 0).batch(0)
    trimmed = trim(batch)
    length = trimmed.inputs.shape[1]
    assert (trimmed.targets != IGNORED).sum() == (batch.targets != IGNORED).sum()
    assert (trimmed.targets[:, -1] != IGNORED).any()
    assert (trimmed.inputs == batch.inputs[:, :length]).all()
    carried = dataclasses.replace(batch, fresh=np.ones(16, dtype=bool))
    assert trim(carried) is carried
    assert trim(dataclasses.replace(batch, targets=np.full_like(batch.targets, IGNORED))).inputs.shape == (16, 1)


def test_validation_sentences_come_in_order() -> None:
    corpus = prepare(SENTENCES)
    (batch,) = validation_batches(corpus, SENTENCES, None)
    assert batch.inputs.shape == (6, 31)
    assert (batch.targets != IGNORED).sum() == 35
    for row, (start, stop) in zip(batch.inputs, corpus.validation.bounds, strict=True):
        assert row[: stop - start].tolist() == corpus.validation.tokens[start:stop].tolist()
    assert [len(part.inputs) for part in validation_batches(corpus, replace(SENTENCES, batch=4))] == [4, 2]
    assert same(next(validation_batches(corpus, SENTENCES, 35)), batch)


def test_validation_windows_lie_end_to_end() -> None:
    corpus, config = made_of(31, 4, 1, 12, 11), DataConfig(window=10, batch=3, resets=True)
    batches = list(validation_batches(corpus, config, None))
    inputs = np.concatenate([batch.inputs for batch in batches])
    targets = np.concatenate([batch.targets for batch in batches])
    assert [len(batch.inputs) for batch in batches] == [3, 3]
    assert inputs[:, 0].tolist() == [0, 10, 20, 31, 36, 48]
    assert inputs[3].tolist() == [31, 32, 33, 34] + [0] * 6  # a short bound is filled up on the right
    assert targets[3].tolist() == [32, 33, 34] + [IGNORED] * 7
    whole = [0, 1, 2, 4, 5]
    assert (targets[whole] == inputs[whole] + 1).all()
    reset = np.concatenate([batch.reset for batch in batches if batch.reset is not None])
    assert np.argwhere(reset).tolist() == [[0, 0], [3, 0], [4, 0], [5, 0]]


@example(limit=1, window=12, length=50)  # shorter than a window: one row all the same
@given(st.integers(1, 400), st.integers(1, 12), st.integers(2, 300))
def test_a_limit_is_kept_with_evenly_spaced_windows(limit: int, window: int, length: int) -> None:
    corpus, config = made_of(length), DataConfig(window=window, batch=4)
    everything = [row for batch in validation_batches(corpus, config) for row in batch.inputs.tolist()]
    some = [row for batch in validation_batches(corpus, config, limit) for row in batch.inputs.tolist()]
    assert [row for row in everything if row in some] == some
    targets = sum(int((batch.targets != IGNORED).sum()) for batch in validation_batches(corpus, config, limit))
    assert min(limit - window, window * len(everything) - window) < targets <= max(limit, window)
    assert targets > 0
    gaps = np.diff([everything.index(row) for row in some])
    assert len(gaps) == 0 or gaps.max() - gaps.min() <= 1


def test_every_row_of_a_carried_validation_is_fresh() -> None:
    config = DataConfig(window=10, carry=True)
    assert all(batch.fresh is not None and batch.fresh.all() for batch in validation_batches(made_of(100), config))


def test_a_window_that_does_not_fit() -> None:
    with pytest.raises(UserError, match=r"data.window=40 does not fit .* 30 tokens .* --set data.window=29"):
        training_batches(made_of(30, 20), DataConfig(window=40), 0)
    with pytest.raises(UserError, match="too many for a window of 3 targets"):
        training_batches(prepare(SENTENCES), replace(SENTENCES, window=3), 0)

"""Where the data room draws its lines: numbers by hand, one on each side of every bound."""

import hashlib
import io
import itertools
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.data import DataConfig, Document, Segments, prepare, read_documents, train_tokenizer
from newllm.data.batch import mark_starts, pad_rows
from newllm.data.batches import probe_batch, validation_batches
from newllm.data.cache import cache_directory, entries
from newllm.data.chunks import text_chunks
from newllm.data.corpus import Corpus
from newllm.data.documents import clean_text, parse_json_lines
from newllm.data.facts_sample import Part, Reader
from newllm.data.fit import check_sentences, check_stream
from newllm.data.segments import encode_blocks
from newllm.data.sources import offer_columns
from newllm.data.split import Piece, block_count, sentence_lines, split_documents
from newllm.data.tables import text_column
from newllm.data.tokenizers import load_tokenizer, tokenizer_digest
from newllm.errors import UserError

BYTES = train_tokenizer("bytes", [], 1)


def _part(*documents: Any, most: int = 10**6) -> Part:
    return Reader(most).read([list(document) for document in documents])


@pytest.mark.parametrize(
    ("good", "bad"),
    [({"vocabulary": 1}, {"vocabulary": 0}),
     ({"tokenizer": "bpe", "vocabulary": 257}, {"tokenizer": "bpe", "vocabulary": 256}),
     ({"tokenizer": "word", "vocabulary": 5}, {"tokenizer": "word", "vocabulary": 4}), ({"window": 1}, {"window": 0}),
     ({"batch": 1}, {"batch": 0}), ({"validation_blocks": 1}, {"validation_blocks": 0}),
     ({"validation_fraction": 0.5}, {"validation_fraction": 0.51}), ({"word_dropout": 0.0}, {"word_dropout": -0.1}),
     ({"carry": True}, {"carry": True, "format": "sentences"}),
     ({"word_dropout": 0.9, "format": "sentences", "tokenizer": "word"}, {"word_dropout": 0.9, "tokenizer": "word"})],
)  # fmt: skip
def test_settings_that_may_just_be(good: dict[str, Any], bad: dict[str, Any]) -> None:
    DataConfig(**good).check()
    with pytest.raises(UserError):
        DataConfig(**bad).check()


# What is text.


@pytest.mark.parametrize(
    ("raw", "said"),
    [(b"a\0b\0", "UTF-16LE"), (b"\0a\0b", "UTF-16BE"), (b"a\0b", "is binary: NUL byte at offset 1"),
     (b"a\0" * 45 + b"ab" * 5, "is binary"), (b"a\0" * 91 + b"ab" * 9, "UTF-16LE"),
     (b"\0a" * 45 + b"ab" * 5, "is binary"), (b"\0a" * 91 + b"ba" * 9, "UTF-16BE"),
     (b"a\0\0\0" * 9, "is binary: NUL byte at offset 1"), (b"a\0" * 500 + b"xxx", "UTF-16LE")],
)  # fmt: skip
def test_utf_16_without_a_mark_has_a_zero_in_nearly_every_second_byte(raw: bytes, said: str) -> None:
    with pytest.raises(UserError, match=re.escape(said)):
        clean_text("a.txt", raw, "strict")


def test_the_offset_of_a_broken_byte_is_that_in_the_file() -> None:
    for mark in (b"", b"\xef\xbb\xbf"):
        with pytest.raises(UserError, match=rf"byte 0xff at offset {len(mark) + 2}; convert it"):
            clean_text("a.txt", mark + b"ab\xff", "strict")
        assert clean_text("a.txt", mark + b"ab\xff", "replace").decode() == "ab\ufffd"


def test_lines_of_json_are_counted_from_one_and_blank_ones_are_none() -> None:
    assert parse_json_lines("a", b'{"t": "x"}\n\n{"t": ""}\n', "t", "strict") == [Document("a", b"x")]
    with pytest.raises(UserError, match="'a' line 3 is not JSON"):
        parse_json_lines("a", b'{"t": "x"}\n\n{', "t", "strict")


def test_what_comes_after_standard_input_is_read_and_offered_too(tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "a.txt").write_text("a")
    (tmp_path / "b.csv").write_text("id,text\n1,the sea\n")
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"in")))
    assert [one.text for one in read_documents(["-", tmp_path / "a.txt"])] == [b"in", b"a"]
    with pytest.raises(UserError, match="text column 'text'"):
        offer_columns(["-", tmp_path / "a.txt", tmp_path / "b.csv"])


def test_a_long_name_is_cut_where_it_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    for letters, shown in ((100, "x" * 100), (101, "x" * 100 + "...")):
        Path("x" * letters).touch()
        with pytest.raises(UserError) as told:
            read_documents(["x" * letters])
        assert str(told.value) == f"cannot read '{shown}' (Permission denied): name a file that you may read"


# Which columns hold text.


@pytest.mark.parametrize(
    ("content", "column"),
    [
        ("id,note\n1,one two three\n", "note"), ("id,note\n1,one two\n", None),
        ("one\nthe sea and all\n", None), ("a,a\n1,the sea and all\n", None), ("a,\n1,the sea and all\n", None),
        (f"a,{'b' * 59}\n1,the sea and all\n", "b" * 59), (f"a,{'b' * 60}\n1,the sea and all\n", None),
        ("a,b\n", None), ("a,b\n1\n", None), ("a, Text \nx y z w,1 2\n", " Text "), ("a,text\nx y z,7\n", "a"),
        ("a\tb,c\n1\tthe sea, and all\n", "b,c"), ("a;b;c,d\n1;2;the sea and all\n", "c,d"),
        ("a,b\n" + "1,x\n" * 25 + "1,one two three\n" * 24, None),
        ("a,b\n" + "1,x\n" * 24 + "1,one two three\n" * 25, "b"),
        ("a,b\n" + "1,x\n" * 25 + "1,one two three\n" * 100, None),
    ],
)  # fmt: skip
def test_which_column_is_text(content: str, column: str | None) -> None:
    found = text_column(content.encode())
    assert (None if found is None else found[0]) == column


# What is held out.


@pytest.mark.parametrize(
    ("size", "window", "count"),
    [(10_000, 249, 2), (9_999, 249, 1), (100, 249, 1), (5_000 * 8, 249, 8), (5_000 * 9, 249, 8), (0, 1, 1)],
)
def test_each_block_that_is_held_out_has_two_windows(size: int, window: int, count: int) -> None:
    assert block_count(size, DataConfig(window=window)) == count


def _ranges(text: bytes, *more: bytes, words: bool = True, **settings: Any) -> list[list[int]]:
    chosen: dict[str, Any] = {"window": 1, "validation_blocks": 1, "validation_fraction": 0.25, **settings}
    config = DataConfig(**chosen)
    documents = [Document(f"{at}", each) for at, each in enumerate((text, *more))]
    split = split_documents(documents, [], config, words)
    whole = b"".join((text, *more))
    kept = [piece.text for block in split.validation for piece in block]
    assert b"".join(kept) == b"".join(whole[start:stop] for start, stop in split.report["ranges"])
    return split.report["ranges"]


def test_a_cut_is_before_white_space_that_is_near_or_at_the_end_of_a_character() -> None:
    assert _ranges(b"x" * 300 + b" " + b"y" * 99) == [[300, 400]]
    assert _ranges(b"x" * 301 + b" " + b"y" * 98) == [[301, 400]]
    assert _ranges(b"x" * 301 + b" " + b"y" * 98, words=False) == [[300, 400]]
    assert _ranges(b"x" * 364 + b" " + b"y" * 35) == [[364, 400]]
    assert _ranges(b"x" * 365 + b" " + b"y" * 34) == [[300, 400]]  # too far
    assert _ranges(b"x" * 299 + "海".encode() + b"y" * 98, words=False) == [[302, 400]]
    assert _ranges(b"x" * 300, b"y" * 100) == [[300, 400]]  # where a document begins it is cut there
    assert _ranges(b"x" * 100, b"y" * 100, validation_blocks=2) == [[75, 100], [175, 200]]
    assert _ranges(b"x" * 301, validation_fraction=0.5) == [[151, 301]]  # 150.5, to the even


def test_pieces_know_where_their_documents_begin() -> None:
    config = DataConfig(window=1, validation_blocks=1, validation_fraction=0.25)
    split = split_documents([Document("a", b"x" * 350), Document("b", b"y" * 50)], [], config, words=False)
    assert split.train == [[Piece(b"x" * 300, True)]]
    assert split.validation == [[Piece(b"x" * 50, False), Piece(b"y" * 50, True)]]
    assert split.report == {"fraction": 0.25, "blocks": 1, "ranges": [[300, 400]]}


def test_a_fifth_of_the_sentences_is_held_out() -> None:
    text = b"".join(b"line %d\n" % at for at in range(9))
    config = DataConfig(format="sentences", tokenizer="word", split_seed=3)
    split = split_documents([Document("a", text)], [], config, words=True)
    assert (len(split.train), len(split.validation)) == (7, 2)
    assert (split.report["fraction"], split.report["blocks"]) == (0.2, 2)
    assert [split.validation[at][0].text for at in range(2)] == [
        b"line %d" % start for start, _ in split.report["ranges"]
    ]
    assert all(stop == start + 1 for start, stop in split.report["ranges"])
    lines = [b"line %d" % at for at in range(5)]
    assert len(split_documents([Document("a", b"\n".join(lines))], [], config, words=True).validation) == 1
    with pytest.raises(UserError, match="'a' gives 4 sentences, too few to hold some out: give 5 lines"):
        split_documents([Document("a", b"\n".join(lines[:4]))], [], config, words=True)
    assert sentence_lines(b" a \n\n\t\nb") == [b"a", b"b"]
    own = split_documents([Document("a", b"x\ny")], [Document("b", b"z")], config, words=True)
    assert (own.train, own.validation) == ([[Piece(b"x", True)], [Piece(b"y", True)]], [[Piece(b"z", True)]])
    assert own.report == {"fraction": None, "blocks": "own files", "ranges": []}


# What fits.


def _stream(*lengths: int) -> Segments:
    ends = np.cumsum([0, *lengths]).tolist()
    return Segments(np.arange(ends[-1], dtype=np.uint16), list(itertools.pairwise(ends)), np.zeros(0, int))


def test_a_stream_needs_one_window_to_train_on_and_two_tokens_to_predict() -> None:
    config = DataConfig(window=10)
    check_stream("a", _stream(11), _stream(2), config, 100)
    with pytest.raises(UserError, match=r"'a' has 1 tokens in its validation part, 2 are the least"):
        check_stream("a", _stream(11), _stream(1), config, 100)
    with pytest.raises(UserError, match=r"'a' has 10 tokens in one stretch .*--set data\.window=9, or more text"):
        check_stream("a", _stream(10, 3), _stream(2), config, 100)
    with pytest.raises(UserError, match=r"'a' has 1 tokens in one stretch .*: give more text$"):
        check_stream("a", _stream(1), _stream(2), config, 100)
    with pytest.raises(UserError, match=r"--set data\.window=1, or more text"):  # it may come to more, shorter blocks
        check_stream("a", _stream(8, 8), _stream(2), DataConfig(window=100), 10 * 8 * 2 * 8)
    own = DataConfig(window=100, validation=("b",))
    with pytest.raises(UserError, match=r"--set data\.window=7, or more text"):
        check_stream("a", _stream(8, 8), _stream(2), own, 10 * 8 * 2 * 8)


def test_a_sentence_may_fill_its_row() -> None:
    words = train_tokenizer("word", [b"a b c"], 100)
    ids = encode_blocks([[Piece(b"a b c", True)], [Piece(b"a", True)]], words, closed=True)
    assert ids.tokens.tolist() == [2, *words.encode(b"a b c").tolist(), 3, 2, *words.encode(b"a").tolist(), 3]
    assert (ids.bounds, ids.starts.tolist(), ids.targets, ids.longest) == ([(0, 5), (5, 8)], [0, 5], 6, 5)
    check_sentences(ids, ids, words, 4)
    with pytest.raises(UserError, match=r"sentence 'a b c' has 5 tokens, .* window of 3 targets: --set data.window=4"):
        check_sentences(ids, ids, words, 3)
    for letters, shown in ((60, "a" * 60), (61, "a" * 60 + r"\.\.\.")):
        long = train_tokenizer("word", [b"a" * letters], 100)
        ids = encode_blocks([[Piece(b"a" * letters, True)]], long, closed=True)
        with pytest.raises(UserError, match=f"sentence '{shown}' has 3 tokens"):
            check_sentences(ids, ids, long, 1)


def test_ids_take_the_smallest_type_that_holds_them(monkeypatch: pytest.MonkeyPatch) -> None:
    for size, kind in ((1 << 16, np.uint16), ((1 << 16) + 1, np.uint32)):
        monkeypatch.setattr(BYTES, "vocab_size", size)
        assert encode_blocks([[Piece(b"a", True)]], BYTES, closed=False).tokens.dtype == kind
    nothing = encode_blocks([[Piece(b"a", False)], []], BYTES, closed=False)
    assert (nothing.bounds, nothing.starts.tolist(), nothing.tokens.tolist()) == ([(0, 1)], [], [97])
    assert Segments(np.zeros(0, np.uint16), [], np.zeros(0, int)).longest == 0


# Rows.


def test_rows_are_filled_up_and_their_starts_marked() -> None:
    part = Segments(np.arange(10, 20), [(0, 4), (4, 10)], np.array([0, 4]))
    inputs, targets, reset = pad_rows(part, [(0, 3), (4, 8)], 4, 7, resets=True)
    assert inputs.tolist() == [[10, 11, 12, 7], [14, 15, 16, 17]]
    assert targets.tolist() == [[11, 12, -1, -1], [15, 16, 17, -1]]
    assert reset.tolist() == [[True, False, False, False], [True, False, False, False]]
    assert len(pad_rows(part, [(0, 3)], 4, 7, resets=False)) == 2
    assert mark_starts(np.array([2, 5]), np.arange(8)).tolist() == [
        False,
        False,
        True,
        False,
        False,
        True,
        False,
        False,
    ]
    assert mark_starts(np.zeros(0, int), np.arange(2)).tolist() == [False, False]


def test_the_probe_is_the_first_rows_of_training() -> None:
    corpus = Corpus(BYTES, _stream(7, 2, 5), _stream(2), {})
    batch = probe_batch(corpus, DataConfig(window=3, batch=3))
    assert batch.inputs.tolist() == [[0, 1, 2], [3, 4, 5], [7, 8, 0]]
    assert batch.targets.tolist() == [[1, 2, 3], [4, 5, 6], [8, -1, -1]]
    assert probe_batch(corpus, DataConfig(window=3, batch=9)).inputs[3].tolist() == [9, 10, 11]


@pytest.mark.parametrize(
    ("limit", "first"), [(None, [0, 3, 6, 9]), (12, [0, 3, 6, 9]), (11, [0, 3, 6]), (6, [0, 6]), (1, [0])]
)
def test_a_limit_takes_windows_spread_evenly(limit: int | None, first: list[int]) -> None:
    corpus = Corpus(BYTES, _stream(13), _stream(13), {})
    batches = list(validation_batches(corpus, DataConfig(window=3, batch=2), limit))
    assert [row[0] for batch in batches for row in batch.inputs.tolist()] == first
    assert all(batch.reset is None and batch.fresh is None for batch in batches)


def test_a_text_is_cut_in_front_of_a_blank_or_line_end_that_is_far_enough() -> None:
    assert list(text_chunks(b"ab\ncd e", 2)) == ["ab\ncd", " e"]
    assert list(text_chunks(b"ab\ncd e", 1)) == ["ab", "\ncd", " e"]
    assert list(text_chunks(b"ab\n\ncd  e", 1)) == ["ab", "\n\ncd", "  e"]
    assert list(text_chunks(b" \n ab\tcd", 1)) == [" \n ab\tcd"]
    for at in range(1 << 16, (1 << 16) + 4):  # where one search ends and the next begins
        assert [len(chunk) for chunk in text_chunks(b"x" * at + b" y", 1)] == [at, 2]
    text = b"x" * (1 << 20) + b"\ny" * 2
    assert [len(chunk) for chunk in text_chunks(text)] == [(1 << 20) + 2, 2]
    assert [len(chunk) for chunk in text_chunks(b"x" + text)] == [(1 << 20) + 1, 4]


# What stands on the disk.


def test_a_tokenizer_that_says_the_same_is_the_one_of_the_training(tmp_path: Path) -> None:
    words = train_tokenizer("word", [b"a b"], 10)
    place, digest = tmp_path / "tokenizer.json", tokenizer_digest(words)
    words.save(place)
    assert load_tokenizer(place, digest).to_json() == words.to_json()
    place.write_text(json.dumps(json.loads(place.read_text())))  # other blanks
    assert hashlib.sha256(place.read_bytes()).hexdigest() != digest
    assert load_tokenizer(place, digest).to_json() == words.to_json()
    other = train_tokenizer("word", [b"c"], 10)
    other.save(place)
    with pytest.raises(UserError, match="is damaged, it is not the one of the training: put that back"):
        load_tokenizer(place, digest)
    place.write_text("{")
    with pytest.raises(UserError, match="it is not the one of the training"):
        load_tokenizer(place, digest)
    assert train_tokenizer("word", [b"b b a a c"], 6).encode(b"a b c").tolist() == [4, 5, 1]


def test_pickled_tokens_are_not_read(tmp_path: Path, own_cache: Path) -> None:
    """They could run anything. What cannot be read is made again."""
    (tmp_path / "a.txt").write_bytes(b"the sea " * 100)
    config = DataConfig(texts=(str(tmp_path / "a.txt"),), window=8)
    tokens = prepare(config).train.tokens.tolist()
    assert cache_directory() == own_cache
    (one,) = entries(own_cache)
    for name in ("train.tokens.npy", "validation.bounds.npy", "train.starts.npy"):
        np.save(one.directory / name, np.array([{}, {}], dtype=object), allow_pickle=True)
        meta = json.loads((one.directory / "meta.json").read_text())
        meta["checksums"][name] = hashlib.sha256((one.directory / name).read_bytes()).hexdigest()
        del meta["sha256"]
        (one.directory / "meta.json").write_text(json.dumps(meta))
        assert prepare(config).train.tokens.tolist() == tokens


def test_sources_are_told_by_name_with_all_their_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_text('{"text": "ab"}\n{"text": "cd"}\n')
    Path("b.txt").write_text("x" * 400)
    report = prepare(DataConfig(texts=("a.jsonl", "b.txt"), window=8)).report
    assert report["sources"] == [
        {"name": "a.jsonl", "sha256": hashlib.sha256(b"abcd").hexdigest(), "bytes": 4},
        {"name": "b.txt", "sha256": hashlib.sha256(b"x" * 400).hexdigest(), "bytes": 400},
    ]
    assert report["counts"]["documents"] == 3
    assert report["counts"]["train_bytes"] + report["counts"]["validation_bytes"] == 404
    Path("c.txt").write_text("y")
    with pytest.raises(UserError, match=r"^'a.jsonl and 2 more' has "):
        prepare(DataConfig(texts=("a.jsonl", "b.txt", "c.txt"), window=800))

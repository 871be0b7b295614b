import random
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newllm.data import DataConfig, Document, Split, split_documents
from newllm.data.split import block_count
from newllm.errors import UserError

CONFIG = DataConfig(window=4)


def split(texts: list[bytes], config: DataConfig = CONFIG, words: bool = False) -> Split:
    return split_documents([Document(str(index), text) for index, text in enumerate(texts)], [], config, words)


def joined(blocks: list) -> bytes:
    return b"".join(piece.text for block in blocks for piece in block)


def test_one_block_is_the_end_of_the_stream() -> None:
    text = bytes(random.Random(0).choices(b"abcdefg hijk\n", k=1_115_394))
    for words in (False, True):
        found = split([text], DataConfig(validation_blocks=1), words)
        assert len(found.train) == len(found.validation) == 1
        assert 0 <= len(joined(found.train)) - round(0.9 * len(text)) < 70
        assert joined(found.train) + joined(found.validation) == text


def test_the_number_of_blocks_leaves_each_two_windows() -> None:
    config = DataConfig(window=256)
    assert block_count(1_115_394, config) == 8
    assert block_count(10 * 8 * 514, config) == 8
    assert block_count(10 * 8 * 514 - 10, config) == 7
    assert block_count(100, config) == 1


@given(
    st.lists(st.text(alphabet="ab \n\u00fc\u4e00\U0001f40b", min_size=1, max_size=200), min_size=1, max_size=5),
    st.floats(0.01, 0.5),
    st.integers(1, 10),
    st.integers(1, 20),
    st.booleans(),
)
def test_every_byte_is_in_exactly_one_part(
    texts: list[str], fraction: float, blocks: int, window: int, words: bool
) -> None:
    config = DataConfig(validation_fraction=fraction, validation_blocks=blocks, window=window)
    raw = [text.encode() for text in texts]
    found = split(raw, config, words)
    stream, rebuilt, place = b"".join(raw), b"", 0
    for start, stop in found.report["ranges"]:
        assert place <= start <= stop
        rebuilt += stream[place:start] + stream[start:stop]
        place = stop
    assert rebuilt == stream
    assert joined(found.validation) == b"".join(stream[start:stop] for start, stop in found.report["ranges"])
    assert len(joined(found.train)) + len(joined(found.validation)) == len(stream)
    pieces = [piece for part in (found.train, found.validation) for block in part for piece in block]
    assert sum(piece.starts_document for piece in pieces) == len(texts)
    for piece in pieces:
        piece.text.decode()  # no cut inside a character


def test_words_are_not_cut_where_white_space_is_near() -> None:
    text = b"lorem ipsum dolor sit amet " * 100
    for start, _ in split([text], replace(CONFIG, validation_blocks=3), words=True).report["ranges"]:
        assert text[start : start + 1] == b" "
    assert split([b"x" * 1000], replace(CONFIG, validation_blocks=1), words=True).report["ranges"] == [[900, 1000]]


def test_a_cut_does_not_pass_a_document_s_end() -> None:
    found = split([b"x" * 910, b" " + b"y" * 89], replace(CONFIG, validation_blocks=1), words=True)
    assert [piece.starts_document for piece in found.validation[0]] == [False, True]
    found = split([b"x" * 900, b"y" * 100], replace(CONFIG, validation_blocks=1))
    assert [(len(piece.text), piece.starts_document) for piece in found.validation[0]] == [(100, True)]


def test_own_validation_texts_leave_the_training_texts_whole() -> None:
    found = split_documents([Document("a", b"one"), Document("b", b"two")], [Document("c", b"x")], CONFIG, False)
    assert joined(found.train) == b"onetwo"
    assert joined(found.validation) == b"x"
    assert found.report["blocks"] == "own files"


def test_sentences_are_shuffled_by_the_split_seed() -> None:
    lines = [b"line %d" % index for index in range(30)]
    config = DataConfig(format="sentences", split_seed=7)
    found = split([b"\n".join(lines) + b"\n\n  \n"], config)
    expected = lines.copy()
    random.Random(7).shuffle(expected)
    assert [block[0].text for block in found.train] == expected[:24]
    assert [block[0].text for block in found.validation] == expected[24:]
    assert (found.report["fraction"], found.report["blocks"]) == (0.2, 6)
    assert [lines[first] for first, _ in found.report["ranges"]] == expected[24:]
    assert all(last == first + 1 for first, last in found.report["ranges"])


def test_too_few_sentences() -> None:
    with pytest.raises(UserError, match="'0' gives 4 sentences, too few to hold some out: give 5 lines or more"):
        split([b"a\nb\nc\nd\n"], DataConfig(format="sentences"))

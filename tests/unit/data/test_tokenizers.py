import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newllm.data import Tokenizer, load_tokenizer, train_tokenizer
from newllm.data.bpe_tokenizer import SEPARATOR, BpeTokenizer
from newllm.data.chunks import text_chunks
from newllm.data.native import native_ids
from newllm.errors import UserError

TEXT = b"The whale, the white whale! It swims <|endoftext|> and it sings.\nGr\xc3\xbc\xc3\x9fe!\n\n  Two.\n" * 20
BYTES = train_tokenizer("bytes", [], 1)
BPE = train_tokenizer("bpe", [TEXT], 400)
BLANKS = train_tokenizer("bpe", [b"a    b \n\n\n  c\n  \n d" * 50], 400)
WORD = train_tokenizer("word", [b"the cat [BOS] sat on the mat", b"The dog"], 100)

utf8 = st.text(st.characters(exclude_categories=["Cs"])).map(str.encode)


@given(st.binary())
def test_bytes_come_back(text: bytes) -> None:
    ids = BYTES.encode(text)
    assert BYTES.decode(ids.tolist()) == text
    assert BYTES.begin not in ids


@given(utf8)
@example(b"a<|endoftext|>b <|endoftext|>")
@example(b"\n\n \r\n\tx\n")
@example("e\u0301 \u00e9 \U0001f40b \u2028".encode())
def test_bpe_text_comes_back_and_never_holds_the_separator(text: bytes) -> None:
    ids = BPE.encode(text)
    assert BPE.decode(ids.tolist()) == text
    assert BPE.begin not in ids
    lengths = BPE.token_bytes()
    assert lengths is not None
    assert lengths[ids].sum() == len(text)


def test_specials_give_nothing_and_have_no_bytes() -> None:
    assert (BYTES.begin, BYTES.end, BYTES.vocab_size, BYTES.pad, BYTES.unknown) == (256, 256, 257, None, None)
    assert BYTES.decode([256, 97, 1000, 98]) == b"ab"
    assert BPE.decode([BPE.begin, *BPE.encode(b"ab"), BPE.end, 10_000, -1]) == b"ab"
    assert np.flatnonzero(BPE.token_bytes() == 0).tolist() == [BPE.begin]
    assert np.flatnonzero(BYTES.token_bytes() != 1).tolist() == [256]
    assert WORD.token_bytes() is None
    assert [tokenizer.lossless for tokenizer in (BYTES, BPE, WORD)] == [True, True, False]


def test_bpe_learns_within_its_bound() -> None:
    assert 257 < BPE.vocab_size <= 400
    assert BPE.encode(b" whale").size == 1
    assert BPE.encode(b"").dtype == np.int32
    assert BpeTokenizer.train([TEXT], 257).vocab_size == 257


def test_bpe_decodes_a_part_of_a_character() -> None:
    assert BPE.decode(BPE.encode("🐋".encode()).tolist()[:1]) == "🐋".encode()[:1]


MIXED = st.lists(st.sampled_from([*"ab \n<|>'s1.\u00fc\u03a3\u3000\u00a0\x1c\x85\t", "[BOS]", SEPARATOR]))


@given(MIXED.map("".join))
@example("a <|endoftext|> [BOS] e\u0301 \U0001f40b \u0130\u03a3 ")
def test_the_fast_way_to_ids_gives_those_of_the_plain_one(text: str) -> None:
    for tokenizer in (BPE, WORD):
        native: Any = vars(tokenizer)["_native"]
        ids = native_ids(native, text)
        assert ids.dtype == np.int32
        assert ids.tolist() == native.encode(text).ids


@given(st.text(alphabet="ab \n<|>'s1.\u00fc\u03a3\u3000\u00a0\x1c\x85\t", max_size=60), st.integers(1, 10))
@example("a\n\nb", 1)
@example("it's\n\n a\nb", 1)
@example("a    b \n\n\n  c\n  \n d", 1)
@example("it 's  a\u03a3 b 't  ", 1)
def test_chunks_do_not_change_the_tokens(text: str, size: int) -> None:
    chunks = [chunk.encode() for chunk in text_chunks(text.encode(), size)]
    assert b"".join(chunks) == text.encode()
    for tokenizer in (BPE, BLANKS, WORD):
        pieces = [token for chunk in chunks for token in tokenizer.encode(chunk)]
        assert pieces == tokenizer.encode(text.encode()).tolist()


def test_words() -> None:
    assert (WORD.pad, WORD.unknown, WORD.begin, WORD.end) == (0, 1, 2, 3)
    assert WORD.vocab_size == 4 + len({"the", "cat", "[bos]", "sat", "on", "mat", "dog"})
    ids = WORD.encode(b"  THE cat\nflew [BOS] [PAD]")
    assert WORD.decode(ids.tolist()) == b"the cat [bos]"
    assert ids[2] == WORD.unknown
    assert not {0, 2, 3} & set(ids.tolist())
    assert train_tokenizer("word", [b"a a a b b c"], 6).vocab_size == 6


def test_text_must_be_utf8() -> None:
    for tokenizer in (BPE, WORD):
        with pytest.raises(UserError, match="byte 0xff at offset 2"):
            tokenizer.encode(b"ab\xff")


@pytest.mark.parametrize("tokenizer", [BYTES, BPE, WORD], ids=lambda tokenizer: tokenizer.name)
def test_saved_and_loaded_it_is_the_same(tokenizer: Tokenizer, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    tokenizer.save(path)
    loaded = load_tokenizer(path)
    assert type(loaded) is type(tokenizer)
    assert loaded.to_json() == tokenizer.to_json() == path.read_text()
    text = b"The whale <|endoftext|> [BOS] sat"
    assert loaded.encode(text).tolist() == tokenizer.encode(text).tolist()
    assert loaded.decode(list(range(300))) == tokenizer.decode(list(range(300)))


def test_hugging_face_reads_the_native_files(tmp_path: Path) -> None:
    from tokenizers import Tokenizer as Native

    BPE.save(tmp_path / "tokenizer.json")
    native = Native.from_file(str(tmp_path / "tokenizer.json"))
    assert native.decode(native.encode("The whale sings").ids) == "The whale sings"
    assert native.token_to_id(SEPARATOR) == BPE.begin


@pytest.mark.parametrize("name", ["bpe", "word"])
def test_training_twice_gives_the_same_file_with_and_without_threads(name: str) -> None:
    code = (
        "import sys; from newllm.data import read_documents, train_tokenizer; "
        "text = read_documents(['bundled:moby-dick'])[0].text[:200_000]; "
        "texts = [text[i : i + 5000].decode(errors='replace').encode() for i in range(0, len(text), 5000)]; "
        f"sys.stdout.write(train_tokenizer('{name}', texts, 2000).to_json())"
    )
    outputs = set()
    for parallel in ("true", "false"):
        environment = os.environ | {"TOKENIZERS_PARALLELISM": parallel}
        outputs.add(
            subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True).stdout
        )
    assert len(outputs) == 1


def _without_bytes(parsed: dict) -> dict:
    vocabulary = {token: index for index, token in enumerate([SEPARATOR, "a", "b"])}
    return parsed | {"model": parsed["model"] | {"vocab": vocabulary, "merges": []}}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda parsed: parsed["model"], "is no tokenizer of newllm (type 'BPE'"),
        (lambda _: {"schema": 2, "type": "bytes"}, "is no tokenizer of newllm (type 'bytes', schema 2)"),
        (lambda parsed: [parsed], "it is not a JSON object"),
        (lambda _: {}, "model None"),
        (lambda parsed: parsed | {"model": {"type": "Unigram"}}, "model 'Unigram'"),
        (lambda parsed: parsed | {"model": {"type": "BPE"}}, "is no tokenizer of newllm"),
        (
            lambda parsed: (
                parsed | {"added_tokens": [], "model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}}
            ),
            "[PAD]",
        ),
        (_without_bytes, "a token for every byte"),
    ],
)
def test_foreign_files(change: Callable, said: str, tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps(change(json.loads(BPE.to_json()))))
    with pytest.raises(UserError) as caught:
        load_tokenizer(path)
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_damaged_and_missing_files(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    with pytest.raises(UserError, match="cannot read tokenizer"):
        load_tokenizer(path)
    for content in (BPE.to_json().encode()[:100], b"", b"\xff\xfe"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="is damaged"):
            load_tokenizer(path)


def test_an_unknown_name() -> None:
    with pytest.raises(UserError, match="unknown tokenizer 'bype': did you mean 'bpe'"):
        train_tokenizer("bype", [], 300)

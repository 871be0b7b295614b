import dataclasses
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.data import DataConfig, cache, corpus, prepare, train_tokenizer
from newllm.data.sources import SENTENCE_SETS
from newllm.errors import UserError

SENTENCES = DataConfig(texts=("bundled:sentences",), format="sentences", tokenizer="word", window=31, batch=16)


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_bytes(b"Call me Ishmael. Some years ago, never mind how long. " * 200)
    return path


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Count how often text is tokenised."""
    calls: list[int] = []
    original = corpus.encode_blocks

    def counting(*args):
        calls.append(1)
        return original(*args)

    monkeypatch.setattr(corpus, "encode_blocks", counting)
    return calls


def entry_of(own_cache: Path) -> Path:
    (home,) = own_cache.iterdir()
    return home / "entry"


@pytest.mark.parametrize("name", SENTENCE_SETS)
def test_the_bundled_sentences_have_the_founding_document_s_counts(name: str) -> None:
    made = prepare(dataclasses.replace(SENTENCES, texts=(f"bundled:{name}",)))
    assert made.tokenizer.vocab_size == 91
    assert (len(made.train.bounds), len(made.validation.bounds)) == (24, 6)
    counts = made.report["counts"]
    assert (counts["train_targets"], counts["validation_targets"]) == (132, 35)
    assert counts["validation_unknown_targets"] == 16
    assert counts["documents"] == 30
    lines = Path(cache.__file__).with_name("bundled").joinpath(f"{name}.txt").read_text().splitlines()
    assert len(set(lines)) == 30
    assert all(line == line.lower() and line.replace(" ", "").isalpha() for line in lines)


def test_a_stream_holds_a_begin_token_before_every_document(tmp_path: Path) -> None:
    for name, content in (("a.txt", b"x" * 500), ("b.txt", b"y" * 400), ("c.txt", b"z" * 100)):
        (tmp_path / name).write_bytes(content)
    made = prepare(DataConfig(texts=(str(tmp_path / "*.txt"),), window=8, validation_blocks=1))
    assert made.train.starts.tolist() == [0, 501]
    assert made.train.tokens[[0, 501]].tolist() == [256, 256]
    assert made.train.bounds == [(0, 902)]
    assert made.validation.tokens.tolist() == [256] + [ord("z")] * 100
    assert made.train.tokens.dtype == np.uint16
    assert isinstance(made.train.tokens, np.memmap)
    assert not made.train.tokens.flags.writeable


def test_the_report(text: Path) -> None:
    made = prepare(DataConfig(texts=(str(text),), tokenizer="bpe", vocabulary=300, window=16, validation_blocks=2))
    report = json.loads(json.dumps(made.report))
    content = text.read_bytes()
    assert report["schema"] == 1
    assert report["sources"] == [
        {"name": str(text), "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    ]
    written = hashlib.sha256(made.tokenizer.to_json().encode()).hexdigest()
    assert report["tokenizer"] == {"name": "bpe", "vocab_size": made.tokenizer.vocab_size, "sha256": written}
    assert report["format"] == "stream"
    assert report["split"]["fraction"] == 0.1
    assert report["split"]["blocks"] == len(report["split"]["ranges"]) == 2
    assert report["counts"]["train_tokens"] == len(made.train.tokens)
    assert report["counts"]["train_bytes"] + report["counts"]["validation_bytes"] == len(content)
    lengths = made.tokenizer.token_bytes()
    assert lengths is not None
    assert lengths[made.validation.tokens].sum() == report["counts"]["validation_bytes"]
    assert "validation_unknown_targets" not in report["counts"]
    assert report["audit"] == {}
    assert len(report["fingerprint"]) == 64


def test_own_validation_files(text: Path, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_bytes(b"quite another text")
    made = prepare(DataConfig(texts=(str(text),), validation=(str(tmp_path / "own.txt"),)))
    assert len(made.train.tokens) == text.stat().st_size + 1
    assert made.tokenizer.decode(made.validation.tokens.tolist()) == b"quite another text"
    assert made.report["split"]["blocks"] == "own files"
    assert [source["bytes"] for source in made.report["sources"]] == [text.stat().st_size, 18]


def test_a_validation_file_inside_the_texts_is_not_trained_on(tmp_path: Path) -> None:
    (tmp_path / "books").mkdir()
    for name, content in (("a.txt", b"a" * 300), ("held-out.txt", b"h" * 200), ("z.txt", b"z" * 300)):
        (tmp_path / "books" / name).write_bytes(content)
    held_out = tmp_path / "books/held-out.txt"
    for texts in ((str(tmp_path / "books"),), (str(held_out), str(tmp_path / "books/*.txt"))):
        made = prepare(DataConfig(texts=texts, validation=(str(held_out),)))
        assert made.tokenizer.decode(made.train.tokens.tolist()) == b"a" * 300 + b"z" * 300
        assert made.tokenizer.decode(made.validation.tokens.tolist()) == b"h" * 200
        assert [(Path(source["name"]).name, source["bytes"]) for source in made.report["sources"]] == [
            ("a.txt", 300),
            ("z.txt", 300),
            ("held-out.txt", 200),
        ]
        assert made.report["sources"][2]["sha256"] == hashlib.sha256(b"h" * 200).hexdigest()
    with pytest.raises(UserError, match=r"held-out.txt' and every other text is in data.validation too"):
        prepare(DataConfig(texts=(str(held_out),), validation=(str(tmp_path / "books"),)))


def test_the_tokenizer_learns_nothing_from_the_held_out_part(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"common words here " * 50 + b"secret " * 14)
    made = prepare(DataConfig(texts=(str(path),), tokenizer="word", window=4, validation_blocks=1))
    assert made.tokenizer.encode(b"common secret").tolist()[1] == made.tokenizer.unknown
    assert made.report["counts"]["validation_unknown_targets"] > 5


@pytest.mark.parametrize("tokenizer", ["bytes", "bpe", "word"])
def test_the_second_time_comes_from_the_cache(tokenizer: str, text: Path, counted: list[int]) -> None:
    config = DataConfig(texts=(str(text),), tokenizer=tokenizer, vocabulary=300, window=16)
    first = prepare(config)
    again = prepare(config)
    assert len(counted) == 2  # training and validation, once each
    assert again.report == first.report
    assert again.train.tokens.tolist() == first.train.tokens.tolist()
    assert again.train.bounds == first.train.bounds
    assert again.tokenizer.to_json() == first.tokenizer.to_json()


def test_what_decides_the_tokens_decides_the_entry(text: Path) -> None:
    base = DataConfig(texts=(str(text),), window=16, validation_blocks=2)
    settings: list[dict[str, Any]] = [
        {},
        {"tokenizer": "word"},
        {"tokenizer": "bpe", "vocabulary": 300},
        {"tokenizer": "bpe", "vocabulary": 301},
        {"validation_fraction": 0.2},
        {"validation_blocks": 1},
        {"validation": ("bundled:sentences",)},
        {"texts": ("bundled:moby-dick",)},
    ]
    changed = [DataConfig(**(vars(base) | one)) for one in settings]
    fingerprints = [prepare(config).report["fingerprint"] for config in changed]
    assert len(set(fingerprints)) == len(settings)
    unlike = DataConfig(**(vars(base) | {"batch": 3, "resets": True, "window": 20, "split_seed": 5}))
    assert prepare(unlike).report["fingerprint"] == fingerprints[0]


def test_a_given_tokenizer_is_used(text: Path) -> None:
    given = train_tokenizer("word", [b"call me"], 10)
    made = prepare(DataConfig(texts=(str(text),), window=16), tokenizer=given)
    assert made.tokenizer is given
    assert made.report["tokenizer"]["name"] == "word"
    assert set(np.unique(made.train.tokens)) == {1, 2, *given.encode(b"call me").tolist()}


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: (entry / "train.tokens.npy").write_bytes((entry / "train.tokens.npy").read_bytes()[:-2]),
        lambda entry: np.save(entry / "train.tokens.npy", np.zeros(3, dtype=np.uint16)),
        lambda entry: (entry / "train.bounds.npy").unlink(),
        lambda entry: (entry / "meta.json").write_text("{"),
        lambda entry: (entry / "meta.json").write_text("[]"),
        lambda entry: (entry / "meta.json").write_text('{"schema": 1, "sizes": {}}'),
        lambda entry: (entry / "meta.json").write_text('{"schema": 9, "sizes": {}, "facts": {}}'),
        lambda entry: (entry / "tokenizer.json").write_bytes(b"x" * (entry / "tokenizer.json").stat().st_size),
        lambda entry: (shutil.rmtree(entry), entry.mkdir()),
    ],
)
def test_a_damaged_entry_is_made_again(damage, text: Path, own_cache: Path, counted: list[int]) -> None:
    config = DataConfig(texts=(str(text),), window=16)
    expected = prepare(config).train.tokens.tolist()
    damage(entry_of(own_cache))
    assert prepare(config).train.tokens.tolist() == expected
    assert len(counted) == 4
    prepare(config)
    assert len(counted) == 4


def test_what_a_killed_process_left_is_removed(text: Path, own_cache: Path) -> None:
    config = DataConfig(texts=(str(text),), window=16)
    prepare(config)
    entry = entry_of(own_cache)
    entry.rename(entry.with_name(".entry.dead.tmp"))
    prepare(config)
    locks = {"lock", ".entry.in-use"}
    assert [path.name for path in entry.parent.iterdir() if path.name not in locks] == ["entry"]


def test_an_entry_that_appears_while_waiting_is_used(
    text: Path, counted: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    config = DataConfig(texts=(str(text),), window=16)
    prepare(config)
    load, looks = cache._load, []

    def too_early(entry: Path) -> cache.Prepared | None:
        looks.append(entry)
        return load(entry) if len(looks) > 1 else None

    monkeypatch.setattr(cache, "_load", too_early)
    prepare(config)
    assert len(counted) == 2


def test_processes_at_once_all_succeed(text: Path, own_cache: Path) -> None:
    code = (
        "import sys; from newllm.data import DataConfig, prepare; "
        "made = prepare(DataConfig(texts=(sys.argv[1],), tokenizer='bpe', vocabulary=300, window=16)); "
        "print(made.report['fingerprint'], int(made.train.tokens.sum()))"
    )
    command = [sys.executable, "-c", code, str(text)]
    processes = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ.copy())
        for _ in range(4)
    ]
    outputs = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * 4, outputs
    assert len({output for output, _ in outputs}) == 1
    assert len(list(own_cache.iterdir())) == 1


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="the system has no /proc")
def test_a_cache_where_nobody_can_make_a_directory(monkeypatch: pytest.MonkeyPatch, text: Path) -> None:
    monkeypatch.setenv("NEWLLM_CACHE", "/proc/nope")
    with pytest.raises(UserError, match=r"may not write token cache '/proc/nope' .*: set NEWLLM_CACHE to a directory"):
        prepare(DataConfig(texts=(str(text),)))


def test_the_cache_s_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: Path) -> None:
    assert cache.cache_directory() == tmp_path / "cache"
    monkeypatch.delenv("NEWLLM_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.cache_directory() == tmp_path / "xdg" / "newllm"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache.cache_directory() == tmp_path / ".cache" / "newllm"
    with pytest.raises(UserError, match="is no directory: set NEWLLM_CACHE"):
        prepare(DataConfig(texts=(str(text),), window=16), cache=text)


def test_a_cache_that_may_not_be_written_names_the_mend(
    text: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(Path, "mkdir", refuse)  # a mode would not stop root
    with pytest.raises(UserError) as caught:
        prepare(DataConfig(texts=(str(text),), window=16))
    assert str(caught.value) == (
        f"may not write token cache '{own_cache}' (Read-only file system): set NEWLLM_CACHE to a directory that you own"
    )


def test_a_full_disk_leaves_nothing(text: Path, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cache, "_save_array", full)
    with pytest.raises(UserError, match="no room to write"):
        prepare(DataConfig(texts=(str(text),), window=16))
    assert not entry_of(own_cache).exists()
    assert not list(entry_of(own_cache).parent.glob(".*.tmp"))


@pytest.mark.parametrize("tokenizer", ["bytes", "bpe", "word"])
@pytest.mark.parametrize("fraction", [0.05, 0.1, 0.5])
@pytest.mark.parametrize("repeats", [2, 3, 10, 40])
def test_too_little_text_names_a_window_that_works(
    tokenizer: str, fraction: float, repeats: int, tmp_path: Path
) -> None:
    path = tmp_path / "short.txt"
    path.write_bytes(b"the whale and the sea and the ship\n" * repeats)
    settings = {"texts": (str(path),), "tokenizer": tokenizer, "validation_fraction": fraction}
    with pytest.raises(UserError) as caught:
        prepare(DataConfig(window=2000, **settings))
    message = str(caught.value)
    assert str(path) in message
    assert "2000" in message
    assert "\n" not in message
    named = re.search(r"--set data\.window=(\d+)", message)
    if named:
        prepare(DataConfig(window=int(named[1]), **settings))
    else:
        assert "more text" in message
        assert tokenizer != "bytes"


def test_no_validation_at_all(tmp_path: Path) -> None:
    path = tmp_path / "short.txt"
    path.write_bytes(b"abcdefghij")
    with pytest.raises(UserError, match="has 1 tokens in its validation part"):
        prepare(DataConfig(texts=(str(path),), window=4))


def test_a_sentence_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_text("one two\n" * 5 + "This sentence has seven words in it\n")
    settings = {"texts": (str(path),), "format": "sentences", "tokenizer": "word", "split_seed": 1}
    with pytest.raises(UserError, match=r"'.*seven words.*' has 9 tokens.*--set data.window=8") as caught:
        prepare(DataConfig(window=7, **settings))
    assert "\n" not in str(caught.value)
    prepare(DataConfig(window=8, **settings))


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys, newllm.data; "
        "print([n for n in ('torch', 'tokenizers', 'zstandard', 'filelock') if n in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert found.stdout.strip() == "[]"

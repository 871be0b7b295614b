import bz2
import gzip
import io
import lzma
import os
import sys
from pathlib import Path

import pytest
import zstandard

from newllm.data import Document, read_documents
from newllm.errors import UserError


def refusal(*texts: object, field: str = "text", errors: str = "strict") -> str:
    with pytest.raises(UserError) as caught:
        read_documents([str(text) for text in texts], field, errors)
    message = str(caught.value)
    assert "\n" not in message
    return message


def texts_of(*texts: object, errors: str = "strict") -> list[bytes]:
    return [document.text for document in read_documents([str(text) for text in texts], errors=errors)]


def standard_input(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))


@pytest.fixture(autouse=True)
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_file_of_any_suffix_keeps_its_bytes() -> None:
    Path("notes.odd").write_bytes("\r\nGrüße\r\n".encode())
    assert read_documents(["notes.odd"]) == [Document("notes.odd", "\r\nGrüße\r\n".encode())]


def test_a_byte_order_mark_is_dropped() -> None:
    Path("a.txt").write_bytes(b"\xef\xbb\xbfabc")
    assert texts_of("a.txt") == [b"abc"]


def test_a_directory_is_read_recursively_sorted_without_hidden_and_foreign_files() -> None:
    for name in ("d/b.txt", "d/a/z.md", "d/.git/x.txt", "d/.hidden.txt", "d/c.png", "d/e.py", "d/f.txt.gz"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(gzip.compress(b"packed") if name.endswith(".gz") else name.encode())
    Path("d/empty.py").touch()
    os.mkfifo("d/pipe.txt")
    documents = read_documents(["d"])
    assert [document.name for document in documents] == ["d/a/z.md", "d/b.txt", "d/e.py", "d/f.txt.gz"]


def test_a_glob_is_sorted_and_may_be_absolute(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "c.md"):
        Path(name).write_text(name)
    assert texts_of("*.txt") == [b"a.txt", b"b.txt"]
    assert texts_of(tmp_path / "*.txt") == [b"a.txt", b"b.txt"]


def run_of_ours(directory: str, *names: str) -> None:
    Path(directory).mkdir(parents=True)
    for name in names or ("config.toml", ".lock", "data.json", "summary.json", "standard-input.txt"):
        (Path(directory) / name).write_text("what the run wrote")


@pytest.mark.parametrize(
    "names",
    [
        ("config.toml", ".lock", "notes.txt"),
        ("config.toml", "trace.jsonl", "notes.txt"),
        ("config.toml", "summary.json"),
        ("config.toml", "snapshots"),
        (".lock", "summary.json"),  # still being made
        (".lock", "standard-input.txt"),
        (".lock", "tokenizer.json", "data.json"),
    ],
)
@pytest.mark.parametrize("named", [".", "**/*", "**", "*/**", "{here}", "{here}/**/*.*"])
def test_a_search_leaves_runs_out(names: tuple[str, ...], named: str, tmp_path: Path) -> None:
    Path("d").mkdir()
    Path("d/a.txt").write_text("mine")
    run_of_ours("d/runs/text", *names)
    assert texts_of(named.format(here=tmp_path)) == [b"mine"]


def test_a_directory_with_a_configuration_or_a_lock_is_no_run_yet() -> None:
    for name in ("a/config.toml", "b/.lock", "b/notes.txt", "c/summary.json"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).write_text(name)
    assert texts_of(".") == [b"a/config.toml", b"b/notes.txt", b"c/summary.json"]


def test_a_file_of_a_run_is_read_where_it_is_named() -> None:
    run_of_ours("runs/x")
    assert texts_of("runs/x/standard-input.txt") == [b"what the run wrote"]
    assert texts_of("runs/x/*.txt") == [b"what the run wrote"]
    assert refusal("runs/x") == "directory 'runs/x' is a run of newllm: name the texts in it one by one"
    assert "matches only files in runs of newllm" in refusal("**/*.txt")
    assert "directory 'runs' holds no text file" in refusal("runs")


def test_a_path_is_a_name_too() -> None:
    Path("a.txt").write_text("x")
    assert read_documents([Path("a.txt")]) == [Document("a.txt", b"x")]


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no such names")
@pytest.mark.parametrize("named", ["d/caf\udce9.txt", "d", "d/*", "none\udce9"])
def test_a_name_that_is_not_utf8_is_refused(named: str) -> None:
    Path("d").mkdir()
    Path("d/caf\udce9.txt").write_text("x")
    shown = named if "\udce9" in named else "d/caf\udce9.txt"
    assert refusal(named) == f"file name {shown!a} is not valid UTF-8: rename it"


def test_files_to_leave_out() -> None:
    for name in ("a.txt", "b.txt"):
        Path(name).write_text(name)
    seen = {Path("a.txt").resolve()}
    assert read_documents(["*.txt"], seen=seen) == [Document("b.txt", b"b.txt")]
    assert seen == {Path("a.txt").resolve(), Path("b.txt").resolve()}


def test_a_file_name_with_glob_characters_is_a_file() -> None:
    Path("a[1].txt").write_text("x")
    assert texts_of("a[1].txt") == [b"x"]


def test_a_file_met_twice_is_read_once() -> None:
    Path("a.txt").write_text("x")
    Path("b.txt").symlink_to("a.txt")
    assert texts_of("a.txt", "*.txt", "./a.txt") == [b"x"]


@pytest.mark.parametrize(
    ("suffix", "compress"),
    [("gz", gzip.compress), ("xz", lzma.compress), ("zst", zstandard.ZstdCompressor().compress)],
)
def test_compressed_files(suffix: str, compress) -> None:
    Path(f"a.txt.{suffix}").write_bytes(compress(b"hello\n") + compress(b"again"))
    assert texts_of(f"a.txt.{suffix}") == [b"hello\nagain"]
    Path(f"b.jsonl.{suffix}").write_bytes(compress(b'{"text": "one"}\n{"text": "two"}\n'))
    assert texts_of(f"b.jsonl.{suffix}") == [b"one", b"two"]
    whole = compress(b"hello " * 100)
    for broken in (whole[:-5], b"no such format", whole[:12] + b"\xff" * 8 + whole[20:]):
        Path(f"c.{suffix}").write_bytes(broken)
        assert f"'c.{suffix}' is not a whole .{suffix} file" in refusal(f"c.{suffix}")


def test_json_lines_give_a_document_a_record() -> None:
    Path("a.jsonl").write_text('{"text": "one", "n": 1}\n\n{"text": "zw\\u00f6lf"}\r\n{"text": ""}\n')
    assert read_documents(["a.jsonl"]) == [
        Document("a.jsonl", b"one"),
        Document("a.jsonl", "zwölf".encode()),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{oops", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", "holds a JSON list"),
        ('{"body": "x", "id": 3}', "no field 'text': fields present: 'body', 'id'"),
        ("{}", "fields present: none"),
        ('{"text": 3}', "field 'text' holds a number"),
        ('{"text": null}', "field 'text' holds a null"),
        ('{"text": "\\ud800"}', "lone surrogate at character 0"),
    ],
)
def test_bad_json_lines(line: str, said: str) -> None:
    Path("a.jsonl").write_text('{"text": "fine"}\n' + line + "\n")
    message = refusal("a.jsonl")
    assert message.startswith("'a.jsonl' line 2")
    assert said in message


def test_a_lone_surrogate_can_be_replaced() -> None:
    Path("a.jsonl").write_text('{"text": "a\\ud800b"}\n')
    assert texts_of("a.jsonl", errors="replace") == ["a\ufffdb".encode()]


def test_another_field() -> None:
    Path("a.jsonl").write_text('{"body": "x"}\n')
    assert read_documents(["a.jsonl"], field="body")[0].text == b"x"


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    standard_input(monkeypatch, b"from a pipe")
    assert read_documents(["-"]) == [Document("-", b"from a pipe")]
    standard_input(monkeypatch, b"")
    assert "standard input ('-') is empty" in refusal("-")
    standard_input(monkeypatch, b"a\xffb")
    assert "'-' is not valid UTF-8: byte 0xff at offset 1" in refusal("-")


def test_bundled_texts() -> None:
    assert len(texts_of("bundled:moby-dick")[0]) == 1_204_997
    assert len(texts_of("bundled:sentences")[0].splitlines()) == 30
    assert "unknown bundled text 'moby': did you mean 'moby-dick'?" in refusal("bundled:moby")


def test_invalid_utf8_is_refused_or_replaced() -> None:
    Path("a.txt").write_bytes(b"\xef\xbb\xbfab\xff cd\xe2\x82")
    message = refusal("a.txt")
    assert "'a.txt' is not valid UTF-8: byte 0xff at offset 5" in message
    assert "--errors replace" in message
    assert texts_of("a.txt", errors="replace") == ["ab\ufffd cd\ufffd".encode()]


def test_binary_is_refused_even_when_errors_are_replaced() -> None:
    Path("a.txt").write_bytes(b"abc\0def")
    assert "'a.txt' is binary: NUL byte at offset 3" in refusal("a.txt", errors="replace")


def test_missing_files() -> None:
    Path("novel.txt").write_text("x")
    assert refusal("nvel.txt") == "no file 'nvel.txt': did you mean 'novel.txt'?"
    assert refusal("zzzzzz") == "no file 'zzzzzz': check the name"
    assert "the directory 'nowhere' does not exist" in refusal("nowhere/a.txt")
    assert "pattern '*.nope' matches no file" in refusal("*.nope")
    Path("bare").mkdir()
    Path("bare/image.png").write_text("x")
    assert "directory 'bare' holds no text file" in refusal("bare")
    assert "'one\\ntwo'" in refusal("one\ntwo")
    assert "File name too long" in refusal("a text in place of a name " * 100)
    assert "no text given" in refusal()


def test_empty_files() -> None:
    Path("a.txt").touch()
    Path("b.txt").write_bytes(b"\xef\xbb\xbf")
    Path("c.gz").write_bytes(gzip.compress(b""))
    Path("d.jsonl").write_text("\n")
    for name in ("a.txt", "b.txt", "c.gz", "d.jsonl", "[ab].txt"):
        assert f"'{name}' is empty" in refusal(name)


def test_what_is_no_regular_file() -> None:
    assert "'/dev/null' is not a regular file" in refusal("/dev/null")
    os.mkfifo("pipe")
    assert "'pipe' is not a regular file" in refusal("pipe")
    Path("d").mkdir()
    os.mkfifo("d/pipe.txt")
    assert "directory 'd' holds no text file" in refusal("d")


def test_a_file_that_may_not_be_read(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a.txt").write_text("x")

    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # a mode would not stop root
    assert refusal("a.txt") == "cannot read 'a.txt' (Permission denied): name a file that you may read"


def test_an_unknown_compression_is_plain_bytes() -> None:
    Path("a.bz2").write_bytes(bz2.compress(b"hello"))
    assert "'a.bz2' is" in refusal("a.bz2")

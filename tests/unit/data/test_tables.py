"""CSV with texts in a column, and texts in UTF-16: read, or named with what to do."""

import csv
import gzip
from pathlib import Path

import pytest

from newllm.data import offer_columns, read_documents
from newllm.data.tables import text_column
from newllm.errors import UserError

REVIEWS = """id,stars,review
1,5,"a good film, and
a long one"
2,1,it was not for me
3,4,
4,2,"he said ""no"" twice"
"""
NUMBERS = "step,loss\n1,5.0\n2,4.0\n"


@pytest.fixture
def reviews(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("reviews.csv").write_text(REVIEWS)
    return Path("reviews.csv")


def test_a_column_gives_a_document_a_row(reviews: Path):
    documents = read_documents(["reviews.csv#review"])
    assert [one.text.decode() for one in documents] == [
        "a good film, and\na long one", "it was not for me", 'he said "no" twice',
    ]  # fmt: skip
    assert {one.name for one in documents} == {"reviews.csv#review"}
    Path("packed.csv.gz").write_bytes(gzip.compress(reviews.read_bytes()))
    Path("tabs.tsv").write_text("label\ttext\nx\tone two, three\n")
    assert len(read_documents(["packed.csv.gz#review", "tabs.tsv#text"])) == 4


def test_a_file_of_that_very_name_is_that_file(reviews: Path):
    Path("odd.csv#review").write_text("as it is")
    reviews.rename("odd.csv")
    assert [one.text for one in read_documents(["odd.csv#review"])] == [b"as it is"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("reviews.csv#text", "'reviews.csv#text' has no column 'text': columns present: 'id', 'stars', 'review'"),
        ("reviews.csv#", "columns present: 'id', 'stars', 'review'"),
        ("gone.csv#text", "no file 'gone.csv'"),
        ("short.csv#b", "'short.csv#b' row 3 has 1 of 2 cells"),
        ("empty.csv#b", "is empty"),
        (f"{'x' * 300}.csv#text", "cannot read 'xxx"),
    ],
)
def test_a_mistake_is_one_line(reviews: Path, name: str, says: str):  # noqa: ARG001 (it makes the place)
    Path("short.csv").write_text("a,b\n1,x\n2\n")
    Path("empty.csv").write_text("a,b\n1,\n")
    with pytest.raises(UserError) as raised:
        read_documents([name])
    assert says in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_table_with_a_column_of_texts_is_offered(reviews: Path):  # noqa: ARG001 (it makes the place)
    with pytest.raises(UserError) as raised:
        offer_columns(["."])
    assert "'reviews.csv' is a CSV with a text column 'review' (columns: 'id', 'stars', 'review')" in str(raised.value)
    assert "give 'reviews.csv#review' to train on that" in str(raised.value)
    assert "\n" not in str(raised.value)
    offer_columns(["reviews.csv#review"])
    Path("a.txt").write_text("a text beside it, which is no table\n")
    with pytest.raises(UserError, match="text column 'review'"):
        offer_columns(["."])
    with pytest.raises(UserError, match="text column 'review'"):
        offer_columns(["a.txt", "reviews.csv"])


@pytest.mark.parametrize(
    ("content", "column"),
    [
        (NUMBERS, None),
        ("just a line\nand another, with a comma\n", None),
        ("name,text\nx,海へ行った\n", "text"),
        ("a;b\n1;the sea and the ship\n2;a white whale came\n", "b"),
        ("text,label\n1,2\n", None),
        ("a,b\nx y z w v,1\nx y z w v,2 3 4 5 6 7 8 9\nx y z w v,1\n", "a"),  # by the middle row of each
        ("id,name\n1,Ada\n2,Grace\n", None),
        ('a,b\n1,"an open quote\n', "b"),
        ("", None),
    ],
)
def test_what_is_a_table_of_texts(content: str, column: str | None, tmp_path: Path):
    (tmp_path / "table.csv").write_text(content)
    if column is None:
        offer_columns([tmp_path / "table.csv"])
    else:
        with pytest.raises(UserError, match=f"text column '{column}'"):
            offer_columns([tmp_path / "table.csv"])


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_text_that_says_its_encoding_is_read(encoding: str, tmp_path: Path):
    (tmp_path / "text.txt").write_bytes("The whale, 鯨\n".encode(encoding))
    (tmp_path / "lines.jsonl").write_bytes('{"text": "鯨"}\n'.encode(encoding))
    assert [one.text.decode() for one in read_documents([tmp_path / "text.txt", tmp_path / "lines.jsonl"])] == [
        "The whale, 鯨\n", "鯨",
    ]  # fmt: skip


def test_big_endian_and_broken_utf_16(tmp_path: Path):
    place = tmp_path / "text.txt"
    place.write_bytes(b"\xfe\xff" + "sea".encode("utf-16-be"))
    assert read_documents([place])[0].text == b"sea"
    place.write_bytes(b"\xff\xfe" + "sea".encode("utf-16-le") + b"\x00\xd8")
    with pytest.raises(UserError, match="is not valid UTF-16: at offset 8"):
        read_documents([place])
    assert read_documents([place], errors="replace")[0].text.decode() == "sea\ufffd"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_what_only_begins_as_such_a_text_is_binary(encoding: str, tmp_path: Path):
    (tmp_path / "text.txt").write_bytes("a\0b".encode(encoding))
    with pytest.raises(UserError, match=rf"begins as {encoding.upper()} does and is binary"):
        read_documents([tmp_path / "text.txt"])


@pytest.mark.parametrize(("encoding", "named"), [("utf-16-le", "UTF-16LE"), ("utf-16-be", "UTF-16BE")])
def test_utf_16_without_its_mark_is_named(encoding: str, named: str, tmp_path: Path):
    (tmp_path / "text.txt").write_bytes("The whale swam.".encode(encoding))
    with pytest.raises(UserError, match=rf"looks like {named} .*iconv -f {named} -t UTF-8"):
        read_documents([tmp_path / "text.txt"])


def test_how_long_a_cell_may_be_stays_as_it_was_for_others(tmp_path: Path):
    others = csv.field_size_limit()
    long = "the sea " * 30_000
    (tmp_path / "long.csv").write_text(f"id,text\n1,{long}\n")
    assert len(read_documents([f"{tmp_path}/long.csv#text"])[0].text) == len(long)
    assert text_column(f"id,text\n1,{long}\n".encode()) is not None
    assert csv.field_size_limit() == others

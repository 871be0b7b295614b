"""The beginning of a data set, up to an amount of text: the same as the beginning of the whole, and no more is read."""

import gc
import gzip
import io
import json
import logging
import random
import shutil
from pathlib import Path
from typing import Any

import pytest

import newllm
from newllm.data import read_documents
from newllm.data.huggingface_stream import Amount, parse_amount
from newllm.errors import UserError


@pytest.mark.parametrize(
    ("split", "amount"),
    [
        ("train[:200MB]", Amount("train", "[:200MB]", 200_000_000)),
        ("test[:1.5kb]", Amount("test", "[:1.5KB]", 1500)),
        ("[:2GB]", Amount(None, "[:2GB]", 2_000_000_000)),
        ("train", None),
        ("train[:10%]", None),
        ("train[10:-5]+test[:3]", None),
        (None, None),
    ],
)
def test_an_amount_of_text_is_written_as_a_part_of_a_split(split: str | None, amount: Amount | None) -> None:
    assert parse_amount("hf:x", split) == amount


@pytest.mark.parametrize(
    "part",
    ["[:xMB]", "[5MB:]", "[5MB:9MB]", "[:0MB]", "[:-5MB]", "[:5MiB]", "[:5M]", "[:5 MB]", "[:1KB]+test", "[:nanGB]"],
)
def test_what_is_no_amount_is_one_line(part: str) -> None:
    with pytest.raises(UserError) as error:
        parse_amount(f"hf:x:train{part}", f"train{part}")
    assert str(error.value).startswith(f"'hf:x:train{part}': 'train{part}' is no part of a split: give an amount of ")
    assert "\n" not in str(error.value)


def test_an_amount_of_two_splits_is_refused() -> None:
    with pytest.raises(UserError, match="of one split as train"):
        parse_amount("hf:x:train+test[:1KB]", "train+test[:1KB]")


LINES = [None, "  ", *(f"row {number}: " + "é sea " * (number % 50) for number in range(3000)), "the end"]


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Files of each kind, made with the package itself."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path / "cache"))
    one = datasets.Dataset.from_dict({"text": LINES, "label": list(range(len(LINES)))})
    one.to_parquet("one.parquet", batch_size=500)
    one.to_json("one.jsonl")
    one.to_csv("one.csv")
    one.to_csv("one.tsv", sep="\t")
    one.save_to_disk("saved")
    Path("one.json").write_text(json.dumps([{"text": line} for line in LINES]))
    Path("one.jsonl.gz").write_bytes(gzip.compress(Path("one.jsonl").read_bytes()))
    Path("saved.arrow").write_bytes(next(Path("saved").glob("*.arrow")).read_bytes())
    for folder, ending in (("tables", "parquet"), ("packed", "jsonl.gz")):
        Path(folder).mkdir()
        for number in range(3):
            shutil.copy(f"one.{ending}", f"{folder}/train-{number}.{ending}")
    return datasets


def by_hand(texts: list[bytes], size: int) -> list[bytes]:
    """Return what an amount of the whole is: the naive twin."""
    taken: list[bytes] = []
    while texts[len(taken) :] and sum(map(len, taken)) < size:
        taken.append(texts[len(taken)])
    return taken


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        *(f"one.{kind}" for kind in ("parquet", "jsonl", "jsonl.gz", "json", "csv", "tsv")),
        *("saved", "saved.arrow", "tables", "packed"),
    ],
)
def test_the_beginning_is_that_of_the_whole(name: str, capfd: Any) -> None:
    whole = read_documents([f"hf:{name}"])
    texts = [document.text for document in whole]
    for size in (1, 7, 1000, 60_000, sum(map(len, texts)), 10**9):
        amount = f"[:{size / 1000:.3f}KB]"
        part = read_documents([f"hf:{name}:train{amount}:text"])
        assert [document.text for document in part] == by_hand(texts, size)
        assert {document.name for document in part} == {f"hf:{name}:train{amount}:text"}
        origin = part[0].origin
        assert origin is not None
        assert whole[0].origin is not None
        assert origin["streamed"] is True
        assert origin["whole"] == (size == 10**9)
        if origin["whole"]:
            assert origin["rows"] == whole[0].origin["rows"]
    assert capfd.readouterr() == ("", "")


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
def test_rows_without_a_text_are_counted_and_the_only_split_is_found() -> None:
    (one,) = read_documents(["hf:one.csv:[:0.001KB]"])
    assert one.name == "hf:one.csv:train[:0.001KB]:text"
    assert one.origin is not None
    assert (one.origin["rows"], one.origin["split"]) == (3, "train[:0.001KB]")
    assert "revision" not in one.origin


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
def test_what_is_damaged_behind_the_amount_is_not_met(capfd: Any) -> None:
    content = bytearray(Path("one.parquet").read_bytes())
    middle = len(content) // 2
    content[middle : middle + 5000] = bytes(5000)
    Path("one.parquet").write_bytes(content)
    for number in (1, 2):
        Path(f"tables/train-{number}.parquet").write_bytes(b"broken")
    Path("packed/train-1.jsonl.gz").write_bytes(Path("one.jsonl.gz").read_bytes()[:-5000])
    for name in ("one.parquet", "tables", "packed"):
        assert len(read_documents([f"hf:{name}:train[:40KB]"])) > 100
        with pytest.raises(UserError, match=rf"^'hf:{name}:train\[:9MB\]' cannot be read: ") as error:
            read_documents([f"hf:{name}:train[:9MB]"])
        assert "\n" not in str(error.value)
    assert capfd.readouterr() == ("", "")  # nothing is logged


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
def test_what_the_package_logs_as_an_error_is_not_printed_beside_the_line() -> None:
    handler = logging.StreamHandler(shown := io.StringIO())
    logging.getLogger("datasets").addHandler(handler)
    Path("broken.jsonl").write_text('{"text": "a"}\n{"text"\n')
    for part in ("train", "train[:9KB]"):
        with pytest.raises(UserError, match="cannot be read: "):
            read_documents([f"hf:broken.jsonl:{part}"])
    logging.getLogger("datasets").removeHandler(handler)
    assert not shown.getvalue()


@pytest.mark.filterwarnings("ignore")
def test_of_one_large_row_group_only_the_beginning_is_read(tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = random.Random(0)
    rows = {"text": ["".join(letters.choices("abcdefgh ", k=2000)) for _ in range(4000)]}
    tables.Dataset.from_dict(rows | {"other": rows["text"]}).to_parquet("large.parquet", batch_size=10**6)
    read: list[int] = []

    class Counted(io.FileIO):
        def read(self, size: int | None = -1, /) -> bytes:
            read.append(size or 0)
            return super().read(size) or b""

    monkeypatch.setattr("newllm.data.huggingface_sources._open", Counted)
    assert len(read_documents(["hf:large.parquet:train[:100KB]:text"])) == 50
    assert 0 < sum(read) < 3_000_000 < Path("large.parquet").stat().st_size / 2


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "two.jsonl:train[:1KB]",
            "has 2 columns of texts (columns: 'text', 'title', 'label'): name one, as 'hf:tw",
        ),
        ("two.jsonl:train[:1KB]:label", "column 'label' holds int64, not texts: of texts are 'text', 'title'"),
        ("two.csv:train[:1KB]:no", "has no column 'no': columns present: 'text', 'title', 'label'"),
        ("tables:validation[:1KB]", 'cannot be read: Unknown split "validation". Should be one of'),
        ("packed:validation[:1KB]", "cannot be read: Bad split: validation. Available splits: ['train']"),
        ("saved:test[:1KB]", 'cannot be read: Unknown split "test" (a saved data set is taken whole, or'),
        ("nothing.jsonl:train[:1KB]", "'hf:nothing.jsonl:train[:1KB]' "),
        ("blank.csv:train[:1KB]", "'hf:blank.csv:train[:1KB]' "),
    ],
)
def test_a_mistake_is_one_line(name: str, said: str) -> None:
    Path("two.jsonl").write_text('{"text": "a", "title": "b", "label": 1}\n' * 3)
    Path("two.csv").write_text("text,title,label\na,b,1\n")
    Path("nothing.jsonl").write_text("")
    Path("blank.csv").write_text('text\n" "\n')
    with pytest.raises(UserError) as error:
        read_documents([f"hf:{name}"])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
def test_files_may_have_their_columns_in_another_order() -> None:
    Path("odd").mkdir()
    Path("odd/train-0.jsonl").write_text('{"text": "a", "number": 1}\n')
    Path("odd/train-1.jsonl").write_text('{"number": 2, "text": "b"}\n')
    assert [one.text for one in read_documents(["hf:odd:train[:1KB]"])] == [b"a", b"b"]


@pytest.mark.filterwarnings("ignore")
def test_a_data_set_of_the_hub_that_was_downloaded_before(tables: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)
    commit = "0123456789" * 4
    tables.load_dataset("parquet", data_files="one.parquet")
    (made,) = Path("hf").glob("parquet/*/*/*/dataset_info.json")
    place = Path("hf/some___thing/default/0.0.0") / commit
    shutil.copytree(made.parent, place)
    for file in place.glob("parquet-*"):
        file.rename(file.with_name(file.name.replace("parquet-", "thing-", 1)))
    documents = read_documents(["hf:some/thing:train[:2KB]"])
    assert [one.text for one in documents] == by_hand([one.text for one in read_documents(["hf:one.csv"])], 2000)
    assert documents[0].origin is not None
    assert documents[0].origin["revision"] == commit


@pytest.mark.filterwarnings("ignore")
def test_a_file_that_is_not_on_the_disk(tables: Any) -> None:
    import fsspec

    from newllm.data.huggingface_sources import Source

    fsspec.filesystem("memory").pipe("/texts/one.parquet", Path("one.parquet").read_bytes())
    stream = Source(tables, "parquet", data_files="memory://texts/one.parquet").stream("train")
    batches = stream.batches("text")
    assert next(iter(batches))["text"].to_pylist() == LINES[:100]


@pytest.mark.filterwarnings("ignore")
def test_a_run_is_trained_on_the_beginning_and_goes_on(tables: Any, tiny_settings: tuple[str, ...]) -> None:
    name = "hf:one.parquet:train[:20KB]"
    run = newllm.train(name, settings=tiny_settings, budget=newllm.Budget(steps=4)).path
    (source,) = json.loads((run / "data.json").read_text())["sources"]
    assert source["name"] == f"hf:{Path.cwd()}/one.parquet:train[:20KB]:text"
    assert 20_000 <= source["bytes"] < 20_400
    expected = {"split": "train[:20KB]", "column": "text", "streamed": True, "whole": False}
    assert source["origin"] == expected | {"datasets": tables.__version__, "rows": source["origin"]["rows"]}
    more = tables.Dataset.from_dict({"text": [*LINES[: source["origin"]["rows"]], "other rows behind"] * 2})
    more.to_parquet("one.parquet")  # what was not read may change
    assert newllm.resume(run, budget=newllm.Budget(steps=6)).summary.step == 6
    assert newllm.load(run).evaluate("hf:one.csv:train[:1KB]").tokens > 500
    tables.Dataset.from_dict({"text": ["another text " * 50] * 100}).to_parquet("one.parquet")
    with pytest.raises(UserError, match="is not the text that this run began with: put that back to go on"):
        newllm.resume(run, budget=newllm.Budget(steps=8))
    gc.collect()  # datasets leaves the file of a CSV that is not read to its end to the collector, which warns of it

"""Names of data sets, and texts that are read of them."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

import newllm
from newllm.data import dataset_name, is_dataset, lasting_name, read_documents
from newllm.data.huggingface import Place, parse
from newllm.errors import UserError


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("hf:user/name", Place("user/name", None, None)),
        ("hf:user/name:test", Place("user/name", "test", None)),
        ("hf:a.parquet:train[10:20]:my column", Place("a.parquet", "train[10:20]", "my column")),
        ("hf:a.parquet::text", Place("a.parquet", None, "text")),
        ("hf:a.parquet:train:a:b", Place("a.parquet", "train", "a:b")),
    ],
)
def test_a_name_has_up_to_three_parts(text: str, place: Place) -> None:
    assert parse(text) == place
    assert is_dataset(text)
    assert dataset_name(text) == place.name


def test_a_file_whose_name_holds_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a:b.csv").write_text("text\nhello\n")
    assert parse("hf:a:b.csv:train:text") == Place("a:b.csv", "train", "text")
    assert lasting_name("hf:a:b.csv:train:text") == f"hf:{tmp_path}/a:b.csv:train:text"
    assert lasting_name("hf:user/name:train") == "hf:user/name:train"


def test_no_name_and_a_table_without_the_prefix(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^'hf:' names no data set: give hf:NAME"):
        parse("hf:")
    (tmp_path / "a.parquet").write_bytes(b"PAR1\0\0")
    with pytest.raises(UserError, match=r"is a table of texts, and no text: give 'hf:.*a\.parquet'$"):
        read_documents([tmp_path / "a.parquet"])


def test_without_the_package_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"needs the package datasets, .*: pip install 'newllm\[datasets\]'$"):
        read_documents(["hf:user/name"])


@pytest.fixture
def tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: Path) -> Any:
    """Files of each kind, made with the package itself, and nothing of it anywhere else."""
    datasets = pytest.importorskip("datasets")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "hf")
    monkeypatch.setenv("NEWLLM_CACHE", str(tmp_path / "cache"))
    lines = [*text.read_text().splitlines(), None, "  ", "é"]
    one = datasets.Dataset.from_dict({"text": lines, "label": list(range(len(lines)))})
    two = one.add_column("title", ["a title"] * len(lines))
    one.to_parquet("one.parquet")
    one.to_json("one.jsonl")
    one.to_csv("one.csv")
    two.to_parquet("two.parquet")
    two.save_to_disk("saved")
    Path("one.json").write_text(json.dumps([{"text": line} for line in lines]))
    Path("folder").mkdir()
    one.to_parquet("folder/train-00000.parquet")
    one.select([0]).to_parquet("folder/test-00000.parquet")
    Path("saved.arrow").write_bytes(next(Path("saved").glob("*.arrow")).read_bytes())
    return lines


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    ["one.parquet", "one.jsonl", "one.csv", "one.json", "folder", "saved:train:text", "saved.arrow::text", "./one.csv"],
)
def test_every_kind_of_file_gives_its_texts(name: str, tables: list[str | None], capfd: Any) -> None:
    documents = read_documents([f"hf:{name}"])
    assert [document.text.decode() for document in documents] == [line for line in tables if line and line.strip()]
    assert {document.name for document in documents} == {f"hf:{parse(f'hf:{name}').name}:train:text"}
    assert documents[0].origin is not None
    assert (documents[0].origin["rows"], documents[0].origin["column"]) == (len(tables), "text")
    assert len(documents[0].origin["fingerprint"]) == 16
    assert capfd.readouterr() == ("", "")  # no bars


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "two.parquet",
            "has 2 columns of texts (columns: 'text', 'label', 'title'): name one, as 'hf:two.parquet:train:text'",
        ),
        ("two.parquet:train:label", "column 'label' holds int64, not texts: of texts are 'text', 'title'"),
        ("two.parquet:train:no", "has no column 'no': columns present: 'text', 'label', 'title'"),
        ("folder:validation", 'cannot be read: Unknown split "validation". Should be one of '),
        ("saved:test", 'cannot be read: Unknown split "test" (a saved data set is taken whole, or'),
        ("not-there.parquet", "no file and no folder 'not-there.parquet': check the name"),
        ("broken.parquet", "cannot be read: "),
        ("notes.docx", "a file .docx is no data set: .parquet, .arrow"),
    ],
)
def test_a_mistake_is_one_line(name: str, said: str) -> None:
    Path("broken.parquet").write_bytes(b"no parquet")
    Path("notes.docx").write_bytes(b"PK")
    with pytest.raises(UserError) as error:
        read_documents([f"hf:{name}"])
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
def test_a_hub_that_does_not_answer_is_one_line_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    import datasets

    def no_network(*_: Any, **__: Any) -> Any:
        raise OSError("no network")

    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", no_network)
    before = datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE
    with pytest.raises(UserError, match="cannot be read: the hub does not answer and the cache has no copy: connect"):
        read_documents(["hf:somebody/something:train:text"])
    assert before == (datasets.config.HF_HUB_OFFLINE, huggingface_hub.constants.HF_HUB_OFFLINE)


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
def test_a_hub_that_is_not_to_be_asked_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    asked = []
    monkeypatch.setattr(huggingface_hub.HfApi, "dataset_info", lambda *_, **__: asked.append(1))
    monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", True)  # what HF_DATASETS_OFFLINE=1 comes to
    with pytest.raises(UserError, match="the cache has no copy"):
        read_documents(["hf:somebody/something:train:text"])
    assert not asked


@pytest.mark.filterwarnings("ignore")
def test_a_file_whose_name_is_a_pattern(tables: list[str | None]) -> None:
    Path("o[n]e*.parquet").write_bytes(Path("two.parquet").read_bytes())
    documents = read_documents(["hf:o[n]e*.parquet:train:title"])
    assert [document.text for document in documents] == [b"a title"] * len(tables)


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
def test_a_name_that_the_hub_cannot_have_is_said() -> None:
    with pytest.raises(UserError, match="the hub has no data set 'some--thing', or not for you: check the name"):
        read_documents(["hf:some--thing"])


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
def test_a_table_under_two_names_is_read_once(tables: list[str | None]) -> None:
    texts = sum(1 for line in tables if line and line.strip())
    assert len(read_documents(["hf:one.parquet", "hf:one.parquet:train", "hf:one.parquet::text"])) == texts
    seen: set[Path] = set()
    read_documents(["hf:one.parquet:train"], seen=seen)
    with pytest.raises(UserError, match=r"is in data\.validation too"):
        read_documents(["hf:one.parquet"], seen=seen)


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
def test_a_run_is_trained_goes_on_and_is_evaluated(tiny_settings: tuple[str, ...]) -> None:
    def train(steps: int) -> Path:
        budget = newllm.Budget(steps=steps)
        return newllm.train("hf:one.parquet", settings=tiny_settings, budget=budget).path

    run = train(4)
    assert run.name == "one"
    (source,) = json.loads((run / "data.json").read_text())["sources"]
    assert source["name"] == f"hf:{Path.cwd()}/one.parquet:train:text"
    assert source["origin"]["split"] == "train"
    assert len(source["sha256"]) == 64
    assert newllm.resume(run, budget=newllm.Budget(steps=6)).summary.step == 6
    plain = Path("plain.txt")
    plain.write_text("the whale and the sea")
    assert newllm.load(run).evaluate("hf:folder:test").tokens > 20
    import datasets

    datasets.Dataset.from_dict({"text": ["another text " * 50]}).to_parquet("one.parquet")
    with pytest.raises(UserError, match="is not the text that this run began with: put that back to go on"):
        newllm.resume(run, budget=newllm.Budget(steps=8))


@pytest.mark.usefixtures("tables")
@pytest.mark.filterwarnings("ignore")
def test_what_is_held_out_is_not_trained_on(tiny_settings: tuple[str, ...]) -> None:
    settings = (*tiny_settings, 'data.validation=["hf:folder:test"]')
    run = newllm.train("hf:folder", settings=settings, budget=newllm.Budget(steps=2)).path
    sources = json.loads((run / "data.json").read_text())["sources"]
    assert [one["origin"]["split"] for one in sources] == ["train", "test"]

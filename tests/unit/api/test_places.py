"""Where a run is made that nobody named a place for, and what a start leaves behind."""

import json
from pathlib import Path

import pytest

from newllm.api.run_directories import claim_run_directory, with_lasting_texts
from newllm.errors import UserError
from newllm.trace import Summary
from newllm.training.configure import configure
from newllm.training.run import LOCK


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("of", "name"),
    [("-", "standard-input"), ("bundled:moby-dick", "moby-dick"), ("a/b.txt.gz", "b"), ("books/", "books"),
     ("books/*.txt", "text"), ("books/part*.txt", "part"), ("seed-baseline", "seed-baseline")],
)  # fmt: skip
def test_a_run_is_named_after_what_it_is_of_and_numbered_where_that_is_taken(of: str, name: str) -> None:
    for number in ("", "-2", "-3"):
        with claim_run_directory(None, of) as run:
            assert run.path == Path("runs") / f"{name}{number}"
            run.config.touch()
    Path("runs/link").symlink_to("nowhere")
    with claim_run_directory(None, "link") as run:  # a link that leads nowhere is taken too
        assert run.path == Path("runs/link-2")


def _start(place: str | None, error: BaseException, *own: str, summary: Summary | None = None) -> None:
    """A start that writes some files and then fails."""
    with claim_run_directory(place, "x") as run:
        for name in own:
            (run.path / name).touch()
        if summary is not None:
            summary.save(run.summary)
        raise error


def test_what_a_failed_start_made_is_gone_and_what_stood_there_stays() -> None:
    def fail(place: str | None, *own: str) -> None:
        with pytest.raises(RuntimeError):
            _start(place, RuntimeError(), *own)

    fail("a/b/c", "data.json", "tokenizer.json", "summary.json", ".x.tmp")
    assert not Path("a").exists()
    Path("d").mkdir()
    fail("d/e", "data.json", "notes")
    assert sorted(str(path) for path in Path("d").rglob("*")) == ["d/e", "d/e/notes"]
    fail(None, "data.json")
    assert not Path("runs").exists()
    Path("f").mkdir()
    (Path("f") / LOCK).touch()
    (Path("f") / "data.json").write_text("of a start that was killed")
    fail("f", "data.json", "tokenizer.json")
    assert sorted(path.name for path in Path("f").iterdir()) == [LOCK, "data.json"]
    with claim_run_directory("f", "x") as run:
        run.config.touch()
    with pytest.raises(UserError, match="'f' holds a run already"), claim_run_directory("f", "x"):
        pass


@pytest.mark.parametrize(
    ("error", "status", "message"),
    [(RuntimeError("no memory"), "failed", "no memory"), (KeyboardInterrupt(), "interrupted", "KeyboardInterrupt")],
)
def test_a_run_that_has_begun_says_why_it_ended(error: BaseException, status: str, message: str) -> None:
    summary = Summary(steps=1, parameters=1, scan_backend="none", precision="fp32", device="cpu")
    for pid, said in ((summary.pid, (status, message)), (summary.pid + 1, ("running", None))):
        summary.pid, place = pid, f"run-{pid}"
        Path(place).mkdir()
        with pytest.raises(type(error)):
            _start(place, error, "config.toml", summary=summary)
        told = json.loads(Path(place, "summary.json").read_text())
        assert (told["status"], told["message"]) == said


def test_texts_stand_where_they_can_be_found_again(here: Path) -> None:
    with claim_run_directory("run", "x") as run:
        settings = ['data.texts=["a.txt", "bundled:sentences"]', 'data.validation=["b/*.txt"]']
        data = with_lasting_texts(configure("tiny", None, None, settings, {}), run).data
        run.config.touch()
    assert data.texts == (str(here / "a.txt"), "bundled:sentences")
    assert data.validation == (str(here / "b/*.txt"),)

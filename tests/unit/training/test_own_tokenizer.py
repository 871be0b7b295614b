"""A run is gone on with, and read, with the tokenizer that it was trained with, or not at all."""

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import newllm
from newllm.errors import UserError
from newllm.replays.subjects.own_run import OwnRun
from newllm.training.snapshots import SCHEMA, list_snapshots, load_progress
from newllm.training.snapshots import _digest as digest_of

TOKENIZERS = {
    "word": ("data.tokenizer=word", "data.vocabulary=64"),
    "bpe": ("data.tokenizer=bpe", "data.vocabulary=300"),
}


@pytest.fixture(scope="module", params=["word", "bpe"])
def stopped(
    request: pytest.FixtureRequest, text: Path, tiny_settings: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A run that there is something to go on with."""
    run = tmp_path_factory.mktemp(request.param) / "run"
    settings = (*tiny_settings, *TOKENIZERS[request.param], "training.steps=4", "training.snapshot_every=2")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
        newllm.train(str(text), out=run, settings=settings)
    shutil.rmtree(run / "snapshots" / "step-00000004")
    (run / "summary.json").unlink()
    return run


@pytest.fixture
def run(stopped: Path, tmp_path: Path) -> Path:
    return shutil.copytree(stopped, tmp_path / "run")


def exchange_two_words(run: Path) -> None:
    """As many tokens as before, other ones."""
    place = run / "tokenizer.json"
    content = json.loads(place.read_text())
    ids = content["model"]["vocab"]
    first, second = list(ids)[-2:]
    ids[first], ids[second] = ids[second], ids[first]
    place.write_text(json.dumps(content))


def test_the_checksum_stands_with_the_data_and_with_every_snapshot(run: Path) -> None:
    written = hashlib.sha256((run / "tokenizer.json").read_bytes()).hexdigest()
    assert json.loads((run / "data.json").read_bytes())["tokenizer"]["sha256"] == written
    newllm.resume(run)
    states = [load_progress(place) for place in list_snapshots(run / "snapshots").values()]
    assert {state.tokenizer for state in states} == {written}
    newllm.load(run).generate("the", 3)


@pytest.mark.parametrize(
    "read",
    [newllm.resume, newllm.load, lambda run: OwnRun(run).corpus],
    ids=["resume", "generate and eval", "replay"],
)
def test_another_tokenizer_is_refused(run: Path, read: Callable[[Path], object]) -> None:
    exchange_two_words(run)
    before = (run / "trace.jsonl").read_bytes()
    with pytest.raises(UserError, match=r"tokenizer\.json' is damaged, it is not the one of the training"):
        read(run)
    assert (run / "trace.jsonl").read_bytes() == before


def as_before(run: Path) -> None:
    """Take the checksum out of all files, as if an older newllm had written them."""
    place = run / "data.json"
    data = json.loads(place.read_bytes())
    del data["tokenizer"]["sha256"], data["sha256"]
    place.write_text(json.dumps(data))
    for snapshot in list_snapshots(run / "snapshots").values():
        state = json.loads((snapshot / "state.json").read_bytes())
        assert state["schema"] == SCHEMA
        del state["tokenizer"], state["sha256"]["state.json"]
        state["sha256"]["state.json"] = digest_of(state)
        (snapshot / "state.json").write_text(json.dumps(state))


def test_a_run_from_before_there_was_a_checksum_goes_on(run: Path) -> None:
    as_before(run)
    newllm.load(run).generate("the", 3)
    assert newllm.resume(run).summary.status == "finished"
    assert load_progress(list_snapshots(run / "snapshots")[4]).tokenizer


@pytest.mark.parametrize("stopped", ["word"], indirect=True)
def test_a_run_from_before_refuses_a_tokenizer_that_makes_another_number_of_tokens(run: Path) -> None:
    as_before(run)
    place = run / "tokenizer.json"
    place.write_text(place.read_text().replace('"whale"', '"whole"'))
    with pytest.raises(UserError, match="makes other tokens than this run began with"):
        newllm.resume(run)


@pytest.mark.slow
@pytest.mark.parametrize("stopped", ["word"], indirect=True)
def test_the_playground_refuses_it_too(run: Path) -> None:
    exchange_two_words(run)
    done = subprocess.run([sys.executable, "-m", "newllm.playground", str(run)], capture_output=True, check=False)
    answer = json.loads(done.stdout)
    assert (done.returncode, answer["event"]) == (2, "error")
    assert "not the one of the training" in answer["error"]

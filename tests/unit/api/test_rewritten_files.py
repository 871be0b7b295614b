"""A run whose text files came with other line ends (git, zip), or were saved by an editor, is the run that it was."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import newllm
from newllm.errors import UserError
from newllm.report.source import read_source
from newllm.trace import read_signal, read_trace

SETTINGS = ("training.steps=8", "training.evaluate_every=4", "data.tokenizer=bpe", "data.vocabulary=280")


@pytest.fixture(scope="module")
def finished(text: Path, tiny_settings: tuple[str, ...], tmp_path_factory: pytest.TempPathFactory) -> Path:
    run = tmp_path_factory.mktemp("finished") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
        patch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
        newllm.train(str(text), out=run, settings=(*tiny_settings, *SETTINGS))
    return run


def windows(file: Path) -> None:
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))


def editor(file: Path) -> None:
    """Save as some editors do: indented anew, with a mark of UTF-8."""
    content = file.read_text()
    if file.suffix == ".json":
        content = json.dumps(json.loads(content), indent=4)
    if file.suffix != ".jsonl":
        file.write_text(content, encoding="utf-8-sig")


@pytest.mark.parametrize("rewrite", [windows, editor])
def test_it_is_the_run_that_it_was(finished: Path, tmp_path: Path, rewrite: Callable[[Path], None]) -> None:
    run = shutil.copytree(finished, tmp_path / "run")
    for file in run.rglob("*"):
        if file.suffix in (".json", ".jsonl", ".toml"):
            rewrite(file)
    for name, series in read_trace(finished / "trace.jsonl").signals.items():
        np.testing.assert_array_equal(read_signal(run / "trace.jsonl", name).value, series.value)
    assert not read_source(run).problems
    assert len(read_source(run).samples) == len(read_source(finished).samples) > 0
    assert newllm.load(run).generate("the", tokens=9) == newllm.load(finished).generate("the", tokens=9)
    shutil.rmtree(run / "snapshots/step-00000008")
    (run / "summary.json").unlink()
    assert newllm.resume(run).summary.last_validation == newllm.resume(finished).summary.last_validation


def test_a_changed_row_with_such_a_line_end_is_none(finished: Path, tmp_path: Path) -> None:
    place = tmp_path / "trace.jsonl"
    place.write_bytes(
        (finished / "trace.jsonl").read_bytes().replace(b"\n", b"\r\n").replace(b'"step": 3,', b'"step": 2,')
    )
    for read in (read_trace, lambda place: read_signal(place, "loss")):
        with pytest.raises(UserError, match="is not a row of a trace"):
            read(place)

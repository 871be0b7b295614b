"""What a model wrote passes a filter on its way to a terminal, and nowhere else."""

import io
import json
import sys
from pathlib import Path

import pytest

from newllm.cli.main import main
from newllm.cli.model_text import model_text
from newllm.words.plain import plain_lines

EVIL = "\x1b[2J\x0e\x07\x9b1m\u202e"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(scope="module")
def evil(tiny: list[str], tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A run whose model knows nothing but control characters: its text holds two bytes only."""
    place = tmp_path_factory.mktemp("evil")
    (place / "text.txt").write_text("\x1b\x0e" * 4000)
    options = [*tiny, "--set=optimizer.learning_rate=0.01", "--set=data.tokenizer=bytes", "--steps", "60", "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(cache))
        patch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
        assert main(["train", str(place / "text.txt"), *options, "--out", str(place / "run")]) == 0
    return place / "run"


def test_a_terminal_gets_escapes_where_it_would_obey_and_all_the_rest_as_it_is():
    stream = Terminal()
    write = model_text(stream)
    for piece in ("one\n\ttwo ", *EVIL, "　海 é\r\n"):
        write(piece)
    assert stream.getvalue() == "one\n\ttwo \\x1b[2J\\x0e\\x07\\x9b1m\\u202e　海 é \n"
    assert plain_lines(EVIL).isprintable()


def test_a_file_or_a_pipe_gets_what_the_model_wrote():
    stream = io.StringIO()
    model_text(stream)(f"{EVIL}\r\n")
    assert stream.getvalue() == f"{EVIL}\r\n"


def test_generate_on_a_terminal(evil: Path, monkeypatch: pytest.MonkeyPatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["generate", str(evil), "--prompt", "\x1b]0;title\x07", "--tokens", "40"]) == 0
    assert stream.getvalue().startswith("\\x1b]0;title\\x07")
    assert "\\x0e" in stream.getvalue()
    assert stream.getvalue().removesuffix("\n").isprintable()


def test_generate_into_a_pipe_and_as_json(evil: Path, call):
    piped = call("generate", evil, "--tokens", 40).out
    assert "\x1b" in piped
    assert "\\x1b" not in piped
    told = call("generate", evil, "--tokens", 40, "--json").out
    assert told.isascii()
    assert told.removesuffix("\n").isprintable()
    assert f"{json.loads(told)['text']}\n" == piped


def test_samples_of_a_training_on_a_terminal(tiny: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "text.txt").write_text("\x1b\x0e" * 4000)
    monkeypatch.setenv("TERM", "xterm")
    out, err = Terminal(), Terminal()
    monkeypatch.setattr(sys, "stdout", out)
    monkeypatch.setattr(sys, "stderr", err)
    options = ["--set=optimizer.learning_rate=0.01", "--set=training.evaluate_every=10", "--steps", "60"]
    assert main(["train", str(tmp_path / "text.txt"), *tiny, *options, "--out", str(tmp_path / "run")]) == 0
    assert "\\x0e" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    assert "writes: " in err.getvalue()
    assert "\\x1b" in err.getvalue()
    assert "\x0e" not in err.getvalue()  # what escapes there are the display's own
    assert "\x0e" in json.loads((tmp_path / "run/samples.jsonl").read_text().splitlines()[-1])["text"]

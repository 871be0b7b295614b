"""examples/numpy_generate.py: a run is read by seventy lines that know neither newllm nor torch."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import newllm
from newllm.cli.main import main

PROGRAM = Path(__file__).parents[2] / "examples" / "numpy_generate.py"
# Nothing is compiled: that would take longer than the training.
SMALL = ["numerics.scan_backend=torch", "model.width=32", "model.layers=2", "model.hidden=48", "model.context=24"]


def train(text: Path, run: Path, *settings: str, steps: int = 1) -> None:
    given = [word for setting in (*SMALL, "data.window=64", "data.batch=8", *settings) for word in ("--set", setting)]
    given += ["--steps", str(steps), "--quiet", "--device", "cpu", "--out", str(run)]
    assert main(["train", str(text), *given]) == 0


def lead_of_the_best(run: Path, prompt: str, written: str) -> float:
    """By how much the most likely next token leads the second, in logits, behind a text of ASCII letters."""
    tokens = torch.tensor([[256, *(prompt + written).encode()]])
    with torch.no_grad():
        logits, _ = newllm.load(run, device="cpu").model(tokens)
    first, second = logits[0, -1].topk(2).values
    return float(first - second)


@pytest.mark.parametrize("settings", [(), ("model.ngram_rows=0",)], ids=["default", "without tables"])
def test_it_writes_what_newllm_writes_from_the_default_model(settings, text, tmp_path, capsys):
    train(text, tmp_path / "run", *settings, steps=100)
    capsys.readouterr()
    for prompt in ("The wh", "ä"):
        command = [
            "generate",
            str(tmp_path / "run"),
            "--prompt",
            prompt,
            "--tokens",
            "120",
            "--temperature",
            "0",
            "--json",
        ]
        assert main(command) == 0
        expected = json.loads(capsys.readouterr().out)["text"]
        given = [sys.executable, str(PROGRAM), str(tmp_path / "run"), prompt, "120"]
        out = subprocess.run(given, capture_output=True, text=True, check=True).stdout
        assert expected.isascii()
        assert len(expected) > 100
        if out != expected + "\n":
            # Two sums of the same numbers differ in their last bits (1e-5 here): a tie may be decided otherwise.
            parted = next(place for place, letter in enumerate(out) if letter != (expected + "\n")[place])
            assert lead_of_the_best(tmp_path / "run", prompt, expected[:parted]) < 1e-4


def test_it_is_short_and_imports_nothing_else():
    lines = PROGRAM.read_text().splitlines()
    assert len(lines) <= 70
    imported = {line.split()[1] for line in lines if line.startswith(("import ", "from "))}
    assert imported == {"codecs", "functools", "json", "sys", "tomllib", "pathlib", "numpy"}


OTHERS = ("rule=ema", "norm=read", "body=cell", "ngram_longest=2", "tied_embeddings=true")


@pytest.mark.parametrize("setting", OTHERS)
def test_it_refuses_another_model(text, tmp_path, setting):
    train(text, tmp_path / "run", f"model.{setting}")
    given = [sys.executable, str(PROGRAM), str(tmp_path / "run"), "a", "1"]
    done = subprocess.run(given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr == "this program reads a stack with rule gated, without norm, tied head and pairs alone, on bytes\n"
    )

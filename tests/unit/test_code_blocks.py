"""Blocks of Python in README.md and docs/ run, and every command there is one that newllm takes.

A block runs with stand-ins for what it takes from its reader: a model, an optimizer, a loader. What it leaves out
(`...`) is filled in, and what takes minutes there takes less here: `filled`. Blocks of other frameworks run in
tests/unit/integrations/test_code_blocks.py, where these are installed; a client's of a server in tests/unit/serve.
"""

import contextlib
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import newllm
from newllm.cli.main import COMMANDS, parser
from newllm.errors import UserError

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
RECORDS = ("docs/LOG.md", "docs/tests.md")
_LESS = {
    "tokens=2_000_000": "tokens=2_000",
    "founding-baseline": "tiny",
    "steps=2000": "steps=60",
    "replay(loop": "replay(loop, only=['skip-batches'], budget=15",
    "(model, optimizer),": "build(seed),",
    "lambda step: ...": "lambda step: batch(step)",
    "lambda model, batch: ...": "lambda model, batch: loss(model, batch)",
    'out="runs/mine") as recorder:\n    ...': 'out="runs/mine") as recorder:\n    recorder.step(1.0)',
    "            ...\n            losses": "            loss = loss_function(model(batch[0]), batch[1])\n"
    "            accelerator.backward(loss)\n            losses",
}
OF_FRAMEWORKS = ("newllm.hf", "from transformers", "newllm.lightning", "Trainer(", "accelerator", "openai")


def filled(block: str) -> str:
    """Return a block with what it leaves out, and with less to do."""
    for written, here in _LESS.items():
        block = block.replace(written, here)
    assert "..." not in block, "what is left out here is filled in by no rule"
    return block


def blocks(language: str) -> Iterator[tuple[str, str]]:
    for page in PAGES:
        if page not in RECORDS and not page.startswith("docs/tutorial"):
            for block in re.findall(
                rf"^```{language}\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE
            ):
                yield page, block


PYTHON = [
    (page, block) for page, block in blocks("python") if not page.endswith(".ja.md")
]  # there it is the same: test_readmes.py
OWN = [(page, block) for page, block in PYTHON if not any(mark in block for mark in OF_FRAMEWORKS)]


class Sized(nn.Module):
    """A classifier that can be called as a PyTorch model and as one of transformers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 3))

    def forward(self, x: torch.Tensor | None = None, *, inputs: Any = None, labels: Any = None) -> Any:
        if inputs is None:
            return self.layers(x)
        return type("Output", (), {"loss": F.cross_entropy(self.layers(inputs), labels)})()


def stand_ins(page: str) -> dict[str, Any]:
    torch.manual_seed(0)
    model = Sized()
    batches = [(torch.randn(8, 6), torch.randint(3, (8,))) for _ in range(4)]
    named = [{"inputs": x, "labels": y} for x, y in batches]

    def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        made = nn.Linear(6, 3)
        return made, torch.optim.AdamW(made.parameters(), 1e-3 + 0 * seed)

    return {
        "newllm": newllm, "model": model, "optimizer": torch.optim.AdamW(model.parameters(), 1e-3),
        "loader": named if page == "docs/check.md" else batches, "loss_function": F.cross_entropy,
        "build": build, "batch": lambda step: (255 * batches[0][0], batches[1][1]) if step == 40 else batches[step % 4],
        "loss": lambda model, batch: F.cross_entropy(model(batch[0]), batch[1]),
    }  # fmt: skip


@pytest.mark.parametrize(("page", "block"), PYTHON, ids=[f"{page}-{at}" for at, (page, _) in enumerate(PYTHON)])
def test_it_is_python(page: str, block: str) -> None:
    compile(block, page, "exec")


@pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated")  # torch's own compiler
@pytest.mark.parametrize(("page", "block"), OWN, ids=[f"{page}-{at}" for at, (page, _) in enumerate(OWN)])
def test_it_runs(page: str, block: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("my-text.txt", "held-out.txt"):
        Path(name).write_text("It was a dark and stormy night. " * 400)
    known = stand_ins(page)
    if "newllm.show(" in block:
        known["verdict"] = newllm.doctor(ROOT / "examples/spike.csv")
        for place in ("runs/my-text", "runs/a", "runs/b"):
            with newllm.record(known["model"], known["optimizer"], out=place) as recorder:
                for step in range(3):
                    recorder.step(torch.tensor(2.0 - step / 10))
    if page == "docs/check.md" and "report = " not in block:
        known["batch"] = known["batch"](0)
    exec(compile(filled(block), page, "exec"), known)


def commands() -> Iterator[tuple[str, str]]:
    for page in PAGES:
        if page in RECORDS:
            continue
        for block in re.findall(r"^```(?:\w*)\n(.*?)^```", (ROOT / page).read_text("utf-8"), re.DOTALL | re.MULTILINE):
            for line in block.splitlines():
                if line.startswith("newllm "):
                    yield page, re.sub(r"\s+# .*", "", line)


COMMAND_LINES = sorted(set(commands()))


@pytest.mark.parametrize(("page", "line"), COMMAND_LINES)
def test_the_command_is_one(page: str, line: str) -> None:
    words = shlex.split(re.split(r" [|<>] ", line)[0])[1:]
    if words == ["--version"]:
        return
    assert words[0] in COMMANDS, f"{page}: {line}"
    try:
        parser().parse_strictly(words)
    except UserError as error:
        with contextlib.suppress(SystemExit):
            pytest.fail(f"{page}: {line}: {error}")


def test_a_command_that_is_none_is_noticed() -> None:
    with pytest.raises(UserError):
        parser().parse_strictly(["doctor", "log.csv", "--nothing-of-the-kind"])
    assert len(COMMAND_LINES) > 60
    assert len(OWN) > 8

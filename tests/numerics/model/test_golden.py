"""Losses of six updates of each body, as they were: a refactor must show identical losses.

Regenerate after a change that is meant to move them, and say so in docs/LOG.md:

    PYTHONPATH=src python tests/numerics/model/test_golden.py
"""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel, fresh_rows

GOLDEN = Path(__file__).with_name("golden.json")
TEXT = b"the cat sat on the mat; a dog ran to the red barn and the cold rain fell on an old hat. " * 8
ROWS, WINDOW, UPDATES = 4, 24, 6
SMALL: dict[str, Any] = {
    "vocabulary": 128,
    "width": 16,
    "layers": 2,
    "hidden": 24,
    "context": 16,
    "heads": 2,
    "window": 16,
}
FOUNDING = {"initialisation": "normal", "positions": 4 * WINDOW}

CASES: dict[str, dict[str, Any]] = {
    "cell": {"body": "cell", "rule": "additive", **FOUNDING},
    "cell gated write": {"body": "cell", "norm": "write"},
    "cell lstm read": {"body": "cell", "rule": "lstm", "norm": "read"},
    "zero-cell": {"body": "zero-cell", "rule": "additive", **FOUNDING},
    "stack": {"body": "stack"},
    "stack additive read": {"body": "stack", "rule": "additive", "norm": "read"},
    "stack ema learned": {"body": "stack", "rule": "ema", "learn_decay": True},
    "stack lstm write": {"body": "stack", "rule": "lstm", "norm": "write"},
    "stack dual": {"body": "stack", "rule": "dual"},
    "zero-stack": {"body": "zero-stack"},
    "attention": {"body": "attention"},
    "founding-transformer": {"body": "founding-transformer", **FOUNDING},
    "lstm": {"body": "lstm"},
}


def windows(takes_resets: bool) -> list[tuple[Tensor, Tensor, Tensor | None, Tensor]]:
    """Return inputs, targets, resets and fresh rows of each update: carried windows of four rows of text."""
    ids = torch.tensor(list(TEXT))
    starts = torch.arange(ROWS) * (len(ids) // ROWS)
    made = []
    for update in range(UPDATES):
        at = starts[:, None] + (update % 3) * WINDOW + torch.arange(WINDOW + 1)
        inputs, targets = ids[at][:, :-1], ids[at][:, 1:]
        reset = inputs == ord(".") if takes_resets else None
        made.append((inputs, targets, reset, torch.tensor([update % 3 == 0] * ROWS)))
    return made


def losses(shape: dict[str, Any], dtype: torch.dtype = torch.float32) -> list[float]:
    """Train for six updates with the context carried, one thread, and return the loss before each."""
    torch.set_num_threads(1)
    model = LanguageModel(ModelConfig(**(SMALL | shape)), seed=7).to(dtype)
    model.use_scan("torch")
    # An epsilon well above rounding: Adam must not turn a gradient that is noise into a full step.
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, eps=1e-5, weight_decay=0.1)
    state, seen = model.initial_state(ROWS), []
    for inputs, targets, reset, fresh in windows(model.body.takes_resets):
        logits, state = model(inputs, fresh_rows(state, fresh), reset)
        state = {name: value.detach() for name, value in state.items()}
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seen.append(loss.item())
    return seen


@pytest.mark.parametrize("name", CASES)
def test_losses_are_what_they_were(name: str) -> None:
    golden = json.loads(GOLDEN.read_text())
    assert losses(CASES[name]) == pytest.approx(golden[name], rel=2e-4)


def test_every_golden_loss_has_its_case() -> None:
    assert json.loads(GOLDEN.read_text()).keys() == CASES.keys()


if __name__ == "__main__":
    found = {name: [round(loss, 7) for loss in losses(shape)] for name, shape in CASES.items()}
    lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in found.items())
    GOLDEN.write_text(f"{{\n{lines}\n}}\n")

"""What is recorded of contexts that are matrices: norm, mean and spread at the end of a row, and effective rank."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import newllm
from newllm.model.language_model import LanguageModel
from newllm.recorder.context_signals import effective_rank


def test_the_effective_rank_is_the_number_of_directions_that_are_held_alike() -> None:
    three = torch.diag(torch.tensor([2.0, 2.0, 2.0, 0.0]))[:, :3]
    one = torch.outer(torch.randn(4), torch.randn(3))
    assert float(effective_rank(three[None, None])) == pytest.approx(3)
    assert float(effective_rank(one[None, None])) == pytest.approx(1)
    uneven = torch.diag(torch.tensor([3.0, 1.0]))[None, None]
    assert float(effective_rank(uneven)) == pytest.approx((9 + 1) ** 2 / (81 + 1))
    assert float(effective_rank(torch.stack([three, one])[None])) == pytest.approx(2)


def test_a_matrix_of_zeros_has_none() -> None:
    assert torch.isnan(effective_rank(torch.zeros(2, 3, 4, 4)))
    tiny, huge = 1e-12 * torch.eye(3)[None, None], 1e10 * torch.eye(3)[None, None]
    assert float(effective_rank(tiny)) == pytest.approx(3)
    assert float(effective_rank(huge)) == pytest.approx(3)
    assert torch.isnan(effective_rank(torch.full((1, 1, 3, 3), torch.inf)))
    with torch.autocast("cpu", torch.bfloat16):
        assert float(effective_rank(torch.randn(1, 1, 4, 4).double())) == pytest.approx(4, abs=3)
        assert effective_rank(huge).dtype == torch.float32
    half = torch.stack([torch.zeros(3, 3), torch.eye(3)])[None]
    assert float(effective_rank(half)) == pytest.approx(3)


def test_matrices_are_recorded_at_the_end_of_each_row(
    tmp_path: Path, build: Callable[..., LanguageModel], signals: Callable[[], dict[str, dict[int, float]]]
) -> None:
    model = build(body="stack", rule="delta").train()
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    tokens, states = torch.randint(11, (3, 7)), []
    with newllm.record(model, optimizer, tmp_path / "run", every=2) as recorder:
        for _ in range(3):
            logits, state = model(tokens)
            states.append({name: value.detach() for name, value in state.items()})
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten())
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            recorder.step(loss)
    found = signals()
    layers = [name for name in states[0] if name.endswith("context")]
    norms = [float(torch.stack([s[n].flatten(1).norm(dim=1).mean() for n in layers]).mean()) for s in states]
    assert list(found["context_norm"].values()) == pytest.approx(norms, rel=1e-5)
    ranks = {name: steps for name, steps in found.items() if name.startswith("context_rank/")}
    assert ranks.keys() == {f"context_rank/body.blocks.{layer}.mixer" for layer in range(len(layers))}
    for layer, steps in enumerate(ranks.values()):
        at = [states[list(found["context_norm"]).index(step)][f"{layer}.context"] for step in steps]
        assert list(steps.values()) == pytest.approx([float(effective_rank(one)) for one in at], rel=1e-5)
    assert any(name.startswith("gate_saturation/") and name.endswith("rule.forget") for name in found)

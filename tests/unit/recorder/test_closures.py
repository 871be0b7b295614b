"""A step with a closure, as Lightning steps every optimizer, is recorded as one without."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.recorder import ledger
from newllm.trace import read_trace

STEPS, AT = 12, 7


@pytest.fixture(autouse=True)
def _all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger, "SHARE", 1e9)


def recorded(
    out: Path,
    how: str,
    *,
    accumulate: int = 1,
    clip: float | None = None,
    between: Callable[[nn.Sequential], None] = lambda _: None,
) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Train a model with a batch norm; return what was recorded and the weights."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)

    def passes(first: bool) -> Tensor:
        loss = model(torch.randn(16, 6)).square().mean() / accumulate
        if first:
            optimizer.zero_grad()
        loss.backward()
        return loss.detach()

    with newllm.record(model, optimizer, out, every=3) as recorder:
        for step in range(1, STEPS + 1):
            losses = [passes(number == 0) for number in range(accumulate - 1)]
            if step == AT:
                between(model)

            def closure() -> Tensor:
                losses.append(passes(accumulate == 1))  # noqa: B023 (called at once)
                if clip is not None:
                    nn.utils.clip_grad_norm_(model.parameters(), clip)
                return losses[-1]  # noqa: B023

            if how == "none":
                closure()
                optimizer.step()
            elif how == "by position":
                optimizer.step(closure)
            else:
                optimizer.step(closure=closure)
            recorder.step(sum(losses))
    signals = read_trace(out / "trace.jsonl").signals
    found = {name: dict(zip(one.step.tolist(), one.value.tolist(), strict=True)) for name, one in signals.items()}
    return {name: one for name, one in found.items() if name != "step_seconds"}, model.state_dict()


def _damage(model: nn.Sequential) -> None:
    model[1].get_buffer("running_mean").add_(1.0)


@pytest.mark.parametrize("how", ["by position", "by name"])
@pytest.mark.parametrize(("accumulate", "clip"), [(1, None), (1, 0.01), (3, None), (3, 0.01)])
def test_a_closure_changes_nothing_of_what_is_recorded(
    tmp_path: Path, how: str, accumulate: int, clip: float | None
) -> None:
    plain, weights = recorded(tmp_path / "plain", "none", accumulate=accumulate, clip=clip)
    found, others = recorded(tmp_path / "closure", how, accumulate=accumulate, clip=clip)
    assert found == plain
    assert ("gradient_norm_clipped" in found) is (clip is not None)
    assert found.get("backwards") == (dict.fromkeys(range(1, STEPS + 1), 3.0) if accumulate > 1 else None)
    assert all(torch.equal(value, others[name]) for name, value in weights.items())


def test_buffers_that_somebody_changes_are_seen_by_the_forward_pass_in_the_closure(tmp_path: Path) -> None:
    found, _ = recorded(tmp_path / "run", "by name", between=_damage)
    assert found["buffers_changed/1"] == {AT: 1.0}


def test_weights_that_are_changed_between_two_updates_are_seen(tmp_path: Path) -> None:
    def change(model: nn.Sequential) -> None:
        with torch.no_grad():
            model[0].get_parameter("bias").add_(1.0)

    assert recorded(tmp_path / "run", "by name", between=change)[0]["weights_changed/0"] == {AT: 1.0}

"""Several optimizers that train one model, as Muon and AdamW do, or those of a generator and its critic."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import newllm
from newllm.errors import UserError
from newllm.recorder import ledger
from newllm.trace import read_trace

STEPS = 30


@pytest.fixture(autouse=True)
def _all_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Watch every tensor at every update, whatever that costs on a model of nearly nothing."""
    monkeypatch.setattr(ledger, "SHARE", 1e9)


class GradientAsMemory(torch.optim.Optimizer):
    """Writes its momentum into the gradient itself, as some implementations of Muon do."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 0.01})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # noqa: ARG002
        for group in self.param_groups:
            for one in group["params"]:
                if "memory" not in self.state[one]:
                    self.state[one]["memory"] = torch.zeros_like(one)
                memory = self.state[one]["memory"].lerp_(one.grad, 0.1)
                one.sub_(one.grad.lerp_(memory, 0.9), alpha=group["lr"])


def parts() -> tuple[nn.Sequential, list[torch.optim.Optimizer]]:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(8, 16), nn.Tanh(), nn.Linear(16, 4))
    matrices = [one for one in model.parameters() if one.dim() > 1]
    others = [one for one in model.parameters() if one.dim() < 2]
    return model, [GradientAsMemory(matrices), torch.optim.AdamW(others, lr=1e-3)]


def signals(run: Path) -> dict[str, dict[int, float]]:
    """The values of each signal by step."""
    found = read_trace(run / "trace.jsonl").signals
    return {name: dict(zip(one.step.tolist(), one.value.tolist(), strict=True)) for name, one in found.items()}


def recorded(
    out: Path, *, clears: bool = True, between: Callable[[int, nn.Sequential], None] = lambda *_: None
) -> dict[str, dict[int, float]]:
    """The signals of a classifier that two optimizers train; `between` is called between their steps."""
    model, optimizers = parts()
    with newllm.record(model, optimizers, out) as recorder:
        for step in range(1, STEPS + 1):
            x = torch.randn(32, 8)
            for optimizer in optimizers if clears else ():
                optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), x[:, :4].argmax(1))
            loss.backward()
            optimizers[0].step()
            between(step, model)
            optimizers[1].step()
            recorder.step(loss)
    return signals(out)


def changed(found: dict[str, dict[int, float]]) -> list[tuple[str, list[int]]]:
    return [(name, list(steps)) for name, steps in found.items() if "_changed" in name]


def test_both_are_recorded_as_one_update_and_the_doctor_has_nothing_to_say(tmp_path: Path) -> None:
    found = recorded(tmp_path / "run")
    assert list(found["update_ratio/0"]) == list(found["update_ratio/2"]) == [1, 10, 20, 30]
    assert all(value > 0 for layer in "02" for value in found[f"update_ratio/{layer}"].values())
    assert list(found["gradient_norm"]) == list(range(1, STEPS + 1))
    assert set(found["learning_rate"].values()) == {0.01}  # the largest
    assert list(found["second_moment_mismatch/0"]) == [1, 10, 20, 30]
    assert not found.keys() & {"gradient_norm_clipped", "gradient_carried", "backwards", "update_skipped"}
    assert not changed(found)
    described = json.loads((tmp_path / "run" / "recording.json").read_text())
    assert described["optimizer"] == "GradientAsMemory + AdamW"
    assert all(layer["trained"] for layer in described["layers"])
    assert described["layers"][0]["weight_decay"] == pytest.approx(0.01 * 1e-3 / 0.01)
    assert described["optimizer_settings"]["learning_rate"] == 0.01
    assert described["optimizer_settings"]["AdamW"]["learning_rate"] == 1e-3
    assert not [one for one in newllm.doctor(tmp_path / "run").findings if one.severity != "note"]


def test_where_one_alone_is_recorded_what_the_other_trains_is_not_called_frozen(tmp_path: Path) -> None:
    model, _ = parts()
    layers = [torch.optim.SGD(layer.parameters(), 0.1) for layer in (model[0], model[2])]
    with newllm.record(model, layers[0], tmp_path / "run") as recorder:
        for _ in range(3 * STEPS):
            model.zero_grad()
            x = torch.randn(32, 8)
            loss = nn.functional.cross_entropy(model(x), x[:, :4].argmax(1))
            loss.backward()
            for one in layers:
                one.step()
            recorder.step(loss)
    assert not [one.kind for one in newllm.doctor(tmp_path / "run").findings if one.kind == "frozen-layer"]


def test_each_is_held_against_its_own_weights(tmp_path: Path) -> None:
    def damage(step: int, model: nn.Sequential) -> None:
        if step == 12:  # after the step of the one that it belongs to, and before that of the other
            model[2].weight.data[0, 0] += 1.0

    assert changed(recorded(tmp_path / "run", between=damage)) == [("weights_changed/2", [13])]


def test_gradients_that_nobody_clears_are_seen(tmp_path: Path) -> None:
    assert len(recorded(tmp_path / "run", clears=False)["gradient_carried"]) > STEPS / 2


def test_one_that_rests_is_no_fault(tmp_path: Path) -> None:
    model, optimizers = parts()
    with newllm.record(model, optimizers, tmp_path / "run") as recorder:
        for step in range(1, STEPS + 1):
            model.zero_grad()
            loss = model(torch.randn(32, 8)).square().mean()
            loss.backward()
            optimizers[0].step()
            if step % 4 == 0:
                optimizers[1].step()
            recorder.step(loss)
    found = signals(tmp_path / "run")
    assert list(found["update_ratio/0"]) == [1, 10, 20, 30]
    assert "update_skipped" not in found
    assert not changed(found)


def test_what_the_other_loss_leaves_behind_is_not_carried(tmp_path: Path) -> None:
    """A generator's loss goes through the critic, whose gradient is cleared before its own update."""
    torch.manual_seed(0)
    model = nn.ModuleDict({"generator": nn.Linear(4, 8), "critic": nn.Linear(8, 1)})
    generator, critic = model["generator"], model["critic"]
    of_generator = torch.optim.Adam(generator.parameters(), 1e-3)
    of_critic = torch.optim.Adam(critic.parameters(), 1e-3)
    with newllm.record(model, [of_generator, of_critic], tmp_path / "run") as recorder:
        for _ in range(STEPS):
            fake, real = generator(torch.randn(16, 4)), torch.randn(16, 8)
            of_critic.zero_grad()
            loss = critic(fake.detach()).mean() - critic(real).mean()
            loss.backward()
            of_critic.step()
            of_generator.zero_grad()
            (-critic(fake).mean()).backward()
            of_generator.step()
            recorder.step(loss)
    found = signals(tmp_path / "run")
    assert "gradient_carried" not in found
    assert all(min(found[f"update_ratio/{name}"].values()) > 0 for name in ("generator", "critic"))
    assert not changed(found)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [([], "an empty list: give the optimizers"), ({"a": 1}, "optimizer is dict: give a torch.optim.Optimizer, or a"),
     ([torch.optim.SGD([nn.Parameter(torch.ones(1))])], "SGD trains no parameter of this Sequential")],
)  # fmt: skip
def test_a_mistake_is_told_at_once(wrong: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        newllm.record(parts()[0], wrong, tmp_path / "run")

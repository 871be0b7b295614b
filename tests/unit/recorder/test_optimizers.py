"""Several optimizers that train one model, as Muon and AdamW do, or those of a generator and its critic."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

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
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
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
    assert not [one for one in newllm.doctor(tmp_path / "run", against=()).findings if one.severity != "note"]


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
    assert not [one.kind for one in newllm.doctor(tmp_path / "run", against=()).findings if one.kind == "frozen-layer"]


def test_each_is_held_against_its_own_weights(tmp_path: Path) -> None:
    def damage(step: int, model: nn.Sequential) -> None:
        if step == 12:  # after the step of the one that it belongs to, and before that of the other
            list(model.parameters())[2].data[0, 0] += 1.0

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


def renewed(
    out: Path, make: Callable[[Any], torch.optim.Optimizer], at: Callable[[int], bool], steps: int = 4 * STEPS
) -> list[Any]:
    """The findings of a loop that makes its optimizer anew."""
    model, _ = parts()
    optimizer = make(model.parameters())
    with newllm.record(model, optimizer, out) as recorder:
        for step in range(1, steps + 1):
            if at(step):
                optimizer = make(model.parameters())
            x = torch.randn(32, 8)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x), x[:, :4].argmax(1))
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    return newllm.doctor(out, against=()).findings


def adam(parameters: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, 3e-3)


def test_one_that_takes_the_place_of_another_is_recorded_from_then_on(tmp_path: Path) -> None:
    findings = renewed(tmp_path / "run", adam, lambda step: step == 61)
    found = signals(tmp_path / "run")
    assert list(found["optimizer_replaced"]) == [61]
    assert list(found["update_ratio/0"]) == [1, *range(10, 121, 10)]
    assert list(found["learning_rate"]) == list(range(1, 121))
    assert "update_skipped" not in found
    assert not changed(found)  # its moments are new ones
    assert not findings


def test_one_that_is_made_anew_again_and_again_forgets(tmp_path: Path) -> None:
    findings = renewed(tmp_path / "run", adam, lambda step: step % 20 == 1 and step > 1)
    found = next(one for one in findings if one.kind == "renewed-optimizer")
    assert (found.severity, found.first_step, found.supported_causes) == ("warning", 21.0, ("optimizer-reset",))
    assert "took the place of the one before 5 times, from step 21 to 101, 20 updates apart" in str(found.sentence)


def test_what_remembers_nothing_forgets_nothing(tmp_path: Path) -> None:
    findings = renewed(tmp_path / "run", lambda own: torch.optim.SGD(own, 0.1), lambda step: step % 20 == 1)
    assert [(one.kind, one.severity) for one in findings] == [("renewed-optimizer", "note")]


class Around(torch.optim.Optimizer):
    """An optimizer around another one, which it steps inside its own step, as Lookahead does."""

    def __init__(self, parameters: Any) -> None:
        parameters = list(parameters)
        super().__init__(parameters, {"lr": 3e-3})
        self.inside = adam(parameters)

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        self.inside.step(closure)


def test_one_inside_another_takes_no_place(tmp_path: Path) -> None:
    assert not renewed(tmp_path / "run", Around, lambda _: False)
    found = signals(tmp_path / "run")
    assert "optimizer_replaced" not in found
    assert json.loads((tmp_path / "run" / "recording.json").read_text())["optimizer"] == "Around"


def test_two_that_share_weights_are_both_recorded(tmp_path: Path) -> None:
    """An actor's and a critic's, which both train what stands before them; one alone was given."""
    torch.manual_seed(0)
    model = nn.ModuleDict({"body": nn.Linear(4, 8), "actor": nn.Linear(8, 2), "critic": nn.Linear(8, 1)})
    body, actor, critic = (model[name] for name in ("body", "actor", "critic"))
    both = [adam([*body.parameters(), *head.parameters()]) for head in (actor, critic)]
    with newllm.record(model, both[0], tmp_path / "run") as recorder:
        for _ in range(STEPS):
            loss = torch.zeros(())
            for optimizer, head in zip(both, (actor, critic), strict=True):
                model.zero_grad()
                loss = head(body(torch.randn(16, 4))).square().mean()
                loss.backward()
                optimizer.step()
            recorder.step(loss)
    found = signals(tmp_path / "run")
    assert list(found["optimizer_replaced"]) == [1]
    for name in ("actor", "critic"):
        assert min(list(found[f"update_ratio/{name}"].values())[1:]) > 0  # of the first update, the second's alone


def test_three_that_train_the_same_weights_are_each_hooked_once(tmp_path: Path) -> None:
    model, _ = parts()
    three = [adam(model.parameters()) for _ in range(3)]
    with newllm.record(model, three[0], tmp_path / "run") as recorder:
        for step in range(STEPS):
            model.zero_grad()
            loss = model(torch.randn(32, 8)).square().mean()
            loss.backward()
            three[step % 3].step()
            recorder.step(loss)
        hooks = [len(one._optimizer_step_pre_hooks) for one in three]
    found = signals(tmp_path / "run")
    assert hooks == [2, 2, 2]  # of the updates and of the ledger
    assert list(found["optimizer_replaced"]) == [2, 3]
    assert list(found["gradient_norm"]) == list(range(1, STEPS + 1))


def test_when_recording_ends_no_optimizer_is_hooked(tmp_path: Path) -> None:
    before = (
        [*_global_optimizer_pre_hooks],
        [*_global_optimizer_post_hooks],
    )  # of other tests
    recorded(tmp_path / "run")
    assert ([*_global_optimizer_pre_hooks], [*_global_optimizer_post_hooks]) == before


@pytest.mark.parametrize(
    ("wrong", "says"),
    [([], "an empty list: give the optimizers"), ({"a": 1}, "optimizer is dict: give a torch.optim.Optimizer, or a"),
     ([torch.optim.SGD([nn.Parameter(torch.ones(1))])], "SGD trains no parameter of this Sequential")],
)  # fmt: skip
def test_a_mistake_is_told_at_once(wrong: Any, says: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=says):
        newllm.record(parts()[0], wrong, tmp_path / "run")

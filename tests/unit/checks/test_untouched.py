"""A check leaves no trace in the training, whatever happens in it."""

import itertools
import random
from collections import Counter, deque
from typing import Any

import numpy as np
import pytest
import torch
from tests.unit.checks.healthy import HEALTHY, classes, convolutions, mlp, table
from torch import Tensor, nn
from torch.nn import functional as F

import newllm
from newllm import UserError
from newllm.checks import untouched as coming_back


def _state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Return everything that a step of a training changes, as bytes and plain values."""
    found: dict[str, Any] = {}
    for name, module in model.named_modules():
        found[f"{name}:mode"] = module.training
        found[f"{name}:attributes"] = {k: v for k, v in vars(module).items() if isinstance(v, int | float | str | list)}
        for key, value in vars(module).items():
            if isinstance(value, Tensor):
                found[f"{name}:{key}"] = (id(value), value.detach().numpy().tobytes())
    for name, each in [*model.named_parameters(), *model.named_buffers()]:
        found[name] = (id(each), each.detach().clone().float().numpy().tobytes(), each.requires_grad)
        found[f"{name}:grad"] = None if each.grad is None else (id(each.grad), each.grad.float().numpy().tobytes())
    for at, group in enumerate(optimizer.param_groups):
        found[f"group {at}"] = {key: value for key, value in group.items() if key != "params"}
        found[f"group {at}:params"] = [id(each) for each in group["params"]]
    for at, (key, held) in enumerate(optimizer.state.items()):
        found[f"moments {at}"] = {
            name: (id(v), v.numpy().tobytes()) if isinstance(v, Tensor) else v for name, v in held.items()
        }
        found[f"moments {at}:of"] = id(key)
    found["torch"] = torch.get_rng_state().numpy().tobytes()
    found["python"] = random.getstate()
    found["numpy"] = np.random.get_state()[1].tobytes()  # type: ignore[union-attr] (the legacy form)
    return found


class Counting(nn.Module):
    """It counts its calls, keeps what it saw, and carries a state: outside of parameters and buffers."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.calls, self.seen = mlp(), 0, [1.0]
        self.carried = torch.zeros(3)
        self.recent, self.counts = deque([0.0, 1.0], maxlen=2), Counter(calls=1)
        self.register_buffer("steps", torch.tensor(0))

    def forward(self, x: Tensor) -> Tensor:
        self.calls += 1
        self.seen.append(float(x.sum()))
        self.recent.append(self.seen[-1])
        self.counts["calls"] += 1
        made = self.layers(x)
        self.carried = self.carried * 0 + made.detach().mean(0)
        self.steps += 1
        self.late = True
        return made


def _trained(model: nn.Module, loss: Any, batch: Any) -> torch.optim.Optimizer:
    """Return an optimizer with moments, after an update whose gradients still stand."""
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], 1e-3)
    loss(model, batch).backward()
    optimizer.step()
    return optimizer


@pytest.mark.parametrize(
    "name", ["convolutions", "recurrent", "autoencoder", "low rank", "transformer", "mixed precision"]
)
def test_every_tensor_generator_and_counter_is_as_before(name: str) -> None:
    torch.manual_seed(0)
    model, loss, batch = HEALTHY[name]()
    optimizer = _trained(model, loss, batch)
    before = _state(model, optimizer)
    assert newllm.check(model, optimizer, loss, batch, seconds=60).of("sound")
    assert _state(model, optimizer) == before


def test_what_a_module_keeps_elsewhere_comes_back() -> None:
    torch.manual_seed(0)
    model, batch = Counting(), table()
    optimizer = _trained(model, classes, batch)
    del model.late
    before, recent = _state(model, optimizer), list(model.recent)
    report = newllm.check(model, optimizer, classes, batch, seconds=60)
    assert report.wrong == []
    assert _state(model, optimizer) == before
    assert not hasattr(model, "late")
    assert (model.calls, len(model.seen), model.counts) == (1, 2, {"calls": 2})
    assert list(model.recent) == recent


@pytest.mark.parametrize("at", [1, 2, 3, 5, 8, 13, 21])
def test_an_error_in_the_middle_leaves_no_trace(at: int) -> None:
    """The user's code raises at its n-th call, in the middle of some probe."""
    torch.manual_seed(0)
    model, calls = convolutions(), itertools.count(1)  # which nobody can put back
    batch = (torch.randn(16, 1, 8, 8), torch.randint(0, 10, (16,)))

    def loss(model: nn.Module, batch: Any) -> Tensor:
        made = classes(model, batch)
        if next(calls) == at:
            model.train(False)
            raise RuntimeError("out of ideas")
        return made

    optimizer = _trained(model, classes, batch)
    before = _state(model, optimizer)
    report = newllm.check(model, optimizer, loss, batch, seconds=60)
    said = [str(outcome.sentence) for outcome in report.outcomes if "out of ideas" in str(outcome.sentence)]
    assert '"RuntimeError: out of ideas"' in said[0]
    assert len(report.of("sound")) > 5 or at == 1
    assert _state(model, optimizer) == before


def test_weights_that_are_not_the_models_keep_their_gradients() -> None:
    """A discriminator that the loss goes through: its gradients are its own training's."""
    torch.manual_seed(0)
    model, judge, batch = mlp(10), mlp(1), table()
    judge(batch[0]).sum().backward()
    before = {
        name: (id(each.grad), each.grad.clone()) for name, each in judge.named_parameters() if each.grad is not None
    }
    values = [each.detach().clone() for each in judge.parameters()]

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return F.softplus(-judge(model(batch[0]))).mean()

    assert newllm.check(model, torch.optim.Adam(model.parameters(), 1e-2), loss, batch, seconds=60).wrong == []
    for name, each in judge.named_parameters():
        assert each.grad is not None
        assert id(each.grad) == before[name][0]
        assert torch.equal(each.grad, before[name][1])
    assert all(torch.equal(*pair) for pair in zip(judge.parameters(), values, strict=True))


def test_one_part_that_cannot_come_back_keeps_no_other_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = mlp()
    optimizer = _trained(model, classes, table())
    before = model.get_parameter("0.weight").detach().clone()

    def broken() -> None:
        raise RuntimeError("no generator any more")

    monkeypatch.setattr(coming_back, "generator_restorer", lambda: broken)
    with pytest.raises(RuntimeError, match="no generator"), coming_back.untouched(model, optimizer):
        model.get_parameter("0.weight").data.zero_()
    assert torch.equal(model.get_parameter("0.weight"), before)


def test_a_loss_that_never_runs_is_what_is_wrong() -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        return F.cross_entropy(model(batch["x"]), batch["z"])

    model = mlp()
    report = newllm.check(model, torch.optim.SGD(model.parameters(), 0.1), loss, {"x": table()[0]})
    (outcome,) = report.wrong
    assert outcome.probe == "runs"
    assert str(outcome.sentence).endswith("KeyError: 'z'\"")
    assert {one.status for one in report.outcomes[1:]} == {"unchecked"}


def test_a_loss_with_a_side_effect_is_not_checked_with_the_reason() -> None:
    count = [0.0]

    def loss(model: nn.Module, batch: Any) -> Tensor:
        count[0] += 1
        return classes(model, batch) * (1 + count[0] / 100)

    torch.manual_seed(0)
    model = mlp()
    report = newllm.check(model, torch.optim.SGD(model.parameters(), 0.1), loss, table(), seconds=60)
    assert report.wrong == []
    reasons = {outcome.probe: str(outcome.sentence) for outcome in report.of("unchecked")}
    assert "its next call" in reasons["repeatable"]
    assert "accumulation" in {outcome.probe for outcome in report.of("sound")}  # each pass finds the same count
    assert count == [0.0]


def test_an_optimizer_that_wants_a_closure_is_not_checked_and_says_so() -> None:
    torch.manual_seed(0)
    model = mlp()
    report = newllm.check(model, torch.optim.LBFGS(model.parameters()), classes, table(), seconds=60)
    moves = next(outcome for outcome in report.outcomes if outcome.probe == "moves")
    assert moves.status == "unchecked"
    assert "closure" in str(moves.sentence)
    assert report.wrong == []


def test_a_batch_is_never_changed() -> None:
    torch.manual_seed(0)
    batch = (*table(), torch.ones(16))
    before = [each.clone() for each in batch]

    def loss(model: nn.Module, given: Any) -> Tensor:
        made = classes(model, given) * float(given[2].mean())
        given[2].zero_()
        return made

    model = mlp()
    report = newllm.check(model, torch.optim.SGD(model.parameters(), 0.1), loss, batch, seconds=60)
    assert [outcome.probe for outcome in report.wrong] == ["batch-kept"]
    assert all(torch.equal(*pair) for pair in zip(batch, before, strict=True))


def test_time_is_kept_and_what_found_none_says_so() -> None:
    import time

    def slow(model: nn.Module, batch: Any) -> Tensor:
        time.sleep(0.05)
        return classes(model, batch)

    model = mlp()
    report = newllm.check(model, torch.optim.SGD(model.parameters(), 0.1), slow, table(), seconds=0.5)
    assert report.seconds < 1.5
    assert "no time was left for it" in {str(outcome.sentence) for outcome in report.of("unchecked")}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "gpt2"}, "model is of type str"),
        ({"optimizer": 0.1}, "optimizer is of type float"),
        ({"loss": 3}, "loss is of type int"),
        ({"batch": iter([1])}, "batch is of type list_iterator"),
        ({"batch": None}, "batch is of type NoneType"),
        ({"seconds": 0}, "seconds is 0"),
        ({"seconds": float("nan")}, "seconds is nan"),
    ],
)
def test_mistakes_are_one_line(change: dict[str, Any], says: str) -> None:
    model = mlp()
    given: dict[str, Any] = {
        "model": model,
        "optimizer": torch.optim.SGD(model.parameters(), 0.1),
        "loss": classes,
        "batch": table(),
    }
    with pytest.raises(UserError, match=says) as raised:
        newllm.check(**given | change)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("value", "says"), [(lambda m, b: m(b[0]), "(16, 3)"), (lambda *_: 3.0, "float"), (lambda *_: None, "NoneType")]
)
def test_a_loss_that_is_no_number_is_quoted(value: Any, says: str) -> None:
    model = mlp()
    report = newllm.check(model, torch.optim.SGD(model.parameters(), 0.1), value, table())
    assert says in str(report.wrong[0].sentence)

"""Each mistake is found by its own probe, and nothing else is called wrong because of it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.asked import asked
from tests.unit.checks.healthy import (
    Reader,
    Transformer,
    classes,
    convolutions,
    mlp,
    next_token,
    padded,
    padded_loss,
    table,
    tokens,
)
from torch import nn
from torch.nn import functional as F

import newllm

Given = tuple[nn.Module, torch.optim.Optimizer, Callable[[nn.Module, Any], torch.Tensor], Any]


def _adam(model: nn.Module, *, of: nn.Module | None = None, rate: float = 1e-3) -> torch.optim.Optimizer:
    return torch.optim.AdamW([each for each in (of or model).parameters() if each.requires_grad], rate)


def _with(model: nn.Module, loss: Any, batch: Any, **options: Any) -> Given:
    return model, _adam(model, **options), loss, batch


def _classifier(loss: Any) -> Callable[[], Given]:
    return lambda: _with(mlp(), loss, table())


def _language(loss: Any) -> Callable[[], Given]:
    return lambda: _with(Transformer(), loss, tokens())


def _flat(model: nn.Module, given: torch.Tensor, targets: torch.Tensor, **options: Any) -> torch.Tensor:
    return F.cross_entropy(model(given).flatten(0, 1), targets.flatten(), **options)


class AcrossRows(nn.Module):
    """A norm over the rows of the batch."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x - x.mean(0))


class Forgotten(nn.Module):
    """One branch is not used, one is cut off from the gradient."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.unused, self.cut = nn.Linear(10, 3), nn.Linear(10, 3), nn.Linear(10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.used(x) + self.cut(x).detach()


class InAList(nn.Module):
    """Layers in a plain list, a weight in a dictionary; beside them a teacher, hidden on purpose and frozen."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(32, 3)
        self.layers = [nn.Linear(10, 32)]
        self.weights = {"scale": torch.ones(3, requires_grad=True)}
        self.teacher = [mlp().requires_grad_(False)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = self.head(torch.relu(self.layers[0](x))) * self.weights["scale"]
        return made + self.teacher[0](x)


class AlwaysDrops(nn.Module):
    """Dropout that does not know of evaluation."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(10, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(F.dropout(x, 0.2))


def _left_in_evaluation() -> Given:
    model = convolutions()
    model[1].eval()
    return _with(model, classes, (torch.randn(16, 1, 8, 8), torch.randint(0, 10, (16,))))


def _frozen_but_moving() -> Given:
    model = convolutions()
    model[1].requires_grad_(False)
    return _with(model, classes, (torch.randn(16, 1, 8, 8), torch.randint(0, 10, (16,))))


def _moved_by_hand() -> Given:
    model = mlp()
    model[0].requires_grad_(False)

    def loss(model: nn.Module, batch: Any) -> torch.Tensor:
        next(model.parameters()).data.mul_(1.01)
        return classes(model, batch)

    return _with(model, loss, table())


def _half_the_model() -> Given:
    model = mlp()
    return model, torch.optim.SGD(model[2].parameters(), 0.1), classes, table()


def _of_a_copy() -> Given:
    return mlp(), _adam(mlp()), classes, table()


def _twice() -> Given:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    optimizer.param_groups.append(optimizer.param_groups[0] | {"params": list(model[0].parameters())})
    return model, optimizer, classes, table()


def _half(make: Any, rate: float) -> Given:
    model = mlp().to(torch.bfloat16)
    x, y = table()
    return model, make(model.parameters(), rate), lambda m, b: classes(m, b).float(), (x.bfloat16(), y)


def _scaled(factor: float, layer: int = 2) -> Given:
    model = mlp()
    with torch.no_grad():
        model.get_parameter(f"{layer}.weight").mul_(factor)
    return _with(model, classes, table())


def _dead() -> Given:
    model = mlp()
    with torch.no_grad():
        model.get_parameter("0.bias").fill_(-100.0)
    return _with(model, classes, table())


def _without_loss(model: nn.Module, batch: Any) -> torch.Tensor:
    return F.cross_entropy(model(batch[0]).detach(), batch[1])


def _root(model: nn.Module, batch: Any) -> torch.Tensor:
    logits = model(batch[0])
    return (logits * 0).sqrt().sum() + F.cross_entropy(logits, batch[1])


class WithoutAutocast(nn.Module):
    """It turns off what its caller turned on."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = mlp()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", enabled=False):
            return self.layers(x)


def _autocast(model: nn.Module, batch: Any) -> torch.Tensor:
    with torch.autocast("cpu", torch.bfloat16):
        return F.cross_entropy(model(batch[0]).float(), batch[1])


def _squares(model: nn.Module, batch: Any) -> torch.Tensor:
    return (model(batch[0]).squeeze(-1) - batch[1]).square().sum()


def _counted(model: nn.Module, batch: Any) -> torch.Tensor:
    return F.cross_entropy(model(**batch)[:, :-1].flatten(0, 1), batch["tokens"][:, 1:].flatten())


def _mean_over_all(model: nn.Module, batch: Any) -> torch.Tensor:
    real = batch["attention_mask"][:, 1:]
    each = F.cross_entropy(model(**batch)[:, :-1].transpose(1, 2), batch["tokens"][:, 1:], reduction="none")
    return (each * real).mean()


FAULTS: dict[str, tuple[Callable[[], Given], set[str]]] = {
    "softmax twice": (_classifier(lambda m, b: F.cross_entropy(m(b[0]).softmax(-1), b[1])), {"loss-form"}),
    "softmax twice, in the model": (lambda: _with(mlp(3, nn.Softmax(-1)), classes, table()), {"loss-form"}),
    "nll of logits": (_classifier(lambda m, b: F.nll_loss(m(b[0]), b[1])), {"loss-form"}),
    "nll of probabilities": (_classifier(lambda m, b: F.nll_loss(m(b[0]).softmax(-1), b[1])), {"loss-form"}),
    "nll of a model's probabilities": (
        lambda: _with(mlp(3, nn.Softmax(-1)), lambda m, b: F.nll_loss(m(b[0]), b[1]), table()), {"loss-form"},
    ),
    "softmax over the batch": (_classifier(lambda m, b: F.nll_loss(m(b[0]).log_softmax(0), b[1])), {"loss-form"}),
    "not shifted": (_language(lambda m, b: _flat(m, b, b)), {"shift"}),
    "shifted twice": (_language(lambda m, b: _flat(m, b[:, :-2], b[:, 2:])), {"shift"}),
    "shifted back": (_language(lambda m, b: _flat(m, b[:, 1:], b[:, :-1])), {"shift"}),
    "no causal mask": (lambda: _with(Transformer(causal=False), next_token, tokens()), {"causality"}),
    "a norm over rows": (lambda: _with(AcrossRows(), classes, table()), {"rows"}),
    "padding read": (
        lambda: _with(Transformer(causal=False, masks=False), padded_loss, padded()), {"causality", "padding"},
    ),
    "padding counted": (lambda: _with(Transformer(), _counted, padded()), {"padding"}),
    "mean over padding too": (lambda: _with(Transformer(), _mean_over_all, padded()), {"reduction"}),
    "a sum": (_classifier(lambda m, b: F.cross_entropy(m(b[0]), b[1], reduction="sum")), {"reduction"}),
    "a sum of squares": (
        lambda: _with(mlp(1), _squares, (torch.randn(16, 10), torch.randn(16))), set(),  # it may be meant
    ),
    "dropout in evaluation": (lambda: _with(AlwaysDrops(), classes, table()), {"evaluation-mode"}),
    "a part in evaluation": (_left_in_evaluation, {"training-mode"}),
    "frozen statistics move": (_frozen_but_moving, {"stays"}),
    "frozen weights move": (_moved_by_hand, {"stays"}),
    "layers in a list": (lambda: _with(InAList(), classes, table()), {"registered"}),
    "half in the optimizer": (_half_the_model, {"optimizer-holds"}),
    "an optimizer of a copy": (_of_a_copy, {"optimizer-holds", "learns"}),
    "twice in the optimizer": (_twice, {"optimizer-holds"}),
    "a forgotten branch": (lambda: _with(Forgotten(), classes, table()), {"gradients"}),
    "lost in rounding": (lambda: _half(torch.optim.SGD, 1e-5), {"moves"}),
    "mostly lost in rounding": (lambda: _half(torch.optim.Adam, 2e-5), {"moves"}),
    "a huge first layer": (lambda: _scaled(1e6, 0), {"scale", "gradient-scale", "initial-loss"}),
    "a large last layer": (lambda: _scaled(1e3), {"initial-loss"}),
    "dead units": (_dead, {"scale", "gradients"}),
    "detached": (_classifier(_without_loss), {"finite"}),
    "a root of zero": (_classifier(_root), {"finite"}),
    "autocast that does nothing": (lambda: _with(WithoutAutocast(), _autocast, table()), {"autocast"}),
    "nothing to learn": (_classifier(lambda m, b: classes(m, b).clamp(min=5.0)), {"gradients", "learns"}),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_it_is_found(name: str) -> None:
    torch.manual_seed(0)
    make, expected = FAULTS[name]
    report = newllm.check(*make(), seconds=60)
    assert {outcome.probe for outcome in report.wrong} == expected, str(report)


def test_sentences_hold_what_was_seen() -> None:
    torch.manual_seed(0)
    report = newllm.check(*_half_the_model(), seconds=60)
    (outcome,) = report.wrong
    assert str(outcome.sentence) == (
        "2 trainable tensors (78 % of all trainable weights) are not in the optimizer: 0.weight (Linear) and 0.bias "
        "(Linear). If they should stay as they are, set requires_grad to False"
    )
    assert outcome.evidence["count"] == 2


class Pixels(nn.Module):
    """Log-probabilities of three classes for each pixel, over some axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.layer, self.axis = nn.Conv2d(1, 3, 3, padding=1), axis

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x).log_softmax(self.axis)


@pytest.mark.parametrize("axis", [0, 1, 2, 3])
def test_the_axis_of_a_softmax_is_said(axis: int) -> None:
    torch.manual_seed(0)
    batch = torch.randn(4, 1, 8, 8), torch.randint(0, 3, (4, 8, 8))
    outcome = asked("loss-form", Pixels(axis), lambda m, b: F.nll_loss(m(b[0]), b[1]), batch)
    expected = f"the softmax runs over axis {axis} of the output, and the 3 classes are on axis 1"
    assert (outcome.status == "sound") if axis == 1 else (str(outcome.sentence) == expected)


def test_weights_in_a_list_are_named_by_where_they_stand() -> None:
    torch.manual_seed(0)
    (outcome,) = newllm.check(*_with(InAList(), classes, table()), seconds=60).wrong
    assert outcome.evidence["names"] == ["layers[0].weight", "layers[0].bias", "weights['scale']"]


def test_a_token_that_is_read_too_early_is_found_with_a_small_leak() -> None:
    """A convolution that looks one position ahead, through a small weight."""

    class Leaky(Reader):
        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            made = super().forward(tokens)
            ahead = F.pad(self.embedding(tokens)[:, 1:], (0, 0, 0, 1))
            return made + 0.01 * self.head(ahead)

    torch.manual_seed(0)
    model = Leaky()
    report = newllm.check(model, _adam(model), next_token, tokens(), seconds=60)
    (outcome,) = report.wrong
    assert (outcome.probe, outcome.evidence["count"]) == ("causality", 1)

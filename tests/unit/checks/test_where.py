"""Where in a model a fault is first seen: rows that see each other, later tokens that are read, a step that differs."""

import warnings
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.checks.where import first_seen

V, WIDTH = 20, 12


class Block(nn.Module):
    """Attention of one head, by its own code; `fault` is what goes wrong between its query and its output layer."""

    def __init__(self, fault: str = "") -> None:
        super().__init__()
        self.fault = fault
        self.norm, self.query, self.out = nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)
        self.drawn = torch.Generator()

    def forward(self, x: Tensor) -> Tensor:
        h = self.query(self.norm(x))
        if self.fault == "rows":
            h = h - h.mean(0)
        if self.fault == "noise":
            h = h + 1e-3 * torch.randn(h.shape, generator=self.drawn)
        scores = h @ h.transpose(1, 2)
        if self.fault != "ahead":
            scores = scores.masked_fill(torch.ones(x.shape[1], x.shape[1]).triu(1).bool(), -torch.inf)
        return x + self.out(scores.softmax(-1) @ h)


class Text(nn.Module):
    def __init__(self, fault: str = "", last: nn.Module | None = None) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(V, WIDTH), nn.Linear(WIDTH, V)
        self.blocks = nn.Sequential(Block(), Block(fault), Block(), *([last] if last else []))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(self.embedding(x)))


def found(model: nn.Module, loss: Any = None) -> dict[str, Any]:
    """Return the outcomes that are wrong by their probe."""

    def of_text(model: nn.Module, batch: Tensor) -> Tensor:
        return F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())

    torch.manual_seed(0)
    optimizer = torch.optim.Adam(model.parameters())
    checked = newllm.check(model, optimizer, loss or of_text, torch.randint(V, (6, 17)))
    return {one.probe: one for one in checked.of("wrong")}


@pytest.mark.parametrize(("fault", "probe"), [("rows", "rows"), ("ahead", "causality"), ("noise", "repeatable")])
def test_what_goes_wrong_in_code_between_two_layers_is_seen_in_what_the_second_is_given(fault: str, probe: str) -> None:
    torch.manual_seed(0)
    model = Text(fault)

    def noisy(model: Any, batch: Tensor) -> Tensor:
        model.blocks[1].drawn.seed()  # by chance that nothing seeds
        return F.cross_entropy(model(batch[:, :-1]).flatten(0, 1), batch[:, 1:].flatten())

    outcome = found(model, noisy if fault == "noise" else None)[probe]
    assert (outcome.evidence["where"], outcome.evidence["layer"]) == ("given", "blocks.1.out")
    assert str(outcome.sentence).endswith("(first seen in what blocks.1.out is given)")


def test_a_layer_that_does_it_is_named_by_what_it_gives() -> None:
    class Backwards(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x + x.flip(1)

    torch.manual_seed(0)
    outcome = found(Text(last=Backwards()))["causality"]
    assert (outcome.evidence["where"], outcome.evidence["layer"]) == ("gives", "blocks.3")


def test_of_what_the_model_does_itself_no_layer_is_named() -> None:
    class Own(Text):
        def forward(self, x: Tensor) -> Tensor:
            made = super().forward(x)
            return made + made.flip(1)

    torch.manual_seed(0)
    outcome = found(Own())["causality"]
    assert outcome.evidence["layer"] is None
    assert str(outcome.sentence).endswith("the model reads what it should predict")


def test_where_what_came_before_cannot_be_compared_it_is_at_the_latest() -> None:
    """As many features as rows, and no fewer rows are taken: which of two axes are the rows nobody knows."""

    class Fixed(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            assert len(input) == 16
            return super().forward(input)

    torch.manual_seed(0)
    batch = (torch.randn(16, 8), torch.arange(16) % 4)
    loss = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    for kind, width, place in (
        (Fixed, 16, ("latest", "3")),
        (Fixed, 10, ("gives", "1")),
        (nn.Sequential, 16, ("gives", "1")),
    ):
        norm = nn.BatchNorm1d(width, track_running_stats=False)
        model = kind(nn.Linear(8, width), norm, nn.ReLU(), nn.Linear(width, 4))
        checked = newllm.check(model, torch.optim.Adam(model.parameters()), loss, batch)
        (outcome,) = (one for one in checked.of("wrong") if one.probe == "rows")
        assert (outcome.evidence["where"], outcome.evidence["layer"]) == place


class Heads(nn.Module):
    """Attention of several heads `[B, H, T, D]`, whose scores and products go through modules."""

    def __init__(self, fault: str = "", width: int = 16) -> None:
        super().__init__()
        self.fault, self.norm, self.qkv = fault, nn.LayerNorm(width), nn.Linear(width, 3 * width)
        self.drop, self.mixed, self.out = nn.Dropout(0.0), nn.Identity(), nn.Linear(width, width)
        self.last, self.mlp = nn.LayerNorm(width), nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        rows, length, width = x.shape
        q, k, v = self.qkv(self.norm(x)).view(rows, length, 3, 4, width // 4).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(2, 3)
        if self.fault != "ahead":
            scores = scores.masked_fill(torch.ones(length, length).triu(1).bool(), -torch.inf)
        weights = self.drop(scores.softmax(-1))
        if self.fault == "rows":
            weights = weights - weights.mean(0) / 2
        made = self.mixed(weights @ v).transpose(1, 2).reshape(rows * length, width)
        x = x + self.out(made).view(rows, length, width)
        return x + self.mlp(self.last(x).reshape(-1, width)).view(x.shape)


@pytest.mark.parametrize("width", [12, 16])
def test_in_attention_of_several_heads_the_module_behind_it_is_named(width: int) -> None:
    """A width of 16 is the number of positions, too."""

    class Model(nn.Module):
        def __init__(self, fault: str) -> None:
            super().__init__()
            self.embedding, self.head = nn.Embedding(V, width), nn.Linear(width, V)
            self.blocks = nn.Sequential(Heads("", width), Heads(fault, width), Heads("", width))

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.blocks(self.embedding(x)))

    torch.manual_seed(0)
    ahead, rows = found(Model("ahead"))["causality"], found(Model("rows"))["rows"]
    assert (ahead.evidence["where"], ahead.evidence["layer"]) == ("given", "blocks.1.drop")
    assert (rows.evidence["where"], rows.evidence["layer"]) == ("given", "blocks.1.mixed")
    assert not found(Model(""))


def test_a_layer_of_torch_that_attends_to_all_is_named() -> None:
    class Layer(nn.TransformerEncoderLayer):
        def forward(self, x: Tensor) -> Tensor:  # type: ignore[override]
            return super().forward(x)

    torch.manual_seed(0)
    outcome = found(Text(last=Layer(WIDTH, 2, 16, dropout=0.0, batch_first=True)))["causality"]
    assert outcome.evidence["layer"].startswith("blocks.3")
    assert outcome.evidence["where"] in ("gives", "given")


def test_a_scripted_layer_is_seen_by_what_the_next_one_is_given() -> None:
    class Centred(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x - x.mean(0)

    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # torch's own, of its scripts
        scripted = torch.jit.script(Centred())
    model = nn.Sequential(nn.Linear(8, 10), scripted, nn.Linear(10, 4))
    loss = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    checked = newllm.check(
        model, torch.optim.Adam(model.parameters()), loss, (torch.randn(16, 8), torch.arange(16) % 4)
    )
    (outcome,) = checked.of("wrong")
    assert (outcome.probe, outcome.evidence["where"], outcome.evidence["layer"]) == ("rows", "given", "2")


def test_no_hook_stays_and_other_calls_are_told_apart() -> None:
    layer = nn.Linear(2, 2)
    model = nn.Sequential(layer, nn.ReLU(), layer)
    one, two = torch.zeros(1, 2), torch.ones(1, 2)
    place = first_seen(model, lambda: model(one), lambda: model(two), lambda a, b, _: not torch.equal(a, b))
    assert place == {"where": "given", "layer": "0"}
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())
    place = first_seen(model, lambda: model(one), lambda: layer(two), lambda a, b, _: not torch.equal(a, b))
    assert place == {"where": None, "layer": None}
    with pytest.raises(ZeroDivisionError):
        first_seen(model, lambda: model(one), lambda: 1 / 0, lambda a, b, _: torch.equal(a, b))
    assert not any(each._forward_hooks or each._forward_pre_hooks for each in model.modules())

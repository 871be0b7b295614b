import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.recorder import ContextRecorder
from newllm.recorder.attention import statistics
from newllm.recorder.context_signals import course_signals

Signals = Callable[[], dict[str, dict[int, float]]]
Record = Callable[..., dict[str, float]]


@pytest.fixture
def first_step(tmp_path: Path, signals: Signals) -> Record:
    """Record one step of a model on some inputs; return the signals of the step."""

    def run(model: nn.Module, *inputs: Tensor, vocabulary: int | None = None, **kwargs: Any) -> dict[str, float]:
        optimizer = torch.optim.SGD(model.parameters(), 0.0)
        with newllm.record(model, optimizer, tmp_path / "run", vocabulary=vocabulary) as recorder:
            output = model(*inputs, **kwargs)
            output = output[0] if isinstance(output, tuple) else output
            output.square().mean().backward()
            optimizer.step()
            recorder.step(1.0)
        return {name: values[1] for name, values in signals().items()}

    return run


class Functional(nn.Module):
    """A network whose activation functions are no modules."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.c = nn.Conv1d(3, 4, 1), nn.Linear(5, 6), nn.Linear(6, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.c(torch.relu_(self.b(F.relu(self.a(x)))))


def test_a_state_without_an_axis_for_rows_is_a_row(first_step: Record) -> None:
    class Policy(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(4, 8), nn.Linear(8, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.b(F.relu(self.a(x)))

    assert 0 <= first_step(Policy(), torch.randn(4))["activation_zero/a"] <= 1


def test_dead_units_are_found_where_the_activation_is_no_module(first_step: Record) -> None:
    model = Functional()
    with torch.no_grad():
        model.get_parameter("a.bias")[0] = -100.0
        model.get_parameter("b.bias")[1:3] = -100.0
    found = first_step(model, torch.randn(7, 3, 5))
    assert found["activation_zero/a"] == pytest.approx(1 / 4)
    assert found["activation_zero/b"] >= 2 / 6
    assert "activation_zero/c" not in found


def test_activations_and_logits_are_what_the_model_returned(first_step: Record) -> None:
    model, x = nn.Sequential(nn.Linear(6, 8), nn.GELU(), nn.Linear(8, 4)), torch.randn(9, 6)
    found, hidden, logits = first_step(model, x), model[0](x), model(x)
    assert found["activation_rms/0"] == pytest.approx(hidden.square().mean().sqrt().item(), rel=1e-5)
    assert found["log_z"] == pytest.approx(logits.logsumexp(-1).mean().item(), rel=1e-5)
    assert found["logit_max"] == pytest.approx(logits.max().item(), rel=1e-5)


def test_an_output_that_is_no_choice_has_no_log_z(first_step: Record) -> None:
    assert "log_z" not in first_step(nn.Linear(6, 4), torch.randn(9, 6), vocabulary=5)


@pytest.mark.parametrize("way", ["module", "function", "softmax"])
def test_attention_is_seen_however_it_is_called(first_step: Record, way: str) -> None:
    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.module = nn.MultiheadAttention(8, 2, batch_first=True)
            self.query_key_value = nn.Linear(8, 24)
            self.query_key_value.weight.data.copy_(self.module.in_proj_weight)
            self.query_key_value.bias.data.copy_(self.module.in_proj_bias)

        def forward(self, x: Tensor) -> Tensor:
            if way == "module":
                return self.module(x, x, x, attn_mask=hidden, need_weights=False, is_causal=True)[0]
            query, key, value = (p.unflatten(-1, (2, 4)).transpose(1, 2) for p in self.query_key_value(x).chunk(3, -1))
            if way == "function":
                return F.scaled_dot_product_attention(query, key, value, is_causal=True)
            logits = (query @ key.transpose(-2, -1) / 2).masked_fill(hidden, -math.inf)
            return logits.softmax(dim=-1) @ value

    hidden = torch.ones(7, 7, dtype=torch.bool).triu(1)
    model, x = nn.Sequential(nn.Linear(8, 8), Attention()), torch.randn(2, 7, 8)
    found = first_step(model, x)
    weight, bias = (model.get_parameter(f"1.module.in_proj_{name}") for name in ("weight", "bias"))
    projected = F.linear(model[0](x), weight, bias)
    query, key, _ = (p.unflatten(-1, (2, 4)).transpose(1, 2) for p in projected.chunk(3, -1))
    logits = (query @ key.transpose(-2, -1) / 2).masked_fill(hidden, -math.inf)
    weights = logits.softmax(-1)
    name = "1.module" if way == "module" else "1"
    assert found[f"attention_entropy/{name}"] == pytest.approx(
        -torch.xlogy(weights, weights).sum(-1).mean().item(), rel=1e-5
    )
    assert found[f"attention_logit/{name}"] == pytest.approx(logits.max().item(), rel=1e-5)


def test_masks_of_every_shape_are_understood() -> None:
    query, key = torch.randn(3, 2, 5, 4), torch.randn(3, 2, 6, 4)
    seen = torch.rand(3, 1, 5, 6) > 0.4
    seen[..., 0] = True
    added = torch.zeros(seen.shape).masked_fill(~seen, -math.inf)
    by_bool, by_sum = (statistics(query, key, mask, 0.5, causal=False) for mask in (seen, added))
    assert torch.equal(torch.stack(by_bool), torch.stack(by_sum))
    padding = torch.ones(3, 1, 1, 6, dtype=torch.bool)
    padding[..., 3:] = False
    short = statistics(query, key[:, :, :3], None, 0.5, causal=False)
    assert torch.stack(statistics(query, key, padding, 0.5, causal=False)).tolist() == pytest.approx(
        torch.stack(short).tolist(), rel=1e-5
    )


def test_the_context_of_a_gru_is_followed_by_position(first_step: Record) -> None:
    model, x = nn.GRU(3, 4, batch_first=True), torch.randn(2, 9, 3)
    found = first_step(model, x)
    lengths = model(x)[0].norm(dim=-1).mean(0).tolist()
    assert found["context_norm"] == pytest.approx(lengths[-1], rel=1e-5)
    positions = [found[f"context_norm/position-{n}"] for n in (1, 2, 4, 8)]
    assert positions == pytest.approx([lengths[n - 1] for n in (1, 2, 4, 8)], rel=1e-5)
    ends = model(x)[0][:, -1]
    assert found["context_mean"] == pytest.approx(ends.mean().item(), rel=1e-5)
    assert found["context_std"] == pytest.approx(ends.std(correction=0).item(), rel=1e-5)
    assert found["context_growth"] == pytest.approx((lengths[8] / lengths[3]) ** (1 / 5), rel=1e-5)
    assert "context_norm/position-16" not in found


def test_of_an_lstm_the_last_cell_state_is_measured(first_step: Record) -> None:
    model, x = nn.LSTM(3, 4), torch.randn(9, 2, 3)
    found = first_step(model, x)
    assert found["context_norm"] == pytest.approx(model(x)[1][1].norm(dim=-1).mean().item(), rel=1e-5)
    assert found["context_std"] == pytest.approx(model(x)[1][1].std(correction=0).item(), rel=1e-5)
    assert "context_growth" not in found


def test_of_several_layers_mean_deviation_and_norm_are_the_mean_over_layers(first_step: Record) -> None:
    config = ModelConfig(body="stack", vocabulary=11, width=8, context=8, layers=2, hidden=16)
    model, tokens = LanguageModel(config), torch.arange(10).reshape(2, 5)
    found = first_step(model, tokens)
    with ContextRecorder(model) as recorder:
        model(tokens)
    ends = [contexts[:, -1] for contexts in recorder.contexts.values()]
    assert len(ends) == 2
    each = {
        "context_mean": [end.mean() for end in ends],
        "context_std": [end.std(correction=0) for end in ends],
        "context_norm": [end.norm(dim=-1).mean() for end in ends],
    }
    for name, layers in each.items():
        assert found[name] == pytest.approx(float(torch.stack(layers).mean()), rel=1e-4), name


def test_growth_is_the_factor_of_an_exponential_course() -> None:
    signals = dict(course_signals([3.0 * 1.1**t for t in range(12)]))
    assert signals["context_growth"] == pytest.approx(1.1)
    assert signals["context_norm/position-8"] == pytest.approx(3.0 * 1.1**7)


@pytest.mark.parametrize("values", [[0.0] * 8, [1.0] * 7 + [math.inf], [math.nan] * 8, [1.0, 2.0]])
def test_growth_of_nothing_or_of_no_number_is_left_out(values: list[float]) -> None:
    assert "context_growth" not in dict(course_signals(values))


@pytest.mark.parametrize("fnn", ["plain", "residual"])
def test_the_inside_of_a_cell_is_seen_without_hooks_in_its_update(
    build: Callable[..., LanguageModel], first_step: Record, fnn: str
) -> None:
    model = build(body="cell", rule="gated", fnn=fnn)
    ways = []
    loop = model.body._loop  # type: ignore[union-attr]
    model.body._loop = lambda *a: ways.append("slow") or loop(*a)  # type: ignore[union-attr,func-returns-value]
    tokens = torch.randint(11, (3, 7))
    found = first_step(model, tokens)
    assert ways == ([] if fnn == "plain" else ["slow"])  # the residual one has no fused pass
    hidden = []
    model.body.fnn[0].register_forward_hook(lambda *call: hidden.append(call[-1]))  # type: ignore[union-attr,index]
    model(tokens)
    expected = torch.stack(hidden).square().mean().sqrt().item()
    assert found["activation_rms/body.fnn.0"] == pytest.approx(expected, rel=1e-5)
    assert 0 <= found["activation_zero/body.fnn.3"] < 1
    assert 0 <= found["gate_saturation/body.rule.gate"] <= 1


def test_a_gate_that_is_nearly_shut_is_saturated(build: Callable[..., LanguageModel], first_step: Record) -> None:
    model = build(body="stack", rule="lstm", layers=1)
    rule = model.body.blocks[0].mixer.rule  # type: ignore[union-attr,index]
    with torch.no_grad():
        rule.forget.weight.zero_()
        rule.forget.bias.copy_(torch.tensor([5.0, -5.0, 4.5, 0.0, 0.0, 0.0, 0.0, 0.0]))
    found = first_step(model, torch.randint(11, (3, 7)))
    assert found["gate_saturation/body.blocks.0.mixer.rule.forget"] == 0.25


def test_the_cell_has_a_lyapunov_exponent_now_and_then(
    tmp_path: Path, build: Callable[..., LanguageModel], signals: Signals
) -> None:
    model = build(body="cell", rule="additive", norm="write")
    optimizer = torch.optim.SGD(model.parameters(), 0.0)
    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        for _ in range(12):
            model(torch.randint(11, (3, 7)))[0].square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
            recorder.step(1.0)
    assert list(signals()["lyapunov"]) == [10]
    assert model.training


def test_another_layer_that_is_trained_from_now_on_has_its_own_name_and_norms(tmp_path, signals) -> None:
    model = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    lengths = []
    with newllm.record(model, optimizer, tmp_path / "run", every=1) as recorder:
        for trained in (0, 1):
            for at, layer in enumerate(model):
                layer.requires_grad_(at == trained)
            optimizer.zero_grad()
            loss = model(torch.randn(5, 3)).square().mean()
            loss.backward()
            lengths.append(math.hypot(*(p.detach().norm().item() for p in model[trained].parameters())))
            optimizer.step()
            recorder.step(loss)
    found = signals()
    assert {at: found[f"weight_norm/{at}"] for at in (0, 1)} == {
        at: {at + 1: pytest.approx(lengths[at])} for at in (0, 1)
    }


class OwnParameters(nn.Module):
    """Says by itself what is trained, as a meta-learner does."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(4, 2)
        self.scale = nn.Parameter(torch.ones(2))

    def forward(self, x: Tensor) -> Tensor:
        return self.a(x) * self.scale

    def parameters(self) -> list[Tensor]:  # type: ignore[override]
        return [self.a.weight, self.a.bias, self.scale]


def test_a_model_that_has_parameters_of_its_own(first_step: Record) -> None:
    found = first_step(OwnParameters(), torch.randn(3, 4))
    assert {"gradient_norm/a", "gradient_norm/."} <= set(found)

"""Every parameter has its own stream of chance, named by the parameter."""

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.model.config import BODY_NAMES, INITIALISATIONS, ModelConfig
from newllm.model.language_model import LanguageModel

SMALL = ModelConfig(vocabulary=19, width=16, layers=2, hidden=24, context=12, heads=2, positions=8)


def weights(seed: int = 0, **changes: Any) -> dict[str, Tensor]:
    return LanguageModel(dataclasses.replace(SMALL, **changes), seed).state_dict()


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(value, b[name]) for name, value in a.items())


@pytest.mark.parametrize("scheme", INITIALISATIONS)
@pytest.mark.parametrize("body", BODY_NAMES)
def test_the_seed_decides_and_nothing_else(body: str, scheme: str) -> None:
    torch.manual_seed(1)
    first = weights(seed=5, body=body, initialisation=scheme)
    torch.manual_seed(2)
    torch.rand(100)
    assert same(first, weights(seed=5, body=body, initialisation=scheme))
    other = weights(seed=6, body=body, initialisation=scheme)
    random = [name for name, value in first.items() if value.std() > 0 and not torch.equal(value, other[name])]
    assert {name for name in first if name.endswith("weight") and first[name].dim() == 2} - set(random) <= {
        name for name in first if "convolution" in name
    }


@pytest.mark.parametrize("body", BODY_NAMES)
def test_more_layers_leave_the_first_ones_as_they_were(body: str) -> None:
    few, many = (weights(body=body, layers=layers, initialisation="normal") for layers in (2, 4))
    assert len(many) > len(few)
    assert all(torch.equal(value, many[name]) for name, value in few.items())


def test_another_rule_or_norm_leaves_all_else_as_it_was() -> None:
    plain = weights(rule="additive")
    cases: list[dict[str, Any]] = [
        {"rule": "lstm"},
        {"rule": "gated", "norm": "read"},
        {"rule": "additive", "positions": 0},
    ]
    for changes in cases:
        other = weights(**changes)
        shared = plain.keys() & other.keys()
        assert len(shared) >= len(plain) - 1
        assert all(torch.equal(plain[name], other[name]) for name in shared)


def test_a_control_starts_as_its_body() -> None:
    for body in ("cell", "stack"):
        assert same(weights(body=body), weights(body=f"zero-{body}"))


def test_no_two_parameters_are_alike() -> None:
    drawn = [value for value in weights(layers=3).values() if value.dim() == 2 and value.any()]
    corners = [tuple(value[:2, :2].flatten().tolist()) for value in drawn]
    assert len(set(corners)) == len(corners)


@pytest.mark.parametrize("layers", [2, 8])
def test_scaled_follows_fan_in_and_depth(layers: int) -> None:
    model = LanguageModel(ModelConfig(vocabulary=50, width=128, hidden=352, context=192, layers=layers))
    block = "body.blocks.1."
    depth = (2 * layers) ** -0.5
    expected = {
        "mixer.gate": 128**-0.5,
        "mixer.rule.delta": 128**-0.5,
        "mixer.rule.gate": 128**-0.5,
        "mlp.up": 128**-0.5,
        "mixer.out": 192**-0.5 * depth,
        "mlp.out": 352**-0.5 * depth,
    }
    for name, std in expected.items():
        assert model.get_parameter(f"{block}{name}.weight").std().item() == pytest.approx(std, rel=0.03), name
    assert model.get_parameter("embedding.weight").std().item() == pytest.approx(0.02, rel=0.03)
    assert not model.get_parameter(f"{block}mixer.rule.delta.bias").any()
    assert not model.get_parameter(f"{block}mixer.convolution.weight").any()


def test_the_stacks_gates_start_at_their_time_scales() -> None:
    for scheme in INITIALISATIONS:
        bias = weights(initialisation=scheme, window=64)["body.blocks.0.mixer.rule.gate.bias"].double()
        scales = 1 / torch.sigmoid(bias)
        torch.testing.assert_close(scales, torch.logspace(0, 1.80618, 12, dtype=torch.float64), rtol=1e-3, atol=1e-3)


def test_the_lstms_forget_gate_starts_open() -> None:
    lstm = LanguageModel(dataclasses.replace(SMALL, body="lstm")).body.state_dict()
    for layer in range(2):
        bias = lstm[f"lstm.bias_ih_l{layer}"]
        assert bias[24:48].eq(1).all()
        assert not bias[:24].any()
        assert not bias[48:].any()
        assert not lstm[f"lstm.bias_hh_l{layer}"].any()
        weight = lstm[f"lstm.weight_hh_l{layer}"]
        assert weight.abs().max() <= 24**-0.5
        assert weight.std().item() == pytest.approx((24 * 3) ** -0.5, rel=0.05)


@pytest.mark.parametrize(
    ("changes", "quote"),
    [
        ({"vocabulary": 0}, "vocabulary"),
        ({"body": "stak"}, "'stak'.*'stack'"),
        ({"rule": "gate"}, "'gate'.*'gated'"),
        ({"norm": "writes"}, "'writes'.*'write'"),
        ({"initialisation": "norm"}, "'norm'.*'normal'"),
        ({"layers": 0}, "model.layers is 0"),
        ({"dropout": 1.0}, "model.dropout is 1.0"),
        ({"positions": -1}, "negative"),
        ({"body": "attention", "heads": 3}, "width 16.*3 heads"),
        ({"body": "attention", "heads": 16}, "width 16.*16 heads"),
        ({"body": "founding-transformer", "positions": 0}, "model.positions=N"),
        ({"rule": "dual", "context": 5}, "5 is odd"),
        ({"rule": "gated", "learn_decay": True}, "'gated'.*ema or dual"),
    ],
    ids=str,
)
def test_mistakes_are_told_in_one_line(changes: dict, quote: str) -> None:
    with pytest.raises(UserError, match=quote) as told:
        weights(**changes)
    assert "\n" not in str(told.value)

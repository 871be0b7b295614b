"""Each rule's decay and input against the formulas of the founding document, written out by hand."""

import math

import pytest
import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.model.config import NORM_NAMES, RULE_NAMES
from newllm.recurrence import NORMS, RULES, Rule, build_rule
from newllm.recurrence.rules.rule import ConstantDecay

FEATURES, SOURCE, CHANNELS = 5, 7, 6


def rule_at_random(name: str, *, learn_decay: bool = False) -> Rule:
    rule = build_rule(name, FEATURES, SOURCE, CHANNELS, learn_decay=learn_decay).double()
    with torch.no_grad():
        for parameter in rule.parameters():
            parameter.copy_(torch.randn_like(parameter))
    return rule


def linear(rule: Rule, layer: str, x: Tensor) -> Tensor:
    weights = rule.state_dict()
    return x @ weights[f"{layer}.weight"].T + weights[f"{layer}.bias"]


def sigmoid(x: Tensor) -> Tensor:
    return 1 / (1 + torch.exp(-x))


def by_hand(name: str, rule: Rule, features: Tensor, source: Tensor) -> tuple[Tensor, Tensor]:
    """The table of DESIGN.md."""
    delta = linear(rule, "delta", features)
    if name == "additive":
        return torch.ones_like(delta), delta
    if name == "ema":
        return torch.full_like(delta, 0.9), 0.1 * delta
    if name == "gated":
        u = sigmoid(linear(rule, "gate", source))
        return 1 - u, u * delta
    if name == "lstm":
        return sigmoid(linear(rule, "forget", source)), sigmoid(linear(rule, "input", source)) * delta
    short, long = delta.chunk(2, dim=-1)
    decay = torch.cat([torch.ones_like(short), torch.full_like(long, 0.99)], dim=-1)
    return decay, torch.cat([short, 0.01 * long], dim=-1)


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("shape", [(4,), (2, 3)], ids=["one position", "a sequence"])
def test_decay_and_input_are_the_documents(name: str, shape: tuple[int, ...]) -> None:
    rule = rule_at_random(name)
    features, source = torch.randn(*shape, FEATURES).double(), torch.randn(*shape, SOURCE).double()
    decay, added = rule(features, source)
    expected_decay, expected_input = by_hand(name, rule, features, source)
    # 1e-6: the constants 0.9 and 0.99 are kept in float32
    torch.testing.assert_close(decay, expected_decay, rtol=1e-6, atol=1e-7)
    torch.testing.assert_close(added, expected_input, rtol=3e-6, atol=1e-7)
    assert decay.min() >= 0
    assert decay.max() <= 1


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("scale", [1.0, 1e3])
def test_decay_stays_between_zero_and_one(name: str, scale: float) -> None:
    rule = rule_at_random(name).float()
    decay, _ = rule(torch.randn(64, FEATURES), scale * torch.randn(64, SOURCE))
    assert decay.isfinite().all()
    assert decay.min() >= 0
    assert decay.max() <= 1


@pytest.mark.parametrize("name", RULES)
def test_autocast_leaves_the_context_in_float32(name: str) -> None:
    rule = rule_at_random(name).float()
    features, source = torch.randn(3, FEATURES), torch.randn(3, SOURCE)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert rule.delta(features).dtype == torch.bfloat16
        outputs = rule(features, source)
    expected = by_hand(name, rule, features, source)
    for value, right in zip(outputs, expected, strict=True):
        assert value.dtype == torch.float32
        torch.testing.assert_close(value, right, rtol=0.05, atol=0.05)


@pytest.mark.parametrize("name", RULES)
def test_every_parameter_gets_a_gradient(name: str) -> None:
    learn = RULES[name].has_constant_decay
    rule = rule_at_random(name, learn_decay=learn)
    decay, added = rule(torch.randn(3, FEATURES).double(), torch.randn(3, SOURCE).double())
    (decay.square().sum() + added.square().sum()).backward()
    assert all(parameter.grad is not None and parameter.grad.any() for parameter in rule.parameters())


def test_nearly_shut_gate_keeps_its_digits() -> None:
    rule = build_rule("gated", 1, 1, 1)
    with torch.no_grad():
        rule.get_parameter("gate.weight").fill_(1.0)
    decay, _ = rule(torch.zeros(1, 1), torch.full((1, 1), 30.0))
    assert decay.item() == pytest.approx(math.exp(-30), rel=1e-5)


@pytest.mark.parametrize("name", ["ema", "dual"])
def test_learned_decay_starts_at_the_documents(name: str) -> None:
    constant = build_rule(name, FEATURES, SOURCE, CHANNELS)
    learned = build_rule(name, FEATURES, SOURCE, CHANNELS, learn_decay=True)
    learned.delta.load_state_dict(constant.delta.state_dict())
    features, source = torch.randn(3, FEATURES), torch.randn(3, SOURCE)
    for got, expected in zip(learned(features, source), constant(features, source), strict=True):
        torch.testing.assert_close(got, expected)
    assert sum(p.numel() for p in learned.parameters()) > sum(p.numel() for p in constant.parameters())


@pytest.mark.parametrize("name", ["ema", "dual"])
@pytest.mark.parametrize("extreme", [-50.0, 50.0])
def test_learned_decay_cannot_leave_its_range(name: str, extreme: float) -> None:
    rule = build_rule(name, FEATURES, SOURCE, CHANNELS, learn_decay=True)
    (decayed,) = (module for module in rule.modules() if isinstance(module, ConstantDecay))
    with torch.no_grad():
        decayed.logit.fill_(extreme)
    decay, _ = rule(torch.randn(3, FEATURES), torch.randn(3, SOURCE))
    assert 0 <= decay.min() <= decay.max() <= 1


def test_learned_dual_moves_the_long_half_only() -> None:
    rule = rule_at_random("dual", learn_decay=True)
    decay, _ = rule(torch.randn(3, FEATURES).double(), torch.randn(3, SOURCE).double())
    assert (decay[:, : CHANNELS // 2] == 1).all()
    assert (decay[:, CHANNELS // 2 :] < 1).all()


@pytest.mark.parametrize("name", ["additive", "gated", "lstm"])
def test_rules_without_constant_decay_refuse_to_learn_one(name: str) -> None:
    with pytest.raises(UserError, match=rf"'{name}'.*ema or dual") as told:
        build_rule(name, FEATURES, SOURCE, CHANNELS, learn_decay=True)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("window", [8.0, 256.0])
@pytest.mark.parametrize(("name", "learn"), [("ema", False), ("ema", True), ("gated", False), ("lstm", False)])
def test_timescales_go_from_one_position_to_the_window(name: str, learn: bool, window: float) -> None:
    rule = build_rule(name, FEATURES, SOURCE, 17, learn_decay=learn)
    rule.spread_timescales(window)
    decay, _ = rule(torch.zeros(1, FEATURES), torch.zeros(1, SOURCE))
    timescale = 1 / (1 - decay[0].double())
    expected = torch.logspace(0, math.log10(window), 17, dtype=torch.float64)
    torch.testing.assert_close(timescale, expected, rtol=2e-3, atol=0.0)


def test_the_lstms_input_gate_balances_its_forget_gate() -> None:
    rule = build_rule("lstm", FEATURES, SOURCE, 17)
    rule.spread_timescales(256.0)
    with torch.no_grad():
        rule.delta.weight.zero_()
        rule.delta.bias.fill_(1.0)
    forget, admit = rule(torch.zeros(1, FEATURES), torch.zeros(1, SOURCE))
    torch.testing.assert_close(forget**2 + admit**2, torch.ones_like(forget), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("name", ["additive", "dual"])
def test_rules_with_the_documents_decay_keep_it(name: str) -> None:
    rule = build_rule(name, FEATURES, SOURCE, CHANNELS)
    before = {key: value.clone() for key, value in rule.state_dict().items()}
    rule.spread_timescales(100.0)
    assert all(torch.equal(value, before[key]) for key, value in rule.state_dict().items())


def test_dual_refuses_an_odd_context() -> None:
    with pytest.raises(UserError, match=r"'dual'.*7.*even") as told:
        build_rule("dual", FEATURES, SOURCE, 7)
    assert "\n" not in str(told.value)


def test_unknown_rule_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"rule 'gatd'.*did you mean 'gated'") as told:
        build_rule("gatd", FEATURES, SOURCE, CHANNELS)
    assert "\n" not in str(told.value)


def test_the_configurations_names_are_the_registries() -> None:
    assert tuple(RULES) == RULE_NAMES
    assert tuple(NORMS) == NORM_NAMES


def test_the_biases_of_gates_start_at_zero() -> None:
    for name in ("gated", "lstm"):
        rule = build_rule(name, FEATURES, SOURCE, CHANNELS)
        gates = [p for key, p in rule.named_parameters() if key.endswith("bias") and "delta" not in key]
        assert gates
        assert not any(p.any() for p in gates)


@pytest.mark.parametrize("name", RULES)
def test_a_rules_scan_gives_features_to_the_delta_and_the_source_to_the_gates(name: str) -> None:
    rule = rule_at_random(name)
    features, source = torch.randn(2, 4, FEATURES).double(), torch.randn(2, 4, SOURCE).double()
    context = torch.randn(2, CHANNELS).double()
    contexts, last = rule.scan(features, source, context, None, backend="torch")
    decay, added = by_hand(name, rule, features, source)
    for at in range(4):
        context = decay[:, at] * context + added[:, at]
        torch.testing.assert_close(contexts[:, at], context, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(last, context, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", RULES)
def test_a_rule_whose_source_is_as_wide_as_its_features_does_not_confuse_them(name: str) -> None:
    rule = build_rule(name, 4, 4, CHANNELS).double()
    features, source = torch.randn(1, 3, 4).double(), torch.randn(1, 3, 4).double()
    contexts, _ = rule.scan(features, source, torch.zeros(1, CHANNELS).double(), None, backend="torch")
    _, added = rule(features, source)
    torch.testing.assert_close(contexts[:, 0], added[:, 0])

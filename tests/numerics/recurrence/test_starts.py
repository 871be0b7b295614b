"""Where decays start, and which scan runs where: exact numbers and names."""

import math

import pytest
import torch

from newllm.errors import UserError
from newllm.recurrence import Rule, build_rule
from newllm.recurrence.scan import operation, resolve_backend


def constant(rule: Rule) -> list[float]:
    decay = rule.constant()
    assert decay is not None
    return decay.tolist()


def test_gates_start_at_time_scales_even_in_the_logarithm() -> None:
    gated, lstm, ema = (build_rule(name, 4, 5, 3) for name in ("gated", "lstm", "ema"))
    for rule in (gated, lstm, ema):
        rule.spread_timescales(100)
    rates = torch.tensor([0.9999, 0.1, 0.01])  # a gate is never wholly open
    assert torch.sigmoid(gated.gates[0].bias).tolist() == pytest.approx(rates.tolist(), abs=1e-6)
    keep = [1e-4, 0.9, 0.99]
    forget, admit = (torch.sigmoid(gate.bias).tolist() for gate in lstm.gates)
    assert forget == pytest.approx(keep, abs=1e-6)
    assert admit == pytest.approx([0.9999, math.sqrt(1 - 0.81), math.sqrt(1 - 0.9801)], abs=1e-5)
    assert constant(ema) == pytest.approx([0.0, 0.9, 0.99], abs=1e-6)


def test_no_gate_starts_at_more_than_ten_thousand_positions() -> None:
    rule = build_rule("gated", 4, 5, 2)
    rule.spread_timescales(1e6)
    assert 1 / torch.sigmoid(rule.gates[0].bias[-1]).item() == pytest.approx(10_000, rel=1e-3)


@pytest.mark.parametrize("learn", [False, True])
def test_constant_decays_start_where_the_document_has_them(*, learn: bool) -> None:
    ema, dual = (build_rule(name, 4, 5, 4, learn_decay=learn) for name in ("ema", "dual"))
    assert constant(ema) == pytest.approx([0.9] * 4)
    assert constant(dual) == pytest.approx([0.99] * 2)
    trained = [name for name, _ in ema.named_parameters() if "alpha" in name]
    assert trained == (["alpha.logit"] if learn else [])
    ema.spread_timescales(1000)
    assert constant(ema) == pytest.approx([1e-4 if learn else 0.0, 0.9, 0.99, 0.999], abs=1e-6)


def test_the_dual_rule_by_hand() -> None:
    rule = build_rule("dual", 4, 5, 4)
    decay, added = rule.combine(torch.tensor([[2.0, 3.0, 4.0, 5.0]]), [], torch.tensor([0.75, 0.5]))
    assert decay.tolist() == [[1.0, 1.0, 0.75, 0.5]]
    assert added.tolist() == [[2.0, 3.0, 1.0, 2.5]]


@pytest.mark.parametrize(
    ("name", "device", "found"),
    [
        ("torch", "cpu", "torch"),
        ("reference", "cpu", "reference"),
        ("auto", "mps", "torch"),
        ("auto", "meta", "torch"),
        ("reference", "mps", "'reference' needs float64, 'mps' has none: take backend torch"),
        ("numba", "mps", "'numba' runs on the CPU, not on 'mps': take backend torch"),
        ("nmba", "cpu", "did you mean 'numba'"),
    ],
)
def test_which_scan_runs_under_a_name(name: str, device: str, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operation, "has_numba", lambda: True)
    if found in operation.BACKENDS:
        assert resolve_backend(name, device) == found
    else:
        with pytest.raises(UserError, match=found):
            resolve_backend(name, device)


def test_the_fastest_is_taken_where_it_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for is_there, fastest in ((True, "numba"), (False, "torch")):
        monkeypatch.setattr(operation, "has_numba", lambda it=is_there: it)
        assert resolve_backend("auto", "cpu") == fastest
    with pytest.raises(UserError, match="needs numba: pip install"):
        resolve_backend("numba", "cpu")

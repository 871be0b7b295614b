"""Lyapunov exponents: maps whose exponents are known, brute force, and the cells."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from newllm.model.language_model import LanguageModel
from newllm.recorder import lyapunov_exponents, model_exponents
from newllm.recorder.lyapunov import first_tangents


def steps(count: int) -> Sequence[Tensor]:
    """Return inputs for a map that reads none."""
    return torch.zeros(count, 1).unbind(0)


def double(*values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def logistic(context_BC: Tensor, _: Tensor) -> Tensor:
    return 4 * context_BC * (1 - context_BC)


def henon(context_BC: Tensor, _: Tensor) -> Tensor:
    x, y = context_BC.unbind(1)
    return torch.stack([1 - 1.4 * x**2 + y, 0.3 * x], dim=1)


def test_a_linear_map_has_the_logarithms_of_its_eigenvalues() -> None:
    turn = torch.linalg.qr(torch.randn(4, 4, dtype=torch.float64))[0]
    eigenvalues = torch.tensor([2.0, -1.0, 0.5, 0.1], dtype=torch.float64)
    matrix = turn @ torch.diag(eigenvalues) @ turn.T
    got = lyapunov_exponents(lambda c, _: c @ matrix.T, torch.zeros(3, 4).double(), steps(80), 4, discard=40)
    torch.testing.assert_close(got, eigenvalues.abs().log().expand(3, 4), rtol=1e-6, atol=1e-6)


def test_the_logistic_map_has_ln_2() -> None:
    starts = torch.rand(400, 1, dtype=torch.float64)
    got = lyapunov_exponents(logistic, starts, steps(300), discard=20)
    assert float(got.mean()) == pytest.approx(math.log(2), abs=2e-3)


def test_the_henon_map_has_its_two_exponents() -> None:
    starts = 0.2 * torch.rand(200, 2, dtype=torch.float64)
    got = lyapunov_exponents(henon, starts, steps(300), 2, discard=50)
    assert float(got[:, 0].mean()) == pytest.approx(0.419, abs=4e-3)
    torch.testing.assert_close(got.sum(dim=1), torch.full_like(got[:, 0], math.log(0.3)), rtol=0, atol=1e-9)


def test_a_disturbance_that_vanishes_gives_minus_infinity() -> None:
    got = lyapunov_exponents(lambda c, _: 0 * c, double([1.0, 2.0]), steps(3), 2)
    assert torch.equal(got, torch.full_like(got, -math.inf))


def test_a_row_that_has_ended_grows_no_further() -> None:
    """Row 0 doubles for 2 positions and would then grow past every number; row 1 doubles for all 4."""
    real_BT = torch.tensor([[True, True, False, False], [True] * 4])
    factors = [double([2.0], [2.0]), double([2.0], [2.0]), double([math.nan], [2.0]), double([1e300], [2.0])]
    got = lyapunov_exponents(lambda c, factor: c * factor, double([1.0], [1.0]), factors, real_BT=real_BT)
    torch.testing.assert_close(got, torch.full_like(got, math.log(2)))


def test_a_row_that_is_padded_on_the_left_starts_later() -> None:
    real_BT = torch.tensor([[False, False, True, True], [True] * 4])
    factors = [double([math.nan], [3.0]), double([0.0], [3.0]), double([3.0], [3.0]), double([3.0], [3.0])]
    got = lyapunov_exponents(
        lambda c, factor: c**3 * factor / 3, double([1.0, 1.0], [1.0, 1.0]), factors, real_BT=real_BT
    )
    torch.testing.assert_close(got, torch.full_like(got, math.log(3)))


def test_discarded_positions_run_but_do_not_count() -> None:
    factors = [double([math.e**power], [math.e**power]) for power in (7, 1, 2)]
    real_BT = torch.tensor([[True] * 3, [True, False, False]])
    got = lyapunov_exponents(lambda c, factor: c * factor, double([1.0], [1.0]), factors, real_BT=real_BT, discard=1)
    assert got[:, 0].tolist() == [pytest.approx(1.5), pytest.approx(math.nan, nan_ok=True)]


def test_a_recurrence_that_broke_shows_as_not_a_number() -> None:
    got = lyapunov_exponents(lambda c, given: c * given, double([1.0], [1.0]), [double([math.nan], [1.0])])
    assert got[:, 0].tolist() == [pytest.approx(math.nan, nan_ok=True), 0.0]


@pytest.mark.parametrize("count", [0, 3])
def test_there_are_as_many_exponents_as_channels(count: int) -> None:
    with pytest.raises(ValueError, match=f"count is {count}: a context of 2 channels"):
        lyapunov_exponents(henon, double([0.1, 0.1]), steps(1), count)


def brute_force(model: LanguageModel, tokens_BT: Tensor) -> Tensor:
    """Return every row's Jacobian of the last context by the first, `[B, C, C]`, from reverse mode."""

    def last(context_BC: Tensor) -> Tensor:
        state = {**model.initial_state(len(tokens_BT)), "context": context_BC}
        for tokens_B in tokens_BT.unbind(1):
            _, state = model.step(tokens_B, state)
        return state["context"].sum(dim=0)

    first = model.initial_state(len(tokens_BT))["context"]
    return torch.autograd.functional.jacobian(last, first).transpose(0, 1)


@pytest.mark.parametrize("rule", ["additive", "ema", "gated", "lstm", "dual"])
@pytest.mark.parametrize("norm", ["none", "read", "write"])
@pytest.mark.parametrize("body", ["cell", "zero-cell"])
def test_a_cells_exponents_are_those_of_its_jacobian(
    build: Callable[..., LanguageModel], body: str, rule: str, norm: str
) -> None:
    model, tokens_BT = build(body=body, rule=rule, norm=norm).eval(), torch.randint(11, (3, 6))
    jacobian_BCC = brute_force(model, tokens_BT)
    tangent_BC1 = first_tangents(model.initial_state(3)["context"], 1, seed=0)
    leading = float((jacobian_BCC @ tangent_BC1).norm(dim=1).log().mean() / 6)
    assert model_exponents(model, tokens_BT, aligned=False) == pytest.approx(leading, rel=1e-6, abs=1e-9)
    largest = float(torch.linalg.matrix_norm(jacobian_BCC, 2).log().mean() / 6)
    aligned = model_exponents(model, tokens_BT)
    assert aligned is not None
    assert largest - 0.1 < aligned < largest + 1e-6
    if norm != "write":  # which loses directions altogether: its determinant is zero
        volume = float(torch.linalg.slogdet(jacobian_BCC).logabsdet.mean() / 6 / 8)
        assert model_exponents(model, tokens_BT, count=8) == pytest.approx(volume, rel=1e-6)


@pytest.mark.parametrize(("rule", "expected"), [("additive", 0.0), ("ema", math.log(0.9))])
def test_without_feedback_the_exponent_is_the_log_of_the_decay(
    build: Callable[..., LanguageModel], rule: str, expected: float
) -> None:
    model, tokens_BT = build(body="zero-cell", rule=rule), torch.randint(11, (3, 6))
    assert model_exponents(model, tokens_BT) == pytest.approx(expected, abs=1e-6)
    assert model_exponents(model, tokens_BT, count=3) == pytest.approx(expected, abs=1e-6)


def test_a_gate_without_feedback_has_the_mean_log_of_its_decays(build: Callable[..., LanguageModel]) -> None:
    model, tokens_BT = build(body="zero-cell", rule="gated").eval(), torch.randint(11, (3, 6))
    gates = []
    model.body.get_submodule("rule.gate").register_forward_hook(lambda _, __, gate: gates.append(gate))
    state = model.initial_state(3)
    with torch.no_grad():
        for tokens_B in tokens_BT.unbind(1):
            _, state = model.step(tokens_B, state)
    expected = torch.nn.functional.logsigmoid(-torch.stack(gates)).mean()
    assert model_exponents(model, tokens_BT, count=8) == pytest.approx(float(expected), rel=1e-9)


def test_positions_weigh_the_same_and_rows_do_not_mix(build: Callable[..., LanguageModel]) -> None:
    model, tokens_BT = build(body="cell", rule="gated", positions=6), torch.randint(11, (3, 6))
    real_BT = torch.arange(6) < torch.tensor([[6], [2], [0]])
    long, short = model_exponents(model, tokens_BT[:1]), model_exponents(model, tokens_BT[1:2, :2])
    assert long is not None
    assert short is not None
    assert model_exponents(model, tokens_BT, real_BT) == pytest.approx((6 * long + 2 * short) / 8)
    changed_BT = torch.where(real_BT, tokens_BT, 0)
    assert model_exponents(model, changed_BT, real_BT) == model_exponents(model, tokens_BT, real_BT)
    assert model_exponents(model, tokens_BT, real_BT & False) is None


def test_an_aligned_start_finds_the_one_direction_that_is_stretched() -> None:
    """Position 0 stretches u by 50 into v, position 1 stretches v by 50: from elsewhere the text looks calm."""
    u, v = torch.linalg.qr(torch.randn(60, 2, dtype=torch.float64))[0].T
    matrices = [torch.eye(60, dtype=torch.float64) + 50 * torch.outer(*pair) for pair in ((v, u), (u, v))]
    start, real_BT = torch.zeros(2, 60).double(), torch.tensor([[True, True], [True, False]])
    expected = [math.log(float(torch.linalg.matrix_norm(matrices[1] @ matrices[0], 2))) / 2]
    expected.append(math.log(float(torch.linalg.matrix_norm(matrices[0], 2))))
    seen = {}
    for aligned in (False, True):
        got = lyapunov_exponents(
            lambda c, matrix: c @ matrix.T, start, matrices, real_BT=real_BT, aligned=aligned, seed=1
        )
        seen[aligned] = got[:, 0].tolist()
    assert seen[True] == pytest.approx(expected, abs=0.02)
    assert all(random < best - 0.5 for random, best in zip(seen[False], expected, strict=True))


def test_the_start_is_the_seeds(build: Callable[..., LanguageModel]) -> None:
    model, tokens_BT = build(body="cell", rule="gated"), torch.randint(11, (3, 6))
    assert model_exponents(model, tokens_BT) == model_exponents(model, tokens_BT)
    assert model_exponents(model, tokens_BT) != model_exponents(model, tokens_BT, seed=1)


def test_dropout_is_off_and_the_mode_is_put_back(build: Callable[..., LanguageModel]) -> None:
    model, tokens_BT = build(body="cell", dropout=0.5), torch.randint(11, (3, 6))
    assert model_exponents(model.train(), tokens_BT) == model_exponents(model.eval(), tokens_BT)
    assert not model.training
    model_exponents(model.train(), tokens_BT)
    assert model.training
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("body", ["stack", "zero-stack", "attention", "lstm"])
def test_other_bodies_have_none(build: Callable[..., LanguageModel], body: str) -> None:
    assert model_exponents(build(body=body), torch.randint(11, (3, 6))) is None

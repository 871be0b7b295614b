"""The delta rule: every backend against the loop in float64: readings, last matrices, gradients, bits, errors."""

from itertools import product
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from newllm.errors import UserError
from newllm.recurrence import Steps, matrix_scan, matrix_steps

NAMES = (*Steps._fields, "initial")
LENGTHS = (1, 2, 31, 32, 33, 70)
RESETS = ("none", "nowhere", "first", "last", "everywhere", "some")
DECAYS = ("usual", "nothing", "everything", "mixed")


@pytest.fixture(params=["torch", "numba", "triton"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend that is not the reference; for Triton's see conftest.py."""
    if request.param == "numba":
        pytest.importorskip("numba")
    if request.param == "triton":
        request.getfixturevalue("triton_device")
    return request.param


def problem(
    length: int, decay: str = "usual", reset: str = "none", rows: int = 2, heads: int = 3, keys: int = 5,
    values: int = 7, decays: int = 1,
) -> tuple[dict[str, Tensor], Tensor | None]:  # fmt: skip
    """Return what goes in, float32, and the reset."""
    shape = (rows, length, heads)
    lookup = F.normalize(torch.randn(*shape, keys), dim=-1)
    usual = -torch.rand(*shape, decays)
    log_decays = {
        "usual": usual,
        "nothing": torch.zeros_like(usual),  # nothing is forgotten
        "everything": torch.full_like(usual, -torch.inf),
        "mixed": torch.where(torch.rand_like(usual) < 0.2, -200.0, usual),
    }
    resets = {
        "none": None,
        "nowhere": torch.zeros(rows, length, dtype=torch.bool),
        "first": torch.arange(length).expand(rows, -1) == 0,
        "last": torch.arange(length).expand(rows, -1) == length - 1,
        "everywhere": torch.ones(rows, length, dtype=torch.bool),
        "some": torch.rand(rows, length) < 0.1,
    }
    given = {
        "query": torch.randn(*shape, keys),
        "key": 2 * torch.rand(*shape, 1) * lookup,  # up to twice: negative eigenvalues
        "value": torch.randn(*shape, values),
        "lookup": lookup,
        "log_decay": log_decays[decay],
        "initial": torch.randn(rows, heads, keys, values),
    }
    return given, resets[reset]


def steps_of(given: dict[str, Tensor]) -> Steps:
    return Steps(*(given[name] for name in Steps._fields))


def results(given: dict[str, Tensor], reset: Tensor | None, weights: tuple[Tensor, Tensor], backend: str) -> Any:
    """Return readings, last matrices and the gradients of a weighted sum of both."""
    leaves = {name: tensor.detach().clone().requires_grad_() for name, tensor in given.items()}
    readings, last = matrix_scan(steps_of(leaves), leaves["initial"], reset, backend=backend)
    loss = (weights[0] * readings).sum() + (weights[1] * last).sum()
    gradients = torch.autograd.grad(loss, list(leaves.values()))
    return {"readings": readings, "last": last, **dict(zip(leaves, gradients, strict=True))}


def assert_as_reference(given: dict[str, Tensor], reset: Tensor | None, backend: str) -> None:
    weights = torch.randn_like(given["value"]), torch.randn_like(given["initial"])
    wide = {name: tensor.double() for name, tensor in given.items()}
    expected = results(wide, reset, (weights[0].double(), weights[1].double()), "reference")
    found = results(given, reset, weights, backend)
    for name, value in expected.items():
        scale = 1 + value.abs().max()
        error = ((found[name].double() - value).abs() / scale).max()
        assert torch.isfinite(found[name]).all()
        assert error < 3e-6, (name, float(error))


@pytest.mark.parametrize(("length", "reset"), list(product(LENGTHS, RESETS)))
def test_all_lengths_and_resets_agree_with_the_loop(length: int, reset: str, backend: str) -> None:
    assert_as_reference(*problem(length, reset=reset), backend)


@pytest.mark.parametrize(("decay", "decays"), list(product(DECAYS, (1, 5))))
def test_one_decay_a_head_or_a_key_agrees_with_the_loop(decay: str, decays: int, backend: str) -> None:
    assert_as_reference(*problem(45, decay, "some", decays=decays), backend)


@pytest.mark.parametrize(
    ("rows", "heads", "keys", "values"), [(1, 1, 1, 1), (3, 1, 16, 2), (1, 4, 3, 33), (2, 2, 64, 64)]
)
def test_any_widths_agree_with_the_loop(rows: int, heads: int, keys: int, values: int, backend: str) -> None:
    given, reset = problem(37, reset="some", rows=rows, heads=heads, keys=keys, values=values)
    assert_as_reference(given, reset, backend)


@pytest.mark.parametrize("decays", [1, 5])
def test_a_key_that_is_not_along_its_lookup_agrees_with_the_loop(decays: int, backend: str) -> None:
    given, reset = problem(45, "mixed", "some", decays=decays)
    assert_as_reference({**given, "key": F.normalize(torch.randn_like(given["key"]), dim=-1)}, reset, backend)


def test_two_positions_are_one_of_rwkv_7() -> None:
    """`S = S (diag(w) - k^T (a * k)) + v^T k~` (Peng et al. 2025, arXiv:2503.14456): one erases, the next one writes.

    The key that is erased along looks up what was there before the decay, so it is divided by it.
    """
    length, heads, keys, values = 6, 2, 5, 4
    query, value = torch.randn(length, heads, keys).double(), torch.randn(length, heads, values).double()
    removed = F.normalize(torch.randn(length, heads, keys).double(), dim=-1)
    rate, decay = torch.rand(2, length, heads, keys).double()
    decay, written = 0.5 + decay / 2, torch.randn(length, heads, keys).double()
    nothing, zeros = torch.zeros_like(value), torch.zeros_like(query)
    pairs = {
        "query": (zeros, query),
        "key": (rate * removed, written),
        "value": (nothing, value),
        "lookup": (removed / decay, zeros),
        "log_decay": (decay.log(), zeros),
    }
    steps = Steps(*(torch.stack(pairs[name], dim=1).flatten(0, 1)[None] for name in Steps._fields))
    readings, last = matrix_scan(steps, backend="torch")
    for h in range(heads):
        state = torch.zeros(values, keys, dtype=torch.float64)
        for t in range(length):
            k, a, w = removed[t, h], rate[t, h], decay[t, h]
            state = state @ (torch.diag(w) - torch.outer(k, a * k)) + torch.outer(value[t, h], written[t, h])
            torch.testing.assert_close(readings[0, 2 * t + 1, h], state @ query[t, h])
        torch.testing.assert_close(last[0, h], state.T)


def test_it_is_the_gated_delta_rule_of_the_paper() -> None:
    """`S_t = S_{t-1} a (I - b k k^T) + b v k^T`, `o = S q`, with the matrix as values by keys (arXiv:2412.06464)."""
    given, _ = problem(9, rows=1, heads=1)
    wide = {name: tensor.double() for name, tensor in given.items()}
    strength = wide["key"].norm(dim=-1)  # b, as lookups have length 1
    state, keys = wide["initial"][0, 0].T, wide["lookup"].shape[-1]
    for t in range(9):
        k, v, b = wide["lookup"][0, t, 0], wide["value"][0, t, 0], strength[0, t, 0]
        a = wide["log_decay"][0, t, 0, 0].exp()
        state = state @ (a * (torch.eye(keys).double() - b * torch.outer(k, k))) + b * torch.outer(v, k)
        reading = state @ wide["query"][0, t, 0]
        until = Steps(*(sequence[:, : t + 1] for sequence in steps_of(wide)))
        found, _ = matrix_scan(until, wide["initial"], backend="torch")
        torch.testing.assert_close(found[0, t, 0], reading)


def test_a_carried_matrix_gives_the_bits_of_the_text_in_one_go() -> None:
    pytest.importorskip("numba")
    given, reset = problem(70, reset="some")
    assert reset is not None
    steps = steps_of(given)
    whole, last = matrix_scan(steps, given["initial"], reset, backend="numba")
    for cut in (1, 31, 32, 69):
        before, after = Steps(*(s[:, :cut] for s in steps)), Steps(*(s[:, cut:] for s in steps))
        first, carried = matrix_scan(before, given["initial"], reset[:, :cut], backend="numba")
        second, end = matrix_scan(after, carried, reset[:, cut:], backend="numba")
        assert torch.equal(torch.cat([first, second], dim=1), whole)
        assert torch.equal(end, last)


def test_threads_change_no_bits() -> None:
    pytest.importorskip("numba")
    given, reset = problem(70, reset="some", rows=3, heads=5, keys=16, values=16)
    weights = torch.randn_like(given["value"]), torch.randn_like(given["initial"])
    before = torch.get_num_threads()
    found = []
    for threads in (1, 2, 4):
        torch.set_num_threads(threads)
        found.append(results(given, reset, weights, "numba"))
    torch.set_num_threads(before)
    assert all(torch.equal(one[name], found[0][name]) for one in found for name in one)


def test_memory_that_was_used_before_does_not_leak_in(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    given, reset = problem(40, reset="some")
    for name in ("empty", "empty_like"):
        real = getattr(torch, name)
        monkeypatch.setattr(torch, name, lambda *a, real=real, **k: _spoilt(real(*a, **k)))
    assert torch.isnan(torch.empty(3)).all()
    assert_as_reference(given, reset, backend)


def test_autocast_and_the_default_dtype_change_nothing(backend: str) -> None:
    given, reset = problem(40, reset="some")
    expected, last = matrix_scan(steps_of(given), given["initial"], reset, backend=backend)
    runs = {"plain": lambda: matrix_scan(steps_of(given), given["initial"], reset, backend=backend)}
    runs["step by step"] = lambda: matrix_steps(steps_of(given), given["initial"], reset)
    for run in runs.values():
        with torch.autocast("cpu", torch.bfloat16):
            found, after = run()
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(after, last, rtol=1e-5, atol=1e-5)
    torch.set_default_dtype(torch.float64)
    try:
        results(given, reset, (torch.ones_like(given["value"]), torch.ones_like(given["initial"])), backend)
        found, after = runs["plain"]()
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(found, expected)
    assert torch.equal(after, last)


@pytest.mark.parametrize("wanted", [0, 1])
def test_a_gradient_through_the_readings_or_the_last_matrices_alone(backend: str, wanted: int) -> None:
    given, reset = problem(37, reset="some")
    gradients = {}
    for name in (backend, "reference"):
        leaves = {key: tensor.detach().double().requires_grad_() for key, tensor in given.items()}
        if name in ("numba", "triton"):
            leaves = {key: tensor.detach().clone().requires_grad_() for key, tensor in given.items()}
        output = matrix_scan(steps_of(leaves), leaves["initial"], reset, backend=name)[wanted]
        gradients[name] = torch.autograd.grad(output.sum(), list(leaves.values()), allow_unused=True)
    for name, found, expected in zip(NAMES, gradients[backend], gradients["reference"], strict=True):
        if expected is None:  # queries read, and leave the matrices alone
            assert name == "query"
            assert found is None or not found.any()
        else:
            torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-5)


def _spoilt(tensor: Tensor) -> Tensor:
    return tensor.fill_(torch.nan) if tensor.is_floating_point() else tensor


def test_what_cannot_flow_back_in_time_does_not() -> None:
    given, _ = problem(6)
    steps = Steps(*(tensor.requires_grad_() for tensor in steps_of(given)))
    cut, _ = matrix_steps(steps, given["initial"], None, through_time=False)
    whole, _ = matrix_steps(steps, given["initial"], None)
    assert torch.equal(cut, whole)
    (d_value,) = torch.autograd.grad(cut[:, -1].sum(), steps.value)
    assert not d_value[:, :-1].any()
    assert d_value[:, -1].abs().min() > 0


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"query": torch.zeros(2, 4, 3, 6)}, r"query \(2, 4, 3, 6\) torch.float32 must be \(2, 4, 3, 5\)"),
        ({"log_decay": torch.zeros(2, 4, 3, 2)}, r"log_decay .* must be \(2, 4, 3, 1\) or \(2, 4, 3, 5\)"),
        ({"value": torch.zeros(2, 0, 3, 7)}, "none of them 0"),
        ({"initial": torch.zeros(2, 3, 5, 7).double()}, r"initial .* torch.float64 must be"),
    ],
)
def test_shapes_that_disagree_are_named(change: dict[str, Tensor], says: str) -> None:
    given = {**problem(4)[0], **change}
    with pytest.raises(UserError, match=says):
        matrix_scan(steps_of(given), given["initial"])


def test_short_numbers_and_wrong_resets_are_refused() -> None:
    given, _ = problem(4)
    with pytest.raises(UserError, match="too short for a long sum"):
        matrix_scan(Steps(*(tensor.bfloat16() for tensor in steps_of(given))))
    with pytest.raises(UserError, match=r"reset \(2, 3\) torch.bool must be \(2, 4\)"):
        matrix_scan(steps_of(given), None, torch.zeros(2, 3, dtype=torch.bool))
    with pytest.raises(UserError, match="unknown scan backend 'fast'"):
        matrix_scan(steps_of(given), backend="fast")

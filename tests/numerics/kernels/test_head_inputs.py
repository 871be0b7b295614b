"""Query, key, value and lookup of the delta rule in one pass, forwards and backwards, against torch's operations."""

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor

from newllm.kernels import head_inputs, head_inputs_naive

numba = pytest.importorskip("numba")
HEADS = 3


def results(run, projected: Tensor, strength: Tensor, keys: int) -> list[Tensor]:
    leaves = [projected.detach().clone().requires_grad_(), strength.detach().clone().requires_grad_()]
    outputs = run(*leaves, keys)
    chance = torch.Generator().manual_seed(1)
    loss = torch.zeros((), dtype=outputs[0].dtype)
    for output in outputs:
        loss = loss + (torch.randn(output.shape, generator=chance).to(output.dtype) * output).sum()
    return [*outputs, *torch.autograd.grad(loss, leaves)]


@pytest.mark.parametrize(("keys", "values"), [(2, 1), (5, 7), (16, 32), (64, 33)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_is_what_torch_makes_of_it(keys: int, values: int, dtype: torch.dtype) -> None:
    projected = torch.randn(2, 9, HEADS * (2 * keys + values)).to(dtype)
    strength = torch.rand(2, 9, HEADS)
    expected = results(head_inputs_naive, projected.double(), strength.double(), keys)
    found = results(head_inputs, projected, strength, keys)
    assert [value.dtype for value in found] == [torch.float32] * 4 + [dtype, torch.float32]
    for value, wanted in zip(found, expected, strict=True):
        tolerance = 1e-2 if value.dtype == torch.bfloat16 else 3e-6
        assert ((value.double() - wanted).abs() / (1 + wanted.abs())).max() < tolerance


def test_a_key_of_zeros_gives_zeros_and_finite_gradients() -> None:
    projected = torch.zeros(1, 2, HEADS * 12)
    found = results(head_inputs, projected, torch.ones(1, 2, HEADS), 4)
    expected = results(head_inputs_naive, projected, torch.ones(1, 2, HEADS), 4)
    for value, wanted in zip(found, expected, strict=True):
        assert torch.isfinite(value).all()
        torch.testing.assert_close(value, wanted)
    assert not any(value.any() for value in found[:4])


@pytest.fixture
def nan_memory() -> Iterator[None]:
    """Let torch fill every new, uninitialised tensor with NaN."""
    torch.use_deterministic_algorithms(True)
    assert torch.ones(2).new_empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


@numba.njit
def spoil(count: int) -> float:
    """Leave NaN in the memory that the next arrays of compiled code of so many numbers are given."""
    found = 0.0
    for _ in range(8):
        some = np.empty(count, np.float32)
        some[:] = np.nan
        found += some[0]
    return found


@pytest.mark.parametrize("shape", [(1, 1, 2, 1), (2, 9, 5, 7), (2, 9, 16, 33)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_no_memory_is_read_before_it_is_written(
    shape: tuple[int, int, int, int], dtype: torch.dtype, request: pytest.FixtureRequest
) -> None:
    rows, positions, keys, values = shape
    projected = torch.randn(rows, positions, HEADS * (2 * keys + values)).to(dtype)
    strength = torch.rand(rows, positions, HEADS)
    expected = results(head_inputs, projected, strength, keys)
    request.getfixturevalue("nan_memory")
    assert np.isnan(spoil(keys))
    found = results(head_inputs, projected, strength, keys)
    assert all(torch.equal(value, wanted) for value, wanted in zip(found, expected, strict=True))
    assert all(torch.isfinite(value).all() for value in found)


def test_threads_change_no_bits() -> None:
    projected, strength = torch.randn(4, 65, HEADS * 80), torch.rand(4, 65, HEADS)
    before, found = torch.get_num_threads(), []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        found.append(results(head_inputs, projected, strength, 32))
    torch.set_num_threads(before)
    assert all(torch.equal(one, two) for some in found for one, two in zip(some, found[0], strict=True))


def test_float64_and_transforms_take_torchs_operations() -> None:
    projected, strength = torch.randn(1, 2, HEADS * 12), torch.rand(1, 2, HEADS)
    for value, wanted in zip(
        head_inputs(projected.double(), strength.double(), 4),
        head_inputs_naive(projected.double(), strength.double(), 4),
        strict=True,
    ):
        assert torch.equal(value, wanted)
    mapped = torch.func.vmap(lambda p, s: head_inputs(p, s, 4)[0])(projected, strength)
    torch.testing.assert_close(mapped, head_inputs_naive(projected, strength, 4)[0])

"""What holds of the scan for any sequence: it can be split, it is causal, its rows are strangers."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from newllm.recurrence import scan


@pytest.fixture(scope="module", params=["torch", "numba"])
def backend(request: pytest.FixtureRequest) -> str:
    """The fixture of conftest.py, of a scope that hypothesis may reuse."""
    if request.param == "numba":
        pytest.importorskip("numba")
    return request.param


@st.composite
def problems(draw: st.DrawFn) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Decay, input, initial and reset, with decays of exactly 0 and 1 among others."""
    rows, length, channels = draw(st.integers(1, 3)), draw(st.integers(1, 140)), draw(st.integers(1, 18))
    chance = torch.Generator().manual_seed(draw(st.integers(0, 2**32)))
    shape = (rows, length, channels)
    spread = 3 * torch.rand(shape, generator=chance, dtype=torch.float64) - 1
    added = torch.randn(shape, generator=chance, dtype=torch.float64)
    initial = torch.randn(rows, channels, generator=chance, dtype=torch.float64)
    often = draw(st.sampled_from([None, 0.0, 0.05, 0.5]))
    reset = None if often is None else torch.rand(rows, length, generator=chance) < often
    return spread.clamp(0, 1), added, initial, reset


def cut(problem: tuple[Tensor, Tensor, Tensor, Tensor | None], part: slice) -> tuple[Tensor, Tensor, Tensor | None]:
    decay, added, _, reset = problem
    return decay[:, part], added[:, part], None if reset is None else reset[:, part]


@settings(max_examples=40, deadline=None)
@given(problem=problems(), data=st.data())
def test_split_anywhere_and_carried_on(backend: str, problem, data: st.DataObject) -> None:
    length = problem[1].shape[1]
    at = data.draw(st.integers(0, length))
    whole, final = scan(*problem, backend=backend)
    context, parts = problem[2], []
    for part in (slice(0, at), slice(at, length)):
        if part.start < part.stop:
            decay, added, reset = cut(problem, part)
            contexts, context = scan(decay, added, context, reset, backend=backend)
            parts.append(contexts)
    torch.testing.assert_close(torch.cat(parts, dim=1), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(context, final, rtol=1e-12, atol=1e-12)


@settings(max_examples=40, deadline=None)
@given(problem=problems())
def test_rows_do_not_see_each_other(backend: str, problem) -> None:
    decay, added, initial, reset = problem
    whole, final = scan(*problem, backend=backend)
    for row in range(len(added)):
        mask = None if reset is None else reset[row, None]
        contexts, last = scan(decay[row, None], added[row, None], initial[row, None], mask, backend=backend)
        assert torch.equal(contexts[0], whole[row])
        assert torch.equal(last[0], final[row])


@settings(max_examples=40, deadline=None)
@given(problem=problems(), data=st.data())
def test_nothing_sees_the_future(backend: str, problem, data: st.DataObject) -> None:
    decay, added, initial, reset = problem
    at = data.draw(st.integers(0, added.shape[1] - 1))
    before = scan(*problem, backend=backend)[0]
    decay, added = decay.clone(), added.clone()
    decay[:, at], added[:, at] = 0.5 * decay[:, at], added[:, at] + 1
    after = scan(decay, added, initial, reset, backend=backend)[0]
    assert torch.equal(after[:, :at], before[:, :at])
    assert not torch.equal(after[:, at], before[:, at])


@settings(max_examples=40, deadline=None)
@given(problem=problems(), data=st.data())
def test_a_reset_forgets_everything_before(backend: str, problem, data: st.DataObject) -> None:
    decay, added, initial, reset = problem
    at = data.draw(st.integers(0, added.shape[1] - 1))
    reset = torch.zeros(added.shape[:2], dtype=torch.bool) if reset is None else reset.clone()
    reset[:, at] = True
    whole, _ = scan(decay, added, initial, reset, backend=backend)
    alone, _ = scan(decay[:, at:], added[:, at:], None, reset[:, at:], backend=backend)
    torch.testing.assert_close(whole[:, at:], alone, rtol=1e-12, atol=1e-12)

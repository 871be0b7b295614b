"""A chain of compiled layers against the same layers written out in float64."""

import itertools
import platform
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

if sys.platform != "linux" or platform.machine() != "x86_64":
    pytest.skip("the chain's barrier is that of Linux on x86-64", allow_module_level=True)
kernel = pytest.importorskip("newllm.model.chain.kernel", reason="numba is an extra", exc_type=ImportError)

from newllm.model.chain import Chain, Stage, chain, is_worth_chaining  # noqa: E402

LENGTH = 5
WIDTHS = [(3, 1), (17, 16, 15), (5, 33, 18, 40), (64, 32)]
ROWS = [1, 2, 3, 4, 7, 8, 15, 16, 17, 33]


@pytest.fixture(params=[1, 2, 3])
def threads(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """So many threads share even the smallest product, also on fewer cores."""
    monkeypatch.setattr(chain, "threads_for", lambda _products: request.param)
    return request.param


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    before = threading.active_count()
    yield
    assert threading.active_count() == before


def layers(widths: tuple[int, ...], rows: int) -> list[Stage]:
    """Return stages at random, with every operand and without, and none of them contiguous."""
    stages, given = [], torch.randn(LENGTH, rows, widths[0])
    for layer, (inputs, outputs) in enumerate(itertools.pairwise(widths)):
        out = torch.full((LENGTH, rows, outputs + 3), float("nan"))[..., 1:-2]
        add, gate, mask = torch.randn(3, rows, LENGTH, outputs + layer).transpose(1, 2)[..., layer:]
        optional: dict[str, Any] = (
            {"add": add, "gate": gate, "mask": mask} if layer % 2 else {"add": add[0, 0], "relu": True}
        )
        weight = torch.randn(inputs, outputs).t() if layer % 2 else torch.randn(outputs, inputs)
        stages.append(Stage(weight, given, out, **optional))
        given = out
    return stages


def expected(stages: list[Stage]) -> list[Tensor]:
    outs, value = [], stages[0].given.double()
    for stage in stages:
        value = value @ stage.weight.double().t() + (0.0 if stage.add is None else stage.add)
        value = value.relu() if stage.relu else value
        value = value if stage.gate is None else torch.where(stage.gate > 0, value, 0.0)
        value = value if stage.mask is None else value * stage.mask
        outs.append(value)
    return outs


def run(stages: list[Stage], positions: range = range(LENGTH)) -> None:
    with Chain(stages, positions) as opened:
        for t in positions:
            opened(t)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("widths", WIDTHS)
def test_it_is_its_layers(widths: tuple[int, ...], rows: int) -> None:
    for positions in (range(LENGTH), range(LENGTH - 1, -1, -1)):
        stages = layers(widths, rows)
        run(stages, positions)
        for stage, value in zip(stages, expected(stages), strict=True):
            scale = max(1.0, value.abs().max().item())
            torch.testing.assert_close(stage.out.double(), value, rtol=0.0, atol=2e-6 * scale)


@pytest.mark.usefixtures("threads")
def test_a_stage_writes_nothing_beside_its_outputs() -> None:
    around = torch.zeros(LENGTH, 7, 40)
    run([Stage(torch.randn(21, 9), torch.randn(LENGTH, 7, 9), around[..., 8:29])])
    assert not around[..., :8].any()
    assert not around[..., 29:].any()
    assert around[..., 8:29].all()


def test_bits_depend_neither_on_threads_nor_on_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    given, weight, found = torch.randn(LENGTH, 33, 100), torch.randn(50, 100), []
    for count, rows in ((1, 33), (2, 33), (3, 33), (2, 1), (2, 4), (2, 9), (2, 16)):
        monkeypatch.setattr(chain, "threads_for", lambda _products, count=count: count)
        out = torch.empty(LENGTH, rows, 50)
        run([Stage(weight, given[:, :rows], out)])
        found.append(out)
    assert all(torch.equal(out, found[0][:, : out.shape[1]]) for out in found)


@pytest.mark.parametrize("relu", [False, True])
def test_numbers_that_are_not_finite_go_through_as_in_torch(relu: bool) -> None:
    given = torch.ones(1, 3, 2)
    given[0, 0, 0], given[0, 1, 1] = float("nan"), float("inf")
    weight = torch.tensor([[1.0, 1.0], [-1.0, -1.0], [0.0, 1.0]])
    out = torch.empty(1, 3, 3)
    run([Stage(weight, given, out, relu=relu)], range(1))
    value = given @ weight.t()
    torch.testing.assert_close(out, value.relu() if relu else value, rtol=0.0, atol=0.0, equal_nan=True)


@pytest.mark.usefixtures("threads")
@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_between_positions_ends_every_thread(error: type[BaseException]) -> None:
    """The autouse fixture sees to it that none is left."""

    def interrupted() -> None:
        with Chain(layers((5, 33, 18), 4), range(LENGTH)) as opened:
            opened(0)
            raise error

    with pytest.raises(error):
        interrupted()


def test_positions_may_be_left_out_at_the_end() -> None:
    with Chain(layers((5, 33, 18), 4), range(LENGTH)) as opened:
        opened(0)


def failing(real: Callable[..., None]) -> Callable[..., None]:
    def run_positions(stages: Any, order: Any, team: Any) -> None:
        if team[1] == 1:  # the second thread
            raise MemoryError("no room")
        real(stages, order, team)

    return run_positions


def test_an_error_in_a_helping_thread_reaches_the_caller(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "threads_for", lambda _products: 3)
    monkeypatch.setattr(kernel, "run_positions", failing(kernel.run_positions))
    with pytest.raises(MemoryError, match="no room"):
        run(layers((5, 33, 18), 4))


def test_a_thread_that_cannot_start_is_told_and_leaves_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "threads_for", lambda _products: 3)
    start, started = threading.Thread.start, []

    def start_one(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    with pytest.raises(RuntimeError, match="can't start"):
        run(layers((5, 33, 18), 4))
    started[0].join(timeout=10)


def test_it_runs_where_it_is_faster(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chain, "has_avx512_kernels", lambda: True)
    length, rows = chain.FEWEST_POSITIONS, chain.MOST_ROWS
    assert is_worth_chaining(torch.empty(length, 1, 8))
    assert is_worth_chaining(torch.empty(length, rows, 8))
    assert not is_worth_chaining(torch.empty(length, rows + 1, 8))
    assert not is_worth_chaining(torch.empty(length - 1, 4, 8))
    assert not is_worth_chaining(torch.empty(length, 4, 8, dtype=torch.bfloat16))
    assert not is_worth_chaining(torch.empty(length, 4, 8, dtype=torch.float64))
    assert not is_worth_chaining(torch.empty(length, 4, 8, device="meta"))
    monkeypatch.setattr(chain, "has_avx512_kernels", lambda: False)
    assert not is_worth_chaining(torch.empty(length, rows, 8))

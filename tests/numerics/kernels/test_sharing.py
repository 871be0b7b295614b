"""How work is shared out among threads, and from where on kernels run: exact numbers."""

import os

import pytest
import torch

from newllm.kernels import fusing
from newllm.kernels.threads import by_channels, by_positions, run, threads_for


@pytest.fixture(autouse=True)
def four_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)


@pytest.mark.parametrize(
    ("shape", "jobs"),
    [
        ((5, 100, 70), [(0, 1, 0, 70), (1, 2, 0, 70), (2, 3, 0, 70), (3, 5, 0, 70)]),
        ((4, 100, 82), [(0, 1, 0, 82), (1, 2, 0, 82), (2, 3, 0, 82), (3, 4, 0, 82)]),
        # Fewer rows than threads: whole cache lines of sixteen channels, the last one as long as it is.
        ((3, 200, 70), [(0, 3, 0, 16), (0, 3, 16, 32), (0, 3, 32, 48), (0, 3, 48, 70)]),
        ((1, 2000, 17), [(0, 1, 0, 16), (0, 1, 16, 17)]),
        ((1, 32_768, 1), [(0, 1, 0, 1)]),
        ((4, 8191, 1), [(0, 4, 0, 1)]),  # too little to wake a thread for
        ((4, 8192, 1), [(0, 1, 0, 1), (1, 2, 0, 1), (2, 3, 0, 1), (3, 4, 0, 1)]),
    ],
)
def test_rows_or_channels_are_shared_out(shape: tuple[int, int, int], jobs: list[tuple[int, ...]]) -> None:
    assert by_channels(*shape) == jobs


@pytest.mark.parametrize(
    ("positions", "width", "block", "jobs"),
    [
        (100, 400, 1, [(0, 25), (25, 50), (50, 75), (75, 100)]),
        (100, 327, 1, [(0, 100)]),
        (100, 400, 32, [(0, 32), (32, 64), (64, 96), (96, 100)]),
        (100, 400, 48, [(0, 48), (48, 96), (96, 100)]),
    ],
)
def test_positions_are_shared_out_in_whole_blocks(
    positions: int, width: int, block: int, jobs: list[tuple[int, int]]
) -> None:
    assert by_positions(positions, width, block) == jobs
    assert by_positions(100, 400) == [(0, 25), (25, 50), (50, 75), (75, 100)]


@pytest.mark.parametrize(
    ("products", "torchs", "processors", "threads"),
    [(0, 8, 8, 1), (2**20 - 1, 8, 8, 1), (2**20, 8, 8, 2), (3 * 2**19, 8, 8, 3), (2**30, 8, 4, 4), (2**30, 2, 8, 2)],
)
def test_a_thread_has_half_a_million_multiply_adds(
    products: int, torchs: int, processors: int, threads: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: torchs)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(processors)), raising=False)
    assert threads_for(products) == threads


def test_every_job_is_done_once() -> None:
    for jobs in ([(1, 2)], [(1, 2), (3, 4), (5, 6)]):
        done: list[tuple[str, int, int]] = []
        run(lambda name, first, last, done=done: done.append((name, first, last)), ["it"], jobs)
        assert sorted(done) == [("it", *job) for job in jobs]


def test_a_job_that_fails_is_told() -> None:
    def kernel(job: int) -> None:
        if job == 2:
            raise ValueError(job)

    with pytest.raises(ValueError, match="2"):
        run(kernel, [], [(0,), (1,), (2,)])


def test_kernels_run_from_sixteen_positions_on_or_where_gradients_are_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fusing, "has_numba", lambda: True)
    many, few = torch.zeros(4, 4, 8), torch.zeros(3, 5, 8)
    with torch.no_grad():
        assert fusing.should_fuse(many)
        assert not fusing.should_fuse(few)
    assert fusing.should_fuse(few)
    assert fusing.should_fuse(few.bfloat16(), many)
    assert not fusing.should_fuse(many.double())
    assert not fusing.should_fuse(many, few.half())
    monkeypatch.setattr(fusing, "has_numba", lambda: False)
    assert not fusing.should_fuse(many)


def test_a_product_is_written_as_autocast_would() -> None:
    assert fusing.written_dtype(torch.float32) == torch.float32
    with torch.autocast("cpu", torch.bfloat16):
        assert fusing.written_dtype(torch.float32) == torch.bfloat16

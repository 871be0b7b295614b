"""What can run here, as the system says it, and memory that begins at a cache line."""

import sys
from collections.abc import Iterator

import numpy as np
import pytest
import torch

from newllm.kernels import processor
from newllm.kernels.memory import LINE, aligned
from newllm.kernels.processor import has_avx512_kernels, has_byte_products, has_numba


@pytest.fixture(autouse=True)
def answered_anew() -> Iterator[None]:
    """Each is answered once a process: here it forgets, before a test and after it."""
    for question in (has_avx512_kernels, has_byte_products):
        question.cache_clear()
    yield
    for question in (has_avx512_kernels, has_byte_products):
        question.cache_clear()


@pytest.mark.parametrize(
    ("capability", "system", "numba", "runs"),
    [
        ("AVX512", "linux", True, True),
        ("AVX2", "linux", True, False),
        ("AVX512", "darwin", True, False),
        ("AVX512", "linux", False, False),
    ],
)
def test_code_written_by_hand_needs_avx512_and_linux_and_numba(
    capability: str, system: str, monkeypatch: pytest.MonkeyPatch, *, numba: bool, runs: bool
) -> None:
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(processor, "HAS_NUMBA", numba)
    assert has_avx512_kernels() is runs
    assert has_numba() is numba


@pytest.mark.parametrize(("flags", "has"), [("fpu avx512_vnni sse", True), ("avx_vnni avx512f", False), (None, False)])
def test_products_of_bytes_are_a_flag_of_the_processor(
    flags: str | None, monkeypatch: pytest.MonkeyPatch, *, has: bool
) -> None:
    monkeypatch.setattr(processor, "cpuinfo", lambda: {} if flags is None else {"flags": flags})
    monkeypatch.setattr(processor, "has_avx512", lambda: True)
    assert has_byte_products() is has
    monkeypatch.setattr(processor, "has_avx512", lambda: False)
    has_byte_products.cache_clear()
    assert not has_byte_products()


@pytest.mark.parametrize(("count", "dtype"), [(1, np.uint8), (63, np.uint8), (8, np.int64), (100_003, np.float32)])
def test_memory_begins_at_a_cache_line(count: int, dtype: type) -> None:
    for _ in range(5):
        memory = aligned(count, dtype)
        assert memory.shape == (count,)
        assert memory.dtype == dtype
        assert memory.ctypes.data % LINE == 0
        memory[:] = 1

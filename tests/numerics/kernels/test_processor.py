"""What can run here, as the system says it, and memory that begins at a cache line."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from newllm.kernels import processor
from newllm.kernels.memory import LINE, aligned
from newllm.kernels.processor import has_avx512_kernels, has_byte_products, has_numba
from newllm.machine import available_cores, processor_name


@pytest.fixture(autouse=True)
def answered_anew() -> Iterator[None]:
    """Each is answered once a process: here it forgets, before a test and after it."""
    for question in (has_numba, has_avx512_kernels, has_byte_products):
        question.cache_clear()
    yield
    for question in (has_numba, has_avx512_kernels, has_byte_products):
        question.cache_clear()


@pytest.mark.parametrize(
    ("content", "said"),
    [("cpu\t: 0\nmodel name\t: A: B\ncpu family\t: 6\nmodel\t: 9\n\nmodel name\t: C\n", "A: B, family 6, model 9"),
     ("model name\t: A\n", "A, family ?, model ?"), ("Hardware : x\n", "elsewhere"), (None, "elsewhere")],
)  # fmt: skip
def test_a_processor_is_the_first_that_the_system_names(content: str | None, said: str, monkeypatch) -> None:
    def read(*_: object, **__: object) -> str:
        if content is None:
            raise FileNotFoundError
        return content

    monkeypatch.setattr(Path, "read_text", read)
    monkeypatch.setattr("platform.processor", lambda: "elsewhere")
    assert processor_name() == said
    monkeypatch.setattr("platform.processor", lambda: "")
    monkeypatch.setattr("platform.machine", lambda: "machine")
    assert processor_name() == (said if said != "elsewhere" else "machine")


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
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name if numba else None)
    assert has_avx512_kernels() is runs
    assert has_numba() is numba


@pytest.mark.parametrize(("flags", "has"), [("fpu avx512_vnni sse", True), ("avx_vnni avx512f", False), (None, False)])
def test_products_of_bytes_are_a_flag_of_the_processor(
    flags: str | None, monkeypatch: pytest.MonkeyPatch, *, has: bool
) -> None:
    monkeypatch.setattr(processor, "cpuinfo", lambda: {} if flags is None else {"flags": flags})
    assert has_byte_products() is has


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 6}, raising=False)
    assert available_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert available_cores() == 7


@pytest.mark.parametrize(("count", "dtype"), [(1, np.uint8), (63, np.uint8), (8, np.int64), (100_003, np.float32)])
def test_memory_begins_at_a_cache_line(count: int, dtype: type) -> None:
    for _ in range(5):
        memory = aligned(count, dtype)
        assert memory.shape == (count,)
        assert memory.dtype == dtype
        assert memory.ctypes.data % LINE == 0
        memory[:] = 1

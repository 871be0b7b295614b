"""The machine that this is, as the system says it."""

import os
from pathlib import Path

import pytest

from newllm.machine import available_cores, bf16_is_slow, processor_name


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


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {1, 5, 6}, raising=False)
    assert available_cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 7)
    assert available_cores() == 7


@pytest.mark.parametrize(
    ("content", "is_slow"),
    [
        ("flags\t: fpu avx2\n", True), ("flags\t: avx2 avx512f avx512_bf16\n", False), ("flags\t: avx512f\n", False),
        ("flags\t: avx2 avx_ne_convert\n", False), ("Features : asimd bf16\n", False), ("Features : asimd\n", True),
        ("Hardware : x\n", False),
    ],
)  # fmt: skip
def test_bf16_is_slow_where_the_processor_has_no_instructions_for_it(content: str, is_slow: bool, monkeypatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: content)
    assert bf16_is_slow() is is_slow

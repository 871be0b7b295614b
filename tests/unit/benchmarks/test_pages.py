"""Tables and plots of the benchmark suite, from results made by hand."""

import json
from pathlib import Path

import pytest

from markdown_tables import number, ranged, table
from render import rendered

MACHINE = {"processor": "P", "cores": 2, "torch_threads": 2, "torch": "2", "cpu_capability": "AVX512", "python": "3"}


def spread(value: float) -> dict[str, float]:
    return {"median": value, "least": 0.9 * value, "most": 1.1 * value}


def training_cell(peer: str, length: int, speed: float) -> dict[str, object]:
    return {
        "peer": peer, "length": length, "precision": "fp32", "rows": 1, "parameters": 10, "loss": 1.0, "rounds": 3,
        "tokens_per_second": spread(speed), "alone_tokens_per_second": 2 * speed, "ours_by_this": spread(1.5),
        "share_of_gemm_peak": spread(0.5), "gemm_gigaflops": spread(190.0), "peak_mebibytes": 64.0,
    }  # fmt: skip


def test_numbers_have_three_digits_or_four_with_commas() -> None:
    assert [number(value) for value in (0.01234, 3.14159, 12345.6)] == ["0.0123", "3.14", "12,350"]
    assert ranged(spread(1000.0)) == "1,000 (900 to 1,100)"


def test_a_table_has_a_row_a_line() -> None:
    assert table(["", "a"], [["x", "1"]]) == "|  | a |\n| --- | ---: |\n| x | 1 |\n"


def test_a_cell_without_a_number_says_why_and_is_in_no_plot(tmp_path: Path) -> None:
    failed = {"peer": "mambapy", "length": 64, "precision": "fp32", "rows": 1, "failed": "over the cap at T = 32"}
    cells = [training_cell("newllm stack", 32, 500.0), training_cell("mambapy", 32, 70.0)]
    result = {
        "machine": MACHINE, "tokens_of_a_batch": 64, "cap_seconds": 20, "square_product": 2048,
        "alone_compared_at": 32, "peers": ["newllm stack", "mambapy"],
        "cells": [*cells, training_cell("newllm stack", 64, 400.0), failed],
    }  # fmt: skip
    (tmp_path / "throughput.json").write_text(json.dumps(result))
    rendered(tmp_path / "throughput.json", tmp_path)
    page = (tmp_path / "throughput.md").read_text()
    assert "| mambapy | 70 (63 to 77) | over the cap at T = 32 |" in page
    assert "| newllm stack | 10 | 1,000 | 500 | 0.50 |" in page  # alone and among the others
    assert (tmp_path / "throughput.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("missing", ["not installed", "out of memory"])
def test_decoding_says_what_is_missing(tmp_path: Path, missing: str) -> None:
    step = {
        "what": "step", "context": 128, "peer": "newllm stack, eager step", "milliseconds": spread(2.0), "rounds": 3,
        "alone_milliseconds": 2.0, "by_ours": {"newllm stack, eager step": spread(1.0)}, "parameters": 10,
        "weight_bytes": 2**20, "memory_bytes": 2048, "peak_mebibytes": 3.0,
    }  # fmt: skip
    gone = {"what": "step", "context": 128, "peer": "mambapy", "failed": missing}
    result = {
        "machine": MACHINE, "tokens_of_a_block": 16, "seconds_of_a_block": 0.01, "cap_seconds": 60,
        "cells": [step, gone], "peers": ["newllm stack, eager step", "mambapy"],
    }  # fmt: skip
    (tmp_path / "decoding.json").write_text(json.dumps(result))
    rendered(tmp_path / "decoding.json", tmp_path)
    page = (tmp_path / "decoding.md").read_text()
    assert f"| mambapy | {missing} |" in page
    assert "| newllm stack, eager step | 2 (1.8 to 2.2) |" in page

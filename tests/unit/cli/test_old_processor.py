"""A processor that computes no LSTM in bf16: oneDNN is told to use no more than AVX2."""

import json
import platform

import pytest

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="oneDNN's limit is of x86 processors"),
]


@pytest.fixture(autouse=True)
def only_avx2(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", "AVX2")


def test_left_to_itself_it_trains_in_fp32(process, text, tiny, tmp_path) -> None:
    options = [item for item in tiny if "precision" not in item]
    run = ["train", text, *options, "--body", "lstm", "--steps", 2, "--out", tmp_path / "run", "--json"]
    done = process("-m", "newllm.cli.main", *run)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["precision"] == "fp32"
    assert b"precision fp32: this processor has no fast arithmetic in bf16 for this architecture" in done.stderr


def test_told_to_take_bf16_it_says_what_to_do_in_one_line(process, text, tiny, tmp_path) -> None:
    bf16 = "--set=numerics.precision=bf16"
    run = ["train", text, *tiny, bf16, "--body", "lstm", "--steps", 2, "--out", tmp_path / "run", "--quiet"]
    done = process("-m", "newllm.cli.main", *run)
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1, done.stderr
    assert b"this processor computes no LSTM in bf16: take --set numerics.precision=fp32" in done.stderr

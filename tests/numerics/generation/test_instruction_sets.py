"""The compiled step has the same bits with AVX2 as with AVX-512."""

import hashlib
import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

pytest.importorskip("numba", reason="numba is an extra")

from newllm.generation import Decoder
from newllm.kernels.processor import has_avx512, has_decoding_kernels
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="instruction sets of x86 processors"),
]

_AVX2 = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "NUMBA_CPU_NAME": "haswell",
    "NUMBA_CPU_FEATURES": "+avx,+avx2,+fma,+bmi,+bmi2,+sse4.2,+f16c,+popcnt,+lzcnt,+movbe",
}


def bits_of_reading() -> str:
    """Return a digest of what is predicted after five texts of several lengths, read at once."""
    found = hashlib.sha256()
    for weights in ("fp32", "bf16"):
        shape = {"width": 40, "hidden": 72, "context": 56, "layers": 2, "vocabulary": 57, "norm": "read"}
        model = LanguageModel(ModelConfig(**shape), seed=3)
        decoder, states = Decoder(model, weights), [model.initial_state(1)] * 5
        assert decoder.is_compiled
        for step in range(6):
            texts = [[(7 * step + 3 * i + j) % 57 for j in range(1 + (i + step) % 4)] for i in range(5)]
            logits_NV, states = decoder.read(texts, states)
            found.update(logits_NV.numpy().tobytes())
        found.update(torch.cat([state["1.context"] for state in states]).numpy().tobytes())
    return found.hexdigest()


@pytest.mark.skipif(not (has_decoding_kernels() and has_avx512()), reason="there is no AVX-512 here to compare with")
def test_avx2_has_the_bits_of_avx512(tmp_path: Path) -> None:
    code = "import test_instruction_sets as t; assert not t.has_avx512(); print(t.bits_of_reading())"
    environment = os.environ | _AVX2 | {"NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == bits_of_reading()

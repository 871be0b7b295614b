"""Machine code that another process compiled and kept computes the same as what was compiled here."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from newllm.kernels.processor import has_avx512

pytest.importorskip("numba", reason="numba is an extra")

# Run twice: the first process compiles and calls what each function was compiled to by itself, the second one loads
# what all of them were linked to. The memory that they are given is never 0 by chance.
PROGRAM = """
import torch
from newllm.recurrence import Steps, matrix_scan

torch.manual_seed(0)
for decays in (1, 16):
    given = [torch.randn(2, 19, 2, width) / 4 for width in (16, 16, 16, 16, decays)]
    initial, reset = torch.randn(2, 2, 16, 16), torch.rand(2, 19) < 0.2
    found = {}
    for backend in ("numba", "torch"):
        leaves = [one.clone().requires_grad_() for one in (*given, initial)]
        query, key, value, lookup, decay, first = leaves
        made = matrix_scan(Steps(query, key, value, lookup, -(decay**2)), first, reset, backend=backend)
        total = sum((one * torch.arange(one.numel()).view(one.shape).sin()).sum() for one in made)
        found[backend] = [*made, *torch.autograd.grad(total, leaves)]
    for one, other in zip(found["numba"], found["torch"], strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-4)
"""


def test_the_gradient_of_matrices_is_right_compiled_and_loaded(tmp_path: Path) -> None:
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "MALLOC_PERTURB_": "85"}
    if has_avx512():
        environment["NUMBA_CPU_NAME"] = "skylake-avx512"  # for which LLVM 22 lost a store
    for _ in range(2):
        done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    assert list(tmp_path.rglob("*.nbc"))

"""What can run here: what the processor and the system can do, and whether numba is installed. Nothing here imports it.

Whether Triton runs on a GPU is another question, and takes a trial: `recurrence.scan.triton_here`.
"""

import functools
import importlib.util
import sys

import torch

from newllm.machine import cpuinfo


@functools.cache
def has_numba() -> bool:
    """Return whether numba, an extra, is installed."""
    return importlib.util.find_spec("numba") is not None


@functools.cache
def has_avx512_kernels() -> bool:
    """Return whether the machine code of `model.chain` and `generation.compiled_step` runs here."""
    # Its sums fill the registers of AVX-512, and only there is it measured; its barrier is Linux's.
    has_vectors = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return has_vectors and sys.platform == "linux" and has_numba()


@functools.cache
def has_byte_products() -> bool:
    """Return whether the processor adds products of bytes, four a lane: AVX-512 VNNI."""
    return "avx512_vnni" in cpuinfo().get("flags", "").split()

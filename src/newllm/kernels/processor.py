"""What can run here: what the processor and the system can do, and whether numba is installed. Nothing here imports it.

Whether Triton runs on a GPU is another question, and takes a trial: `recurrence.triton_here`.
"""

import functools
import importlib.util
import sys

import torch

from newllm.machine import cpuinfo

HAS_NUMBA = importlib.util.find_spec("numba") is not None


def has_numba() -> bool:
    """Return whether numba, an extra, is installed."""
    return HAS_NUMBA


@functools.cache
def has_avx512_kernels() -> bool:
    """Return whether the machine code of `model.chain` runs here."""
    # Its sums fill the registers of AVX-512, and only there is it measured; its barrier is Linux's.
    return has_avx512() and sys.platform == "linux" and has_numba()


@functools.cache
def has_decoding_kernels() -> bool:
    """Return whether the machine code of `generation.compiled_step` runs here."""
    has_vectors = torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    return has_vectors and sys.platform == "linux" and has_numba()  # its barrier is Linux's


def has_avx512() -> bool:
    """Return whether there are 32 registers of 16 floats each; AVX2 has 16 of 8."""
    return torch.backends.cpu.get_cpu_capability() == "AVX512"


@functools.cache
def has_byte_products() -> bool:
    """Return whether the processor adds products of bytes, four a lane: AVX-512 VNNI."""
    return has_avx512() and "avx512_vnni" in cpuinfo().get("flags", "").split()

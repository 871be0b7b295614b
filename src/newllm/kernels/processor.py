"""What can run here: what the processor and the system can do, and whether numba is installed. Nothing here imports it.

Whether Triton runs on a GPU is another question, and takes a trial: `recurrence.scan.triton_here`.
"""

import functools
import importlib.util
import os
import platform
import sys
from pathlib import Path

import torch


@functools.cache
def has_numba() -> bool:
    """Return whether numba, an extra, is installed."""
    return importlib.util.find_spec("numba") is not None


@functools.cache
def has_avx512_kernels() -> bool:
    """Return whether the machine code written by hand runs here: `model.chain` and `generation.compiled_step`."""
    # Its sums fill the registers of AVX-512, and only there is it measured; its barrier is Linux's.
    has_vectors = torch.backends.cpu.get_cpu_capability() == "AVX512"
    return has_vectors and sys.platform == "linux" and has_numba()


@functools.cache
def has_byte_products() -> bool:
    """Return whether the processor adds products of bytes, four a lane: AVX-512 VNNI."""
    return "avx512_vnni" in cpuinfo().get("flags", "").split()


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def processor_name() -> str:
    """Return the processor's name; on x86 Linux with its family and model, which the name alone need not tell apart."""
    facts = cpuinfo()
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    return f"{facts['model name']}, family {facts.get('cpu family', '?')}, model {facts.get('model', '?')}"


def cpuinfo() -> dict[str, str]:
    """Return what Linux says of the first core; nothing elsewhere."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.split("\n\n")[0].splitlines())
    return {name.strip(): value.strip() for name, _, value in pairs}

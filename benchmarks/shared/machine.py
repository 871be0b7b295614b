"""What a number was measured on: it stands in every result."""

import importlib.metadata
import os
import platform
import sys
from typing import Any

import torch

from newllm.machine import cpuinfo

_PACKAGES = (
    *("numpy", "numba", "transformers", "mambapy", "minGRU-pytorch", "rwkv"),
    *("trainpulse", "stabilityguard", "trainscope"),
)


def describe() -> dict[str, Any]:
    """Return processor, cores, threads and versions; a package that is not here is "not installed"."""
    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
        "GOMP_SPINCOUNT": os.environ.get("GOMP_SPINCOUNT", "not set"),
        "torch": torch.__version__,
        "python": platform.python_version(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "bf16_matrix_instructions": precision() == "bf16",
    }


def precision() -> str:
    """Return what a training takes that may choose: bf16 where the processor multiplies it, else fp32."""
    return "bf16" if _flags() & {"avx512_bf16", "amx_bf16"} else "fp32"


def precisions(*, quick: bool) -> tuple[str, ...]:
    """Return what is compared: fp32 and bf16, which a quick form leaves out where it takes twenty times as long."""
    return ("fp32",) if quick and precision() == "fp32" else ("fp32", "bf16")


def warn_if_busy() -> None:
    """Say on standard error where others use the machine: torch's spinning threads then take many times as long."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores / 4:
        print(f"load average {load:.1f} on {cores} cores: others use this machine, and these times mean little",
              file=sys.stderr)  # fmt: skip


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    """Return its name with family and model, which tell one generation from another where the name does not."""
    facts = cpuinfo()
    name = facts.get("model name")
    if name is None:
        return platform.processor() or platform.machine()
    return f"{name} (family {facts['cpu family']}, model {facts['model']})" if "cpu family" in facts else name


def _flags() -> set[str]:
    return set(cpuinfo().get("flags", "").split())

"""The machine that this is: its processor, and how much of it is ours."""

import os
import platform
from pathlib import Path

_BF16 = frozenset({"avx512_bf16", "amx_bf16", "avx_ne_convert", "bf16"})
"""Instructions for numbers in bf16. With avx512f alone they are computed in fp32, without it number by number."""


def bf16_is_slow() -> bool:
    """Return whether products in bf16 take ten times as long as in fp32 and more; not where nobody says."""
    facts = cpuinfo()
    has = set(facts.get("flags", facts.get("Features", "")).split())
    return bool(has) and not has & {*_BF16, "avx512f"}


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def memory_bytes() -> int | None:
    """Return how much memory this machine has, None where it does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # Windows has no sysconf
        return None


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

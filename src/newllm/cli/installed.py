"""What `newllm --version` prints: what is installed, and on which machine. Nothing heavy is imported for it.

It is what a report of a mistake needs, so that names and numbers are all of it.
"""

import importlib.metadata
import importlib.util
import platform
import re
from collections.abc import Iterator
from pathlib import Path

from newllm.machine import available_cores, cpuinfo, processor_name
from newllm.version import VERSION

# What this package's speed and numbers hang on, among the hundred names that Linux has for a processor's abilities.
_ABILITIES = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16", "asimd", "bf16", "sve")
_CORE = ("numpy", "zstandard", "rich", "starlette", "uvicorn", "safetensors")
_COMPILED = ("numba", "triton")
_OTHERS = (
    *("tokenizers", "matplotlib", "scipy", "transformers", "accelerate", "peft", "lightning"),
    *("pytorch-lightning", "datasets", "lm_eval", "mcp", "onnx", "onnxruntime"),
    *("tensorboard", "trackio", "mlflow", "wandb"),
)


def installed() -> str:
    """Return the lines, of names and numbers in every language."""
    found = {package: version for package in (*_CORE, *_COMPILED, *_OTHERS) if (version := _version(package))}
    rows = {
        "Python": f"{platform.python_version()}, {platform.platform()}",
        "torch": _torch(),
        "compiled": ", ".join(f"{package} {found.get(package, 'absent')}" for package in _COMPILED),
        "core": _listed(found, _CORE),
        "extras": _listed(found, _OTHERS) or "none",
        "processor": f"{processor_name()}, {available_cores()} cores{''.join(_abilities())}",
    }
    width = max(map(len, rows))
    return "\n".join([f"newllm {VERSION}", *(f"{name:<{width}} {what}" for name, what in rows.items())])


def _listed(found: dict[str, str], packages: tuple[str, ...]) -> str:
    return ", ".join(f"{package} {found[package]}" for package in packages if package in found)


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _torch() -> str:
    """Return torch's version and what it was built for, read from its own file of these: to import it takes seconds."""
    spec, version = importlib.util.find_spec("torch"), _version("torch")
    if spec is None or spec.origin is None:
        return "absent: pip install 'newllm[train]'"
    try:
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        text = ""
    built = re.findall(r"^(cuda|hip|xpu)\b[^=]*= '([^']+)'", text, re.MULTILINE)
    kinds = ", ".join(f"{kind.upper()} {number}" for kind, number in built)
    return f"{version or 'of unknown version'}, {kinds or 'CPU'}"


def _abilities() -> Iterator[str]:
    facts = cpuinfo()
    has = set(facts.get("flags", facts.get("Features", "")).split())
    return (f", {name}" for name in _ABILITIES if name in has)

"""Where a run is: device, threads, versions, processor. What decides bits is written into config.toml."""

import contextlib
import dataclasses
import functools
import importlib.metadata
import importlib.util
import platform
from collections.abc import Iterator, Mapping

import torch

from newllm.errors import UserError
from newllm.machine import processor_name
from newllm.messages import Message, message
from newllm.recurrence import resolve_backend
from newllm.training.config import NumericsConfig

DEVICES = ("auto", "cpu", "cuda", "mps")
DECIDES_BITS = ("processor", "cpu_capability", "torch", "numba")
"""What of an environment decides the bits of a training on the CPU: where one differs, so may they."""

_PACKAGES = ("newllm", "torch", "numpy", "numba", "triton", "safetensors", "tokenizers")


def resolve_numerics(config: NumericsConfig) -> NumericsConfig:
    """Return device, threads and scan backend written out; the precision is left to `precision_timing`.

    Raises:
        UserError: the device is not here.
    """
    device = resolve_device(config.device)
    return dataclasses.replace(
        config,
        device=device,
        threads=config.threads or torch.get_num_threads(),
        scan_backend=resolve_backend(config.scan_backend, device),
    )


def seed_torch(seed: int) -> None:
    """Seed torch's random numbers, as `torch.manual_seed` does.

    Where there is no accelerator that one notes at each call, with the call stack, what a CUDA that comes later has to
    do: 1 to 2 milliseconds, which is much of a small model's update.
    """
    if torch.accelerator.is_available():
        torch.manual_seed(seed)
    else:
        torch.default_generator.manual_seed(seed)


def resolve_device(name: str) -> str:
    """Return a device's name: "auto" takes CUDA, then MPS, then the CPU.

    Raises:
        UserError: there is no such device here.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        if torch.empty(1, device=name).is_meta:
            raise NotImplementedError("it computes nothing")
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        known = name.partition(":")[0] in DEVICES
        why = f" ({str(error).splitlines()[0]})" if known else ""  # of other names torch lists what nobody has
        raise UserError(f"--device '{name}' is not here{why}: take one of {', '.join(DEVICES)}") from error
    return name


def describe_environment() -> dict[str, str]:
    """Return versions and processor as text."""
    versions = {}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "absent"
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": processor_name(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        **versions,
    }


@functools.cache
def describe_place(engine: str) -> Mapping[str, str]:
    """Return where this process runs, as its results say it: the engine, the machine, and what decides bits there."""
    environment = describe_environment()
    return {"engine": engine, "host": platform.node(), **{name: environment[name] for name in DECIDES_BITS}}


def kind_of(place: Mapping[str, object] | None) -> tuple[str, ...]:
    """Return the kind of processor of a place, with torch and numba there: bits are compared within one kind.

    Args:
        place: as `describe_place` says it, or an environment; where none is known it is this machine's.
    """
    known = describe_place("local") if place is None else place
    return tuple(str(known.get(name, "unknown")) for name in DECIDES_BITS)


def differences(
    before: Mapping[str, str], names: tuple[str, ...] = ("torch", "numba", "cpu_capability")
) -> list[Message]:
    """Return what is not as it was when a run began.

    Args:
        before: what `describe_environment` gave then; what it did not say is passed over.
        names: what matters.
    """
    now = describe_environment()
    return [
        message("environment", name=name, before=before[name], now=now[name])
        for name in names
        if name in before and now.get(name) != before[name]
    ]


@contextlib.contextmanager
def using_threads(number: int) -> Iterator[None]:
    """Run with so many torch threads (0: as it is), and put back what was before."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)

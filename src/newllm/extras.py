"""Packages that only a part of newllm needs: one line says how to install what is missing or of another version.

The core reads logs and recordings, shows them, and records loops of torch, whichever torch is installed. What the
included models need beside it is the extra `train`.
"""

import importlib
import importlib.util
from types import ModuleType

from newllm.errors import UserError

TRAIN = ("torch", "tokenizers", "matplotlib", "scipy", "jinja2")
"""The packages of the extra `train`, by the names that they are imported by."""


def imported(module: str) -> ModuleType:
    """Import a module of ours that may need more than the core.

    Raises:
        UserError: it needs a package of the extra `train` that is not installed.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise missing_package(error) from None


def missing_package(error: ModuleNotFoundError) -> UserError:
    """Return what to install where a package of the extra `train` is missing; raise the error again where it is not."""
    package = (error.name or "").partition(".")[0]
    if package not in TRAIN:
        raise error
    return _missing(package, _install("train"))


def check_training() -> None:
    """Refuse to begin with an included model what cannot be ended: its curves are drawn last.

    Raises:
        UserError: a package of the extra `train` is not installed.
    """
    package = lacked_for_training()
    if package is not None:
        raise _missing(package, _install("train"))


def lacked_for_training() -> str | None:
    """Return the first package of the extra `train` that is not installed; None where all are."""
    return next((package for package in TRAIN if not is_installed(package)), None)


def check_present(package: str, extra: str) -> None:
    """Refuse to go on without a package, of whatever version.

    Raises:
        UserError: it is not installed.
    """
    if not is_installed(package):
        raise _missing(package, _install(extra))


def is_installed(package: str) -> bool:
    """Whether a package can be imported; it is not."""
    return importlib.util.find_spec(package) is not None


def check_installed(package: str, extra: str, lowest: str, below: str, install: str = "") -> None:
    """Refuse to go on without a package in a version that an integration was written for.

    Args:
        package: its name on the package index.
        extra: ours that brings it along.
        lowest: first version that will do, as "5.14".
        below: first version that will not.
        install: the command that gets it, where that is not the extra's.

    Raises:
        UserError: the package is not installed, or in another version.
    """
    import importlib.metadata  # 30 ms, which those who have all need not wait for

    install = install or _install(extra)
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise _missing(package, install) from error
    if not _numbers(lowest) <= _numbers(version) < _numbers(below):
        raise UserError(f"{package} {version} is installed, newllm takes {lowest} to below {below}: {install}")


def _install(extra: str) -> str:
    return f"pip install 'newllm[{extra}]'"


def _missing(package: str, install: str) -> UserError:
    return UserError(f"this needs the package {package}, which is not installed: {install}")


def _numbers(version: str) -> tuple[int, ...]:
    parts = [part for part in version.split(".")[:3] if part.isdecimal()]
    return tuple(map(int, parts))

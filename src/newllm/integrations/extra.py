"""Packages that only an integration needs: one line says how to install what is missing or of another version."""

import importlib.metadata

from newllm.errors import UserError


def check_installed(package: str, extra: str, lowest: str, below: str, install: str = "") -> None:
    """Refuse to go on without a package in a version that the integration was written for.

    Args:
        package: its name on the package index.
        extra: ours that brings it along.
        lowest: first version that will do, as "5.14".
        below: first version that will not.
        install: the command that gets it, where that is not the extra's.

    Raises:
        UserError: the package is not installed, or in another version.
    """
    install = install or f"pip install 'newllm[{extra}]'"
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError as error:
        raise UserError(f"this needs the package {package}, which is not installed: {install}") from error
    if not _numbers(lowest) <= _numbers(version) < _numbers(below):
        raise UserError(f"{package} {version} is installed, newllm takes {lowest} to below {below}: {install}")


def _numbers(version: str) -> tuple[int, ...]:
    parts = [part for part in version.split(".")[:3] if part.isdecimal()]
    return tuple(map(int, parts))

"""API keys: a TOML file of names, each with the SHA-256 of its key and its limits. The keys themselves are nowhere.

[alice]
sha256 = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
requests_per_minute = 60
streams = 8
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newllm.errors import UserError, quoted, unknown_name
from newllm.files import read_toml

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LIMITS = ("requests_per_minute", "streams")


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes:
        name: who has it.
        sha256: the digest of the key, in hexadecimal digits.
        requests_per_minute: the most requests in any minute; None for no limit.
        streams: the most texts that may be written at once.
    """

    name: str
    sha256: str
    requests_per_minute: int | None = None
    streams: int | None = None


class Keys:
    """The keys of a file.

    Args:
        keys: each of another name.
    """

    def __init__(self, keys: list[Key]) -> None:
        self.all = keys
        self._digests = [(key, key.sha256.encode()) for key in keys]

    def find(self, given: str) -> Key | None:
        """Return whose key it is. It takes as long whichever it is, and where it is none."""
        digest, found = hashlib.sha256(given.encode(errors="replace")).hexdigest().encode(), None
        for key, known in self._digests:
            if hmac.compare_digest(digest, known):
                found = key
        return found


def read_keys(path: Path) -> Keys:
    """Read a file of keys.

    Raises:
        UserError: it cannot be read, or a key in it is not as it must be.
    """
    try:
        content = read_toml(path)
    except (OSError, ValueError) as error:
        raise UserError(f"--keys '{path}' cannot be read ({error}): see newllm serve --new-key NAME") from error
    keys = [_key(path, name, given) for name, given in content.items()]
    if not keys:
        raise UserError(f"--keys '{path}' holds no key: newllm serve --new-key NAME makes one")
    return Keys(keys)


def new_key(name: str) -> tuple[str, str]:
    """Make a key; return it, and the lines for the file.

    Raises:
        UserError: the name cannot stand in the file.
    """
    _check_name("--new-key", name)
    key = f"newllm-{secrets.token_urlsafe(32)}"
    return key, f'[{name}]\nsha256 = "{hashlib.sha256(key.encode()).hexdigest()}"'


def _key(path: Path, name: str, given: Any) -> Key:
    where = f"--keys '{path}'"
    _check_name(where, name)
    if not isinstance(given, Mapping):
        raise UserError(f'{where}: {name} is {quoted(given)}: it must be a table [{name}] with sha256 = "..."')
    if unknown := sorted(set(given) - {"sha256", *_LIMITS}):
        raise unknown_name(f"setting of key '{name}'", unknown[0], ["sha256", *_LIMITS])
    digest = given.get("sha256")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise UserError(f"{where}: sha256 of '{name}' is {quoted(digest)}: 64 of 0-9a-f, as --new-key prints them")
    for limit in _LIMITS:
        value = given.get(limit)
        if limit in given and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
            raise UserError(
                f"{where}: {limit} of '{name}' is {quoted(value)}: it must be a whole number from 0 upwards"
            )
    return Key(name, digest, *(given.get(limit) for limit in _LIMITS))


def _check_name(where: str, name: str) -> None:
    if not _NAME.fullmatch(name):
        raise UserError(f"{where}: {quoted(name)} is no name of a key: at most 64 of A-Z, a-z, 0-9, _ and -")

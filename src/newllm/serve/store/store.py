"""What every store of responses does, and within which limits.

A response is stored under the name OWNER/ID, where OWNER is a hash of whose it is: no owner can name what another owns.
Each response is whole by itself (its state has read everything before it), so any other may be deleted or evicted.
"""

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from newllm.errors import UserError, quoted

_ID = re.compile("resp_[0-9a-f]{32}")
_DAY = 24 * 60 * 60


class StoreError(UserError):
    """The store cannot be read or written. The message is one line for the operator: it may name a directory."""


class StoreFull(StoreError):  # noqa: N818 (the name that the field gives such an error)
    """There is no room for a response. Nothing of it is left behind."""


class DamagedError(StoreError):
    """What is stored is not what was put. The message names the response alone, so that a client may read it."""

    def __init__(self, response: str, why: str) -> None:
        super().__init__(f"stored response '{response}' is damaged ({why}): delete it and start a new conversation")


class StoredResponse(NamedTuple):
    """What `put` was given.

    Attributes:
        record: as JSON keeps it: a number that is not finite has become None, a lone surrogate a question mark.
        blob: the state after the response.
    """

    record: dict[str, Any]
    blob: bytes


@dataclass(frozen=True)
class Limits:
    """How much is kept, and for how long.

    Attributes:
        bytes: on disk. The least recently used responses are evicted first.
        seconds: that a response is kept after it was stored.
        owner_bytes: of one owner, on the same terms; None is no limit of its own.
        memory_bytes: in the memory of this process, bookkeeping included.

    Raises:
        UserError: one of them is not above 0, or `seconds` is infinite.
    """

    bytes: int = 10 << 30
    seconds: float = 30 * _DAY
    owner_bytes: int | None = None
    memory_bytes: int = 1 << 30

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if value is not None and not 0 < value < 1 << 63:
                raise UserError(f"store limit {name} {quoted(value)}: give a number above 0")


@dataclass(frozen=True)
class Stats:
    """Counts for metrics.

    Attributes:
        entries: responses that are stored; None where the store cannot count them at a reasonable cost.
        bytes: of these; None likewise.
        memory_entries: responses in the memory of this process.
        memory_bytes: of these, bookkeeping included.
        evicted: responses that this process has removed to keep the limits.
    """

    entries: int | None
    bytes: int | None
    memory_entries: int
    memory_bytes: int
    evicted: int


class Store(Protocol):
    """Responses by their ids. All methods may be called from several threads at once, and may wait for a disk.

    An id that is none (`is_response_id`) is never looked up: nothing is found under it.
    """

    def put(self, response: str, record: Mapping[str, Any], blob: bytes, owner: str = "") -> None:
        """Store a response whole or not at all. Once this returns, it survives this process, however that ends.

        Args:
            response: its id.
            record: what JSON can hold.
            blob: the state after it.
            owner: the name of the API key that asked for it; "" without keys.

        Raises:
            StoreFull: there is no room, or it is larger than a limit.
            StoreError: the store cannot be written.
            ValueError: `response` is no response id.
        """
        ...

    def get(self, response: str, owner: str = "") -> StoredResponse | None:
        """Return a response that this owner has stored; None where there is none (any more).

        Raises:
            DamagedError: it is not what was put.
            StoreError: the store cannot be read.
        """
        ...

    def delete(self, response: str, owner: str = "") -> bool:
        """Delete a response of this owner, from memory too; False where there was none.

        Raises:
            StoreError: the store cannot be written.
        """
        ...

    def stats(self) -> Stats:
        """Return counts, at once: what other servers have done since the last tidying is not among them."""
        ...

    def close(self) -> None:
        """End the work in the background. Nothing is lost: all that was put is stored already."""
        ...


def new_response_id() -> str:
    """Return an id that nobody can guess."""
    return f"resp_{secrets.token_hex(16)}"


def is_response_id(response: Any) -> bool:
    """Whether this has the form of an id of ours: `resp_` and 32 hexadecimal digits."""
    return isinstance(response, str) and _ID.fullmatch(response) is not None


def entry_name(response: str, owner: str) -> str | None:
    """Return the name that a response is stored under, OWNER/ID; None where `response` is no id.

    It does not reveal the owner's name as it stands, and has no characters but letters, digits, "_" and one "/".
    """
    return f"{owner_hash(owner)}/{response}" if is_response_id(response) else None


def new_entry_name(response: str, owner: str) -> str:
    """Return the name to store a response under.

    Raises:
        ValueError: `response` is no id.
    """
    name = entry_name(response, owner)
    if name is None:
        raise ValueError(f"{quoted(response)} is no response id")
    return name


def owner_hash(owner: str) -> str:
    """Return 32 hexadecimal digits that stand for an owner."""
    return hashlib.sha256(b"owner:" + owner.encode("utf-8", "surrogatepass")).hexdigest()[:32]

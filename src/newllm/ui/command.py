"""A command of newllm as a child of the server: started, and what it prints read. Nothing of it is run here."""

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Sequence
from pathlib import Path

from newllm.child_process import supervised
from newllm.words.plain import plain

LONGEST_LINE = 4096
"""Bytes of a line that is kept."""

_GRACE = 20.0  # seconds for a command to keep what it has
_LARGEST_OUTPUT = 64 << 20


async def start_command(
    arguments: Sequence[str], *, descriptors: Sequence[int] = (), directory: Path | None = None
) -> Process:
    """Start a command, which ends when its standard input is closed (`child_process`).

    Args:
        arguments: of `newllm`.
        descriptors: open files that it is given.
        directory: that it runs in; None for the server's.

    Raises:
        OSError: there is no room for another process.
    """
    command = supervised([sys.executable, "-P", "-m", "newllm.cli.main", *arguments], _GRACE)
    return await asyncio.create_subprocess_exec(
        *command, stdin=PIPE, stdout=PIPE, stderr=PIPE, pass_fds=descriptors, start_new_session=True, cwd=directory
    )


async def all_of(stream: asyncio.StreamReader) -> bytes:
    """Return what is printed up to the end; what is past a bound is dropped."""
    kept = bytearray()
    while chunk := await stream.read(1 << 16):
        if len(kept) <= _LARGEST_OUTPUT:
            kept += chunk
    return bytes(kept)


async def last_line_of(stream: asyncio.StreamReader) -> str:
    """Return the last line that says something, for a person: where a command fails, it says why."""
    kept = b""
    while chunk := await stream.read(1 << 16):
        kept = (kept + chunk)[-LONGEST_LINE:]
    lines = kept.decode(errors="replace").split("\n")
    return next((plain(line.rstrip(), 400) for line in reversed(lines) if line.strip()), "")

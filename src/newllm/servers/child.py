"""How a child of the server is told to end."""

import contextlib
import os
from asyncio.subprocess import Process


def end_process(process: Process, number: int) -> None:
    """Send a signal to a child that has not ended.

    Not by its own `terminate` or `kill`: these look whether it has ended, and so take its exit code away from asyncio,
    which then complains and tells 255.
    """
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, number)

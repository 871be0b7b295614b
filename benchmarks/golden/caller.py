"""Runs many calls of one command line quickly: each in a fork of a process that has imported what is slow.

    python caller.py MODULE:FUNCTION

Reads a JSON object a line: `arguments` with `script` (a Python file in place of the command line), `input` (text for
standard input), `cwd`. Answers each with `code`, `out` and `err`. What a call imported of the package is imported here
too, for the next. Needs the standard library alone, so that it can run the sources of any commit.
"""

import atexit
import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

_SECONDS = 400.0
"""Of one call; what takes longer is ended, and has the exit code of SIGKILL."""
_KEPT = ("newllm", "numba", "safetensors", "tokenizers", "filelock")
"""Packages whose modules are imported once, as soon as a call has imported them."""


def _status(function: Callable[[], Any]) -> int:
    """Return the exit code that a process would have had."""
    try:
        code = function()
    except SystemExit as end:
        code = end.code
    except BaseException:
        traceback.print_exc()
        return 1
    if isinstance(code, str):
        print(code, file=sys.stderr)
        return 1
    return int(code or 0)


def _work(asked: dict[str, Any], entry: Callable[[], Any]) -> int:
    script = asked.get("script")
    sys.argv = [script or "newllm", *asked["arguments"]]
    if script is None:
        return _status(entry)
    sys.path.insert(0, os.path.dirname(script))  # noqa: PTH120 (as Python does it)
    return _status(lambda: runpy.run_path(script, run_name="__main__") and 0)


def _child(asked: dict[str, Any], entry: Callable[[], Any], files: list[Any]) -> None:
    """Be the call, and end."""
    code = 1
    try:
        os.setpgrp()  # not a session: it keeps its share of the processor
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        for target, file in enumerate(files[:3]):
            os.dup2(file.fileno(), target)
        loaded = os.fdopen(os.dup(files[3].fileno()), "w")
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115 (they end with the process)
        sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)  # noqa: SIM115
        os.chdir(asked["cwd"])
        gc.enable()
        code = _work(asked, entry)
        print(*(name for name in list(sys.modules) if name.partition(".")[0] in _KEPT), file=loaded, flush=True)
        for thread in threading.enumerate():
            if thread is not threading.main_thread() and not thread.daemon:
                thread.join()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _call(asked: dict[str, Any], entry: Callable[[], Any]) -> dict[str, Any]:
    with contextlib.ExitStack() as opened:
        files = [opened.enter_context(tempfile.TemporaryFile()) for _ in range(4)]
        files[0].write(asked.get("input", "").encode())
        files[0].seek(0)
        child = os.fork()
        if child == 0:
            _child(asked, entry, files)
        code = _ended(child)
        for file in files:
            file.seek(0)
        _, out, err, loaded = (file.read().decode("utf-8", "backslashreplace") for file in files)
        for name in loaded.split():
            if name not in sys.modules:
                with contextlib.suppress(ImportError):
                    importlib.import_module(name)
        return {"code": code, "out": out, "err": err}


def _ended(child: int) -> int:
    """Wait for a child and return its exit code."""

    def end(*_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        os._exit(143)

    signal.signal(signal.SIGTERM, end)
    ends, pause = time.monotonic() + _SECONDS, 0.002
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > ends:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child, signal.SIGKILL)
        time.sleep(pause)
        pause = min(0.05, 1.3 * pause)


def main() -> None:
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    for slow in ("numpy", "torch", "torch.nn.functional", "matplotlib.pyplot", "rich.console", "scipy.stats"):
        importlib.import_module(slow)
    module, _, name = sys.argv[1].partition(":")
    entry = getattr(importlib.import_module(module), name)
    gc.disable()  # a collection, or a count that moves, would copy the memory of the fork
    gc.freeze()
    for line in sys.stdin:
        print(json.dumps(_call(json.loads(line), entry)), file=answers, flush=True)


if __name__ == "__main__":
    main()

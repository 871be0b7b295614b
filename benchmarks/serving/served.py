"""A real `newllm serve` on cores of one's choice, and what its processes take: memory, and seconds of a processor."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lines import pinned

_TICKS = os.sysconf("SC_CLK_TCK")
_START = 240.0
"""Seconds for a server to be ready: it compiles its step, and others may use the machine."""


@dataclass(frozen=True)
class Served:
    """A server that runs.

    Attributes:
        port: where it listens.
        pid: of its first process.
        path: of its completions.
        model: what a request calls it.
        mark: what each event of a token has in it once.
        extra: further fields of a request.
    """

    port: int
    pid: int
    model: str
    path: str = "/v1/completions"
    mark: str = '"finish_reason":null'
    extra: tuple[tuple[str, Any], ...] = ()

    def body(self, prompt: str, tokens: int, **more: Any) -> dict[str, Any]:
        """Return a streamed, greedy request."""
        fixed = {"temperature": 0, "stream": True, "stream_options": {"include_usage": True}}
        return {"model": self.model, "prompt": prompt, "max_tokens": tokens, **fixed, **dict(self.extra), **more}

    def task(self, streams: list[dict[str, Any]], patience: float = 60.0) -> dict[str, Any]:
        """Return what `clients.py` is asked."""
        return {"port": self.port, "path": self.path, "mark": self.mark, "streams": streams, "patience": patience}

    def get(self, path: str) -> Any:
        """Return the JSON that is at a path."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=60) as answer:
            return json.load(answer)

    @property
    def processes(self) -> list[int]:
        """Its processes: the first, and all below it."""
        found = [self.pid]
        for one in found:
            with contextlib.suppress(OSError):
                for task in Path(f"/proc/{one}/task").iterdir():
                    found += map(int, (task / "children").read_text().split())
        return found

    def resident(self) -> list[int]:
        """Return the bytes that each of its processes has in memory."""
        texts = [Path(f"/proc/{pid}/statm").read_text() for pid in self.processes]
        return [int(text.split()[1]) * os.sysconf("SC_PAGE_SIZE") for text in texts]

    def spent(self) -> list[float]:
        """Return the seconds of a processor that each of its processes has used."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.processes]
        return [(int(one[11]) + int(one[12])) / _TICKS for one in fields]

    def move_front(self, core: int) -> None:
        """Let the first process use another core only; those below it stay."""
        for task in Path(f"/proc/{self.pid}/task").iterdir():
            os.sched_setaffinity(int(task.name), {core})


@contextlib.contextmanager
def served(run: Path, core: int | None, *options: str, front: int | None = None) -> Generator[Served]:
    """Keep a server of a run.

    Args:
        run: what it serves.
        core: the only one that all of it may use; None for all cores.
        options: further ones of its command.
        front: the core of what speaks HTTP, where it is not that of the model.
    """
    command = [sys.executable, "-m", "newllm.cli.main", "serve", str(run), "--port", "0", "--json", *options]
    with running([*pinned(core), *command], heard=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError(f"newllm serve ended with {process.wait()}")
        told = json.loads(line)
        found = Served(int(told["url"].rstrip("/").rpartition(":")[2]), process.pid, told["models"][0])
        if front is not None:
            found.move_front(front)
        yield found


@contextlib.contextmanager
def running(command: list[str], *, heard: bool = False, **environment: str) -> Generator[subprocess.Popen[str]]:
    """Keep a process; end it by SIGTERM, and by force after half a minute.

    Args:
        command: what to run.
        heard: whether its standard output is read; else nothing of what it says is kept.
        environment: further variables.
    """
    out, own = subprocess.PIPE if heard else subprocess.DEVNULL, {**os.environ, **environment}
    with subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, text=True, env=own) as process:
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_for(server: Served, path: str, process: subprocess.Popen[str]) -> None:
    """Wait until a path of a server is answered."""
    until = time.monotonic() + _START
    while True:
        try:
            server.get(path)
        except OSError:
            if process.poll() is not None:
                raise RuntimeError(f"the server ended with {process.poll()}") from None
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
        else:
            return

"""The process of one tracker: it takes events on standard input and hands them to a sink (`python -m ... NAME`).

What the tracker's package prints goes to RUN/trackers/NAME.log. Nothing can ask at the terminal: standard input is
the training's, and there is no terminal. While the run goes on the doctor looks at its directory from time to time,
with a fiftieth of the time at most, and what it finds that is new is an alert; at the end it looks once more.
"""

import contextlib
import importlib
import json
import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

from newllm.errors import UserError
from newllm.files import read_json, write_json
from newllm.integrations.trackers.rounds import Alert, Rounds
from newllm.integrations.trackers.sink import Sink, Start

_SINKS = {
    "mlflow": "newllm.integrations.trackers.mlflow:MlflowSink",
    "tensorboard": "newllm.integrations.trackers.tensorboard:TensorboardSink",
    "trackio": "newllm.integrations.trackers.trackio:TrackioSink",
    "wandb": "newllm.integrations.trackers.wandb:WandbSink",
}
_FLUSH = 1.0  # seconds
_READ_AHEAD = 1000  # events
_CREDENTIALS = re.compile(r'(?<=://)[^/\s"]*@')  # in the address of a server or of a database
_AFTER_A_KILL = 60.0  # seconds to send what is there, of a training that was killed


class TrackerProcess:
    """Hands events to a sink; what the sink raises is said once for each kind of call.

    Args:
        name: of the tracker.
        say: tells the training something.
    """

    def __init__(self, name: str, say: Callable[..., None]) -> None:
        self._name, self._say = name, say
        self._sink = _sink(name)
        self._rounds: Rounds | None = None
        self._state: Path | None = None
        self._saved: dict[str, Any] | None = None
        self._failed: set[str] = set()
        self._begun = False
        self._taken = 0  # steps
        self._flushed = time.monotonic()

    def check(self) -> None:
        """Refuse what cannot be.

        Raises:
            UserError: as `Sink.check`.
        """
        self._sink.check()

    def take(self, event: list[Any]) -> None:
        """Take in one event."""
        kind, *given = event
        if kind == "start":
            self._start(*given)
        elif kind == "alert":
            self._call("alert", given[0], "training", *given[1:])
        elif kind == "file":
            self._call("file", Path(given[0]))
        else:
            self._call(kind, *given)

    def between(self) -> None:
        """Do what is due between two events."""
        if time.monotonic() - self._flushed < _FLUSH:
            return
        self._flush()
        self._say_taken()
        if self._rounds is not None and self._begun:
            self._tell(self._rounds.due)

    def finish(self, status: str, seconds: float) -> None:
        """End the run.

        Args:
            status: how it ended.
            seconds: that there are for it.
        """
        self._say_taken()
        if self._rounds is not None and self._begun and seconds > 0:
            self._tell(self._rounds.last)
        self._flush()
        self._say_taken()
        self._call("finish", status)
        self._save()
        self._say("finished")

    def _say_taken(self) -> None:
        self._say("taken", steps=self._taken - self._sink.lost - self._sink.waiting)

    def _start(self, run: str, config: dict[str, Any], step: int) -> None:
        home = Path(run) / "trackers"
        stem = self._name.replace(":", ".")
        self._state = home / f"{stem}.json"
        with contextlib.suppress(OSError):
            home.mkdir(exist_ok=True)
            log = os.open(home / f"{stem}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.close(log)
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
            self._sink.state = dict(read_json(self._state)["state"])
        where = self._call("start", Start(Path(run), config, step))
        self._rounds = Rounds(Path(run))
        self._save()
        if where:
            self._say("where", text=where)

    def _tell(self, look: Callable[[], list[Alert]]) -> None:
        try:
            found = look()
        except Exception as error:
            self._rounds = None
            self._failure("doctor", error)
            return
        for alert in found:
            self._call("alert", *alert)

    def _flush(self) -> None:
        self._call("flush")
        self._save()
        self._flushed = time.monotonic()

    def _call(self, name: str, *given: Any) -> Any:
        """Call the sink; after a start that failed nothing more is asked of it. Steps that it takes are counted."""
        if name != "start" and not self._begun:
            return None
        try:
            result = getattr(self._sink, name)(*given)
            self._taken += name == "step"
            self._begun |= name == "start"
            return result
        except (KeyboardInterrupt, GeneratorExit):
            raise
        except BaseException as error:  # SystemExit too: it is the package's, not ours
            self._failure(name, error)
            return None

    def _failure(self, name: str, error: BaseException) -> None:
        if name not in self._failed:
            self._failed.add(name)
            text = " ".join(str(error).split())[:300]
            text = text if isinstance(error, UserError) else f"{type(error).__name__}: {text}"
            self._say("failed", call=name, text=text)

    def _save(self) -> None:
        """Keep the sink's state beside the run."""
        if self._state is None or self._sink.state == self._saved:
            return
        with contextlib.suppress(OSError, UserError, ValueError, TypeError):
            write_json(self._state, {"tracker": self._name, "state": self._sink.state}, durable=False)
            self._saved = dict(self._sink.state)


def main(name: str) -> int:
    """Serve until the events end."""
    source, say = _private_streams()
    try:
        served = TrackerProcess(name, say)
        served.check()
    except UserError as error:
        say("refused", text=" ".join(str(error).split()))
        return 2
    say("ready")
    events: queue.Queue[list[Any] | None] = queue.Queue(_READ_AHEAD)
    threading.Thread(target=_read, args=(source, events), daemon=True).start()
    threading.Thread(target=_outlive, args=(os.getppid(),), daemon=True).start()
    while True:
        try:
            event = events.get(timeout=_FLUSH)
        except queue.Empty:
            served.between()
            continue
        if event is None:
            served.finish("killed", 0.0)
            return _end(0)
        if event[0] == "finish":
            threading.Timer(max(0.0, event[2]) + 5.0, os._exit, (1,)).start()
            served.finish(event[1], event[2])
            return _end(0)
        served.take(event)
        served.between()


def _sink(name: str) -> Sink:
    """Return the sink of a tracker, or of "MODULE:CLASS"."""
    module, _, kind = _SINKS.get(name, name).partition(":")
    if name not in _SINKS:
        sys.path.insert(0, str(Path.cwd()))
    try:
        made = getattr(importlib.import_module(module), kind)()
    except Exception as error:
        raise UserError(
            f"tracker '{name}' cannot be loaded ({type(error).__name__}: {error}): give MODULE:CLASS"
        ) from error
    if not isinstance(made, Sink):
        raise UserError(f"tracker '{name}' is no newllm.integrations.trackers.sink.Sink: derive it from that")
    return made


def _private_streams() -> tuple[BinaryIO, Callable[..., None]]:
    """Keep standard input and output for ourselves: the package's go nowhere, until there is a log for them."""
    source, target = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)

    def say(event: str, **more: Any) -> None:
        with contextlib.suppress(OSError):  # the training has ended
            line = _CREDENTIALS.sub("***@", json.dumps({"event": event, **more}))  # it is shown, and kept in logs
            target.write(line.encode() + b"\n")
            target.flush()

    return source, say


def _read(source: BinaryIO, events: "queue.Queue[list[Any] | None]") -> None:
    """Put events into the queue as they come, None behind the last. A thread of its own."""
    for line in source:
        with contextlib.suppress(ValueError):  # what a killed training left half written
            events.put(json.loads(line))
    events.put(None)


def _outlive(training: int) -> None:
    """End this process a minute after the training has died, whatever the tracker is at. A thread of its own."""
    while os.getppid() == training:
        time.sleep(1.0)
    time.sleep(_AFTER_A_KILL)
    os._exit(1)


def _end(code: int) -> int:
    """Leave at once: what a package wants to do at the interpreter's end may never come to its own."""
    os._exit(code)

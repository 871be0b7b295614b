"""How a process comes to the others that a launcher started, and what is said of those that do not come.

A launcher may start its processes minutes apart (machines of a cluster), so that one that never comes looks like one
that is late. All are waited for as long as `launcher.join_seconds` says, and after ten seconds
the first of those that are there says who is missing. Whoever has waited long enough ends the start for all.

Nothing here waits where a signal is not heard: what may last is asked for again and again, or done in a thread.
"""

import contextlib
import json
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from datetime import timedelta
from typing import Any, TypeVar

from torch.distributed import DistError, Store, TCPStore

from newllm.errors import UserError
from newllm.launcher import JOIN_VARIABLE, SaidError, of_rank
from newllm.messages import message

_T = TypeVar("_T")
_SAYS_AFTER = 10.0  # seconds without one that is missing
_SHORTEST, _LONGEST = 0.01, 0.25  # seconds between two questions
_NAMED = 8  # ranks in a line
_READING = 5.0  # seconds until the others have read why the start ends
_FIRST_SAYS = 1.0  # seconds until rank 0 has said it: a launcher ends all as soon as one has ended
_OTHER_SAYS = 5.0  # until another has, which the command line has wait for rank 0
_AGREED = "peers"  # where stands what holds for all


def heard(call: Callable[[], _T]) -> _T:
    """Return what a call returns that waits outside Python; Ctrl-C and SIGTERM are heard meanwhile."""
    future: Future[_T] = Future()

    def run() -> None:
        try:
            future.set_result(call())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=run, name="newllm-joining", daemon=True).start()
    return future.result()


class Patience:
    """How long this process waits for those that are missing; they are named after ten seconds.

    Args:
        rank: of this process.
        seconds: it waits so long, from now on.
    """

    def __init__(self, rank: int, seconds: float) -> None:
        self._rank, self.seconds, self._began = rank, seconds, time.monotonic()
        self._until = time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))
        self._has_said = seconds <= _SAYS_AFTER  # else it is said at the end

    def until(self, holds: Callable[[], bool], missing: Callable[[], dict[str, Any] | None]) -> bool:
        """Wait until something holds; return whether it did in time.

        Args:
            holds: what is waited for.
            missing: who is missing, as `told_missing` has it; None where another process says it.
        """
        pause = _SHORTEST
        while not holds():
            waited = time.monotonic() - self._began
            if waited > self.seconds:
                return False
            if waited > _SAYS_AFTER and not self._has_said:
                self._has_said = True
                self._say(missing())
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST)
        return True

    def _say(self, missing: dict[str, Any] | None) -> None:
        if missing is not None:
            said = str(message("training-missing_yet", **missing, until=self._until, variable=JOIN_VARIABLE))
            print(f"newllm: {of_rank(self._rank, said) if self._rank else said}", file=sys.stderr, flush=True)

    def over(self, missing: dict[str, Any]) -> str:
        """Return why the start ends, where the time is over."""
        return str(message("training-missing", **missing, seconds=self.seconds, variable=JOIN_VARIABLE))


def told_missing(ranks: Iterable[int], size: int, address: str = "none") -> dict[str, Any]:
    """Return what messages about ranks that are missing are filled with."""
    ranks = list(ranks)
    named = ", ".join(map(str, ranks[:_NAMED]))
    more = len(ranks) - _NAMED
    return {
        "count": len(ranks),
        "ranks": f"{named} (+{more})" if more > 0 else named,
        "size": size,
        "address": address,
    }


def open_store(rank: int, size: int, patience: Patience) -> Store:
    """Return the store of a launcher: torchrun has one, else rank 0 opens it.

    Raises:
        UserError: rank 0 cannot be reached.
    """
    host, port = os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"])
    opens = rank == 0 and not _torchrun_has_store()
    if not opens:
        missing = told_missing([0], size, f"{host}:{port}")
        if not patience.until(lambda: _answers(host, port), lambda: missing if _says_for_machine() else None):
            raise UserError(patience.over(missing))
    # As torch's own "env://", but that the first one does not wait there for the others, deaf to signals.
    options: dict[str, Any] = {"multi_tenant": True, "use_libuv": os.environ.get("USE_LIBUV", "1") == "1"}
    waits = timedelta(seconds=patience.seconds)
    return heard(lambda: TCPStore(host, port, size, opens, waits, wait_for_workers=not opens, **options))


def _torchrun_has_store() -> bool:
    return os.environ.get("TORCHELASTIC_USE_AGENT_STORE") == "True"


def _answers(host: str, port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection((host, port), timeout=1.0):
        return True
    return False


def _says_for_machine() -> bool:
    """Whether this process says what all of its machine see."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


class Gathering:
    """The processes that have come to a store.

    Args:
        store: of the launcher; nothing but this is connected yet.
        rank: of this process.
        size: how many there are to be.
        patience: of this process.
    """

    def __init__(self, store: Store, rank: int, size: int, patience: Patience) -> None:
        self.rank, self._store, self._size, self._patience = rank, store, size, patience

    def comes(self, own: Mapping[str, str]) -> None:
        """Write down that this process has come, and what it is."""
        self._store.set(_key(self.rank), json.dumps(dict(own)))

    def all_others(self) -> list[dict[str, str]] | None:
        """Return what the others are, by rank; None where another process ended the start."""
        names = [_key(rank) for rank in range(self._size) if rank != self.rank]
        self._wait(lambda: self._store.check(names) or self._store.check([_AGREED]))
        if self._store.check([_AGREED]):
            return None
        return [json.loads(self._store.get(name)) for name in names]

    def agree(self, said: dict[str, Any]) -> None:
        """Say what holds for all, unless another has said something before."""
        self._store.compare_set(_AGREED, "", json.dumps(said))

    def agreed(self) -> dict[str, Any]:
        """Return what was said, as soon as it is.

        Raises:
            UserError: it ends the start ("wrong"), and this process is to say so: rank 0, or, where that is missing,
                the first that has waited long enough.
            SaidError: it ends the start otherwise.
        """
        self._wait(lambda: self._store.check([_AGREED]))
        said = json.loads(self._store.get(_AGREED))
        if not said["wrong"]:
            return said
        says = said.get("says", 0)
        if says == self.rank:
            self._wait_until_read(said.get("there", self._size) - 1)
            raise UserError(said["wrong"])
        self._store.add("peers-read", 1)
        time.sleep(_OTHER_SAYS if says else _FIRST_SAYS)
        raise SaidError(said["wrong"])

    def _wait(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds, or the start is over for all.

        Raises:
            UserError: whoever has the store is gone.
        """
        try:
            in_time = self._patience.until(holds, self._missing)
        except DistError as error:
            gone = "torchrun" if _torchrun_has_store() else "rank 0"
            raise UserError(f"{gone} ended while this process waited for the others: start all again") from error
        if not in_time:
            missing = self._absent()
            there = [rank for rank in range(self._size) if rank not in missing]
            says = 0 if 0 in there else self.rank
            why = self._patience.over(told_missing(missing, self._size))
            self.agree({"wrong": why, "says": says, "there": len(there)})

    def _missing(self) -> dict[str, Any] | None:
        """Return who is missing, if this is the first of those that are there."""
        absent = self._absent()
        first = min(set(range(self._size)) - set(absent))
        return told_missing(absent, self._size) if absent and first == self.rank else None

    def _absent(self) -> list[int]:
        return [rank for rank in range(self._size) if not self._store.check([_key(rank)])]

    def _wait_until_read(self, readers: int) -> None:
        """Wait for those that have yet to read: the store ends with this process, unless a launcher keeps it."""
        ends = time.monotonic() + _READING
        with contextlib.suppress(RuntimeError):
            while self._store.add("peers-read", 0) < readers and time.monotonic() < ends:
                time.sleep(0.02)


def _key(rank: int) -> str:
    """Return where a process that has come writes what it is."""
    return f"peer-{rank}"

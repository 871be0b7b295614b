"""Where each process of a training is, and which one does not come where the others wait for it.

A rank writes over one line, RUN/ranks/rank-00001.at, whenever it comes to an exchange with the others or leaves one,
and a thread writes it once a second, with the place in the code at which the rank is. Who has waited in vain reads the
lines of all, twice: a line that stays as it is belongs to a process that is stopped, or stuck outside Python; else the
rank that has not come is the one whose line says that it computes.

Limits: it takes a disk that all share, on which what one writes is seen by the others within seconds. Where a rank's
line is not there, the hang is told without its name.
"""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from newllm.diagnosis.ranks.hangs import BETWEEN_TWO, FILE, Hang, read_hangs
from newllm.training.last_words import FOLDER

_BEAT = 1.0  # seconds between two lines of the thread
_BEATS = 4  # in which a process that runs has written one
_LENGTH = 1200  # bytes of the line, always: each character of a place may take six
_LONGEST = 160  # characters of a place
_ENDED = ("waited", "lost")
_OWN = f"{os.sep}newllm{os.sep}"


@dataclass(frozen=True)
class Where:
    """The line of a rank.

    Attributes:
        rank: its number.
        count: exchanges of all ranks that it came to so far.
        what: the last of them, see `diagnosis.ranks.hangs.EXCHANGES`.
        step: of that.
        state: "waits" in it, or "computes" after it; or it has ended: it "waited" in vain, or "lost" another process.
        beat: lines that its thread has written.
        place: in its code.
    """

    rank: int
    count: int
    what: str
    step: int
    state: str
    beat: int
    place: str


class Whereabouts:
    """The line of this process, and what those of the others say.

    Args:
        run: the run directory.
        rank: of this process.
        size: how many there are.
    """

    def __init__(self, run: Path, rank: int, size: int) -> None:
        self._folder, self._rank, self._size = run / FOLDER, rank, size
        self._folder.mkdir(exist_ok=True)
        self._count, self._what, self._step, self._state, self._beats, self._place = 0, "begin", 0, "computes", 0, '""'
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._main, self._known = threading.get_ident(), len(read_hangs(run)[0])
        self._path = _file(self._folder, rank)
        self._file = self._path.open("wb", buffering=0)
        self._write(self._file)
        threading.Thread(target=self._beat, name="newllm-whereabouts", daemon=True).start()

    def comes(self, what: str, step: int) -> None:
        """This process comes to an exchange."""
        with self._lock:
            self._count += what not in BETWEEN_TWO
            self._what, self._step, self._state = what, step, "waits"
            self._write(self._file)

    def leaves(self) -> None:
        """It is done."""
        self._put("computes")

    def ends(self, *, waited: bool) -> None:
        """This process waits no longer: it has waited in vain, or another is gone."""
        self._put("waited" if waited else "lost")

    def close(self, *, keep: bool) -> None:
        """End the thread; keep the line for the others to read, or remove it."""
        self._ended.set()
        with self._lock, contextlib.suppress(OSError):
            self._file.close()
            if not keep:
                self._path.unlink()

    def hang(self, seconds: float) -> Hang:
        """Return who does not come to what this process waits for in vain; takes some seconds."""
        own = Where(self._rank, self._count, self._what, self._step, self._state, self._beats, "")
        before = {one.rank: one for one in _read(self._folder)}
        time.sleep(_BEATS * _BEAT)
        after = [one for one in _read(self._folder) if one.rank != self._rank and one.state not in _ENDED]
        stopped = [one for one in after if one.rank in before and one.beat == before[one.rank].beat]
        computes = [one for one in after if one.state == "computes"]
        # Whoever waits in an earlier exchange, which some ranks have among themselves, waits for one of those.
        late = [one for one in after if one.count < own.count and one.what not in BETWEEN_TWO]
        culprits = stopped or computes or late
        if not culprits:
            unseen = set(range(self._size)) - {one.rank for one in (*after, *before.values(), own)}
            return Hang(tuple(sorted(unseen)) if len(unseen) == 1 else (), own.what, own.step, seconds)
        first = culprits[0]
        return Hang(
            tuple(one.rank for one in culprits), own.what, own.step, seconds, first.what, first.step,
            first.state == "waits", first.place, not stopped,
        )  # fmt: skip

    def gone(self) -> tuple[int, ...]:
        """Return who is gone, by rank, where a connection was lost: whoever is left when the others have shown up.

        With two ranks it is the other; with more it takes up to some seconds, and may stay unknown.
        """
        beats = {one.rank: one.beat for one in _read(self._folder)}
        left, ends = set(range(self._size)) - {self._rank}, time.monotonic() + _BEATS * _BEAT
        while True:
            left -= {one.rank for one in _read(self._folder) if one.state in _ENDED or one.beat != beats.get(one.rank)}
            if len(left) < 2 or time.monotonic() > ends:  # none: all lost one another, as where a network is cut
                return tuple(sorted(left if len(left) == 1 else left & beats.keys()))
            time.sleep(_BEAT / 4)

    def others_waited(self) -> bool:
        """Whether another process has ended because it waited in vain."""
        return any(one.state == "waited" and one.rank != self._rank for one in _read(self._folder))

    def kept(self) -> Hang | None:
        """Return what another process wrote down of a hang since this one began: this one may be who did not come."""
        found = read_hangs(self._folder.parent)[0][self._known :]
        return found[-1] if found else None

    def tells(self, hang: Hang) -> bool:
        """Whether this process is the one that says it: the first of those that came."""
        return self.is_first_but(hang.ranks)

    def has_line(self, rank: int) -> bool:
        """Whether the line of a process is there: one that ends by itself has removed it, and says why."""
        return _file(self._folder, rank).exists()

    def is_first_but(self, ranks: Iterable[int]) -> bool:
        """Whether this process is the first of those that are not among these ranks."""
        return self._rank == min(set(range(self._size)) - set(ranks), default=0)

    def keep(self, hang: Hang) -> None:
        """Write it down, for the doctor."""
        with contextlib.suppress(OSError), (self._folder / FILE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(hang.as_dict()) + "\n")

    def _put(self, state: str) -> None:
        with self._lock:
            self._state = state
            self._write(self._file)

    def _beat(self) -> None:
        while not self._ended.wait(_BEAT):
            place = json.dumps(_place(self._main))
            with self._lock, contextlib.suppress(OSError):
                self._beats, self._place = self._beats + 1, place
                with self._path.open("r+b", buffering=0) as file:  # a network's disk shows others what is closed
                    self._write(file)

    def _write(self, file: BinaryIO) -> None:
        line = (
            f'{{"rank": {self._rank}, "count": {self._count}, "what": "{self._what}", "step": {self._step}, '
            f'"state": "{self._state}", "beat": {self._beats}, "place": {self._place}}}'
        )
        with contextlib.suppress(OSError, ValueError):  # a full disk, or a process that ends just now
            file.seek(0)
            file.write(line.encode().ljust(_LENGTH) + b"\n")


def remove_whereabouts(run: Path) -> None:
    """Remove the lines of an earlier session."""
    for path in (run / FOLDER).glob("rank-*.at"):
        with contextlib.suppress(OSError):
            path.unlink()


def _file(folder: Path, rank: int) -> Path:
    return folder / f"rank-{rank:05}.at"


def _read(folder: Path) -> Sequence[Where]:
    """Return the lines that can be read now."""
    found = []
    for path in sorted(folder.glob("rank-*.at")):
        with contextlib.suppress(OSError, ValueError, TypeError):
            found.append(Where(**json.loads(path.read_bytes())))
    return found


def _place(thread: int) -> str:
    """Return where a thread is: the innermost place in newllm's own code, else the innermost of all."""
    frame = innermost = sys._current_frames().get(thread)
    while frame is not None and _OWN not in frame.f_code.co_filename:
        frame = frame.f_back
    frame = frame or innermost
    if frame is None:
        return ""
    path = frame.f_code.co_filename
    short = path.rpartition(_OWN)[2] if _OWN in path else Path(path).name
    return f"{short}:{frame.f_lineno} in {frame.f_code.co_name}"[-_LONGEST:]

"""Where all processes of a training must come: how long one waits there, and what is said of one that does not come.

Until a training begins the others wait for a day: the leader reads the texts, and nobody knows for how long. From then
on a process that does not come within `launcher.hang_seconds` counts as hung. All that wait for it end.
"""

import contextlib
import re
import time
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

import torch.distributed as dist
from torch.distributed.distributed_c10d import _set_pg_timeout

from newllm.diagnosis.ranks.hangs import exchange
from newllm.messages import message
from newllm.training.whereabouts import Whereabouts
from newllm.training.world import HungError, LostError

_SOURCE = re.compile(r"^(\[[^]]*\]\s*)+")  # where in gloo's code an error is from
_LONGEST = 24 * 3600.0  # seconds, before a training has begun
_WAITED = ("Timed out waiting", "Application timeout")  # what gloo says where one does not come


class Meetings:
    """What a process goes through together with the others.

    Args:
        rank: of this process.
        size: how many there are.

    Attributes:
        step: that they are at.
        allowed: seconds that one is waited for.
        has_lost: whether another process is known to be gone.
        waited: seconds that were spent here.
    """

    def __init__(self, rank: int, size: int) -> None:
        self._rank, self._size = rank, size
        self.step, self.allowed = 0, 0.0
        self._groups: tuple[dist.ProcessGroup, ...] = ()
        self._where: Whereabouts | None = None
        self.has_lost, self.waited = False, 0.0
        self.allow(_LONGEST)

    def watch(self, run: Path, seconds: float) -> None:
        """Write from now on where this process is, if the run is on a disk here, and wait no longer than so long."""
        if self._where is None and run.is_dir():
            self._where = Whereabouts(run, self._rank, self._size)
        self.allow(seconds)

    def allow(self, seconds: float) -> None:
        """Wait for nobody for longer than so many seconds."""
        if seconds != self.allowed:
            for group in (None, *self._groups):
                _set_pg_timeout(timedelta(seconds=seconds), group)
            self.allowed = seconds

    def add(self, groups: Iterable[dist.ProcessGroup]) -> None:
        """Have what is said here of waiting hold for groups of some processes too."""
        self._groups = (*self._groups, *groups)

    @property
    def patience(self) -> timedelta:
        """How long one waits for another."""
        return timedelta(seconds=self.allowed)

    @contextlib.contextmanager
    def at(self, what: str) -> Iterator[None]:
        """Take part in one of `diagnosis.ranks.hangs.EXCHANGES`.

        Raises:
            LostError: another process is gone.
            HungError: one did not come.
        """
        if self._where is not None:
            self._where.comes(what, self.step)
        began = time.perf_counter()
        try:
            yield
        except dist.DistError as error:
            raise self._why(error, what) from error
        except RuntimeError as error:
            if any(sign in str(error) for sign in ("gloo", "peer", "NCCL", "Connection")):
                raise self._why(error, what) from error
            raise
        self.waited += time.perf_counter() - began
        if self._where is not None:
            self._where.leaves()

    def close(self) -> None:
        """Write no longer where this process is."""
        if self._where is not None:
            self._where.close(keep=self.has_lost)

    def _why(self, error: BaseException, what: str) -> LostError:
        self.has_lost, at = True, exchange(what, self.step)
        said, where = _SOURCE.sub("", str(error).splitlines()[0]), self._where
        waited = any(sign in said for sign in _WAITED)
        if where is not None:
            where.ends(waited=waited)
            if waited or where.others_waited():
                known = where.kept()
                hang = known or where.hang(self.allowed)
                tells = known is None and where.tells(hang)
                if tells:
                    where.keep(hang)
                return HungError(message("training-hangs", **hang.numbers()), at=at, tells=tells)
        gone = () if where is None else where.gone()
        named = {"rank": gone[0] if gone else "none", "more": max(0, len(gone) - 1)}
        why = message("training-lost", **named, error=said.partition(". ")[0][:200])
        tells = where is not None and 0 in gone and where.is_first_but(gone) and where.has_line(0)
        return LostError(why, at=at, tells=tells)

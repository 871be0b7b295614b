"""The threads that help with a step: they wait in machine code, without the GIL, asleep when no token comes."""

import os
import threading
import weakref
from collections import defaultdict
from collections.abc import Callable
from time import perf_counter_ns

import numpy as np

from newllm.generation.compiled_step.fields import ALONE, DONE
from newllm.kernels.barrier import abandon, new_barrier

_LOOK_AGAIN = 10 * 10**9  # nanoseconds until a sleeper looks by itself: it is woken, this is for a waking that was lost

TRIED = 4  # tokens that are timed at once
TRIAL_INTERVAL = 512  # tokens between two trials: they cost under 1 % of a quiet machine's time


class Pace:
    """Chooses between running alone and together: on a busy machine a thread that waits for its turn holds up all.

    Which threads run a token changes no bits, so that it may be tried out: now and then a few tokens run the other way,
    and the way whose quickest token is quicker is kept.

    Attributes:
        single: whether the next token is to be run alone.
    """

    def __init__(self) -> None:
        self.single = False
        self._count, self._single_is_quicker = 0, False
        self._best = [float("inf"), float("inf")]  # together, alone: in this trial

    def took(self, nanoseconds: int) -> None:
        """Say how long the token took that was run as `single` said."""
        self._count += 1
        if self._count <= 2 * TRIED:
            way = int(self.single)
            self._best[way] = min(self._best[way], nanoseconds)
            if self._count == TRIED:
                self.single = not self._single_is_quicker
            elif self._count == 2 * TRIED:
                self.single = self._single_is_quicker = self._best[1] < self._best[0]
        elif self._count == TRIAL_INTERVAL:
            self._count, self._best = 0, [float("inf"), float("inf")]


class Team:
    """The caller's thread and those that follow it. One call at a time.

    The followers live until the team is collected or closed, or the process ends. In a process that was forked off
    they are gone and are started anew.

    Args:
        run: the kernel's function.
        table: the plan's, `[threads, stages, fields]`.
        job: what all threads share.
    """

    def __init__(self, run: Callable[..., None], table: np.ndarray, job: np.ndarray) -> None:
        self._run, self._table, self._job = run, table, job
        self._paces: defaultdict[int, Pace] = defaultdict(Pace)  # by rows: more of them are another time
        self._pace, self._process, self._end = Pace(), 0, lambda: None

    @property
    def threads(self) -> int:
        """How many threads share the next token."""
        return 1 if self._pace.single else len(self._table)

    def run(self, rows: int) -> None:
        """Run the token that the job describes, of so many rows."""
        if self._process != os.getpid():
            self._start()
        if len(self._table) == 1:
            self._run(self._table, self._job, self._address, 0)
            return
        self._pace, start = self._paces[rows], perf_counter_ns()
        self._job[ALONE] = self._pace.single
        self._run(self._table, self._job, self._address, 0)
        self._pace.took(perf_counter_ns() - start)
        if self._failures:
            raise self._failures[0]

    def close(self) -> None:
        """Let the followers end."""
        self._end()
        self._process = 0

    def _start(self) -> None:
        self._job[DONE] = 0
        barrier = new_barrier(_LOOK_AGAIN)
        self._failures: list[BaseException] = []
        self._end = weakref.finalize(self, abandon, barrier)
        self._barrier, self._address = barrier, barrier.ctypes.data
        given = self._run, self._table, self._job, barrier, self._failures
        for thread in range(1, len(self._table)):
            threading.Thread(target=_follow, args=(thread, *given), name="newllm-decoder", daemon=True).start()
        self._process = os.getpid()


def _follow(
    thread: int,
    run: Callable[..., None],
    table: np.ndarray,
    job: np.ndarray,
    barrier: np.ndarray,
    failures: list[BaseException],
) -> None:
    # It holds the arrays and not the team, which could never be collected otherwise.
    try:
        run(table, job, barrier.ctypes.data, thread)
    except BaseException as failure:  # the leading thread raises it
        failures.append(failure)
        abandon(barrier)

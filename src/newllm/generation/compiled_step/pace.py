"""Whether help pays: on a busy machine a thread that waits for its turn holds up all that wait for it.

Which threads run a token changes no bits, so that it may be tried out: now and then a few tokens run the other way,
and the way whose quickest token is quicker is kept.
"""

TRIED = 4  # tokens that are timed at once
KEPT = 512  # tokens between two trials: they cost under 1 % of a quiet machine's time


class Pace:
    """Chooses between running alone and together, and learns from how long it takes.

    Attributes:
        alone: whether the next token is to be run alone.
    """

    def __init__(self) -> None:
        self.alone = False
        self._count, self._kept_alone = 0, False
        self._best = [float("inf"), float("inf")]  # together, alone: in this trial

    def took(self, nanoseconds: int) -> None:
        """Say how long the token took that was run as `alone` said."""
        self._count += 1
        if self._count <= 2 * TRIED:
            way = int(self.alone)
            self._best[way] = min(self._best[way], nanoseconds)
            if self._count == TRIED:
                self.alone = not self._kept_alone
            elif self._count == 2 * TRIED:
                self.alone = self._kept_alone = self._best[1] < self._best[0]
        elif self._count == KEPT:
            self._count, self._best = 0, [float("inf"), float("inf")]

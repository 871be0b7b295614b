"""Whether help pays: on a busy machine a thread that waits for its turn holds up all that wait for it.

Which threads run a token changes no bits, so that it may be tried out: now and then a few tokens run the other way,
and the way whose quickest token is quicker is kept.
"""

TRIED = 4  # tokens that are timed at once
TRIAL_INTERVAL = 512  # tokens between two trials: they cost under 1 % of a quiet machine's time


class Pace:
    """Chooses between running alone and together, and learns from how long it takes.

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

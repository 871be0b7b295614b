"""The last good states of a training in memory: close together of late, ever farther apart before, bounded in bytes."""

from collections.abc import Callable

from newllm.replays.replica.replica import State
from newllm.replays.replica.states import LARGEST, size_of

_CLOSEST, _FARTHEST = 4, 25  # steps between states that are taken
_SHARE = 20  # of the steps done is a step between states
_DENSE = 4  # states that stay at each distance before the next ones lie twice as far apart


class Recent:
    """Keeps states of recent steps. Step 0 is always known, without a state: it is built again from the seed.

    Args:
        largest: bytes of all states; the oldest go first.
    """

    def __init__(self, largest: int = LARGEST) -> None:
        self._largest = largest
        self._states: dict[int, tuple[int, State]] = {}  # by step, with the number of the state, rising

    def offer(self, step: int, state: Callable[[], State]) -> None:
        """Take the state of a step if it is wanted. Offer every step, rising."""
        newest = max(self._states, default=0)
        if step - newest < max(_CLOSEST, min(_FARTHEST, step // _SHARE)):
            return
        number = self._states[newest][0] + 1 if newest else 1
        self._states[step] = number, state()
        self._thin(number)

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that can be gone back to, rising."""
        return (0, *self._states)

    def state(self, step: int) -> State | None:
        """Return the state of a kept step; None for step 0."""
        return self._states[step][1] if step else None

    def forget_after(self, step: int) -> None:
        """Drop what lies behind a step that was gone back to."""
        self._states = {at: state for at, state in self._states.items() if at <= step}

    def copied(self) -> "Recent":
        """Return an own one with the same states, which nobody changes."""
        other = Recent(self._largest)
        other._states = dict(self._states)
        return other

    def _thin(self, newest: int) -> None:
        """Drop states whose number is not a multiple of a power of two that grows with their age."""
        room, kept = self._largest, {}
        for step, (number, state) in reversed(self._states.items()):
            room -= size_of(state)
            if room >= 0 and number % (1 << max(0, ((newest - number) // _DENSE).bit_length() - 1)) == 0:
                kept[step] = number, state
        self._states = dict(reversed(kept.items()))

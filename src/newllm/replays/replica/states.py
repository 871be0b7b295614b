"""States of a training in memory, evenly spaced and bounded in bytes."""

from newllm.replays.replica.replica import State

LARGEST = 2**30  # bytes of all states together
_MOST = 64  # states


def size_of(state: State) -> int:
    """Return how many bytes a state takes."""
    return sum(tensor.nbytes for part in (state.model, state.optimizer, state.carried) for tensor in part.values())


class States:
    """Keeps the state of every so many steps; when there are too many, every second one goes.

    Step 0 is never kept: it is built again from the seed. A state that is larger than all the room is not kept either.

    Args:
        steps: of the whole training.
        largest: bytes.
    """

    def __init__(self, steps: int, largest: int = LARGEST) -> None:
        self.every = max(1, steps // _MOST)
        self._largest, self._bytes = largest, 0
        self._states: dict[int, State] = {}

    def due(self, step: int) -> bool:
        """Whether the state at a step is wanted."""
        return step > 0 and step % self.every == 0

    def keep(self, step: int, state: State) -> None:
        """Take in the state at a step that is due."""
        size = size_of(state)
        while self._states and self._bytes + size > self._largest:
            self._thin()
        if size <= self._largest and self.due(step):
            self._states[step] = state
            self._bytes += size

    @property
    def steps(self) -> tuple[int, ...]:
        """The steps that are kept, in order."""
        return tuple(self._states)

    def __getitem__(self, step: int) -> State:
        return self._states[step]

    def _thin(self) -> None:
        self.every *= 2
        for step in [one for one in self._states if one % self.every]:
            self._bytes -= size_of(self._states.pop(step))

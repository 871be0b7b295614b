"""The last few states of a run in memory, so that the state before a spike is still there when the spike is seen.

A state is copied every `ring_every` steps into buffers that are made once and used in turn. Nothing here touches the
run: its bits and its trace are the same without. `benchmarks/recording_cost/ring_cost.py` measures what it costs.

Limits: at most `LARGEST` bytes and a quarter of the memory; a model of which not even one state fits has no ring.
"""

import math

from newllm.machine import memory_bytes
from newllm.messages import Message, message
from newllm.training.config import RunConfig
from newllm.training.held import Held, copied
from newllm.training.snapshots import Progress, Tensors
from newllm.training.world import World

STATES = 3
LARGEST = 2 << 30  # bytes
LEAST_EVERY = 10  # steps
MOST_EVERY = 50  # steps; of few tokens, which take longer than their arithmetic
TOKENS_BETWEEN = 5000  # a copy costs about what 16 tokens of the same model cost on a CPU
ACCELERATED = 10  # times as many where the device is no CPU: it computes faster, and copies over a bus


def ring_every(config: RunConfig) -> int:
    """Return the steps between two states of the ring: the configuration's, or what costs well under 2 %."""
    if config.training.ring_every:
        return config.training.ring_every
    per_step = config.data.window * config.data.batch * config.training.accumulate
    every = min(MOST_EVERY, max(LEAST_EVERY, math.ceil(TOKENS_BETWEEN / per_step)))
    return every if config.numerics.device.startswith("cpu") else ACCELERATED * every


class Ring:
    """Holds copies of the last states, as many as there is room for.

    Args:
        world: the processes that train together, each with a ring where the model is sharded; None for this one alone.
    """

    def __init__(self, world: World | None = None) -> None:
        self._world = world or World()
        self._capacity: int | None = None  # states; known from the first one
        self._held: list[Held] = []  # oldest first

    def put(self, tensors: Tensors, progress: Progress) -> Message | None:
        """Copy a state in, in the place of the oldest that nobody reads; return what a person should know of it.

        Args:
            tensors: as `training_tensors` gives them.
            progress: of the same step; copied.
        """
        said = None
        if self._capacity is None:
            self._capacity, said = _capacity(tensors, self._world)
        if len(self._held) < self._capacity:
            self._held.append(copied(tensors, progress))
        elif free := next((held for held in self._held if not held.busy), None):
            self._held.remove(free)
            self._held.append(copied(tensors, progress, free))
        return said

    def steps(self) -> dict[int, Held]:
        """Return the states by step, in order."""
        return {held.progress.step: held for held in self._held}


def _capacity(tensors: Tensors, world: World) -> tuple[int, Message | None]:
    """Return how many states fit, into every process where each holds its part; and a notice where these are few."""
    size, limit = sum(value.nbytes for part in tensors.values() for value in part.values()), largest_bytes()
    capacity = min(STATES, limit // max(1, size))
    capacity = min(world.collect("snapshot", capacity)) if world.sharded else capacity
    if capacity == STATES:
        return capacity, None
    mebibytes = {"size": size / 2**20, "limit": limit / 2**20}
    if capacity:
        return capacity, message("notice-few_states", capacity=capacity, states=STATES, **mebibytes)
    return 0, message("notice-large_state", **mebibytes)


def largest_bytes() -> int:
    """Return how many bytes all states together may have here."""
    memory = memory_bytes()
    return LARGEST if memory is None else min(LARGEST, memory // 4)

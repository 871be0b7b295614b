"""The state of a training at any step, made again from the nearest one before it that is known."""

from collections.abc import Callable

import torch

from newllm.replays.original import Original
from newllm.replays.replica import State
from newllm.replays.subject import Subject
from newllm.training.environment import using_threads


def state_at(
    subject: Subject, original: Original, step: int, before_update: Callable[[], object] = lambda: None
) -> State:
    """Return the state at a step above 0, by running the unmodified training up to it.

    Args:
        subject: what is replayed.
        original: its record.
        step: whose state is wanted.
        before_update: called before every update; what it raises ends it.

    Raises:
        UserError: a snapshot is damaged.
    """
    known, state = original.state(step)
    replica = subject.start(subject.setup(known, 0, step, step), state)
    with using_threads(subject.threads), torch.random.fork_rng():
        for done in range(known, step):
            before_update()
            replica.update(done)
    return replica.state()

"""How a subject is optimized, and what that allows."""

import functools

from newllm.messages import Message, message
from newllm.replays.replica.optimization import Optimization
from newllm.replays.replica.subject import Subject


@functools.lru_cache(maxsize=8)
def optimization_of(subject: Subject) -> Optimization:
    """Return how a subject is optimized, found out once."""
    return subject.optimization()


def no_second_moment(subject: Subject) -> Message | None:
    """Return why nothing can be done to the second moment of a subject's optimizer, None where it can."""
    found = optimization_of(subject)
    return None if found.has_second_moment else message("misfit-no_second_moment", optimizer=found.name)

"""How a subject is optimized, and what that allows."""

import functools

from newllm.messages import Message, message
from newllm.replays.replica.plan import Plan
from newllm.replays.replica.subject import Subject


@functools.lru_cache(maxsize=8)
def planned(subject: Subject) -> Plan:
    """Return how a subject is optimized, found out once."""
    return subject.plan()


def no_second_moment(subject: Subject) -> Message | None:
    """Return why nothing can be done to the second moment of a subject's optimizer, None where it can."""
    plan = planned(subject)
    return None if plan.has_second_moment else message("misfit-no_second_moment", optimizer=plan.name)

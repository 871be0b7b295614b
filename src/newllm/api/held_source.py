"""What a report says of a run beside others of its program: the same as the doctor."""

from collections.abc import Callable, Sequence
from pathlib import Path

from newllm.api.diagnosis import Diagnosis
from newllm.api.held_against import held_against_earlier, held_against_given
from newllm.report.source import Source


def held_source(source: Source, read: Callable[[Path], Source], against: Sequence[Path] = ()) -> Source:
    """Return a run as it looks beside sound ones of its program, else beside earlier ones; as it is where none are.

    Args:
        source: of the run by itself.
        read: reads another one by itself.
        against: sound runs or logs; none takes those that the doctor would take.

    Raises:
        UserError: a sound one is the run itself, or shares nothing with it.
    """
    own = _diagnosis(source)
    if against:
        return held_against_given(own, [_diagnosis(read(one)) for one in against]).added_to(source)
    return held_against_earlier(own, lambda one: _diagnosis(read(one))).added_to(source)


def _diagnosis(source: Source) -> Diagnosis:
    return Diagnosis(source.path, source.trace, source.facts, list(source.findings), source.verdict)

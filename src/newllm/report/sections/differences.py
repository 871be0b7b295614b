"""What differs between two runs that are compared: one is held against the other, as `newllm doctor --against` does."""

import shlex
from collections.abc import Iterator, Sequence

from newllm.bisection.store import bisection_between
from newllm.diagnosis.against.compare import held_against
from newllm.diagnosis.against.told import Sound
from newllm.errors import UserError
from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.differences import bisected, finding_text
from newllm.report.markup import Html, block, command, joined, tag
from newllm.report.source import Source
from newllm.trace.program import known_program

_MOST = 3  # runs that are held against the first: of more the page would be one long list
_KINDS = ("differs-from-reference", "program-differs", "parts-from-reference", "parts-inside", "as-reference")


def differences(sources: Sequence[Source], words: Catalogue) -> Section | None:
    """Return the section, None where there are not two runs, or nothing can be told of them.

    It has lines of the programs: in what is given away it has no place.

    Args:
        sources: the runs; the others are held against the first.
        words: of the page.
    """
    first, *others = sources
    parts = []
    for other in others[:_MOST]:
        try:
            parts.append(block(other.name, joined(_told(other, first, words))))
        except UserError:  # the two cannot be compared, which the chart shows
            continue
    if not any(parts):
        return None
    if len(others) > _MOST:
        parts.append(tag("p", words("differences-more", count=len(others) - _MOST), kind="muted"))
    return Section("differences", words("differences", name=first.name), joined(parts))


def _told(source: Source, first: Source, words: Catalogue) -> Iterator[Html]:
    own, other = known_program(source.path), known_program(first.path)  # without a damaged one
    sound = [Sound(first.name, first.trace, first.facts, (), other)]
    findings, _ = held_against((), source.trace, source.facts, sound, own)
    yield from (finding_text(one, words) for one in findings if one.kind in _KINDS)
    if own is None or other is None:
        return
    found = bisection_between(source.path, first.path)
    if found is not None:
        yield bisected(found, words)
    elif any(one.kind == "program-differs" and one.severity != "note" for one in findings):
        called = shlex.join(["newllm", "bisect", str(source.path), "--against", str(first.path)])
        yield tag("p", words("doctor-bisect"), " ", command(called), kind="muted")

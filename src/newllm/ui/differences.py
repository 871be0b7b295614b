"""What differs between the runs that are compared: each is held against the first, as `newllm doctor --against` does.

Programs are shown here, as the page is the user's own; no report takes them along.
"""

import contextlib
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.bisection.change import Change
from newllm.bisection.result import Bisection
from newllm.bisection.store import read_bisection
from newllm.diagnosis.against.compare import Sound, held_against
from newllm.errors import UserError
from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.differences import told
from newllm.report.markup import Html, block, code, command, joined, tag
from newllm.report.source import Source, read_source
from newllm.trace.program import known_program
from newllm.ui.request_values import run_ids
from newllm.ui.responses import Data
from newllm.ui.run_sections import section_dict
from newllm.ui.texts import texts_for

MOST = 3  # runs that are held against the first: of more the page would be one long list
_KINDS = ("differs-from-reference", "program-differs", "parts-from-reference", "parts-inside", "as-reference")


async def _differences(request: Request) -> Response:
    """Answer with the section; without one where there are not two runs, or nothing can be told of them."""
    state, words = request.app.state, texts_for(request).words
    runs = [(entry.name, run) for one in run_ids(request) if (entry := state.index.entry(one)) is not None
            and (run := state.index.lookup(one)) is not None]  # fmt: skip
    section = await run_in_threadpool(_section, state, runs, words) if len(runs) > 1 else None
    return Data({"section": None if section is None else section_dict(section, {})})


routes = [Route("/api/compare/differences", _differences)]


def _section(state: Any, runs: list[tuple[str, Path]], words: Catalogue) -> Section | None:
    (name, first), *others = runs
    parts = []
    with contextlib.suppress(UserError):  # it has gone meanwhile
        held = _read(state, first)
        for other, run in others[:MOST]:
            with contextlib.suppress(UserError):  # the two cannot be compared, which the chart shows
                parts.append(block(other, joined(_told(_read(state, run), held, name, words))))
    if not any(parts):
        return None
    if len(others) > MOST:
        parts.append(tag("p", words("ui-differences_more", count=len(others) - MOST), kind="muted"))
    return Section("differences", words("ui-differences", name=name), joined(parts))


def _read(state: Any, run: Path) -> Source:
    return read_source(run, trace=state.traces.of(run).trace(), findings=())


def _told(source: Source, first: Source, name: str, words: Catalogue) -> Iterator[Html]:
    own, other = known_program(source.path), known_program(first.path)  # without a damaged one
    sound = [Sound(name, first.trace, first.facts, (), other)]
    findings, _ = held_against((), source.trace, source.facts, sound, own)
    yield from (told(one, words) for one in findings if one.kind in _KINDS)
    if own is None or other is None:
        return
    found = _bisection(source.path, first.path)
    if found is not None:
        yield tag("p", joined((words.text(one) for one in found.sentences()), words("sentence-gap")))
        yield from (code("\n".join(_diff(one))) for one in found.smallest)
    elif any(one.kind == "program-differs" and one.severity != "note" for one in findings):
        called = shlex.join(["newllm", "bisect", str(source.path), "--against", str(first.path)])
        yield tag("p", words("ui-differences_bisect"), " ", command(called), kind="muted")


def _diff(change: Change) -> Iterator[str]:
    """Yield a change as the lines that it takes away and adds."""
    yield change.place
    for sign, lines in (("-", change.there), ("+", change.here)):
        shown = [" ".join(lines)] if change.kind == "option" and lines else lines
        yield from (f"{sign} {line.rstrip()}" for line in shown)


def _bisection(run: Path, first: Path) -> Bisection | None:
    """Return what newllm bisect found between the two."""
    with contextlib.suppress(UserError):  # damaged
        found = read_bisection(run)
        if found is not None and found.ended is not None and Path(found.sound).resolve() == first.resolve():
            return found
    return None

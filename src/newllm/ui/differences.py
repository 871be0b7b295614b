"""What differs between the runs that are compared, of the first of them all the others."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.errors import UserError
from newllm.messages import Catalogue
from newllm.report.charts.chart import Section
from newllm.report.sections.differences import differences
from newllm.report.source import Source, read_source
from newllm.ui.request_values import run_ids
from newllm.ui.responses import Data
from newllm.ui.run_sections import section_dict
from newllm.ui.texts import texts_for


async def _differences(request: Request) -> Response:
    """Answer with the section; without one where there are not two runs, or nothing can be told of them."""
    state, words = request.app.state, texts_for(request).words
    runs = [(entry.name, run) for one in run_ids(request) if (entry := state.index.entry(one)) is not None
            and (run := state.index.lookup(one)) is not None]  # fmt: skip
    section = await run_in_threadpool(_section, state, runs, words) if len(runs) > 1 else None
    return Data({"section": None if section is None else section_dict(section, {})})


routes = [Route("/api/compare/differences", _differences)]


def _section(state: Any, runs: list[tuple[str, Path]], words: Catalogue) -> Section | None:
    sources = list(_sources(state, runs))
    # Without the first, which has gone meanwhile, another one would stand in its place.
    return differences(sources, words) if sources and sources[0].path == runs[0][1] else None


def _sources(state: Any, runs: list[tuple[str, Path]]) -> Iterator[Source]:
    for name, run in runs:
        with contextlib.suppress(UserError):  # it has gone meanwhile
            yield replace(read_source(run, trace=state.traces.of(run).trace(), findings=()), name=name)

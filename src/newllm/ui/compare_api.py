"""The page that compares runs, and its data."""

from dataclasses import asdict, replace
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.errors import UserError
from newllm.messages import Catalogue
from newllm.report.charts.figure import figure
from newllm.report.markup import safe
from newllm.report.sections.comparison import comparison
from newllm.report.several.arms import arms_of
from newllm.report.several.compared import member_of
from newllm.report.several.line_styles import LineStyles
from newllm.report.source import Source, read_source
from newllm.ui.compared import AXES, VIEWS, ChartQuery, compared, first_signal, signals_of
from newllm.ui.empty import SCRIPTS, empty, train_into
from newllm.ui.entry import Entry
from newllm.ui.request_values import run_ids
from newllm.ui.responses import Data
from newllm.ui.run_sections import chart_dict, section_dict, thin_chart
from newllm.ui.shell import page
from newllm.ui.texts import texts_for
from newllm.words.diagnosis import unjudged
from newllm.words.labels import signal_label

_MOST_SIGNALS = 300


async def _page(request: Request) -> Response:
    texts, index = texts_for(request), request.app.state.index
    head = f'<div class="place"><header class="head"><h1>{safe(texts("compare"))}</h1></header>'
    if index.ready and not index.since(0)[1]:
        body = f"{head}{empty(texts, 'no_runs', train_into(index.root))}</div>"
        return page(request, texts("compare"), body, active="compare", scripts=SCRIPTS)
    body = f'{head}<div id="compare"></div><noscript><p>{safe(texts("needs_script"))}</p></noscript></div>'
    scripts = ("report.js", "run_state.js", "sections.js", "picker.js", "share.js", "compare.js")
    return page(request, texts("compare"), body, active="compare", scripts=scripts)


async def _data(request: Request) -> Response:
    """Answer with the chart that is asked for, and what the report tells of these runs side by side."""
    query = request.query_params
    chart_query = ChartQuery(query.get("signal", ""), query.get("x", "step"), query.get("view", "overlay"))
    if chart_query.axis not in AXES or chart_query.view not in VIEWS:
        raise HTTPException(400, f"x is one of {', '.join(AXES)}; view is one of {', '.join(VIEWS)}")
    runs = run_ids(request)
    words = texts_for(request).words
    return Data(await run_in_threadpool(_comparison, request.app.state, runs, chart_query, words))


def _comparison(state: Any, runs: list[str], chart_query: ChartQuery, words: Catalogue) -> dict[str, Any]:
    entries = {name: entry for name in runs if (entry := state.index.entry(name)) is not None}
    sources = {name: source for name in entries if (source := _source(state, entries[name])) is not None}
    members = [replace(member_of(source), name=source.name) for source in sources.values()]
    signals = signals_of(members)
    if chart_query.signal not in signals:
        chart_query = replace(chart_query, signal=first_signal(signals, members))
    chart, missing = compared(members, chart_query, words)
    chart = thin_chart(chart)  # before its table is made, too
    styles = LineStyles(arms_of(members))
    section = comparison(list(sources.values()), words) if len(sources) > 1 else None
    return {
        "runs": [entries[name].as_dict(words) for name in sources],
        "styles": [asdict(styles.of_run(member)) for member in members],
        "undiagnosed": [name for name, source in sources.items() if not source.judged],
        "unknown": [name for name in runs if name not in sources],
        "signal": chart_query.signal,
        "signals": [[name, signal_label(words, name)] for name in signals[:_MOST_SIGNALS]],
        "chart": chart_dict(chart, {}),
        "figure": str(figure(chart, words)) if chart.lines else "",
        "missing": missing,
        "section": None if section is None else section_dict(section, {}),
    }


def _source(state: Any, entry: Entry) -> Source | None:
    run = state.index.lookup(entry.id)
    if run is None:
        return None
    try:
        known = state.diagnoses.known(run)
        source = read_source(run, trace=state.traces.of(run).trace(), findings=known or ())
    except UserError:  # it has gone meanwhile
        return None
    judged = known is not None and not unjudged(source.trace, source.findings)
    return replace(source, name=entry.name, judged=judged)


routes = [Route("/compare", _page), Route("/api/compare", _data)]

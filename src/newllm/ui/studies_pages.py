"""The list of studies, and the page of one: its claims, arms and curves as the report shows them."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newllm.demo import shown
from newllm.errors import UserError
from newllm.messages import Catalogue
from newllm.report.markup import english, safe
from newllm.report.sections.study import study_lead, study_sections
from newllm.report.source.study import read_study
from newllm.ui.empty import SCRIPTS, empty, study_into
from newllm.ui.request_values import study_of
from newllm.ui.responses import Data
from newllm.ui.run_sections import section_dict
from newllm.ui.shell import frame_of_sections, page
from newllm.ui.studies import StudyEntry
from newllm.ui.texts import texts_for
from newllm.words.studies import verdict_text

_MOODS = {"holds": "good", "holds in part": "warning", "does not hold": "fault"}


async def _studies(request: Request) -> Response:
    texts, index = texts_for(request), request.app.state.index
    await index.until(lambda: False)
    found = index.studies()
    demo = request.app.state.demo
    rows = "".join(_row(study, texts.words, demo=demo) for study in found)
    heads = "".join(f'<th scope="col">{safe(texts(key))}</th>' for key in ("study", "verdicts", "arms", "seeds"))
    listed = f'<table class="studies"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    none = empty(texts, "no_studies", study_into(index.root))
    where = "" if demo else f'<p class="where">{safe(index.root)}</p>'
    head = f'<header class="head"><h1>{safe(texts("studies"))}</h1>{where}</header>'
    body = f'<div class="place">{head}{listed if found else none}</div>'
    return page(request, texts("studies"), body, active="studies", scripts=SCRIPTS)


async def _study(request: Request) -> Response:
    folder, texts, words = await study_of(request), texts_for(request), texts_for(request).words
    try:
        study = await run_in_threadpool(read_study, folder)
        lead = str(study_lead(study, words))
        name = study.name
    except UserError as error:
        name, lead = folder.name, f'<p class="problem">{safe(error)}</p>'
    head = (
        f'<p class="crumbs"><a href="/studies">{safe(texts("studies"))}</a></p><h1>{safe(name)}</h1>'
        f'<p class="where">{safe(shown(folder))}</p>{lead}'
    )
    head += '<div id="actions" class="actions"></div>'
    body = frame_of_sections(head, "", texts)
    scripts = ("report.js", "sections.js", "share.js", "study.js")
    data = {"study": request.path_params["id"]}
    return page(request, name, body, active="studies", scripts=scripts, data=data)


async def _sections(request: Request) -> Response:
    words = texts_for(request).words
    return Data(await run_in_threadpool(_as_data, await study_of(request), words))


def _as_data(folder: Path, words: Catalogue) -> dict[str, Any]:
    try:
        sections = study_sections(read_study(folder), words)
    except UserError as error:
        raise HTTPException(404, str(error)) from error
    return {
        "sections": [section_dict(section, {}) for section in sections],
        "order": [section.id for section in sections],
    }


def _row(study: StudyEntry, words: Catalogue, *, demo: bool) -> str:
    known = study.when and not demo  # the time of an installed file is none of the study
    when = datetime.fromtimestamp(study.when, UTC).strftime("%Y-%m-%d %H:%M UTC") if known else ""
    title = dict(study.titles).get(words.lang)
    said = english(words, study.title) if title is None else safe(title)
    verdicts = "".join(
        f'<span class="claims {_MOODS.get(verdict, "note")}"><b>{count}</b> {safe(verdict_text(verdict, words))}</span>'
        for verdict, count in study.verdicts
    )
    problems = "".join(f'<small class="doubt">▲ {safe(words.text(problem))}</small>' for problem in study.problems)
    return (
        f'<tr><th scope="row"><a href="/study/{study.id}">{safe(study.name)}</a>'
        f"<small>{said}</small>{problems}<small>{when}</small></th><td>{verdicts}</td>"
        f'<td class="number">{study.arms}</td><td class="number">{study.seeds}</td></tr>'
    )


routes = [
    Route("/studies", _studies),
    Route("/study/{id}", _study),
    Route("/api/study/{id}/sections", _sections),
]

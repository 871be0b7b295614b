"""In a language that is made up, the local page's list of studies and the page of one hold no English sentence."""

import asyncio
import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.responses import Response

from newllm.messages import Catalogue
from newllm.ui import shell, studies_pages, texts
from newllm.ui.demo import tour
from newllm.ui.index import Index, id_of

CLAIM = {"id": "1", "text": "x", "measure": "y", "arms": [], "numbers": {}}
VERDICTS = ("holds", "holds in part", "does not hold", "undecided")


def answered(handler: Callable[[Any], Coroutine[Any, Any, Response]], request: Any) -> str:
    return bytes(asyncio.run(handler(request)).body).decode()


def test_pages_of_studies(
    tmp_path: Path, wide: Catalogue, english: Callable[[str], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(texts, "catalogue", lambda _: wide)
    for module in (shell, studies_pages):
        monkeypatch.setattr(module, "texts_for", lambda _: texts.Texts(wide))
    claims = [{**CLAIM, "verdict": verdict} for verdict in VERDICTS]
    results = {"schema": 1, "study": "mine", "title": "z", "seeds": 2, "arms": [], "claims": claims, "rows": []}
    (tmp_path / "results.json").write_text(json.dumps(results))
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path):
        index = Index(folder)
        index.refresh()
        own = id_of(tmp_path.name)
        state = SimpleNamespace(index=index, demo=True)
        request: Any = SimpleNamespace(app=SimpleNamespace(state=state), path_params={"id": own})
        listed = answered(studies_pages._studies, request)
        assert (f'href="/study/{own}"' in listed) == (folder == tmp_path)
        assert english(listed) == []
    assert english(answered(studies_pages._study, request)) == []
    sections = json.loads(answered(studies_pages._sections, request))["sections"]
    assert english("<html>" + "".join(section["html"] for section in sections)) == []


def test_the_tour_of_the_demo(wide: Catalogue, english: Callable[[str], list[str]]) -> None:
    assert english(f"<html>{tour(texts.Texts(wide))}") == []

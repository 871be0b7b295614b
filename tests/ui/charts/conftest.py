"""Charts on a page as a report holds them: one file, its policy, no network."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from newllm.messages import catalogue
from newllm.report import web_files
from newllm.report.charts.chart import Chart, Curves, Line, Mark

if TYPE_CHECKING:
    from playwright.sync_api import Page

Show = Callable[..., "Page"]
"""`show(*charts)`: a page that has drawn them; their handles are `handles` there."""

POINTS, SPIKE = 100_000, 61_803
HEIGHT = 14.25


def spiked() -> np.ndarray:
    """A noisy line of 100,000 points with one of them far above."""
    chance = np.random.default_rng(0)
    y = (3 + chance.normal(0, 0.1, POINTS)).astype(np.float32)
    y[SPIKE] = HEIGHT
    return y


@pytest.fixture(scope="session")
def spike() -> Curves:
    """The spiked line beside five quiet ones."""
    chance = np.random.default_rng(1)
    x = np.arange(POINTS)
    colours = ("validation", "context", "learning-rate", "sky", "spike")
    quiet = [Line(c, c, c, x, (1 + chance.normal(0, 0.1, POINTS)).astype(np.float32)) for c in colours]
    lines = (Line("loss", "loss", "training", x, spiked()), *quiet)
    return Curves("spike", "Loss", "step", "nats per token", lines, (Mark(SPIKE, SPIKE, "fault", "spike"),))


@pytest.fixture
def show(page: "Page", tmp_path: Path) -> Show:
    def shown(*charts: Chart, lang: str = "en", page: "Page" = page) -> "Page":
        (tmp_path / "page.html").write_text(_html(charts, lang), encoding="utf-8")
        page.goto((tmp_path / "page.html").as_uri())
        page.evaluate("newllm.ready.then((handles) => { window.handles = handles; })")
        return page

    return shown


def _html(charts: tuple[Chart, ...], lang: str) -> str:
    script, style = web_files.script(), web_files.style()
    data = json.dumps({chart.id: chart.as_dict() for chart in charts}).replace("<", "\\u003c")
    figures = "".join(
        f'<figure class="chart" data-chart="{chart.id}"><figcaption>{chart.title}</figcaption>'
        f'<div class="plot" role="img" aria-label="{chart.title}" tabindex="0"></div></figure>'
        for chart in charts
    )
    return (
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8"><title>charts</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{web_files.policy([script], [style])}">'
        f"<style>{style}</style><body>{figures}"
        f'<script type="application/json" id="charts">{data}</script>{web_files.words_block(catalogue(lang))}'
        f"<script>{script}</script></body></html>"
    )

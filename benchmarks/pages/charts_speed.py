"""How large is a page of curves, and how long does a browser take to draw it, to zoom and to add live points?

    python benchmarks/pages/charts_speed.py [--chromium PATH] [--out FILE]

Six noisy lines of 100,000 points each, a map of 300 rows by 30,000 columns, and a line that grows live, at 1280 pixels
without a graphics card, so that the processor paints every pixel. Milliseconds are processor time of the page's main
thread (a machine that others use stretches wall time several times over): of the first drawing from opening the page
on, scripts compiled and numbers unpacked (`one_small_curve` is what any page costs); of a redraw the mean over `FRAMES`
frames that move the view by a little, painting included; `smoothed_redraw_ms` is the same with every line smoothed over
2 % of what is shown, `widest` over 10 %. `append` is a call that adds ten points, the mean of 2,000
calls, to a line that has few and to one that has a million: what must not grow; of the latter also redraws. Needs
Chromium and Playwright.
"""

import argparse
import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Browser, sync_playwright

from newllm.report import web_files
from newllm.report.charts.chart import Chart, Curves, Heat, Line

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine

POINTS, ROWS, COLUMNS, FRAMES, CALLS = 100_000, 300, 30_000, 60, 2_000
SMOOTHED = {"smoothed_redraw_ms": 3, "widest_smoothed_redraw_ms": 5}
COLOURS = ("training", "validation", "context", "learning-rate", "sky", "spike")
MOVE = """async ([id, frames]) => {
  const { view } = handles.get(id), wide = view.last - view.first;
  for (let at = 0; at < frames; at++) {
    view.set(view.first + wide * (0.02 + 0.0005 * at), view.first + wide * (0.9 + 0.0005 * at));
    await new Promise((done) => requestAnimationFrame(done));
  }
}"""
APPEND = """([id, calls]) => {
  const chart = handles.get(id), { columns } = chart.lines[0];
  for (let call = 0, x = columns.x[columns.length - 1]; call < calls; call++) {
    chart.append("loss", Array.from({ length: 10 }, () => ++x), new Array(10).fill(2));
  }
}"""
GROW = """([id, points]) => {
  const x = Float64Array.from({ length: points }, (_, at) => 1000 + at);
  handles.get(id).append("loss", x, Float64Array.from(x, (at) => 2 + Math.sin(at * at) / 9));
}"""


def curves(name: str, points: int, lines: int) -> Curves:
    """Return noisy lines with one spike."""
    chance = np.random.default_rng(0)
    made = []
    for at, colour in enumerate(COLOURS[:lines]):
        y = (2 + 0.3 * at + chance.normal(0, 0.1, points)).astype(np.float32)
        y[points // 2] = 14
        made.append(Line("loss" if at == 0 else colour, colour, colour, np.arange(points), y))
    return Curves(name, "Loss", "step", "nats", tuple(made))


def heat() -> Heat:
    """Return a large map."""
    values = np.random.default_rng(0).lognormal(size=(ROWS, COLUMNS)).astype(np.float32)
    return Heat("map", "Gradient", "step", "", np.arange(COLUMNS), tuple(f"layer {at}" for at in range(ROWS)), values)


def page(chart: Chart) -> str:
    """Return the smallest page that draws a chart."""
    data = json.dumps({chart.id: chart.as_dict()}).replace("<", "\\u003c")
    return (
        f'<!doctype html><meta charset="utf-8"><style>{web_files.style()}</style><figure data-chart="{chart.id}">'
        f'<div class="plot"></div></figure><script type="application/json" id="charts">{data}</script>'
        f"<script>{web_files.script()}</script>"
    )


class Drawn:
    """A chart in a tab of its own, and the processor time that the tab's main thread has taken."""

    def __init__(self, browser: Browser, folder: Path, chart: Chart) -> None:
        self.chart = chart
        self.tab = browser.new_page(viewport={"width": 1280, "height": 900})
        self.session = self.tab.context.new_cdp_session(self.tab)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        path = folder / f"{chart.id}.html"
        path.write_text(page(chart), encoding="utf-8")
        self.tab.goto(path.as_uri())
        self.tab.evaluate("newllm.ready.then((handles) => { window.handles = handles; })")
        self.first = {"page_bytes": path.stat().st_size, "first_draw_ms": self.spent()}

    def spent(self) -> float:
        """Return milliseconds so far."""
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return 1e3 * next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    def redraws(self) -> dict[str, float]:
        """Return milliseconds of a redraw, as it is and smoothed."""
        plain = self.each(MOVE, FRAMES)
        found = {}
        for name, level in SMOOTHED.items():
            self.tab.evaluate(f"newllm.smooth({level})")
            found[name] = self.each(MOVE, FRAMES)
        self.tab.evaluate("newllm.smooth(0)")
        return {"redraw_ms": plain, **found}

    def each(self, script: str, times: int) -> float:
        """Return milliseconds of each of so many times."""
        self.tab.evaluate(script, [self.chart.id, times])  # the first goes to the compiler
        begun = self.spent()
        self.tab.evaluate(script, [self.chart.id, times])
        return (self.spent() - begun) / times


def measured(chromium: str) -> dict[str, Any]:
    """Return all numbers."""
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        found: dict[str, Any] = {"browser": browser.version}
        found["one_small_curve"] = Drawn(browser, Path(folder), curves("small", 10, 1)).first
        for name, chart in (("curves", curves("curves", POINTS, 6)), ("map", heat())):
            drawn = Drawn(browser, Path(folder), chart)
            of_map = name == "map"
            found[name] = drawn.first | ({"redraw_ms": drawn.each(MOVE, FRAMES)} if of_map else drawn.redraws())
        for name, points in (("few", 0), ("a_million", 1_000_000)):
            drawn = Drawn(browser, Path(folder), curves(name, 1_000, 1))
            drawn.tab.evaluate(GROW, [name, points])
            found[f"append_to_{name}_ms"] = drawn.each(APPEND, CALLS)
            if points:
                found[name] = drawn.redraws()
        browser.close()
    return found


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    text = json.dumps({"machine": machine.describe(), **measured(options.chromium)}, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()

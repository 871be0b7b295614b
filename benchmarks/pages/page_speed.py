"""How quick is the local page? 2,000 runs, one of 1,000,000 steps: first paint, and what is sent after an append.

A real Chromium opens the pages of a real `newllm ui`; times are those of its own clock, from the navigation on:
- first_contentful_paint: of the browser
- rows: the list shows a screen of runs, with their small curves
- glance: the page of the long run shows its loss
- sections: it shows everything of the report, all charts drawn
Of every other kind of page (a replayed run, a comparison, the studies and one of them, the playground) the first paint.

    python benchmarks/pages/page_speed.py [--quick]

Needs Playwright for Python and a Chromium (on PATH, or named in NEWLLM_CHROMIUM).
"""

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from newllm.demo import demo_set
from newllm.trace import Summary, TraceWriter
from newllm.trace.blocks import blocks_path, encode_block
from newllm.ui.index import Index

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine

if TYPE_CHECKING:
    from playwright.sync_api import Browser

RUNS, STEPS, BLOCK = 2_000, 1_000_000, 25_000
SIGNALS = ("loss", "gradient_norm", "gradient_norm_clipped", "learning_rate", "context_norm")
LAYERS = 39  # of preset small; each recorded at every tenth step, as a run does
STATISTICS = ("gradient_norm", "weight_norm", "update_norm", "update_ratio", "second_moment_mismatch", "activation_rms")
APPENDED, TIMES = 100, 5
CONFIG = 'schema = 1\npreset = "tiny"\nseed = {seed}\n\n[model]\nbody = "stack"\nrule = "ema"\nnorm = "none"\n'


def small_run(place: Path, seed: int) -> None:
    chance = np.random.default_rng(seed)
    place.mkdir(parents=True)
    (place / "config.toml").write_text(CONFIG.format(seed=seed))
    with TraceWriter(place / "trace.jsonl") as writer:
        for step in range(1, 301):
            writer.write(step, loss=4 - step / 100 + 0.1 * chance.normal(), gradient_norm=1.0, learning_rate=1e-3)
    summary = Summary(steps=300, parameters=10_000, scan_backend="numba", precision="fp32", device="cpu")
    summary.status, summary.step, summary.tokens, summary.seconds = "finished", 300, 30_000, 9.0
    summary.validated(300, 1.0 + chance.random(), 1.0 + chance.random())
    summary.save(place / "summary.json")


def long_run(place: Path, steps: int) -> None:
    chance = np.random.default_rng(0)
    small_run(place, 0)
    (place / "trace.jsonl").write_bytes(b"")
    with blocks_path(place / "trace.jsonl").open("wb") as file:
        for first in range(0, steps, BLOCK):
            step = np.arange(first + 1, first + BLOCK + 1)
            columns = {name: (step, noisy(chance, step)) for name in SIGNALS}
            sampled = step[::10]
            for statistic in STATISTICS:
                columns |= {f"{statistic}/blocks.{at}.mlp": (sampled, noisy(chance, sampled)) for at in range(LAYERS)}
            file.write(encode_block(columns))


def noisy(chance: np.random.Generator, step: np.ndarray) -> np.ndarray:
    """Return numbers of 32 bits once, as what is recorded; one in a hundred thousand is a spike."""
    value = 3 + np.exp(-step / 2e5) + 0.1 * chance.normal(size=len(step))
    value[chance.random(len(step)) < 1e-5] += 5
    return value.astype(np.float32).astype(np.float64)


@contextlib.contextmanager
def served(root: Path) -> Iterator[tuple[str, float]]:
    """Start the server; give its address and the seconds until it could be opened."""
    began = time.perf_counter()
    command = [sys.executable, "-P", "-m", "newllm.cli.main", "ui", str(root), "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield json.loads(server.stdout.readline())["url"], time.perf_counter() - began
        finally:
            server.terminate()


def ask(address: str, path: str) -> bytes:
    with contextlib.closing(http.client.HTTPConnection(address.split("/")[2], timeout=120)) as connection:
        connection.request("GET", path)
        return connection.getresponse().read()


def opened(browser: "Browser", address: str, marks: tuple[str, ...]) -> dict[str, float]:
    """Open a page in a fresh browser context; return milliseconds until each of its marks was reached.

    The last mark is that of everything: an earlier one that was not needed (no glance where all came at once) is it.
    """
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(address, wait_until="commit")
    names = ["first-contentful-paint", *(f"newllm-{name}" for name in marks)]
    ends = time.perf_counter() + 120
    found: list[float | None] = [None]
    while None in (found[0], found[-1]) and time.perf_counter() < ends:
        time.sleep(0.02)
        found = page.evaluate("(names) => names.map((name) => performance.getEntriesByName(name)[0]?.startTime)", names)
    context.close()
    found = [found[-1] if at is None else at for at in found]
    assert None not in found, f"{address}: {dict(zip(names, found, strict=True))}"
    return {name: round(at, 1) for name, at in zip(("first_contentful_paint", *marks), found, strict=True) if at}


def other_pages(browser: "Browser", address: str) -> dict[str, float]:
    """Return the first paint of each kind of page that is neither the list nor the long run."""
    keys = {run["name"].rpartition("/")[2]: run["id"] for run in json.loads(ask(address, "/api/runs"))["runs"]}
    study = re.search(r'href="(/study/[^"]+)"', ask(address, "/studies").decode())
    assert study is not None
    paths = {
        "a_replayed_run": f"/run/{keys['founding-baseline']}",
        "comparison": f"/compare?runs={keys['learning-rate-doubled']},{keys['learning-rate-as-planned']}",
        "studies": "/studies",
        "a_study": study[1],
        "playground": f"/run/{keys['moby-dick']}/play",
    }
    found = {
        name: middle([opened(browser, address[:-1] + path, ()) for _ in range(TIMES)]) for name, path in paths.items()
    }
    return {name: each["first_contentful_paint"] for name, each in found.items()}


def middle(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(one[name] for one in found), 1) for name in found[0]}


def after_an_append(address: str, run: Path, key: str) -> dict[str, Any]:
    """Append rows to the long run while its page is open, and count the bytes that are sent."""
    sections = ask(address, f"/api/run/{key}/sections")
    told = json.loads(sections)
    with contextlib.closing(http.client.HTTPConnection(address.split("/")[2], timeout=60)) as connection:
        connection.request("GET", f"/api/run/{key}/live?version={told['version']}&digest={told['digest']}")
        answer = connection.getresponse()
        until(answer, b"event: jobs")
        with TraceWriter(run / "trace.jsonl") as writer:
            for step in range(10 * STEPS, 10 * STEPS + APPENDED):
                writer.write(step, **dict.fromkeys(SIGNALS, 2.5))
        began = time.perf_counter()
        sent = until(answer, b"event: append")
        return {
            "rows": APPENDED, "signals": len(SIGNALS), "bytes": sent,
            "bytes_a_number": round(sent / APPENDED / len(SIGNALS), 1),
            "seconds_until_sent": round(time.perf_counter() - began, 2), "bytes_of_the_whole_page": len(sections),
        }  # fmt: skip


def until(answer: http.client.HTTPResponse, name: bytes) -> int:
    """Read to the end of an event of that name; return the bytes that were read."""
    count, found = 0, False
    while line := answer.readline():
        count += len(line)
        found = found or line.startswith(name)
        if found and line == b"\n":
            return count
    raise RuntimeError("the stream has ended")


def of_the_index(root: Path) -> dict[str, float]:
    """Return how long the first look and a second one take, when nothing has changed."""
    index = Index(root)
    began = time.perf_counter()
    index.refresh()
    first = time.perf_counter()
    index.refresh()
    return {"first_ms": round(1e3 * (first - began), 1), "again_ms": round(1e3 * (time.perf_counter() - first), 1)}


def measure(root: Path, runs: int, steps: int) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("NEWLLM_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    for number in range(runs):
        small_run(root / f"group-{number % 20:02d}" / f"run-{number:04d}", number)
    long_run(root / "long", steps)
    shutil.copytree(demo_set(), root / "demo")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        result = in_a_browser(browser, root)
        browser.close()
    return result | {"index": of_the_index(root)}


def at_once_of(browser: "Browser", root: Path, marks: tuple[str, ...]) -> dict[str, float]:
    """Open the list of a server that has just begun, and reads the runs for the first time."""
    with served(root) as (address, _):
        return opened(browser, address, marks)


def in_a_browser(browser: "Browser", root: Path) -> dict[str, Any]:
    of_list, of_run = ("rows", "curves"), ("glance", "sections")
    at_once = middle([at_once_of(browser, root, of_list) for _ in range(TIMES)])
    with served(root) as (address, seconds):
        while not json.loads(ask(address, "/api/runs"))["ready"]:
            time.sleep(0.05)
        key = next(run["id"] for run in json.loads(ask(address, "/api/runs"))["runs"] if run["name"] == "long")
        first = opened(browser, f"{address}run/{key}", of_run)
        return {
            "seconds_to_start": round(seconds, 2),
            "list_at_once_ms": at_once,
            "list_ms": middle([opened(browser, address, of_list) for _ in range(TIMES)]),
            "long_run_first_ms": first,
            "long_run_again_ms": middle([opened(browser, f"{address}run/{key}", of_run) for _ in range(TIMES)]),
            "other_pages_ms": other_pages(browser, address),
            "bytes_of_the_list": len(ask(address, "/api/runs")),
            "bytes_when_nothing_is_new": len(ask(address, f"/api/runs?since={10**14}")),
            "after_an_append": after_an_append(address, root / "long", key),
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="100 runs, one of 50,000 steps")
    quick = parser.parse_args().quick
    machine.warn_if_busy()
    runs, steps = (100, 50_000) if quick else (RUNS, STEPS)
    with tempfile.TemporaryDirectory() as directory:
        result = measure(Path(directory), runs, steps)
    print(json.dumps({"machine": machine.describe(), "runs": runs, "steps": steps, **result}, indent=2))


if __name__ == "__main__":
    main()

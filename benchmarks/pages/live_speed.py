"""Does anything hitch while twenty trainings run? Their list, one run's page and a comparison, open for a minute.

A process of its own appends to twenty run directories: a row every 0.1 s as `newllm train` writes it (every tenth with
layers, on the disk within a second), a summary with its heartbeat every second. A real Chromium has three pages of a
real `newllm ui` open: the list of runs, the page of one, and a comparison of four.

    python benchmarks/pages/live_speed.py [--seconds N] [--runs N] [--out FILE]

- server_cpu, browser_cpu: share of one core (of all processes of the browser, painting without a graphics card
  included); main_thread: of each page
- longest_block_ms: the longest task of a page's main thread, and how many took more than 50 ms
- late_s: how old the newest step that a page shows is, from the moment when it was on the disk: median and most of
  looks every 100 ms. The list shows the step of a summary, the others draw a trace.
- bytes_a_second: what the server sends to each page

Needs Playwright for Python and a Chromium (on PATH, or named in NEWLLM_CHROMIUM).
"""

import argparse
import contextlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from bisect import bisect_left
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from newllm.trace import Summary, TraceWriter

sys.path.append(str(Path(__file__).parents[1] / "shared"))
sys.path.append(str(Path(__file__).parent))

import machine
from page_speed import CONFIG, LAYERS, STATISTICS, ask, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

EVERY, BEFORE, COMPARED, SETTLE = 0.1, 2000, 4, 8.0  # seconds, rows that are there already, runs, seconds
SIGNALS = ("loss", "gradient_norm", "gradient_norm_clipped", "learning_rate", "context_norm", "step_seconds")
BLOCKS = """
  window.blocks = [];
  const took = (list) => window.blocks.push(...list.getEntries().map((one) => one.duration));
  new PerformanceObserver(took).observe({ type: "longtask" });
"""
LOOK = """() => {{
  window.looks = [];
  window.looking = setInterval(() => window.looks.push([Date.now() / 1000, {step}]), 100);
}}"""
STEPS = {
    "list": "parseInt(document.querySelector('tr[data-id^=run-00] td.state small').textContent.replaceAll(',', ''))",
    "run": "newllm.sections.shown.get('curves').handles.get('loss').drawn.to",
    "compare": "newllm.compared().drawn.to",
}
TICKS = os.sysconf("SC_CLK_TCK")


class Training:
    """A run that is written as a training writes it, without one."""

    def __init__(self, place: Path, seed: int) -> None:
        place.mkdir(parents=True)
        self.place, self.chance, self.step = place, np.random.default_rng(seed), 0
        (place / "config.toml").write_text(CONFIG.format(seed=seed))
        self.trace = TraceWriter(place / "trace.jsonl")
        self.summary = Summary(steps=100_000, parameters=10_000, scan_backend="numba", precision="fp32", device="cpu")

    def row(self) -> None:
        """Write what a step measures."""
        self.step += 1
        loss = 2 + np.exp(-self.step / 1000) + 0.1 * self.chance.normal()
        row = dict.fromkeys(SIGNALS, float(loss))
        if self.step % 10 == 0:
            row |= {f"{name}/blocks.{at}.mlp": float(loss) for name in STATISTICS for at in range(LAYERS)}
        if self.step % 100 == 0:
            row["validation_loss"] = float(loss)
        self.trace.write_row(self.step, row)

    def save(self) -> None:
        """Hand all of it to the operating system, with a heartbeat."""
        self.trace.flush()
        self.summary.step = self.step
        self.summary.save(self.place / "summary.json")


def write(root: Path, runs: int) -> None:
    """Write until the end of standard input; say when which step of the first run was on the disk."""
    trainings = [Training(root / f"run-{at:02d}", at) for at in range(runs)]
    for training in trainings:
        for _ in range(BEFORE):
            training.row()
        training.save()
    print("ready", flush=True)
    os.set_blocking(0, False)
    began = time.monotonic()
    for number in range(10**9):
        for at, training in enumerate(trainings):
            training.row()
            if (number + at) % 10 == 0:  # not all in the same moment
                training.save()
                if at == 0:
                    print(json.dumps([time.time(), training.step]), flush=True)
        if sys.stdin.buffer.read(1) == b"":
            return
        time.sleep(max(0.0, began + (number + 1) * EVERY - time.monotonic()))


@contextlib.contextmanager
def trainings(root: Path, runs: int, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Keep so many trainings running."""
    command = [sys.executable, "-P", __file__, "--write", str(root), "--runs", str(runs)]
    with log.open("wb") as told, subprocess.Popen(command, stdin=subprocess.PIPE, stdout=told) as process:
        assert process.stdin is not None
        while not log.read_bytes().startswith(b"ready"):
            assert process.poll() is None, "the writer has ended"
            time.sleep(0.1)
        yield process
        process.stdin.close()


class Watched:
    """A page whose main thread, bytes and newest step are watched."""

    def __init__(self, browser: "Browser", address: str, step: str) -> None:
        self.page: Page = browser.new_context(viewport={"width": 1280, "height": 900}).new_page()
        self.page.add_init_script(BLOCKS)
        self.step, self.bytes = step, 0
        self.session = self.page.context.new_cdp_session(self.page)
        self.session.send("Performance.enable", {"timeDomain": "threadTicks"})
        self.session.send("Network.enable")
        self.session.on("Network.dataReceived", self._received)
        self.page.goto(address)

    def _received(self, event: dict[str, Any]) -> None:
        self.bytes += event["dataLength"]

    def _spent(self) -> float:
        metrics = self.session.send("Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in metrics if metric["name"] == "TaskDuration")

    def begin(self) -> None:
        """Count from now on."""
        self.page.evaluate("window.blocks.length = 0")
        self.page.evaluate(LOOK.format(step=self.step))
        self.before = self._spent(), self.bytes

    def result(self, seconds: float, flushed: list[tuple[float, int]]) -> dict[str, Any]:
        """Return what there was since, of so many seconds."""
        spent, sent = self._spent() - self.before[0], self.bytes - self.before[1]
        looks, blocks = self.page.evaluate("[window.looks, window.blocks]")
        late = sorted(age for moment, step in looks if (age := late_by(moment, step, flushed)) is not None)
        return {
            "main_thread": round(spent / seconds, 3),
            "longest_block_ms": round(max(blocks, default=0)),
            "blocks_over_50_ms": len(blocks),
            "late_s": {"median": round(late[len(late) // 2], 2), "most": round(late[-1], 2)} if late else None,
            "bytes_a_second": round(sent / seconds),
        }


def late_by(moment: float, step: float | None, flushed: list[tuple[float, int]]) -> float | None:
    """Return for how long a newer step than that had been on the disk at a moment; 0 where there was none."""
    if step is None:
        return None
    newer = bisect_left(flushed, step + 1, key=lambda one: one[1])
    return max(0.0, moment - flushed[newer][0]) if newer < len(flushed) else 0.0


def processor_seconds(root: int) -> float:
    """Return what a process and all below it have taken so far."""
    parents, spent = {}, {}
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if entry.name.isdigit():
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                parents[int(entry.name)], spent[int(entry.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    below = {root}
    while more := {one for one, parent in parents.items() if parent in below} - below:
        below |= more
    return sum(spent.get(one, 0) for one in below) / TICKS


def children() -> set[int]:
    return {int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()}


def measure(root: Path, runs: int, seconds: float) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    chromium = os.environ.get("NEWLLM_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")
    log = root / "writer.log"
    with trainings(root / "runs", runs, log), served(root / "runs") as (address, _):
        server = max(children())
        with sync_playwright() as playwright:
            driver = max(children())
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
            while len(found := json.loads(ask(address, "/api/runs"))["runs"]) < runs:
                time.sleep(0.1)
            keys = [run["id"] for run in sorted(found, key=lambda run: run["name"])]
            places = {"list": "", "run": f"run/{keys[0]}", "compare": f"compare?runs={','.join(keys[:COMPARED])}"}
            pages = {name: Watched(browser, address + place, STEPS[name]) for name, place in places.items()}
            next(iter(pages.values())).page.wait_for_timeout(1000 * SETTLE)
            for page in pages.values():
                page.begin()
            before, began = (processor_seconds(server), processor_seconds(driver)), time.monotonic()
            while time.monotonic() < began + seconds:
                next(iter(pages.values())).page.wait_for_timeout(500)
            took = time.monotonic() - began
            after = processor_seconds(server), processor_seconds(driver)
            flushed = [tuple(json.loads(line)) for line in log.read_text().splitlines()[1:]]
            result = {name: page.result(took, flushed) for name, page in pages.items()}
            version = browser.version
            browser.close()
    shares = {name: round((after[at] - before[at]) / took, 3) for at, name in enumerate(("server_cpu", "browser_cpu"))}
    return {"browser": version, "runs": runs, "seconds": round(took), **shares, **result}


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--write", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.write:
        return write(options.write, options.runs)
    machine.warn_if_busy()
    with tempfile.TemporaryDirectory() as directory:
        result = measure(Path(directory), options.runs, options.seconds)
    text = json.dumps({"machine": machine.describe(), **result}, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")
    return None


if __name__ == "__main__":
    main()

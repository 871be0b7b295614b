"""Runs to look at, made once, and the real server that shows them."""

import contextlib
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from newllm.trace import Summary, TraceWriter

if TYPE_CHECKING:
    from playwright.sync_api import Page

POINTS, SPIKE, HEIGHT = 100_000, 61_803, 14.25
CONFIG = 'schema = 1\npreset = "tiny"\nseed = {seed}\n\n[model]\nbody = "stack"\nrule = "{rule}"\nnorm = "none"\n'
FOUNDING = (
    *("model.width=64", "model.hidden=64", "model.context=64", "model.layers=6", "optimizer.learning_rate=1e-3"),
    *("training.steps=60", "training.snapshot_every=60", "training.keep=1", "numerics.threads=1"),
)

Command = Callable[..., "subprocess.CompletedProcess[str]"]
"""`call("report", RUN)`: a command of newllm, as it is called."""
Serving = Callable[[Path], "contextlib.AbstractContextManager[Local]"]
"""`with serving(DIR) as local`: newllm ui DIR as a process of its own."""


@dataclass(frozen=True)
class Local:
    """The local page of a directory.

    Attributes:
        url: it begins with this, and ends in a slash.
    """

    url: str

    def runs(self, page: "Page") -> list[dict[str, Any]]:
        """Return what the list tells of every run, once all were looked at."""
        for _ in range(600):
            told = page.request.get(f"{self.url}api/runs").json()
            if told["ready"]:
                return told["runs"]
            time.sleep(0.1)
        raise AssertionError("the directory was not looked through")

    def run(self, page: "Page", name: str) -> str:
        """Return the address of a run's page."""
        runs = self.runs(page)
        found = [run["id"] for run in runs if run["name"] == name]
        assert found, f"no {name!r} among {[run['name'] for run in runs]}"
        return f"{self.url}run/{found[0]}"


def _command(*arguments: str) -> list[str]:
    return [sys.executable, "-P", "-m", "newllm.cli.main", *map(str, arguments)]


@pytest.fixture(scope="session")
def until() -> Callable[..., None]:
    """`until(page, expression)`: wait until it is true. Playwright itself would evaluate a text, which pages forbid."""

    def waited(page: "Page", expression: str, seconds: float = 60) -> None:
        ends = time.monotonic() + seconds
        while not page.evaluate(expression):
            assert time.monotonic() < ends, f"it did not come: {expression}"
            page.wait_for_timeout(100)

    return waited


@pytest.fixture(scope="session")
def call() -> Command:
    def called(*arguments: str) -> "subprocess.CompletedProcess[str]":
        done = subprocess.run(_command(*arguments), capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done

    return called


@pytest.fixture(scope="session")
def training() -> Iterator[Callable[..., "subprocess.Popen[bytes]"]]:
    """`training(...)`: newllm train that goes on beside the test; at last it is ended."""
    with contextlib.ExitStack() as started:

        def begun(*arguments: str) -> "subprocess.Popen[bytes]":
            process = subprocess.Popen(_command("train", "--quiet", *arguments))
            started.callback(process.wait)
            started.callback(process.kill)
            return process

        yield begun


@pytest.fixture(scope="session")
def serving() -> Serving:
    @contextlib.contextmanager
    def served(root: Path) -> Iterator[Local]:
        process = subprocess.Popen(
            _command("ui", str(root), "--port", "0", "--json"),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            yield Local(json.loads(process.stdout.readline())["url"])
        finally:
            process.terminate()
            _, complaints = process.communicate(timeout=60)
        assert not complaints, complaints  # a mistake of the server is told there

    return served


@pytest.fixture(scope="session")
def kept(tmp_path_factory: pytest.TempPathFactory, text: Path, tiny_settings: tuple[str, ...], ticks: Callable) -> Path:
    """A directory of runs that are not to be changed.

    `founding` has a spike, findings and a verdict; `words` can be played with; `words-2` differs from it by its seed;
    `long` has 100,000 points and one that is far above; `study` is the founding study's results.
    """

    import newllm
    from newllm.api import write_findings
    from newllm.time_limit import TimeLimit

    root = tmp_path_factory.mktemp("kept") / "runs"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(root.parent / "cache"))
        founding = newllm.train(preset="seed-baseline", out=root / "founding", settings=FOUNDING).path
        write_findings(newllm.doctor(founding))
        newllm.replay(founding, only=("half-learning-rate",), budget=TimeLimit(520, ticks()), workers=0)
        settings = (*tiny_settings, "data.tokenizer=bytes", "training.evaluate_every=10")
        for seed, name in enumerate(("words", "words-2")):
            budget = newllm.Budget(steps=40)
            newllm.train(str(text), preset="tiny", out=root / name, budget=budget, settings=(*settings, f"seed={seed}"))
    _write_long(root / "long")
    studies = Path(__file__).parents[3] / "studies"
    shutil.copytree(studies / "founding", root / "study", ignore=shutil.ignore_patterns("*.png", "*.md"))
    return root


def _write_long(place: Path) -> None:
    place.mkdir()
    noise = np.random.default_rng(0).normal(0, 0.05, POINTS)
    with TraceWriter(place / "trace.jsonl") as writer:
        for step, value in enumerate(noise.tolist()):
            writer.write(step, loss=HEIGHT if step == SPIKE else 3 + value)


@pytest.fixture(scope="session")
def local(kept: Path, serving: Serving) -> Iterator[Local]:
    """The local page of these runs."""
    with serving(kept) as served:
        yield served


def _make_run(place: Path, *, steps: int = 50, rule: str = "ema", seed: int = 0, message: str | None = None) -> Path:
    """Write a run directory, without snapshots."""
    place.mkdir(parents=True)
    (place / "config.toml").write_text(CONFIG.format(rule=rule, seed=seed))
    summary = Summary(steps=steps, parameters=123, scan_backend="numba", precision="fp32", device="cpu")
    summary.step, summary.tokens, summary.seconds, summary.status = steps, steps * 64, 2.0, "finished"
    summary.message = message
    summary.validated(steps, 2.5, 1.25)
    with TraceWriter(place / "trace.jsonl") as writer:
        for step in range(1, steps + 1):
            writer.write(step, loss=4.0 - step / steps, gradient_norm=1.0 + step % 3)
    summary.save(place / "summary.json")
    return place


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    return _make_run

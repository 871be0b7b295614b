"""Before torch is imported: as the command line does, so that the tests keep their pace on a busy machine."""

import os

os.environ.setdefault("GOMP_SPINCOUNT", "1000")

import random
import signal
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest

# The same examples every time: a commit passes or it does not. `.ci/slow` draws others, by --hypothesis-profile=random.
# No example has a time limit: on a busy machine any may take seconds.
hypothesis.settings.register_profile("same", derandomize=True, database=None, deadline=None)
hypothesis.settings.register_profile("random", derandomize=False, deadline=None, print_blob=True)
hypothesis.settings.load_profile("same")

# A shell that starts the tests in the background has Ctrl-C ignored, and what is started from here inherits that.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A text of nine words a line."""
    path = tmp_path_factory.mktemp("text") / "text.txt"
    chance = random.Random(0)
    words = ("the", "whale", "sea", "ship", "captain", "of", "and", "a", "was", "to", "his", "white", "boat", "upon")
    path.write_text("\n".join(" ".join(chance.choice(words) for _ in range(9)) + "." for _ in range(160)))
    return path


@pytest.fixture(scope="session")
def spoilt(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The text with 400 characters of garbage in it: read in order (`data.carry`), two rows come to them at step 53."""
    chance, content = random.Random(0), text.read_text()
    garbage = "".join(chance.choice("QZXJ#%&@0123456789") for _ in range(400))
    path = tmp_path_factory.mktemp("spoilt") / "text.txt"
    path.write_text(content[:960] + garbage + content[960:])
    return path


@pytest.fixture(scope="session")
def tiny_settings() -> tuple[str, ...]:
    """A run of milliseconds a step, and nothing left to a probe."""
    return (
        *("model.width=32", "model.layers=1", "model.hidden=32", "model.context=32", "model.ngram_rows=64"),
        *("data.window=16", "data.batch=2"),
        *("numerics.precision=fp32", "numerics.threads=1", "numerics.scan_backend=torch", "numerics.device=cpu"),
    )


@pytest.fixture(scope="session")
def tiny(tiny_settings: tuple[str, ...]) -> list[str]:
    """The same, as options of the command line."""
    return [f"--set={setting}" for setting in tiny_settings]


class Ticks:
    """A clock that goes on by a second whenever it is read: time is what was done, not how fast the machine is."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 1.0
        return self.now


@pytest.fixture(scope="session")
def ticks() -> type[Ticks]:
    """The clock, to be made where time begins."""
    return Ticks


@pytest.fixture
def same_chance() -> Iterator[None]:
    """Give a test the same random numbers every time, and one thread: its tensors are too small for more."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    yield
    torch.set_num_threads(threads)


_NOT_RUN = pytest.StashKey[int]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_NOT_RUN] = 0


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    if items:
        items[0].config.stash[_NOT_RUN] += len(items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of pytest-xdist tells its number of tests that were not run to the process that reports."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["not_run"] = session.config.stash[_NOT_RUN]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node) -> None:
    """Each worker has collected all tests."""
    node.config.stash[_NOT_RUN] = getattr(node, "workeroutput", {}).get("not_run", 0)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say what was not run and why: a line for each reason, whatever the number of tests."""
    skipped = terminalreporter.stats.get("skipped", [])
    reasons = Counter(report.longrepr[2].removeprefix("Skipped: ") for report in skipped)
    if config.stash[_NOT_RUN]:
        reasons["deselected; `pytest -m slow` runs the slow ones, as .ci/slow does"] = config.stash[_NOT_RUN]
    if reasons:
        terminalreporter.section("not run")
    for reason, count in reasons.most_common():
        terminalreporter.line(f"{count} tests: {reason}")

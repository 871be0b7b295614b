"""`newllm train` on a terminal: a real pseudo-terminal, and what stands on its screen."""

import contextlib
import fcntl
import io
import itertools
import math
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable, Iterator

import pytest

import newllm
from newllm.cli import progress
from newllm.cli.main import main
from newllm.cli.progress import choose_display
from newllm.diagnosis.onset import OnsetWatch
from newllm.messages import catalogue
from newllm.trace import read_trace
from newllm.training.budget import Budget
from newllm.training.evaluation import Evaluation
from newllm.training.observer import Observer
from newllm.training.step import StepReport

SUMMARY = {
    "scan_backend": "none",
    "device": "cpu",
    "precision": "fp32",
    "ranks": 1,
    "step": 0,
    "steps": 400,
    "parameters": 7,
}
BRAILLE = re.compile("[⠁-⣿]")
_PARTS = re.compile(rb"\x1b\[(\?)?(\d*)(?:;[\d;]*)?([A-Za-z])|([\x00-\x7f]|[\xc0-\xff][\x80-\xbf]+)")


class Screen:
    """A pseudo-terminal that remembers what it was sent, and shows it as a terminal would."""

    def __init__(self, columns: int = 80, rows: int = 40) -> None:
        self.ours, self.theirs = pty.openpty()
        self.sent = b""
        self._widths: list[tuple[int, int]] = []  # from which byte on, in columns
        self.resize(columns, rows)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def resize(self, columns: int, rows: int) -> None:
        self._widths.append((len(self.sent), columns))
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def _read(self) -> None:
        with contextlib.suppress(OSError):
            while data := os.read(self.ours, 65536):
                self.sent += data

    def close(self) -> None:
        """Wait for all that was sent."""
        os.close(self.theirs)
        self._reader.join(10)
        os.close(self.ours)

    def wait(self, happened: Callable[[], bool], seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while not happened():
            assert time.monotonic() < end, "\n".join(self.lines())
            time.sleep(0.02)

    def lines(self) -> list[str]:
        """Return the lines, from the first that was ever there: nothing scrolls away."""
        cells, row, column = [[]], 0, 0
        for part in _PARTS.finditer(self.sent):
            private, number, action = (None if item is None else item.decode() for item in part.groups()[:3])
            letter = None if part[4] is None else part[4].decode()
            width = next(columns for first, columns in reversed(self._widths) if first <= part.start())
            if letter == "\r":
                column = 0
            elif letter == "\n":
                row += 1
            elif letter is not None:
                if column == width:
                    row, column = row + 1, 0
                cells += [[] for _ in range(row + 1 - len(cells))]
                cells[row] += " " * (column + 1 - len(cells[row]))
                cells[row][column] = letter
                column += 1
            elif action == "A":
                row -= int(number or 1)
                assert row >= 0, "above everything that was printed"
            elif action == "K":
                cells[row : row + 1] = [[]]
            else:
                assert action == "m" or (private and number == "25"), part.group()
            cells += [[] for _ in range(row + 1 - len(cells))]
        return ["".join(line).rstrip() for line in cells]


@pytest.fixture
def screen() -> Iterator[Screen]:
    screen = Screen()
    yield screen
    with contextlib.suppress(OSError):
        screen.close()


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")  # rich asks the standard streams, which are no terminal here
    monkeypatch.setenv("LINES", "40")
    monkeypatch.delenv("NO_COLOR", raising=False)


def _report(step: int, loss: float) -> StepReport:
    return StepReport(step, loss, 1.0, 1e-3, None, 100)


def _loss(step: int, spikes: tuple[int, ...]) -> float:
    return 9.0 if step in spikes else 2 + math.exp(-step / 100) + 0.01 * math.sin(step * step)


def _shown(screen: Screen, steps: int = 400, spikes: tuple[int, ...] = (), encoding: str = "utf-8") -> list[str]:
    """Return the screen after a run; it sees what the loop tells it, onsets from the loop's own watch."""
    with os.fdopen(os.dup(screen.theirs), "w", encoding=encoding) as stream:
        display = choose_display(stream, catalogue("en"))
        display.started({**SUMMARY, "steps": steps})
        watch = OnsetWatch()
        for step in range(1, steps + 1):
            display.stepped(_report(step, _loss(step, spikes)))
            onset = watch.see(step, _loss(step, spikes))
            if onset is not None:
                display.left_trend(onset)
            if step % (steps // 4) == 0:
                display.evaluated(step, Evaluation(250.0, 100, None), best=False)
        display.ended(SUMMARY)
    screen.close()
    return screen.lines()


def _plot(lines: list[str]) -> list[str]:
    """Return the rows of the plot, without labels."""
    top = next(index for index, line in enumerate(lines) if "┤" in line)
    bottom = next(index for index, line in enumerate(lines) if "└" in line)
    return [line.partition("┤" if "┤" in line else "│")[2] for line in lines[top:bottom]]


def test_the_curve_stays_and_its_spike_is_marked(screen) -> None:
    lines = _shown(screen, spikes=(300,))
    assert any(line.startswith("⠒⠒ training loss   • validation   ━━ off its trend") for line in lines)
    plot = _plot(lines)
    assert len(plot) == 6
    (column,) = [place for place, cell in enumerate(plot[0]) if BRAILLE.match(cell)]
    axis = next(line.partition("└")[2] for line in lines if "└" in line)
    assert axis[column] == "━"
    assert axis.count("━") <= 2
    assert lines[-2].split() == ["1", "300", "400"]
    assert lines[-1] == "", "what is printed next begins a line of its own"
    assert "".join(plot).count("•") == 4
    assert not any("━━━━━" in line or "tokens/s" in line for line in lines), "the progress line has gone"
    assert screen.sent.endswith(b"\x1b[?25h"), "the cursor is back"


def test_what_is_printed_above_stands_once_and_in_order(screen) -> None:
    lines = _shown(screen)
    said = [line for line in lines if line.startswith("step")]
    assert [line.split()[1] for line in said] == ["100", "200", "300", "400"]
    assert lines[0] == "training 7 parameters for 400 steps on cpu in fp32"
    assert sum("training loss" in line for line in lines) == 1


def test_a_long_run_is_drawn_now_and_then_and_loses_no_spike(screen) -> None:
    began = time.monotonic()
    lines = _shown(screen, 20_000, spikes=(8_000, 14_002))
    drawings = screen.sent.count(b"training loss")
    assert drawings <= (time.monotonic() - began) / progress.LIVE_SECONDS + 10  # those of what was printed above
    assert sum(bool(BRAILLE.match(cell)) for cell in _plot(lines)[0]) == 2
    assert "8,000" in lines[-2]
    assert "14,002" in lines[-2]


def test_a_narrow_encoding_gets_plain_characters(screen) -> None:
    lines = _shown(screen, spikes=(300,), encoding="ascii")
    assert "".join(lines).isascii()
    assert any(line.startswith("'' training loss   o validation   == off its trend") for line in lines)
    assert re.search(r"\+-+=+-+$", "\n".join(lines), re.M)


@pytest.mark.parametrize(("rows", "height"), [(16, 4), (14, 0)])
def test_a_low_screen_gets_a_low_curve_or_none(rows, height, screen, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", str(rows))
    lines = _shown(screen)
    assert max(map(len, lines)) <= 60
    assert sum("│" in line or "┤" in line for line in lines) == height


def test_what_validation_says_beyond_the_curve_is_an_arrow(screen) -> None:
    with os.fdopen(os.dup(screen.theirs), "w") as stream:
        display = choose_display(stream, catalogue("en"))
        display.started(SUMMARY)
        for step in range(1, 401):
            display.stepped(_report(step, _loss(step, ())))
        display.evaluated(400, Evaluation(900.0, 100, None), best=False)
        display.ended(SUMMARY)
    screen.close()
    assert _plot(screen.lines())[0].endswith("▴")


@pytest.mark.parametrize(
    ("step", "said"),
    [(0, "for 400 steps on cpu"), (300, "from step 300 to 400 on cpu"), (400, "from step 400 on cpu")],
)
def test_a_run_that_goes_on_by_the_clock_is_not_said_to_have_the_steps_that_it_has_done(step, said) -> None:
    stream = io.StringIO()
    choose_display(stream, catalogue("en")).started({**SUMMARY, "step": step})
    assert said in stream.getvalue()


def _train(monkeypatch, screen: Screen, *arguments: object) -> int:
    """Train in this process, with the pseudo-terminal as standard error."""
    with os.fdopen(os.dup(screen.theirs), "w") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        code = main(["train", *map(str, arguments)])
    screen.close()
    return code


SPOILT = [
    *("--set", "data.carry=true", "--set", "optimizer.learning_rate=1e-2", "--set", "optimizer.warmup=10"),
    *("--steps", "70", "--set", "training.evaluate_every=35"),
]


def test_a_spike_is_marked_and_told_with_what_to_do(screen, spoilt, tiny, tmp_path, monkeypatch, capsys) -> None:
    assert _train(monkeypatch, screen, spoilt, *tiny, *SPOILT, "--out", tmp_path / "run") == 0
    lines, told = screen.lines(), capsys.readouterr().out
    (step,) = re.findall(r"^spike at step (\d+); to find what removes it: newllm replay (.*)$", told, re.M)
    assert step[1] == str(tmp_path / "run")
    assert 53 <= int(step[0]) <= 56
    assert "━" in "".join(line.partition("└")[2] for line in lines)
    assert any(re.fullmatch(rf" *0 +{step[0]}(-\d+)? +70", line) for line in lines), lines


class StopAt(Observer):
    """Ends a run as Ctrl-C does."""

    def stepped(self, report: StepReport) -> None:
        if report.step == 60:
            signal.raise_signal(signal.SIGINT)


def test_a_resumed_run_is_drawn_from_its_beginning(screen, spoilt, tiny, tmp_path, monkeypatch, capsys) -> None:
    settings = [one.removeprefix("--set=") for one in tiny if one.startswith("--set=")]
    settings += [one for flag, one in itertools.pairwise(SPOILT) if flag == "--set"]
    run = newllm.train(spoilt, out=tmp_path / "run", settings=settings, budget=Budget(steps=70), observers=[StopAt()])
    assert run.summary.status == "interrupted"
    assert _train(monkeypatch, screen, "--resume", run.path) == 0
    lines, told = screen.lines(), capsys.readouterr().out
    (step,) = re.findall(r"^spike at step (\d+); to find", told, re.M)
    assert int(step) < 60
    axis = next(line.partition("└")[2] for line in lines if "└" in line)
    assert 0 < axis.index("━") < len(axis) * 60 / 70
    assert any(re.fullmatch(rf" *0 +{step}(-\d+)? +70", line) for line in lines), lines
    assert "".join(_plot(lines)).count("•") + "".join(_plot(lines)).count("▴") == 3, "steps 0, 35 and 70"
    losses = [float(number) for number in re.findall(r"^ *([\d.]+) ┤", "\n".join(lines), re.M)]
    trace = read_trace(run.path / "trace.jsonl").series("loss").value
    assert losses == [float(f"{trace.max():.4g}"), float(f"{trace.min():.4g}")]


def test_what_a_guard_took_back_is_marked_no_more(screen, spoilt, tiny, tmp_path, monkeypatch, capsys) -> None:
    options = [*SPOILT, "--guard", "rollback-and-skip", "--out", tmp_path / "run"]
    assert _train(monkeypatch, screen, spoilt, *tiny, *options) == 0
    lines = screen.lines()
    assert "rolled back to step" in " ".join(lines)
    assert "━" not in "".join(line.partition("└")[2] for line in lines)
    assert "spike" not in capsys.readouterr().out
    losses = [float(number) for number in re.findall(r"^ *([\d.]+) ┤", "\n".join(lines), re.M)]
    trace = read_trace(tmp_path / "run/trace.jsonl").series("loss").value
    assert losses == [float(f"{trace.max():.4g}"), float(f"{trace.min():.4g}")]


@pytest.mark.slow
def test_ctrl_c_and_a_new_size_in_a_program_of_its_own(screen, text, tiny, tmp_path, cache) -> None:
    command = [sys.executable, "-m", "newllm.cli.main", "train", text, *tiny, "--steps", "1000000"]
    environment = {**os.environ, "NEWLLM_CACHE": str(cache)}
    del environment["COLUMNS"], environment["LINES"]
    child = subprocess.Popen(
        [*map(str, command), "--out", str(tmp_path / "run")],
        stdin=screen.theirs, stdout=screen.theirs, stderr=screen.theirs, start_new_session=True,
        env=environment,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    try:
        screen.wait(lambda: screen.sent.count(b"training loss") > 3)
        before = len(screen.sent)
        screen.resize(60, 40)
        screen.wait(lambda: screen.sent[before:].count(b"training loss") > 3)
        os.write(screen.ours, b"\x03")
        assert child.wait(60) == 130  # as a shell expects after Ctrl-C
    finally:
        child.kill()
    screen.close()
    lines = screen.lines()
    assert any("go on with: newllm train --resume" in line for line in lines)
    axis = next(index for index, line in enumerate(lines) if "└" in line)
    assert max(map(len, lines[axis - 7 : axis + 2])) == 60
    assert lines[axis + 2].startswith("interrupted: "), "nothing between the curve and what is printed next"
    assert sum("training loss" in line for line in lines) == 1


def test_the_loss_is_the_last_one_and_the_speed_that_of_training_however_often_it_evaluates(monkeypatch) -> None:
    clock = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: clock[0])
    stream = io.StringIO()
    display = choose_display(stream, catalogue("en"))
    clock[0] += 60.0  # getting ready
    display.started(SUMMARY)
    for step in range(1, 31):
        clock[0] += 0.5 if step <= 15 else 0.25
        display.stepped(_report(step, 40.0 if step == 20 else 4.0))
        clock[0] += 1.5
        display.evaluated(step, Evaluation(250.0, 100, None), best=False)
    lines = [line for line in stream.getvalue().splitlines() if "tokens/s" in line]
    losses = {int(line.split()[1]): float(line.split()[3]) for line in lines}
    assert losses == dict.fromkeys(losses, 4.0)
    tokens = _report(1, 1.0).tokens
    assert f"{2 * tokens:,} tokens/s" in lines[0]
    assert f"{4 * tokens:,} tokens/s" in lines[-1]

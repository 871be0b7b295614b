"""What a person sees while replays run."""

import io
import re
import time

import pytest

from newllm.api import replay_lines
from newllm.cli.replay_progress import ReplayProgress
from newllm.messages import catalogue, quoted
from newllm.time_limit import TimeLimit
from newllm.trace import Tried

EN = catalogue("en")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def _tried(**changed) -> Tried:
    made: dict = {
        "name": "warm-up", "kind": "optimizer", "change": "", "hypothesis": "", "price": "", "start": 31, "n": 3,
        "stage": "screened", "effect_class": "no effect", "spiked": 3, "effect": 0.0, "interval": None, "p": None,
        "severity": 1.0, "null_severity": 1.0, "later": None, "cost": None,
    }  # fmt: skip
    return Tried(**(made | changed))


def _tell(progress: ReplayProgress) -> None:
    with progress:
        progress.noticed(quoted("another torch"))
        progress.planned("screen", 6)
        progress.replayed("screen", "warm-up", 1, True, 0.5)
        progress.tried(_tried())
        progress.tried(_tried(name="sgd", effect_class="removes", spiked=0))
        progress.tried(_tried(stage="confirmed", n=8, spiked=8))


def test_elsewhere_than_on_a_terminal_it_is_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_lines, "PLAIN_SECONDS", 0.0)
    stream = io.StringIO()
    _tell(ReplayProgress(stream, EN, quiet=False, time=TimeLimit(300, lambda: 0.0)))
    notice, stage, replay, best, confirmed = stream.getvalue().splitlines()
    assert notice == "note: another torch"
    assert stage == "screening: up to 6 replays"
    assert replay.startswith("screening 1/6   warm-up #1 spiked   0 of 300 s")
    assert best.split() == ["screened", "sgd", "✔", "removes,", "0/3", "spiked"]
    assert confirmed.split() == ["confirmed", "warm-up", "=", "no", "effect,", "8/8", "spiked"]


def test_it_speaks_now_and_then_only() -> None:
    stream = io.StringIO()
    with ReplayProgress(stream, EN, quiet=False, time=TimeLimit(300, lambda: 0.0)) as progress:
        progress.planned("screen", 1000)
        for replay in range(1000):
            progress.replayed("screen", "sgd", replay, None, 0.0)
    assert stream.getvalue() == "screening: up to 1,000 replays\n"


def test_a_stage_that_goes_on_counts_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_lines, "PLAIN_SECONDS", 0.0)
    stream = io.StringIO()
    with ReplayProgress(stream, EN, quiet=False, time=TimeLimit(300, lambda: 0.0)) as progress:
        for stage, replays in (("screen", 6), ("confirm", 8), ("screen", 6), ("confirm", 9)):
            progress.planned(stage, replays)
            progress.replayed(stage, "sgd", 0, True, 0.5)
    heads = [line.split("   ")[0] for line in stream.getvalue().splitlines()]
    assert heads == [
        "screening: up to 6 replays", "screening 1/6", "confirmation: up to 8 replays", "confirmation 1/8",
        "screening 2/6", "confirmation 2/9",
    ]  # fmt: skip


def test_quiet_says_nothing() -> None:
    for stream in (io.StringIO(), Terminal()):
        _tell(ReplayProgress(stream, EN, quiet=True, time=TimeLimit(300, lambda: 0.0)))
        assert stream.getvalue() == ""


def test_on_a_terminal_a_line_moves_and_goes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stream, now = Terminal(), [0.0]
    with ReplayProgress(stream, EN, quiet=False, time=TimeLimit(300, lambda: now[0])) as progress:
        progress.planned("screen", 6)
        progress.replayed("screen", "warm-up", 1, True, 0.5)
        _until(lambda: "warm-up #1 spiked" in stream.getvalue())
        now[0] = 75.0  # the bar is that of the time, which passes between replays too
        _until(lambda: "75 of 300 s" in stream.getvalue())
        assert re.search(
            r"\x1b\[[\d;]+m━━━━━\x1b\[0m", stream.getvalue()
        )  # 5 of 20 cells, in whatever colours there are
        progress.planned("confirm", 2)
        for replay in range(3):
            progress.replayed("confirm", "[red]sgd", replay, False, 0.5)
        _until(lambda: "3 done" in stream.getvalue())
        progress.planned("screen", 6)
        progress.replayed("screen", "warm-up", 2, True, 0.5)
        _until(lambda: "2 done" in stream.getvalue().split("3 done")[-1])
        assert "[red]sgd #2 did not spike" in stream.getvalue()
    assert stream.getvalue().endswith(("\x1b[2K", "\x1b[1A\x1b[2K"))
    assert "\x1b[?25h" in stream.getvalue()  # the cursor is back


def _stopped(progress: ReplayProgress) -> None:
    with progress:
        progress.planned("screen", 6)
        raise KeyboardInterrupt


def test_stopped_it_says_how_to_go_on() -> None:
    stream = io.StringIO()
    with pytest.raises(KeyboardInterrupt):
        _stopped(ReplayProgress(stream, EN, quiet=False, time=TimeLimit(300, lambda: 0.0)))
    assert stream.getvalue().splitlines()[-1] == "what was replayed is kept: the same command goes on from there"


def _until(happened) -> None:
    end = time.monotonic() + 10
    while not happened() and time.monotonic() < end:
        time.sleep(0.02)
    assert happened()

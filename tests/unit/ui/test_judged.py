"""How often a run that goes on is judged again while it is shown."""

from pathlib import Path

import numpy as np
import pytest

from newllm.trace import Finding, Series, Trace
from newllm.ui import judged
from newllm.ui.judged import Judged
from newllm.ui.traces import Traces


class Clock:
    """Stands in for `time` in the module: a judgment takes two seconds of the processor."""

    def __init__(self) -> None:
        self.now = self.worked = 100.0

    def monotonic(self) -> float:
        return self.now

    def thread_time(self) -> float:
        return self.worked


def test_a_run_that_goes_on_is_judged_again_after_twenty_times_as_long_as_it_took(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    clock, seen = Clock(), list[Trace]()

    def judge(_: Path, trace: Trace) -> tuple[Finding, ...]:
        clock.worked += 2.0
        seen.append(trace)
        return ()

    monkeypatch.setattr(judged, "time", clock)
    monkeypatch.setattr(judged, "_judge", judge)
    judge_of, trace = Judged(Traces()), Trace({"loss": Series(np.arange(3), np.ones(3))})
    assert judge_of.of(tmp_path, trace, 1) == ((), True)
    assert judge_of.of(tmp_path, trace, 1) == ((), True)
    clock.now += 39.0
    assert judge_of.of(tmp_path, trace, 2) == ((), False)  # kept, and said to be of an older version
    assert len(seen) == 1
    clock.now += 2.0
    assert judge_of.of(tmp_path, trace, 2) == ((), True)
    assert len(seen) == 2

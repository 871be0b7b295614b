"""The labelled benchmark by the processor's seconds: every kind comes before any kind's second run."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPLAY = Path(__file__).parents[3] / "benchmarks" / "replay"
# In a process of its own: it gives every clock of the process that imports it the processor's seconds.
ASKED = """
import json, time
import in_turn
from subjects import every_run, kind_names
from newllm.time_limit import TimeLimit
clocks = [time.monotonic, time.perf_counter, *TimeLimit.__init__.__defaults__[:1]]
print(json.dumps([in_turn.in_turn(), kind_names("report"), all(one is time.process_time for one in clocks)]))
print(json.dumps({run.name: run.kind for run in every_run("report")}))
"""


@pytest.mark.slow
def test_every_kind_comes_before_a_second_run_and_only_the_processors_seconds_count() -> None:
    asked = subprocess.run([sys.executable, "-c", ASKED], cwd=REPLAY, capture_output=True, text=True, check=True)
    (names, kinds, is_processors), kind_of = (json.loads(line) for line in asked.stdout.splitlines())
    assert sorted(names) == sorted(kind_of)
    healthy = sum(kind == "healthy" for kind in kind_of.values())
    turns = [kind_of[name] for name in names]
    assert set(turns[:healthy]) == {"healthy"}
    assert turns[healthy : healthy + len(kinds)] == kinds
    assert is_processors

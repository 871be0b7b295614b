"""The examples, shortened: each injects its fault where it says, and runs again to the bit."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from newllm.replays.session.reproduction import reproduce
from newllm.replays.subjects.original import choose_spike, record_original

EXAMPLES = Path(__file__).parents[3] / "examples"


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("name", "fault", "onset", "cause"),
    [
        ("replay_cnn", "UNSCALED", lambda step: step + 1, "corrupted-batch"),  # its own loss shows it
        ("replay_transformer", "IN_PERCENT", lambda steps: steps[0] + 2, "learning-rate"),  # the loss after the update
    ],
)
def test_the_fault_is_where_the_example_says(name: str, fault: str, onset, cause: str) -> None:
    module = example(name)
    where = onset(getattr(module, fault))
    module.loop.steps = where + 5
    original = record_original(module.loop)
    spike = choose_spike(original, None)
    assert spike.onset == where
    assert cause in spike.finding.candidate_causes
    check = reproduce(module.loop, original, spike, where - 5)
    assert check.identical is True
    assert check.weights


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("replay_cnn", "With the batches of the window skipped the spike is gone"),
        ("replay_transformer", "the spike is gone"),
    ],
)
def test_an_example_runs_as_a_person_runs_it(name: str, said: str) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    call = [sys.executable, str(EXAMPLES / f"{name}.py")]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, timeout=300, check=True)
    assert said in done.stdout

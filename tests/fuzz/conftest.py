"""What a fuzz test holds a reader to."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from newllm.errors import UserError
from newllm.trace.readers import read_log


def read(directory, log):
    name, content = log
    path = directory / name
    path.write_bytes(content)
    for place in (path, Path(f"{path}#a")):
        try:
            trace = read_log(place)
        except UserError as error:
            told(error)
        else:
            sound(trace)
    path.unlink()


def told(error):
    assert str(error).isprintable()
    assert len(str(error)) < 1500


def sound(trace):
    assert trace.axis in ("step", "epoch")
    assert trace.signals
    for name, series in trace.signals.items():
        assert name.isprintable()
        assert 0 < len(name) <= 160
        assert series.step.dtype == np.int64
        assert series.value.dtype == np.float64
        assert len(series.step) == len(series.value) > 0
        assert np.all(series.step[1:] > series.step[:-1])
    assert set(trace.decimals) <= set(trace.signals)
    assert all(note.isprintable() and len(note) < 1500 for note in trace.left_out)


@pytest.fixture
def check(tmp_path):
    """Return what reads a log, twice, and fails where it is neither a sound trace nor a clear line."""
    return lambda log: read(tmp_path, log)


@pytest.fixture
def clear():
    """Return what fails where an error is not one clear line."""
    return told


@pytest.fixture(scope="session")
def fuzzed():
    """Settings of all fuzz tests."""
    return settings(
        max_examples=int(os.environ.get("NEWLLM_FUZZ", "60")),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )

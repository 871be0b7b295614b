import importlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from newllm.engines import ENGINES

# What workers do must stand in a module that they can import.
SOURCE = """
import os
import signal
import time

from newllm.errors import StoppedError, UserError

prepared = 0


def prepare():
    global prepared
    prepared += 1


def work(task):
    name, value = task
    return globals()[name](value)


def square(number):
    return number * number


def state(_):
    return os.getpid(), prepared


def place(_):
    return os.getcwd()


def note_and_die(path):
    with open(path, "a") as log:
        print("begun", file=log)
    os.kill(os.getpid(), signal.SIGKILL)


def fail(kind):
    raise {"mistake": UserError, "defect": KeyError}[kind]("this one cannot be")


def stop(_):
    raise StoppedError("stopped by SIGTERM after step 4")


def unpicklable(_):
    return lambda: 0


def die(code):
    os._exit(code)


def die_once(place):
    if not os.path.exists(place):
        open(place, "w").close()
        os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def interrupt(_):
    os.kill(os.getpid(), signal.SIGINT)
    return "still here"


def sleep(place):
    with open(place + ".tmp", "w") as file:
        file.write(str(os.getpid()))
    os.replace(place + ".tmp", place)
    time.sleep(120)


def sleep_once(place):
    if not os.path.exists(place):
        sleep(place)
    return "awake"


def sleep_on(place):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sleep(place)
"""


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    (tmp_path / "jobs_of_workers.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("jobs_of_workers")
    del sys.modules["jobs_of_workers"]


@pytest.fixture(scope="session")
def ray_cluster() -> Iterator[None]:
    """One Ray for all tests, with more CPUs than this machine may have."""
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'newllm[ray]'")
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO="0")
    import ray  # type: ignore[import-not-found]

    before = signal.getsignal(signal.SIGTERM)
    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    signal.signal(signal.SIGTERM, before)
    yield
    ray.shutdown()


@pytest.fixture(params=ENGINES)
def engine_name(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine that is installed; SLURM with processes of this machine."""
    if request.param == "ray":
        request.getfixturevalue("ray_cluster")
    if request.param == "slurm":
        pytest.importorskip("submitit", reason="submitit is not installed: pip install 'newllm[slurm]'")
        monkeypatch.setenv("NEWLLM_SLURM", "local")
    return request.param

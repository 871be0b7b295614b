"""Triton's kernels run on a GPU, or on the CPU through Triton's interpreter; elsewhere their tests are skipped."""

import importlib.util
import os
from collections.abc import Iterator

import pytest
import torch

INTERPRETED = os.environ.get("TRITON_INTERPRET") == "1"
RUNS = importlib.util.find_spec("triton") is not None and (INTERPRETED or torch.cuda.is_available())


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip here and not in the fixture: one line tells it for all of them."""
    assert isinstance(item, pytest.Function)
    backend = item.callspec.params.get("backend") if hasattr(item, "callspec") else None
    if not RUNS and (backend == "triton" or "triton_device" in item.fixturenames):
        pytest.skip("Triton or a GPU is not here: .ci/slow runs it through Triton's interpreter")


@pytest.fixture
def triton_device() -> Iterator[str]:
    """Let tensors be made where the kernels run."""
    device = "cpu" if INTERPRETED else "cuda"
    torch.set_default_device(device)
    yield device
    torch.set_default_device(None)

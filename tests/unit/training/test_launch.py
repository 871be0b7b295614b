"""What connects the processes that a launcher started: NCCL where they train on GPUs, gloo otherwise."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import torch.distributed as dist

from newllm.errors import UserError
from newllm.training import joining, peers, ranks
from newllm.training.launch import joined

LAUNCHED = {"RANK": "5", "LOCAL_RANK": "1", "WORLD_SIZE": "8", "MASTER_ADDR": "localhost", "MASTER_PORT": "1"}


@pytest.fixture
def connected(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What was asked of torch, where nothing is connected and no GPU is touched."""
    asked: dict[str, Any] = {"gpus": []}
    for name, value in LAUNCHED.items():
        monkeypatch.setenv(name, value)

    def described(*, on_gpus: bool) -> dict[str, str]:
        asked["described as"] = "GPUs" if on_gpus else "CPUs"
        return {}

    monkeypatch.setattr(joining, "open_store", lambda *_: dist.HashStore())
    monkeypatch.setattr(peers, "describe_peer", described)
    monkeypatch.setattr(peers, "meet", lambda *_: ())
    monkeypatch.setattr(ranks, "Ranks", lambda *_: SimpleNamespace(has_lost=False, close=lambda: None))
    monkeypatch.setattr(dist, "init_process_group", lambda backend, **more: asked.update(backend=backend, **more))
    monkeypatch.setattr(dist, "barrier", lambda: None)
    monkeypatch.setattr(dist, "destroy_process_group", lambda: None)
    monkeypatch.setattr(torch.cuda, "set_device", asked["gpus"].append)
    return asked


def _here(monkeypatch: pytest.MonkeyPatch, gpus: int) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)


@pytest.mark.parametrize("device", [None, "auto", "cuda"])
def test_gpus_are_connected_by_nccl_and_what_is_small_by_gloo(
    device: str | None, connected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _here(monkeypatch, 4)
    with joined(device):
        pass
    assert (connected["backend"], connected["described as"]) == ("cpu:gloo,cuda:nccl", "GPUs")
    assert (connected["rank"], connected["world_size"]) == (5, 8)
    assert connected["gpus"] == [1, 1], "of this thread and of the one that connects"


@pytest.mark.parametrize(("device", "gpus"), [(None, 0), ("auto", 0), ("cpu", 0), ("cpu", 4)])
def test_processors_are_connected_by_gloo(
    device: str | None, gpus: int, connected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _here(monkeypatch, gpus)
    with joined(device):
        pass
    assert (connected["backend"], connected["described as"]) == ("gloo", "CPUs")
    assert connected["gpus"] == []


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_fewer_gpus_than_processes_are_one_line(
    device: str, connected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    _here(monkeypatch, 1)
    with pytest.raises(UserError, match="process 1 has no GPU of its own: start 1 here"), joined(device):
        pass
    assert "backend" not in connected


def test_a_run_that_may_be_of_processors_goes_on_where_there_are_fewer_gpus(
    connected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it trained on the run knows; where that was GPUs, it ends with the line above once it is read."""
    _here(monkeypatch, 1)
    with joined(None):
        pass
    assert connected["gpus"] == []

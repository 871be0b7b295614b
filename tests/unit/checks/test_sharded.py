"""A model that is sharded trains on after a check as it does without one, and what needs a pass is not checked."""

import os
import random
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributed.fsdp import FullyShardedDataParallel, fully_shard
from torch.nn import functional as F

import newllm
from newllm.checks.report import CheckReport

KINDS = ("whole", "by layer", "flat", "flat, own parameters")
Batch = tuple[Tensor, Tensor]


def made(kind: str) -> tuple[nn.Module, torch.optim.Optimizer, Batch]:
    torch.manual_seed(0)
    model: nn.Module = nn.Sequential(nn.Linear(10, 32), nn.Dropout(0.1), nn.ReLU(), nn.Linear(32, 3))
    if kind == "by layer":
        fully_shard(model[0])  # type: ignore[index] (a Sequential)
    if kind in ("whole", "by layer"):
        fully_shard(model)
    elif kind.startswith("flat"):
        model = FullyShardedDataParallel(model, device_id=torch.device("cpu"), use_orig_params="own" in kind)
    torch.manual_seed(1 + torch.distributed.get_rank())
    return model, torch.optim.AdamW(model.parameters(), 1e-2), (torch.randn(16, 10), torch.randint(0, 3, (16,)))


def loss(model: nn.Module, batch: Batch) -> Tensor:
    return F.cross_entropy(model(batch[0]), batch[1])


def losses(kind: str, before: str, *, checked: bool) -> tuple[list[float], CheckReport | None]:
    """Return the losses of a training whose model was checked or not, and the check."""
    model, optimizer, batch = made(kind)

    def step(batch: Batch) -> Tensor:
        optimizer.zero_grad()
        value = loss(model, batch)
        value.backward()
        optimizer.step()
        return value

    found = []
    if before == "trained":
        found.append(step(batch).item())
    if before == "evaluated":  # its weights stay gathered
        with torch.no_grad():
            found.append(loss(model, batch).item())
    report = newllm.check(model, optimizer, loss, batch, step=step, seconds=60) if checked else None
    found += [step(batch).item() for _ in range(4)]
    return [*found, random.random(), float(torch.rand(()))], report


@pytest.mark.usefixtures("one_process")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("before", ["new", "trained", "evaluated"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_training_goes_on_with_the_same_bits(kind: str, before: str) -> None:
    random.seed(0)
    expected, _ = losses(kind, before, checked=False)
    random.seed(0)
    found, report = losses(kind, before, checked=True)
    assert found == expected
    assert report is not None
    assert report.wrong == [], str(report)
    reasons = {outcome.probe: str(outcome.sentence) for outcome in report.of("unchecked")}
    assert all("sharded" in reasons[probe] for probe in ("finite", "rows", "moves", "step-order", "learns"))
    assert not any("ended in an error" in reason for reason in reasons.values()), str(report)
    holds = "optimizer-holds" in {outcome.probe for outcome in report.of("sound")}
    assert holds == (kind.startswith("flat") or before != "evaluated")


@pytest.mark.usefixtures("one_process")
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("wrap", [fully_shard, partial(FullyShardedDataParallel, device_id=torch.device("cpu"))])
def test_an_optimizer_of_before_the_wrapping_is_found(wrap: Callable[[nn.Module], nn.Module]) -> None:
    model: nn.Module = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    model = wrap(model)
    report = newllm.check(model, optimizer, loss, (torch.randn(16, 10), torch.randint(0, 3, (16,))), seconds=60)
    assert [outcome.probe for outcome in report.wrong] == ["optimizer-holds"]


@pytest.mark.usefixtures("one_process")
@pytest.mark.filterwarnings("ignore")
def test_a_teacher_that_is_sharded_is_left_alone() -> None:
    def trained(*, checked: bool) -> tuple[list[float], CheckReport | None]:
        teacher, _, batch = made("whole")
        teacher.requires_grad_(False)
        model = nn.Linear(10, 3)
        optimizer = torch.optim.AdamW(model.parameters(), 1e-2)

        def taught(model: nn.Module, batch: Batch) -> Tensor:
            return F.mse_loss(model(batch[0]), teacher(batch[0]))

        report = newllm.check(model, optimizer, taught, batch, seconds=60) if checked else None
        found = []
        for _ in range(3):
            optimizer.zero_grad()
            value = taught(model, batch)
            value.backward()
            optimizer.step()
            found.append(value.item())
        return found, report

    expected, _ = trained(checked=False)
    found, report = trained(checked=True)
    assert found == expected
    assert report is not None
    assert report.wrong == [], str(report)
    assert "sharded" in next(str(one.sentence) for one in report.of("unchecked") if one.probe == "finite")


def one_of_two(rank: int, folder: str) -> None:
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    try:
        for kind in KINDS:
            runs = []
            for checked in (False, True):
                random.seed(rank)
                runs.append(losses(kind, "trained", checked=checked)[0])
            assert runs[0] == runs[1], (kind, runs)
    finally:
        torch.distributed.destroy_process_group()


@pytest.mark.slow
def test_two_processes_go_on_with_the_same_bits(tmp_path: Path) -> None:
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    # This file is its own program: a spawned process finds no module of a test that pytest has imported by its place.
    started = [subprocess.Popen([sys.executable, __file__, str(rank), str(tmp_path)]) for rank in (0, 1)]
    assert [process.wait(120) for process in started] == [0, 0]


if __name__ == "__main__":
    one_of_two(int(sys.argv[1]), sys.argv[2])

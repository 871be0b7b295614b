"""Two processes with gloo: ranks that part are told, by step and parameter; others are not, whichever ends first."""

import copy
import errno
import io
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.nn.parallel import DistributedDataParallel

import newllm
from newllm.diagnosis.ranks.fingerprints import read_ranks
from newllm.errors import UserError
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers
from newllm.recorder.ranks import RankWatch

STEPS, EVERY, AT = 24, 5, 12


def _model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 3))


def _train(
    out: str,
    rank: int,
    model: nn.Module,
    *,
    act: Callable[[int], bool] = lambda _: True,
    steps: int = STEPS,
    call: nn.Module | None = None,
) -> None:
    """Train and record; `act` may change something before a step, and says whether the optimizer is to step."""
    optimizer = torch.optim.AdamW(model.parameters(), 1e-2)
    torch.manual_seed(rank + 1)
    with newllm.record(model, optimizer, out=out, every=EVERY) as recorder:
        torch.distributed.barrier()
        for step in range(1, steps + 1):
            optimizer.zero_grad()
            loss = (call or model)(torch.randn(4, 6)).square().mean()
            loss.backward()
            if act(step):
                optimizer.step()
            recorder.step(loss)


def healthy(out: str, rank: int) -> None:
    _train(out, rank, DistributedDataParallel(_model()))


def nudged(out: str, rank: int) -> None:
    inner = _model()

    def act(step: int) -> bool:
        if step == AT and rank == 1:
            with torch.no_grad():
                inner.get_parameter("3.weight")[0, 0] += 1e-6
        return True

    _train(out, rank, DistributedDataParallel(inner), act=act)


def skipped(out: str, rank: int) -> None:
    _train(out, rank, DistributedDataParallel(_model()), act=lambda step: (step, rank) != (AT, 1))


def inside(out: str, rank: int) -> None:
    model = DistributedDataParallel(_model())
    _train(out, rank, model, call=model.module)


def alike(out: str, rank: int) -> None:  # noqa: ARG001 (a form)
    model, optimizer = _wrapped()
    with newllm.record(model, optimizer, out=out, every=EVERY) as recorder:
        for step in range(STEPS):
            recorder.step(_step(model, optimizer, torch.randn(16, 6, generator=torch.Generator().manual_seed(step))))


def by_heart(out: str, rank: int) -> None:  # noqa: ARG001 (a form)
    """All ranks learn one batch by heart."""
    model, optimizer = _wrapped()
    with newllm.record(model, optimizer, out=out, every=EVERY) as recorder:
        for _ in range(STEPS):
            recorder.step(_step(model, optimizer, torch.ones(16, 6)))


def evaluated_alike(out: str, rank: int) -> None:
    """Ranks that read rows of their own, and evaluate on the same ones."""
    model, optimizer = _wrapped()
    with newllm.record(model, optimizer, out=out, every=EVERY) as recorder:
        for step in range(STEPS):
            chance = torch.Generator().manual_seed(2 * step + rank)
            recorder.step(_step(model, optimizer, torch.randn(16, 6, generator=chance)))
            model.eval()
            with torch.no_grad():
                model(torch.full((16, 6), float(step)))
            model.train()


def dropping_alike(out: str, rank: int, *, seed: int = 0) -> None:
    """Rows of their own, and the same seed: dropout is the same on both ranks."""
    torch.manual_seed(0)
    model = DistributedDataParallel(nn.Sequential(nn.Linear(6, 8), nn.Dropout(), nn.Linear(8, 3)))
    optimizer, rows = torch.optim.SGD(model.parameters(), 0.1), torch.Generator().manual_seed(rank)
    torch.manual_seed(seed)
    with newllm.record(model, optimizer, out=out, every=EVERY) as recorder:
        for _ in range(STEPS):
            recorder.step(_step(model, optimizer, torch.randn(16, 6, generator=rows)))


def dropping(out: str, rank: int) -> None:
    dropping_alike(out, rank, seed=rank)


def numbers(out: str, rank: int) -> None:
    """What each rank computes itself is known, too: the losses and gradients of an unwrapped copy on its own rows."""
    wrapped, optimizer = _wrapped()
    model: Any = wrapped
    expected = []
    with newllm.record(model, optimizer, out=out, every=EVERY) as recorder:
        for step in range(1, STEPS + 1):
            x = torch.randn(16, 6, generator=torch.Generator().manual_seed(2 * step + rank))
            parts = x.split(8) if "accumulated" in out else [x]
            alone: Any = copy.deepcopy(model.module)
            loss = torch.stack([alone(part).square().mean() for part in parts]).mean()
            alone.zero_grad()
            loss.backward()
            norm = float(torch.stack([one.grad.norm() for one in alone.parameters()]).norm())
            expected.append([loss.item(), norm if step == 1 or step % EVERY == 0 else None])
            optimizer.zero_grad()
            for part in parts[:-1]:
                with model.no_sync():
                    (model(part).square().mean() / len(parts)).backward()
            if "averaged" in out:
                model(x).square().mean().backward()
                optimizer.zero_grad()
            (model(parts[-1]).square().mean() / len(parts)).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 0.01)
            optimizer.step()
            recorder.step(loss)
    (Path(out).parent / f"expected-{rank}.json").write_text(json.dumps(expected))


def slow(out: str, rank: int) -> None:
    """Rank 1 needs longer to read its batch, and all wait for it in the backward pass."""
    model, optimizer = _wrapped()
    with newllm.record(model, optimizer, out=out, every=EVERY) as recorder:
        for step in range(STEPS):
            time.sleep(0.4 if rank == 1 else 0.0)
            recorder.step(_step(model, optimizer, torch.randn(16, 6, generator=torch.Generator().manual_seed(step))))


def broken(out: str, rank: int) -> None:
    """The loss of rank 1 is no number at one step, and its weights are everybody's."""
    model, optimizer = _wrapped()
    with newllm.record(model, optimizer, out=out, every=EVERY) as recorder:
        for step in range(1, STEPS + 1):
            x = torch.randn(16, 6, generator=torch.Generator().manual_seed(2 * step + rank))
            recorder.step(_step(model, optimizer, x * (math.nan if (step, rank) == (AT, 1) else 1)))


def _wrapped() -> tuple[nn.Module, torch.optim.Optimizer]:
    model = DistributedDataParallel(_model())
    return model, torch.optim.AdamW(model.parameters(), 1e-2)


def _step(model: nn.Module, optimizer: torch.optim.Optimizer, x: torch.Tensor) -> torch.Tensor:
    optimizer.zero_grad()
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    return loss


def ended(out: str, rank: int) -> None:
    """Rank 1 ends long before rank 0 does: each trains by itself with equal data, which is as good as sharing."""
    _train(out, 0, _model(), steps=STEPS if rank == 0 else AT)
    if rank == 0:
        time.sleep(1)


def unrecorded(out: str, rank: int) -> None:
    if rank == 0:
        _train(out, rank, DistributedDataParallel(_model()))
        return
    model = DistributedDataParallel(_model())
    torch.distributed.barrier()
    for _ in range(STEPS):
        model(torch.randn(4, 6)).sum().backward()


def split(out: str, rank: int) -> None:
    """The first layer is another one on each rank, and the gradients of the others are shared."""
    model = _model()
    nn.init.normal_(model.get_parameter("0.weight"), generator=torch.Generator().manual_seed(rank))

    def act(step: int) -> bool:  # noqa: ARG001 (a form)
        for name, one in model.named_parameters():
            if not name.startswith("0."):
                torch.distributed.all_reduce(one.grad, torch.distributed.ReduceOp.SUM)
        return True

    _train(out, rank, model, act=act)


def sharded(out: str, rank: int) -> None:
    model = _model()
    fully_shard(model)
    _train(out, rank, model)


def hybrid(out: str, rank: int) -> None:
    """Two copies, each of which one rank holds all pieces of."""
    model = _model()
    fully_shard(model, mesh=init_device_mesh("cpu", (2, 1), mesh_dim_names=("copies", "pieces")))

    def act(step: int) -> bool:
        if step == AT and rank == 1 and "apart" in out:
            with torch.no_grad():
                weight: Any = model.get_parameter("3.weight")
                weight.to_local()[0, 0] += 1e-6
        return True

    _train(out, rank, model, act=act)


def local(out: str, rank: int) -> None:
    """Ranks that train by themselves, and take the mean of their weights every five steps."""
    model = _model()
    optimizer = torch.optim.SGD(model.parameters(), 1e-2)
    torch.manual_seed(rank + 1)
    with newllm.record(model, optimizer, out=out, every=EVERY) as recorder:
        for step in range(1, STEPS + 1):
            optimizer.zero_grad()
            loss = model(torch.randn(4, 6)).square().mean()
            loss.backward()
            optimizer.step()
            if step % EVERY == 0:
                for one in model.parameters():
                    torch.distributed.all_reduce(one.data, torch.distributed.ReduceOp.SUM)
                    one.data /= 2
            recorder.step(loss)


def _in_two_processes(name: str, out: Path) -> Path:
    # This file is its own program: a spawned process finds no module of a test that pytest has imported by its place.
    place = str(out.parent / "meeting")
    started = [subprocess.Popen([sys.executable, __file__, name, str(rank), str(out), place]) for rank in (0, 1)]
    assert [process.wait(120) for process in started] == [0, 0]
    return out


def _finding(out: Path) -> Any:
    found = [one for one in newllm.doctor(out, against=()).findings if one.kind == "ranks-apart"]
    assert len(found) <= 1
    return found[0] if found else None


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nudged", "after step 10, by step 15: a parameter differs on rank 1 (3.weight (Linear))"),
        (
            "skipped",
            "after step 10, by step 15: 6 parameters differ on rank 1 "
            "(0.weight (Linear), 0.bias (Linear), 1.weight (BatchNorm1d) and 3 more)",
        ),
        ("inside", "after step 0, by step 1: "),
    ],
)
def test_ranks_that_part_are_told(tmp_path: Path, name: str, said: str) -> None:
    finding = _finding(_in_two_processes(name, tmp_path / "run"))
    assert str(finding.sentence).startswith(f"The ranks stop being identical {said}")
    assert finding.severity == "warning"


@pytest.mark.slow
def test_copies_of_a_sharded_model_that_part_are_told(tmp_path: Path) -> None:
    finding = _finding(_in_two_processes("hybrid", tmp_path / "apart"))
    assert "after step 10, by step 15: a parameter differs on rank 1 (3.weight" in str(finding.sentence)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "compared", "said"),
    [
        ("healthy", 6, []),
        ("ended", 6, []),
        ("unrecorded", 0, ["remark-ranks-missing"]),
        ("split", 4, ["remark-ranks-own"]),
        ("sharded", 0, ["remark-ranks-sharded"]),
        ("hybrid", 6, []),
    ],
)
def test_ranks_that_do_not_are_not(tmp_path: Path, name: str, compared: int, said: list[str]) -> None:
    out = _in_two_processes(name, tmp_path / "run")
    assert _finding(out) is None
    ranks, remarks = read_ranks(out)
    assert [remark.sentence.id for remark in remarks] == said
    assert (ranks.compared if ranks else 0) == compared


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "steps"),
    [
        ("alike", (1, 5, 10, 15, 20)),
        ("by_heart", ()),
        ("evaluated_alike", ()),
        ("healthy", ()),
    ],
)
def test_ranks_that_read_the_same_are_told(tmp_path: Path, name: str, steps: tuple[int, ...]) -> None:
    out = _in_two_processes(name, tmp_path / "run")
    ranks, _ = read_ranks(out)
    assert ranks is not None
    assert ranks.alike == steps
    assert ("ranks-alike" in {one.kind for one in newllm.doctor(out, against=()).findings}) == bool(steps)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "found"), [("dropping_alike", ["note"]), ("dropping", []), ("healthy", [])])
def test_ranks_whose_dropout_is_the_same_are_a_note(tmp_path: Path, name: str, found: list[str]) -> None:
    findings = newllm.doctor(_in_two_processes(name, tmp_path / "run"), against=()).findings
    assert [one.severity for one in findings if one.kind == "ranks-drawing-alike"] == found


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["plain", "accumulated", "averaged"])
def test_each_rank_writes_its_own_loss_and_gradient(tmp_path: Path, kind: str) -> None:
    """Before the average and the clipping. Where two passes of a step are averaged, its own gradient is not seen."""
    ranks, _ = read_ranks(_in_two_processes("numbers", tmp_path / kind))
    assert ranks is not None
    assert ranks.signals is not None
    for rank in (0, 1):
        expected = json.loads((tmp_path / f"expected-{rank}.json").read_text())
        loss = ranks.signals.signals["loss"][rank]
        assert loss.step.tolist() == list(range(1, STEPS + 1))
        np.testing.assert_allclose(loss.value, [one for one, _ in expected], rtol=1e-6)
        if kind == "averaged":
            assert "gradient_norm" not in ranks.signals.signals
            continue
        norm = ranks.signals.signals["gradient_norm"][rank]
        known = [(step, one) for step, (_, one) in enumerate(expected, 1) if one is not None]
        assert norm.step.tolist() == [step for step, _ in known]
        np.testing.assert_allclose(norm.value, [one for _, one in known], rtol=1e-5)
    others = ranks.signals.signals["seconds"]
    assert len(others[1].step) >= STEPS - 1
    assert not set(others[0].step.tolist()) & set(range(EVERY, STEPS, EVERY)), "rank 0 measured in these steps"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("slow", "straggler", "rank 1 computes"),
        ("broken", "rank-outlier", f"the loss of rank 1 is no number at step {AT}"),
    ],
)
def test_the_rank_is_named(tmp_path: Path, name: str, kind: str, said: str) -> None:
    found = [
        one for one in newllm.doctor(_in_two_processes(name, tmp_path / "run"), against=()).findings if one.kind == kind
    ]
    assert [str(one.sentence)[: len(said)] for one in found] == [said]


def test_a_row_has_the_batches_since_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a step of which nothing is known yet, as it is written, is no row."""
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)

    def written(name: str, first: int) -> list[dict[str, object]]:
        (tmp_path / name).mkdir()
        (tmp_path / name / "known").touch()
        watch = RankWatch(Layout(nn.Linear(1, 1)), Optimizers([]), tmp_path / name, "known", 0)
        for step, drawn in enumerate((first, 6, 7), 1):
            watch.note(step, {}, drawn)
            watch.flush()
            if step > 1:
                watch.put(step)
        watch.close()
        return [json.loads(line) for line in (tmp_path / name / "ranks/rank-00000.jsonl").read_text().splitlines()[1:]]

    one, other = written("one", 5), written("other", 0)
    assert [row["step"] for row in one] == [2, 3]
    assert all("weights" in row for row in one)
    assert [a["batches"] == b["batches"] for a, b in zip(one, other, strict=True)] == [False, True]


@pytest.mark.slow
def test_ranks_that_come_together_again_are_a_note(tmp_path: Path) -> None:
    finding = _finding(_in_two_processes("local", tmp_path / "run"))
    assert finding.severity == "note"
    assert str(finding.sentence).endswith("; later they agree again")


class _Full(io.StringIO):
    """A file on a disk without a byte left."""

    def flush(self) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")


def test_no_room_for_what_a_rank_writes_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    model = _model()
    watch = RankWatch(Layout(model), Optimizers([torch.optim.SGD(model.parameters())]), tmp_path, "recording.json")
    watch._file = _Full()
    watch.note(1, {"loss": 1.0})
    line = r"^no room to write '.*/ranks/rank-00001.jsonl' \(No space left on device\): free some space"
    with pytest.raises(UserError, match=line):
        watch.flush()


if __name__ == "__main__":
    torch.set_num_threads(1)
    name, rank, out, meeting = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
    torch.distributed.init_process_group("gloo", init_method=f"file://{meeting}", rank=rank, world_size=2)
    globals()[name](out, rank)
    torch.distributed.destroy_process_group()

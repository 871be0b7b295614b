"""Replays of a run on every engine: the same trajectories and verdict, on one kind of processor alone."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import newllm
from newllm.checksum import read_checked
from newllm.engines import Done
from newllm.errors import UserError
from newllm.replays.replica.trajectory import Trajectory, Until
from newllm.replays.session.runner import Runner
from newllm.replays.session.store import Store
from newllm.replays.session.task import Replayer, Task
from newllm.replays.watcher import Watcher
from newllm.time_limit import TimeLimit
from newllm.training import environment
from newllm.training.environment import describe_place

SPIKY = (
    *("model.width=16", "model.hidden=32", "model.context=16", "optimizer.learning_rate=0.01"),
    *("numerics.scan_backend=torch", "numerics.precision=fp32", "numerics.threads=1", "numerics.device=cpu"),
    *("training.snapshot_every=10", "training.keep=9", "training.evaluate_every=10", "training.steps=30"),
)
OF_THE_CALL = {"run", "place", "sha256", "seconds", "cost", "sentences"}
TASK = Task("", 0, 0, Until(None, 10, 10, 5), 5, 6, (0, 4, 6))


@pytest.fixture(scope="module")
def spiked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("spiked")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NEWLLM_CACHE", str(home / "cache"))
        return newllm.train(preset="seed-baseline", settings=SPIKY, out=home / "run").path


def replayed(spiked: Path, path: Path, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the verdict, and the trajectories that were kept, by file."""
    run = Path(shutil.copytree(spiked, path / "run"))
    limit = TimeLimit(600, lambda: 0.0)  # all that a verdict can use
    verdict = newllm.replay(run, only=("half-learning-rate",), budget=limit, watcher=Watcher(), **options)
    kept = {place.name: read_checked(place) for place in run.glob("replays/*/trajectories/*.json")}
    assert not list(run.rglob(".engine"))
    return timeless(verdict.as_dict()), kept


@pytest.mark.slow
def test_trajectories_and_verdict_are_those_of_local(engine_name, spiked: Path, tmp_path: Path) -> None:
    plain, before = replayed(spiked, tmp_path / "plain", workers=1)
    found, after = replayed(spiked, tmp_path / "out", workers=1, engine=engine_name)
    label = {"slurm": "slurm (local processes)"}.get(engine_name, engine_name)
    assert {trajectory["place"]["engine"] for trajectory in after.values()} == {label}
    assert len(before) >= 4, "the null replays and the change's"
    assert timeless(after) == timeless(before)
    assert found == plain
    assert found["null"]["identical"]


def timeless(data: Any) -> Any:
    """Return data without what differs between two calls on one machine."""
    if isinstance(data, dict):
        return {name: timeless(value) for name, value in data.items() if name not in OF_THE_CALL}
    return [timeless(item) for item in data] if isinstance(data, list) else data


def test_a_worker_on_another_kind_of_processor_ends_the_command() -> None:
    other = {**describe_place("ray"), "host": "node7", "cpu_capability": "AVX512"}
    runner = Runner(Replayer(lambda: None, lambda _: None), Store(None, {}), None, lambda *_: None, TimeLimit(20))  # type: ignore[arg-type,return-value]

    class Pool:
        unfinished = 1

        def next(self, _: float) -> Done[Task, dict[str, Any]]:
            return Done(TASK, {"place": other, "made": None})

    with pytest.raises(
        UserError, match=r"^the machine 'node7' \(.*cpu_capability AVX512.*\) computes other bits than "
    ):
        runner._run_in(Pool(), [], 20, lambda: False)  # type: ignore[arg-type]


def test_what_was_replayed_on_another_kind_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, whole = Store(tmp_path, {}), Trajectory(0, [1], [1.0], [1.0], probe_steps=[0], probe=[1.0]).as_dict()
    store.put(TASK, whole, describe_place("ray"))
    assert store.get(TASK) == json.loads(json.dumps(whole))
    monkeypatch.setattr(environment, "processor_name", lambda: "Another One")
    describe_place.cache_clear()
    assert store.get(TASK) is None
    store.put(TASK, whole)  # from before there were places
    assert store.get(TASK) is not None
    monkeypatch.undo()
    describe_place.cache_clear()

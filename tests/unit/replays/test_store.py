import json
from dataclasses import replace
from pathlib import Path

from newllm.replays.store import Store
from newllm.replays.task import Task
from newllm.replays.trajectory import Until

TASK = Task("gate", 31, 3, Until(None, 10, 20, 2), 39, 43, (30, 44))


def test_a_replay_on_disk_says_what_it_is_and_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    store.put(TASK, {"start": 31, "loss": [1.0]})
    store.put(replace(TASK, variant="planted"), {"start": 31, "loss": [9.0]})
    files = [json.loads(file.read_text()) for file in (tmp_path / "replays/trajectories").iterdir()]
    assert {(one["task"]["variant"], one["task"]["name"], one["loss"][0]) for one in files} == {
        ("applied", "gate", 1.0), ("planted", "gate", 9.0),
    }  # fmt: skip
    assert store.get(TASK) == {"start": 31, "loss": [1.0]}


def test_a_replay_of_before_that_is_read_all_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    (tmp_path / "replays/trajectories" / f"{TASK.key}.json").write_text('{"start": 31}')
    assert store.get(TASK) == {"start": 31}

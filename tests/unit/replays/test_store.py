import json
from dataclasses import replace
from pathlib import Path

import pytest

from newllm.replays.store import Store
from newllm.replays.task import Task
from newllm.replays.trajectory import Until

WHOLE = {"start": 31, "steps": [32], "loss": [1.0], "gradient_norm": [2.0], "probe_steps": [31], "probe": [1.5]}
WRONG = [{"start": "31"}, {"steps": [32, 33]}, {"steps": 32}, {"probe": ["x"]}, {"validation": []},
         {"signals": {"x": [1.0, 2.0]}}, {"more": 1}]  # fmt: skip
TASK = Task("gate", 31, 3, Until(None, 10, 20, 2), 39, 43, (30, 44))


def test_a_replay_on_disk_says_what_it_is_and_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    store.put(TASK, WHOLE)
    store.put(replace(TASK, variant="planted"), {**WHOLE, "loss": [9.0]})
    files = [json.loads(file.read_text()) for file in (tmp_path / "replays/trajectories").iterdir()]
    assert {(one["task"]["variant"], one["task"]["name"], one["loss"][0]) for one in files} == {
        ("applied", "gate", 1.0), ("planted", "gate", 9.0),
    }  # fmt: skip
    assert store.get(TASK) == WHOLE


def test_a_replay_of_before_that_is_read_all_the_same(tmp_path: Path) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    (tmp_path / "replays/trajectories" / f"{TASK.key}.json").write_text(json.dumps(WHOLE))
    assert store.get(TASK) == WHOLE


@pytest.mark.parametrize(
    "content",
    ["{}", "[]", "null", "[" * 100_000, '{"start": 31}', *(json.dumps({**WHOLE, **wrong}) for wrong in WRONG)],
)
def test_a_damaged_replay_counts_as_none(tmp_path: Path, content: str) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    (tmp_path / "replays/trajectories" / f"{TASK.key}.json").write_text(content)
    assert store.get(TASK) is None
    store.put(TASK, WHOLE)
    assert store.get(TASK) == WHOLE

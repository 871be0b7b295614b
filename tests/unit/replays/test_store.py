import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from newllm.errors import UserError
from newllm.replays.replica.replica import State
from newllm.replays.replica.trajectory import Until
from newllm.replays.session.store import Store
from newllm.replays.session.task import Task
from newllm.storage import measured, trim
from newllm.trace import Tried, Verdict

TRIED = Tried(
    name="clip-tenth", kind="optimizer", change="", hypothesis="", price="", start=0, stage="screened",
    effect_class="no effect", n=3, spiked=3, effect=0.0, interval=None, p=None, severity=1.0, null_severity=1.0,
    later=None, cost=0.0,
)  # fmt: skip
VERDICT = Verdict(
    run="x", spike={}, reproduction={}, nulls={}, interventions=(), not_tried={}, cause=None, suspects=(), missing=(),
    sentences=(), seconds=0.0,
)  # fmt: skip
WHOLE = {"start": 31, "steps": [32], "loss": [1.0], "gradient_norm": [2.0], "probe_steps": [31], "probe": [1.5]}
WRONG = [{"start": "31"}, {"steps": [32, 33]}, {"steps": 32}, {"probe": ["x"]}, {"validation": []},
         {"signals": {"x": [1.0, 2.0]}}, {"more": 1}]  # fmt: skip
TASK = Task("gate", 31, 3, Until(None, 10, 20, 2), 39, 43, (30, 38, 44))


def test_a_replay_on_disk_says_what_it_is_and_comes_back_as_it_was(tmp_path: Path) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    store.put(TASK, WHOLE)
    store.put(replace(TASK, variant="injected"), {**WHOLE, "loss": [9.0]})
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


def flipped(file: Path) -> Iterator[None]:
    """Flip one bit after the other, of every seventh byte."""
    whole = file.read_bytes()
    for at in range(0, len(whole), 7):
        damaged = bytearray(whole)
        damaged[at] ^= 1 << at % 8
        file.write_bytes(damaged)
        yield


def test_a_damaged_replay_counts_as_not_run(tmp_path: Path) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    store.put(TASK, WHOLE)
    whole = store.get(TASK)
    for _ in flipped(tmp_path / "replays/trajectories" / f"{TASK.key}.json"):
        assert store.get(TASK) in (None, whole)


def test_a_damaged_state_is_none_and_is_refused(tmp_path: Path) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    chance = torch.Generator().manual_seed(0)
    state = State({"weight": torch.randn(5, generator=chance)}, {"weight/exp_avg": torch.ones(5)}, {})
    store.keep_state(7, state)
    assert store.has_state(7)
    refused = 0
    for _ in flipped(tmp_path / "replays/states/step-00000007.safetensors"):
        if store.has_state(7):
            read = store.state(7)
            assert read is not None
            assert torch.equal(read.model["weight"], state.model["weight"])
            assert torch.equal(read.optimizer["weight/exp_avg"], state.optimizer["weight/exp_avg"])
            continue
        refused += 1
        with pytest.raises(UserError, match="is damaged: remove it, the same command makes it again"):
            store.state(7)
    assert refused > 15


def test_a_state_from_before_there_were_checksums_is_read(tmp_path: Path) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    place = tmp_path / "replays/states/step-00000007.safetensors"
    place.write_bytes(safetensors.torch.save({"model:weight": torch.ones(3)}))
    read = store.state(7)
    assert read is not None
    assert read.model["weight"].tolist() == [1.0, 1.0, 1.0]


def test_states_of_all_spikes_stay_within_their_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = State({"weight": torch.ones(1000)}, {}, {})
    for onset in (1, 2, 3):
        store = Store(tmp_path / f"step-{onset:08d}", {"run": "x"})
        with store.in_use():
            store.keep_state(7, state)
        os.utime(tmp_path / f"step-{onset:08d}/.states.in-use", (onset, onset))
    monkeypatch.setattr("newllm.replays.session.store.LIMIT", 9000)
    last = Store(tmp_path / "step-00000001", {"run": "x"})  # used again: now the second is the oldest
    with last.in_use():
        last.write(VERDICT)
    left = [onset for onset in (1, 2, 3) if (tmp_path / f"step-{onset:08d}/states").exists()]
    assert left == [1, 3]


def test_a_verdict_that_shows_less_does_not_replace_one_that_shows_more(tmp_path: Path) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    assert store.verdict() is None
    assert store.write(VERDICT)
    named = replace(VERDICT, cause={"name": "plain-depth"}, run="named")
    assert store.write(named)
    for less in (VERDICT, replace(named, reproduction={"identical": False}, run="differs")):
        assert not store.write(less)
        kept = store.verdict()
        assert kept is not None
        assert kept.run == "named"
    assert store.write(replace(named, run="again")), "as much as before"
    tried = replace(VERDICT, interventions=(TRIED,), run="more")
    assert store.write(tried), "a cause that a replay of more did not bear out is withdrawn"
    (tmp_path / "replays/verdict.json").write_text("{}")
    assert store.verdict() is None
    assert store.write(VERDICT)


def test_its_states_stay_while_it_is_in_use_also_after_a_failure(tmp_path: Path) -> None:
    store = Store(tmp_path / "replays", {"run": "x"})
    (tmp_path / "replays/states/step-00000001.safetensors").write_bytes(bytes(10))
    (states,) = measured([tmp_path / "replays/states"])

    def failing() -> None:
        with store.in_use():
            assert trim([states], 0) == []
            raise UserError("no room")

    with pytest.raises(UserError, match="no room"):
        failing()
    assert trim([states], 0) == [states]

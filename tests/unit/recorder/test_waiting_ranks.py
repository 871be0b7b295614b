"""A rank whose first rank does not record beside it keeps few fingerprints, and writes them once it does."""

import json
import threading
from pathlib import Path

import pytest
import torch
from torch import nn

from newllm.recorder import ranks
from newllm.recorder.layout import Layout
from newllm.recorder.optimizers import Optimizers


def test_what_waits_for_the_first_rank_is_bounded_by_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "MOST_WAITING", 100)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(5)))  # 10 parameters: at most 20 numbers
    optimizers = Optimizers([torch.optim.SGD(model.parameters(), 0.1)])
    watch = ranks.RankWatch(Layout(model), optimizers, tmp_path, "recording.json")
    for step in range(50):
        watch.put(step)
    watch.flush()
    assert not list(tmp_path.iterdir())
    (tmp_path / "recording.json").touch()
    watch.close()
    assert len((tmp_path / "ranks" / "rank-00001.jsonl").read_text().splitlines()) == 1 + 5


@pytest.mark.parametrize(("patience", "files"), [(30.0, 1), (0.0, 0)])
def test_a_rank_that_is_done_first_waits_for_the_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, patience: float, files: int
) -> None:
    monkeypatch.setattr(ranks, "_PATIENCE", patience)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    model = nn.Linear(2, 2)
    optimizers = Optimizers([torch.optim.SGD(model.parameters(), 0.1)])
    watch = ranks.RankWatch(Layout(model), optimizers, tmp_path, "recording.json")
    watch.put(0)
    first = threading.Timer(0.3, (tmp_path / "recording.json").touch)
    first.start()
    watch.close()
    first.join()
    assert len(list(tmp_path.glob("ranks/*"))) == files


def test_a_resumed_rank_goes_on_with_what_it_wrote_up_to_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 0)
    (tmp_path / "recording.json").touch()
    model = nn.Linear(2, 2)

    def wrote(world: int, resumed_at: int | None, steps: range) -> dict[str, list[int]]:
        monkeypatch.setattr(torch.distributed, "get_world_size", lambda: world)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        watch = ranks.RankWatch(Layout(model), Optimizers([optimizer]), tmp_path, "recording.json", resumed_at)
        for step in steps:
            watch.put(step)
        watch.close()
        files = sorted((tmp_path / "ranks").iterdir())
        return {one.name: [json.loads(row)["step"] for row in one.read_text().splitlines()[1:]] for one in files}

    assert wrote(3, None, range(6)) == {"rank-00000.jsonl": [0, 1, 2, 3, 4, 5]}
    (tmp_path / "ranks" / "rank-00002.jsonl").write_text((tmp_path / "ranks" / "rank-00000.jsonl").read_text())
    whole = {"rank-00000.jsonl": [0, 1, 2, 3, 3, 4], "rank-00002.jsonl": [0, 1, 2, 3, 4, 5]}
    assert wrote(3, 3, range(3, 5)) == whole
    assert wrote(2, 4, range(4, 6)) == {"rank-00000.jsonl": [4, 5]}  # another number of ranks begins anew

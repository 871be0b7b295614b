"""A rank whose first rank does not record beside it keeps few fingerprints, and writes them once it does."""

from pathlib import Path

import pytest
import torch
from torch import nn

from newllm.recorder import ranks
from newllm.recorder.layout import Layout


def test_what_waits_for_the_first_rank_is_bounded_by_its_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranks, "MOST_WAITING", 100)
    monkeypatch.setattr(torch.distributed, "get_rank", lambda: 1)
    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    model = nn.Sequential(*(nn.Linear(2, 2) for _ in range(5)))  # 10 parameters: at most 20 numbers
    watch = ranks.RankWatch(Layout(model), torch.optim.SGD(model.parameters(), 0.1), tmp_path, "recording.json")
    for step in range(50):
        watch.put(step)
    watch.flush()
    assert not list(tmp_path.iterdir())
    (tmp_path / "recording.json").touch()
    watch.close()
    assert len((tmp_path / "ranks" / "rank-00001.jsonl").read_text().splitlines()) == 1 + 5

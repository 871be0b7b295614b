"""Two processes that train one model: each sees other batches, and both decide alike."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch.distributed as dist

FIRST = 30  # as in rank.py


@pytest.mark.slow
@pytest.mark.skipif(not dist.is_available(), reason="this torch has no distributed")
def test_two_processes_decide_alike(tmp_path: Path) -> None:
    program = [sys.executable, str(Path(__file__).parent / "rank.py")]
    ranks = [
        subprocess.Popen([*program, str(rank), str(tmp_path / "rendezvous")], stdout=subprocess.PIPE, text=True)
        for rank in range(2)
    ]
    first, second = (json.loads(rank.communicate(timeout=120)[0].splitlines()[-1]) for rank in ranks)
    assert first == second
    assert first["healthy"] == first["plain"]
    assert first["healthy"]["recoveries"] == []
    (only,) = first["half wrong"]["recoveries"]
    assert FIRST < only["detected"] <= FIRST + 8, "seen by both, though the batches of one of them are well"
    (only,) = first["mended"]["recoveries"]
    assert only["remedy"] == "hold-learning-rate"
    assert only["nulls"]["identical"] is True
    assert first["mended"]["weights"] == first["plain"]["weights"]

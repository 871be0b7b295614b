"""The labels of the strangers' loops: each loop has one, and names causes that there are."""

import tomllib
from pathlib import Path

from newllm.diagnosis.causes.known import CAUSES

FOLDER = Path(__file__).parents[3] / "benchmarks/replay_strangers"


def test_each_loop_has_a_label_and_a_third_is_held_out() -> None:
    cases = tomllib.loads((FOLDER / "labels.toml").read_text())["case"]
    names = [one["name"] for one in cases]
    assert len(names) == len(set(names)) == 24
    assert sum(one["split"] == "held" for one in cases) == 8
    for one in cases:
        assert set(one["accepted"]) <= set(CAUSES), one["name"]
        assert one["accepted"] or one["kind"].startswith("control") or one["note"], one["name"]

"""Ranks that share a model out: none of them ever builds all of it, whatever they are asked for at the start."""

import json
import socket
import subprocess
import sys

import pytest

PROGRAM = """
import sys
from pathlib import Path
from newllm.cli.main import main
from newllm.model.language_model import LanguageModel
from newllm.training.sharding import own_part

most, draw = 0, LanguageModel.draw

def drawn(model):
    global most
    draw(model)
    held = [own_part(one) for one in model.parameters() if not one.is_meta]
    most = max(most, sum(one.numel() for one in held))

LanguageModel.draw = drawn
code = main(sys.argv[2:])
Path(sys.argv[1]).write_text(str(most))
sys.exit(code)
"""
SETTINGS = ("data.batch=4", "model.layers=8", "numerics.precision=auto", "parallel.mode=fsdp")


@pytest.fixture
def most_held(environment, tmp_path):
    """`most_held(size, arguments)`: train, and return how many parameters of a model each rank held at most."""

    def train(size: int, *arguments: object) -> list[int]:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        common = {**environment, "WORLD_SIZE": str(size), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
        processes = []
        for rank in range(size):
            command = [
                sys.executable,
                "-c",
                PROGRAM,
                tmp_path / f"most-{rank}",
                "train",
                *map(str, arguments),
                "--quiet",
            ]
            own = {**common, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"}
            processes.append(subprocess.Popen(command, env=own))
        assert [process.wait(240) for process in processes] == [0] * size
        return [int((tmp_path / f"most-{rank}").read_text()) for rank in range(size)]

    return train


@pytest.mark.slow
@pytest.mark.parametrize(("size", "budget"), [(2, ("--steps", 4)), (4, ("--seconds", 30))])
def test_no_rank_builds_the_whole_model(size, budget, most_held, text, tiny, tmp_path) -> None:
    """At its start, where its precision and its speed are measured, and when it goes on from its shards."""
    run = tmp_path / "run"
    settings = [word for one in SETTINGS for word in ("--set", one)]
    held = most_held(size, text, *tiny, *settings, *budget, "--out", run)
    parameters = json.loads((run / "summary.json").read_bytes())["parameters"]
    assert max(held) < 0.7 * parameters
    more = ("--steps", json.loads((run / "summary.json").read_bytes())["step"] + 2)
    assert max(most_held(size, "--resume", run, *more)) < 0.7 * parameters

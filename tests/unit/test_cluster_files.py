"""The files for clusters can be read by what reads them, and call commands and options that there are."""

import itertools
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newllm.cli.main import parser

FOLDER = Path(__file__).parents[2] / "examples/cluster"
ENGINE = ["--engine", "ray"]  # what the script for SLURM adds
FILES = {"Dockerfile": 1, "ray-cluster.yaml": 1, "sky-task.yaml": 1, "study-slurm.sbatch": 2}  # calls in each


def _read(name: str) -> str:
    if not FOLDER.is_dir():
        pytest.skip("an installed newllm has no examples")
    return (FOLDER / name).read_text()


def _yaml(name: str) -> dict[str, Any]:
    """Return a file as YAML, read by what some packages of the tests bring with them."""
    return pytest.importorskip("yaml").safe_load(_read(name))


def _calls(name: str) -> Iterator[list[str]]:
    """Yield the words after "newllm" of every call of a file, in comments too."""
    for line in _read(name).replace("\\\n", " ").splitlines():
        script = re.search(r"study-slurm\.sbatch (\w+ .*)", line)
        called = re.search(r"(?:docker run .* |/)newllm (\w+ [^\"]*)", line)
        if script:
            yield [*shlex.split(script[1]), *ENGINE]
        elif called and "install" not in line:
            yield shlex.split(called[1])


def _shell(script: str) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash")
    done = subprocess.run([bash, "-n"], input=script, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_every_file_is_looked_at() -> None:
    _read("Dockerfile")
    assert {path.name for path in FOLDER.iterdir()} == FILES.keys()


@pytest.mark.parametrize("name", FILES)
def test_commands_are_commands_of_newllm(name: str) -> None:
    calls = list(_calls(name))
    assert len(calls) == FILES[name]
    for words in calls:
        parser().parse_strictly(words)


def test_the_script_for_slurm_is_a_script() -> None:
    text = _read("study-slurm.sbatch")
    _shell(text)
    lines = text.splitlines()
    assert lines[0] == "#!/bin/bash"
    head = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    asked = [line for line in lines if line.startswith("#SBATCH")]
    assert asked == [line for line in head if line.startswith("#SBATCH")], "sbatch reads none after a command"
    assert all(re.fullmatch(r"#SBATCH --[a-z-]+=\S+", line) for line in asked)
    assert lines[-1].split() == ["--", "newllm", '"$@"', *ENGINE]


def test_the_file_for_ray_says_which_machines_and_what_starts_them() -> None:
    cluster = _yaml("ray-cluster.yaml")
    provider = cluster["provider"]
    assert provider["type"] == "local"
    assert cluster["max_workers"] == len(provider["worker_ips"])
    assert provider["head_ip"] not in provider["worker_ips"]
    for name in ("head_start_ray_commands", "worker_start_ray_commands"):
        for command in cluster[name]:
            _shell(command)


def test_the_file_for_skypilot_says_how_many_machines_and_what_they_run() -> None:
    task = _yaml("sky-task.yaml")
    assert task["num_nodes"] > 1
    assert any(f"--out {place}/" in task["run"] for place in task["volumes"])
    for name in ("setup", "run"):
        _shell(task[name])


def test_the_image_installs_what_the_others_ask_for() -> None:
    text = _read("Dockerfile")
    (installed,) = re.findall(r"pip install .*'\.\[(.*)\]'", text)
    assert set(installed.split(",")) == {"fast", "ray", "slurm"}
    assert 'ENTRYPOINT ["newllm"]' in text

"""SLURM by commands that stand in for it: jobs that vanish, are refused, or are an earlier driver's."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

pytest.importorskip("submitit", reason="submitit is not installed: pip install 'newllm[slurm]'")

from newllm.engines import Died, Done, Engine, Failed, Pool, slurm
from newllm.errors import UserError

# Jobs are processes of this machine, and a file each in FOLDER, as long as they are there.
COMMANDS = """#!{python}
import os, re, signal, subprocess, sys
from pathlib import Path

FOLDER, command, given = Path({folder!r}), Path(sys.argv[0]).name, sys.argv[1:]


def there():
    found = {{}}
    for place in FOLDER.glob("*.job"):
        process, name = place.read_text().split()
        try:
            zombie = Path(f"/proc/{{process}}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            zombie = True
        if zombie:
            place.unlink()
        else:
            found[place.stem] = int(process), name
    return found


name = next((part.removeprefix("--name=") for part in given if part.startswith("--name=")), "")
if command == "sbatch":
    if "SBATCH_PARTITION" in os.environ:
        sys.exit("sbatch: error: invalid partition specified: " + os.environ["SBATCH_PARTITION"])
    (FOLDER / "inherited").write_text(" ".join(sorted(each for each in os.environ if each.startswith("SLURM_"))))
    text = Path(given[0]).read_text()
    number = str(1 + len(list(FOLDER.glob("*.sh"))))
    (FOLDER / f"{{number}}.sh").write_text(text)
    variables = dict(SLURM_JOB_ID=number, SLURM_NTASKS="1", SLURM_JOB_NUM_NODES="1", SLURM_NODEID="0", SLURM_PROCID="0",
                     SLURM_LOCALID="0", SLURM_JOB_NODELIST="here")
    out = open(FOLDER / f"{{number}}.out", "w")
    process = subprocess.Popen(["bash", given[0]], env={{**os.environ, **variables}}, start_new_session=True,
                               stdout=out, stderr=out, stdin=subprocess.DEVNULL)
    (FOLDER / f"{{number}}.job").write_text(f"{{process.pid}} " + re.search("--job-name=(.*)", text)[1])
    print("Submitted batch job", number)
elif command == "squeue":
    print("\\n".join(number for number, (_, its) in there().items() if its == name))
elif command == "scancel":
    for process, its in there().values():
        if its == name:
            os.killpg(process, signal.SIGKILL)
elif command == "srun":
    at = next(place for place, word in enumerate(given) if "python" in word)
    os.execv(given[at], given[at:])
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    folder = tmp_path / "slurm"
    folder.mkdir()
    source = COMMANDS.format(python=sys.executable, folder=str(folder))
    for name in ("sbatch", "squeue", "scancel", "srun"):
        (folder / name).write_text(source)
        (folder / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.delenv("NEWLLM_SLURM", raising=False)
    monkeypatch.setattr(slurm, "_ASK", 0.5)
    monkeypatch.setattr(slurm, "_SETTLE", 0.5)
    yield folder
    for place in folder.glob("*.job"):
        os.killpg(int(place.read_text().split()[0]), signal.SIGKILL)


def pool(jobs: ModuleType, tmp_path: Path, workers: int | None = 1) -> Pool[tuple[str, Any], Any]:
    return Engine("slurm", workers).pool(jobs.work, jobs.prepare, tmp_path / "out")


def wait_for(path: Path) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_jobs_are_submitted_one_by_one_under_one_name_and_repeated_by_nobody_else(folder, jobs, tmp_path) -> None:
    with pool(jobs, tmp_path) as jobs_of_slurm:
        for number in (2, 3):
            jobs_of_slurm.submit(("square", number))
        assert [path.name for path in folder.glob("*.sh")] == ["1.sh"]
        assert [jobs_of_slurm.next(60), jobs_of_slurm.next(60)] == [Done(("square", 2), 4), Done(("square", 3), 9)]
    texts = [path.read_text() for path in folder.glob("*.sh")]
    assert len(texts) == 2
    assert all("#SBATCH --no-requeue" in text and "#SBATCH --time=240" in text for text in texts)
    assert len({line for text in texts for line in text.splitlines() if "--job-name=newllm-" in line}) == 1
    assert not any("gpus" in text for text in texts)


def test_nobody_says_how_many_and_it_is_four(folder, jobs, tmp_path) -> None:
    with pool(jobs, tmp_path, None) as jobs_of_slurm:
        assert jobs_of_slurm.workers == 4
    assert not list(folder.glob("*.sh"))


def test_a_job_that_slurm_has_no_more_is_submitted_again(folder, jobs, tmp_path) -> None:
    task = ("die_once", str(tmp_path / "died"))
    with pool(jobs, tmp_path) as jobs_of_slurm:
        jobs_of_slurm.submit(task)
        assert [jobs_of_slurm.next(60), jobs_of_slurm.next(60)] == [Died(task, None), Done(task, "alive")]
    assert len(list(folder.glob("*.sh"))) == 2


def test_jobs_that_are_all_cancelled_at_once_are_each_submitted_again_once(folder, jobs, tmp_path) -> None:
    tasks = [("sleep_once", str(tmp_path / name)) for name in "ab"]
    with pool(jobs, tmp_path, 2) as jobs_of_slurm:
        for task in (*tasks, ("square", 3)):
            jobs_of_slurm.submit(task)
        for _, place in tasks:
            wait_for(Path(place))
        name = (folder / "1.job").read_text().split()[1]
        subprocess.run(["scancel", "--me", f"--name={name}"], check=True)
        heard = [jobs_of_slurm.next(60) for _ in range(5)]
        assert jobs_of_slurm.unfinished == 0
    assert [one.task for one in heard if isinstance(one, Died)] == tasks
    assert [one for one in heard if isinstance(one, Done)][-1] == Done(("square", 3), 9)
    assert sum(isinstance(one, Done) for one in heard) == 3
    assert len(list(folder.glob("*.sh"))) == 5


@pytest.mark.usefixtures("folder")
def test_what_sbatch_refuses_is_one_line(jobs, tmp_path, monkeypatch, capfd) -> None:
    monkeypatch.setenv("SBATCH_PARTITION", "gone")
    said = r"^--engine slurm: sbatch refuses the job \(sbatch: error: invalid partition specified: gone\)$"
    with pool(jobs, tmp_path) as jobs_of_slurm, pytest.raises(UserError, match=said):
        jobs_of_slurm.submit(("square", 1))
    assert capfd.readouterr() == ("", "")
    assert not (tmp_path / "out" / ".engine").exists()


def test_inside_a_job_its_variables_are_not_inherited_but_where_slurm_is(folder, jobs, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("SLURM_JOB_ID", "77")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "16")
    monkeypatch.setenv("SLURM_CONF", "/etc/slurm.conf")
    with pool(jobs, tmp_path) as jobs_of_slurm:
        jobs_of_slurm.submit(("square", 2))
        assert jobs_of_slurm.next(60) == Done(("square", 2), 4)
    assert (folder / "inherited").read_text() == "SLURM_CONF"
    assert os.environ["SLURM_JOB_ID"] == "77"


def test_closing_cancels(folder, jobs, tmp_path) -> None:
    with pool(jobs, tmp_path) as jobs_of_slurm:
        jobs_of_slurm.submit(("sleep_on", str(tmp_path / "sleeps")))
        wait_for(tmp_path / "sleeps")
    assert subprocess.run(["squeue"], capture_output=True, text=True, check=True).stdout.strip() == ""
    assert not list(folder.glob("*.job"))


def test_the_jobs_of_a_killed_driver_are_cancelled_before_the_next_submits_any(folder, jobs, tmp_path) -> None:
    first = pool(jobs, tmp_path)
    first.submit(("sleep_on", str(tmp_path / "sleeps")))
    wait_for(tmp_path / "sleeps")
    note = json.loads((tmp_path / "out" / ".engine" / "jobs.json").read_text())
    assert (note["cluster"], note["jobs"]) == ("slurm", ["1"])
    with pool(jobs, tmp_path) as second:  # the first was killed, and could close nothing
        assert not list(folder.glob("*.job"))
        second.submit(("square", 5))
        assert second.next(60) == Done(("square", 5), 25)
    assert not (tmp_path / "out" / ".engine").exists()


def test_jobs_that_slurm_does_not_end_are_told(folder, jobs, tmp_path, monkeypatch) -> None:
    first = pool(jobs, tmp_path)
    first.submit(("sleep_on", str(tmp_path / "sleeps")))
    wait_for(tmp_path / "sleeps")
    (folder / "scancel").write_text("#!/bin/sh\n")
    monkeypatch.setattr(slurm, "_LAST", 0.5)
    with pytest.raises(UserError, match=r"^SLURM does not end the jobs named newllm-\w+: see squeue --me --name="):
        pool(jobs, tmp_path)


def test_a_job_that_cannot_load_newllm_is_one_line(folder, jobs, tmp_path, monkeypatch) -> None:
    with pool(jobs, tmp_path) as jobs_of_slurm:
        monkeypatch.setattr("newllm.engines.slurm.node.run", _broken)
        jobs_of_slurm.submit(("square", 1))
        with pytest.raises(UserError, match=r"^a job cannot run newllm \(.*KeyError: 'gone'\): install the same on"):
            jobs_of_slurm.next(60)
    assert folder.is_dir()


def _broken(*_: object) -> None:
    raise KeyError("gone")


def test_a_silent_slurm_loses_no_job(folder, jobs, tmp_path) -> None:
    task = ("square", 4)
    with pool(jobs, tmp_path) as jobs_of_slurm:
        (folder / "squeue").write_text("#!/bin/sh\nexit 1\n")
        jobs_of_slurm.submit(task)
        heard = jobs_of_slurm.next(60)
        assert not isinstance(heard, Died | Failed)
        assert heard == Done(task, 16)

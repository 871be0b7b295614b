"""The engine `slurm`: each task is a SLURM job of one core, submitted by submitit.

submitit starts everything at once and repeats nothing: here no more jobs are submitted than may run, and one that dies
is submitted again. Partition, account and time limit are set as for every job: sbatch reads SBATCH_PARTITION,
SBATCH_ACCOUNT, SBATCH_TIMELIMIT, SBATCH_CONSTRAINT and others from the environment.

Jobs outlive a driver that is killed. Their ids stand in a file of the directory: the next driver cancels them and waits
for their end before it submits any.

Where NEWLLM_SLURM is "local", submitit starts processes of this machine in place of jobs, to try it without SLURM.
"""

import contextlib
import hashlib
import io
import logging
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from newllm.engines import node
from newllm.engines.pool import GRACE, Job, Result, Task
from newllm.engines.remote import FOLDER, RemotePool
from newllm.errors import UserError
from newllm.files import read_json, write_json

WORKERS = 4
"""Jobs at a time, where nobody says how many."""

VARIABLE = "NEWLLM_SLURM"
_TIME = 240  # minutes of a job, where SBATCH_TIMELIMIT does not say
_POLL = 0.2  # seconds between two looks for results
_ASK = 10.0  # seconds between two questions to SLURM which jobs are there
_SETTLE = 15.0  # seconds from a job's end until its result can be seen on another machine
_LAST = 60.0  # seconds for the jobs of an earlier driver to end
_RAISED = re.compile(r"[\w.]*(Error|Exception|Interrupt)\b")  # how the last line of a traceback begins
_OF_A_JOB = ("SLURM_", "SLURMD_", "SRUN_", "SUBMITIT_")  # variables of the job that this process may itself be in
_OF_A_CLUSTER = {"SLURM_CONF", "SLURM_CONF_SERVER", "SLURM_CLUSTERS", "SLURM_JWT"}  # these say where SLURM is


class SlurmPool(RemotePool[Task, Result]):
    """Tasks as SLURM jobs.

    Args:
        work, prepare, directory: as for every `RemotePool`.
        number: of jobs at a time, at most; None takes `WORKERS`.
        gpus: that each job needs.

    Raises:
        UserError: there is no SLURM here, or jobs of an earlier driver do not end.
    """

    def __init__(
        self,
        work: Callable[[Task], Result],
        number: int | None,
        prepare: Callable[[], object],
        directory: Path,
        gpus: int = 0,
    ) -> None:
        self._cluster = cluster()
        super().__init__("slurm", work, number or WORKERS, prepare, directory)
        self._name = f"newllm-{hashlib.sha256(str(self._folder).encode()).hexdigest()[:12]}"
        self._jobs: dict[Any, Job] = {}
        self._gone: dict[Any, float] = {}
        self._asked = time.monotonic()
        _end_earlier(self._folder, self._name)
        self._executor = self._submitter(gpus)
        self._has_submitted = False
        self._note()

    def _submitter(self, gpus: int) -> Any:
        import submitit

        logging.getLogger("submitit").setLevel(logging.ERROR)
        executor = submitit.AutoExecutor(self._folder / "jobs", cluster=self._cluster)
        executor.update_parameters(timeout_min=_TIME, cpus_per_task=1, **({"gpus_per_node": gpus} if gpus else {}))
        if self._cluster == "slurm":
            executor.update_parameters(slurm_job_name=self._name, slurm_additional_parameters={"no-requeue": True})
        return executor

    def _start(self, job: Job) -> None:
        self._has_submitted = True
        try:
            with _outside_of_a_job(), contextlib.redirect_stderr(io.StringIO()):  # what sbatch says is in the error
                submitted = self._executor.submit(node.run, self._driver, job.pickled)
        except Exception as error:  # submitit's own, with what sbatch says
            raise UserError(f"--engine slurm: sbatch refuses the job ({' '.join(str(error).split())})") from error
        self._jobs[submitted] = job
        self._note()

    def _note(self) -> None:
        """Write down which jobs there are, for a driver after this one."""
        ids = [submitted.job_id for submitted in self._jobs]
        note = {"cluster": self._cluster, "host": platform.node(), "name": self._name, "jobs": ids}
        write_json(self._folder / "jobs.json", note, durable=False)

    def _listen(self, seconds: float | None) -> None:
        until = None if seconds is None else time.monotonic() + seconds
        while not self._heard():
            left = _POLL if until is None else until - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(_POLL, left))

    def _heard(self) -> bool:
        """Take in what has ended; return whether anything has."""
        self._look_for_the_dead()
        whole = [one for one in self._jobs if one.paths.result_pickle.exists()]
        dead = [one for one, since in self._gone.items() if time.monotonic() >= since and one not in whole]
        for one in whole:
            job = self._forget(one)
            try:
                outcome = one.result()
            except Exception as error:  # of what is before and after the task: the installation
                raise UserError(f"a job cannot run newllm ({_cause(error)}): install the same on every node") from None
            self._came_back(job, outcome)
        for one in dead:
            self._died(self._forget(one), None)
        return bool(whole or dead)

    def _forget(self, submitted: Any) -> Job:
        self._gone.pop(submitted, None)
        _reap(submitted)
        return self._jobs.pop(submitted)

    def _look_for_the_dead(self) -> None:
        """Note which jobs are no longer there; what they wrote may still be on its way."""
        now = time.monotonic()
        if self._cluster == "local":
            self._gone.update({one: now for one in self._jobs if one not in self._gone and one.done()})
        elif now - self._asked >= _ASK:
            there = _queued(self._name)
            self._asked = now
            lost = [] if there is None else [one for one in self._jobs if one.job_id not in there]
            self._gone.update({one: now + _SETTLE for one in lost if one not in self._gone})

    def _end_all(self) -> None:
        until = time.monotonic() + GRACE
        while self._cluster == "local" and time.monotonic() < until and not all(one.done() for one in self._jobs):
            time.sleep(_POLL)
        if self._cluster == "slurm" and self._has_submitted:  # also what was being submitted when Ctrl-C came
            _cancel(self._name)
        for one in self._jobs if self._cluster == "local" else ():
            if not one.done():
                one.cancel()
            _reap(one)
        self._jobs, self._gone = {}, {}


def cluster() -> str:
    """Return what submitit submits to: "slurm", or "local" where NEWLLM_SLURM says so.

    Raises:
        UserError: there is no SLURM here, or NEWLLM_SLURM says something else.
    """
    chosen = os.environ.get(VARIABLE, "slurm")
    if chosen not in ("slurm", "local"):
        raise UserError(
            f"{VARIABLE}={chosen}: give slurm, or local to start processes of this machine in place of jobs"
        )
    if chosen == "slurm" and shutil.which("sbatch") is None:
        raise UserError(
            "--engine slurm: there is no SLURM on this machine (sbatch is not found): call it on a login node, or try "
            f"it without SLURM with {VARIABLE}=local"
        )
    return chosen


def _end_earlier(folder: Path, name: str) -> None:
    """Cancel the jobs of a driver that was killed, and wait until they have ended.

    The driver's file is another by now, which ends those that are missing in the list too.
    """
    try:
        note = read_json(folder / "jobs.json")
    except (OSError, ValueError):
        return
    (folder / "jobs.json").unlink(missing_ok=True)
    if note.get("cluster") == "slurm":
        _cancel(name)
    elif note.get("host") == platform.node():
        until = time.monotonic() + GRACE + _SETTLE
        while any(_is_job(one) for one in note.get("jobs", ())) and time.monotonic() < until:
            time.sleep(_POLL)


def _cancel(name: str) -> None:
    """Cancel all jobs of a name, and wait until SLURM has none left.

    Raises:
        UserError: they do not end.
    """
    subprocess.run(["scancel", "--me", f"--name={name}"], check=False, capture_output=True)
    until = time.monotonic() + _LAST
    while _queued(name) and time.monotonic() < until:
        time.sleep(1.0)
    if _queued(name):
        raise UserError(f"SLURM does not end the jobs named {name}: see squeue --me --name={name}, then go on")


def _queued(name: str) -> set[str] | None:
    """Return which jobs of a name wait or run; None where SLURM does not answer."""
    said = subprocess.run(
        ["squeue", "--me", f"--name={name}", "--noheader", "--format=%A"], check=False, capture_output=True, text=True
    )
    return set(said.stdout.split()) if said.returncode == 0 else None


def _is_job(number: Any) -> bool:
    """Whether a process of this machine is a job of submitit's local executor."""
    try:
        return b"submitit" in Path(f"/proc/{int(number)}/cmdline").read_bytes()
    except (OSError, ValueError, TypeError):
        return False


def _cause(error: Exception) -> str:
    """Return the last exception of the traceback that submitit puts into its error."""
    lines = [line.strip() for line in str(error).splitlines()]
    raised = [line for line in lines if _RAISED.match(line)]
    return raised[-1] if raised else type(error).__name__


def _reap(submitted: Any) -> None:
    """Wait for the process of a job of this machine, which has its result: it ends now."""
    process = getattr(submitted, "_process", None)
    if process is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE)


@contextlib.contextmanager
def _outside_of_a_job() -> Iterator[None]:
    """Hide the variables of the SLURM job that this process may run in: they would decide over the new ones."""
    names = [name for name in os.environ if name.startswith(_OF_A_JOB) and name not in _OF_A_CLUSTER]
    hidden = {name: os.environ.pop(name) for name in names}
    try:
        yield
    finally:
        os.environ.update(hidden)


__all__ = ["FOLDER", "SlurmPool", "cluster"]

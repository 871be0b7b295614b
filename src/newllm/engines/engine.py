"""Which engine, with how many workers: what a command or a call was given, and the pool that it makes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from newllm.engines.local import Workers
from newllm.engines.pool import Pool, Result, Task
from newllm.errors import UserError, unknown_name
from newllm.extras import check_installed
from newllm.machine import available_cores

ENGINES = ("local", "ray", "slurm")


@dataclass(frozen=True)
class Engine:
    """Where tasks run.

    Attributes:
        name: one of ENGINES.
        workers: how many tasks run at a time, at most; None takes one a core of this machine, one a CPU of the Ray
            cluster, or four SLURM jobs.
        gpus: that each task needs; processes of this machine see those that there are.

    Raises:
        UserError: there is no such engine, fewer than one worker, what the engine needs is not installed, or there is
            no SLURM here.
    """

    name: str = "local"
    workers: int | None = None
    gpus: int = 0

    def __post_init__(self) -> None:
        if self.name not in ENGINES:
            raise unknown_name("engine", self.name, ENGINES)
        if self.workers is not None and self.workers < 1:
            raise UserError(f"--workers {self.workers}: it must be at least 1")
        if self.name == "ray":
            check_installed("ray", "ray", "2.60", "3")
        if self.name == "slurm":
            check_installed("submitit", "slurm", "1.5.4", "2")
            from newllm.engines.slurm import cluster

            cluster()

    @property
    def label(self) -> str:
        """What a record says of it: its name, with what stands in SLURM's place where that is so."""
        if self.name == "slurm":
            from newllm.engines.slurm import cluster

            return "slurm" if cluster() == "slurm" else "slurm (local processes)"
        return self.name

    def pool(
        self, work: Callable[[Task], Result], prepare: Callable[[], object], directory: Path
    ) -> Pool[Task, Result]:
        """Return workers that run `work(task)`.

        Args:
            work: called in a worker with a task. What it raises makes that task `Failed`.
            prepare: called once in a worker process before its first task, to set its number of threads say.
            directory: that the results go to; engines that reach other machines need it on a file system that all of
                them share, and keep their own files there as long as the pool lives.

        Raises:
            UserError: the engine cannot be started.
        """
        if self.name == "ray":
            from newllm.engines.ray import RayPool

            return RayPool(work, self.workers, prepare, directory, self.gpus)
        if self.name == "slurm":
            from newllm.engines.slurm import SlurmPool

            return SlurmPool(work, self.workers, prepare, directory, self.gpus)
        return Workers(work, self.workers or available_cores(), prepare)

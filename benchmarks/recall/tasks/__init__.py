"""The tasks by name."""

from benchmarks.recall.tasks.copying import COPYING
from benchmarks.recall.tasks.induction import INDUCTION
from benchmarks.recall.tasks.mqar import mqar_task
from benchmarks.recall.tasks.needle import NEEDLE
from benchmarks.recall.tasks.parity import PARITY
from benchmarks.recall.tasks.s5 import S5
from benchmarks.recall.tasks.task import IGNORED, Rows, Size, Task, parse_size

TASKS: dict[str, Task] = {task.name: task for task in (mqar_task(), COPYING, INDUCTION, PARITY, S5, NEEDLE)}

__all__ = ["IGNORED", "TASKS", "Rows", "Size", "Task", "mqar_task", "parse_size"]

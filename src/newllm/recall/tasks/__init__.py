"""The tasks by name, and what draws their rows."""

from newllm.recall.tasks.copying import COPYING, copying
from newllm.recall.tasks.induction import INDUCTION, induction
from newllm.recall.tasks.mqar import mqar, mqar_task
from newllm.recall.tasks.needle import NEEDLE, needle
from newllm.recall.tasks.parity import PARITY, parity
from newllm.recall.tasks.s5 import S5, s5
from newllm.recall.tasks.task import IGNORED, Rows, Size, Task, parse_size

TASKS: dict[str, Task] = {task.name: task for task in (mqar_task(), COPYING, INDUCTION, PARITY, S5, NEEDLE)}

__all__ = [
    "IGNORED",
    "TASKS",
    "Rows",
    "Size",
    "Task",
    "copying",
    "induction",
    "mqar",
    "mqar_task",
    "needle",
    "parity",
    "parse_size",
    "s5",
]

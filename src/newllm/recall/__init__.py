"""`newllm bench recall`: what can a context of fixed size recall, copy and track, and what not?

Rows of small tasks with known answers (`tasks/`), the models that are compared (`contenders.py`), their training
(`training.py`), what they are asked afterwards (`reading.py`), and all of it for several models and seeds
(`question.py`). The rows are for other models too:

    tokens_BT, targets_BT = newllm.recall.mqar(numpy.random.default_rng(0), rows=8, pairs=4, length=64)
"""

from newllm.recall.contenders import NAMES, Shape, build
from newllm.recall.question import Question, answer_all
from newllm.recall.reading import Score, score
from newllm.recall.tasks import (
    IGNORED,
    TASKS,
    Rows,
    Size,
    Task,
    copying,
    induction,
    mqar,
    mqar_task,
    needle,
    parity,
    parse_size,
    s5,
)
from newllm.recall.training import Plan, train

__all__ = [
    "IGNORED",
    "NAMES",
    "TASKS",
    "Plan",
    "Question",
    "Rows",
    "Score",
    "Shape",
    "Size",
    "Task",
    "answer_all",
    "build",
    "copying",
    "induction",
    "mqar",
    "mqar_task",
    "needle",
    "parity",
    "parse_size",
    "s5",
    "score",
    "train",
]

"""A run of newllm measured by lm-evaluation-harness in process: bits per byte of a text, and pairs of sentences.

    python examples/lm_eval_run.py RUN TEXT    # pip install 'newllm[eval]'

On the command line: python -m newllm.lm_eval run --model newllm --model_args run=RUN --tasks newllm_blimp
"""

import sys

import lm_eval
from lm_eval.tasks import TaskManager
from lm_eval.utils import make_table

import newllm.lm_eval

run, text = sys.argv[1:]
manager = TaskManager(include_path=newllm.lm_eval.TASKS, metadata={"text": text})
results = lm_eval.simple_evaluate(
    model="newllm",
    model_args={"run": run},
    tasks=["newllm_text", "newllm_blimp", "newllm_mqar"],
    task_manager=manager,
    batch_size="auto",
)
print(make_table(results))

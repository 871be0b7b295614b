"""Starts `newllm` processes in a few milliseconds: imports torch once, then forks. Run as a program.

One request a line of standard input, one answer a line of standard output:

    {"run": [ARGUMENT, ...], "folder": PATH, "file_bytes": LIMIT or null, "stop": STOP or null,
     "environment": {NAME: VALUE}}                                                           ->  {"pid": 123}
    {"wait": 123}                                                                            ->  {"code": 0}

What the child prints goes to FOLDER/stdout and FOLDER/stderr. A negative code is the signal that ended it. STOP is
[DIRECTORY, KIND, PART, N]: it stops itself right behind its Nth change of that kind below a directory whose path
holds PART (see benchmarks/faults/campaign/calls.py).
"""

import json
import os
import resource
import signal
import sys
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch._dynamo  # what torch would import when the first optimizer is made: a second
import torch.distributed.checkpoint  # and what for a sharded model
import torch.distributed.fsdp

from newllm import api
from newllm.cli import progress
from newllm.cli.main import main
from newllm.plotting import draw_training_curves
from newllm.trace import Trace

sys.path.append(str(Path(__file__).parents[2] / "benchmarks" / "faults"))
from campaign import calls


def run(request: dict) -> int:
    """Fork a process that runs the command line and return its id."""
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        for number, name in ((1, "stdout"), (2, "stderr")):
            os.dup2(os.open(Path(request["folder"]) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        if request["file_bytes"] is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"], resource.RLIM_INFINITY))
        if request["stop"] is not None:
            root, *where = request["stop"]
            calls.install(Path(root), stopping(*where))
        os.environ.update(request["environment"])
        code = main(request["run"])
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def stopping(kind: str, part: str, number: int) -> calls.Plan:
    """Return a plan that makes every call, and stops the process behind one of them."""
    seen = 0

    def plan(call: calls.Call, make: Callable[[bytes], Any]) -> Any:
        nonlocal seen
        made = make(call.data)
        seen += call.kind == kind and part in call.path
        if call.kind == kind and part in call.path and seen == number:
            os.kill(os.getpid(), signal.SIGSTOP)
        return made

    return plan


def serve() -> None:
    """Answer requests until standard input ends."""
    requests, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    for line in requests:
        request = json.loads(line)
        if "run" in request:
            answer = {"pid": run(request)}
        else:
            answer = {"code": os.waitstatus_to_exitcode(os.waitpid(request["wait"], 0)[1])}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def warm_up() -> None:
    """Do once what every process would do; no pool of threads may exist before a fork."""
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        options = {"title": "", "steps_per_epoch": None, "by_epoch": False, "bits_per_byte_factor": None}
        draw_training_curves(Trace(), Path(folder) / "curves.png", **options)


if __name__ == "__main__":
    warm_up()
    print(json.dumps({"imported": [api.__name__, progress.__name__]}), flush=True)
    serve()

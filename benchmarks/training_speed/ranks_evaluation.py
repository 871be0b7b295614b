"""How long evaluations take in a training of several processes, as the one with rank 0 sees them.

    torchrun --nproc-per-node 2 benchmarks/training_speed/ranks_evaluation.py TEXT --preset small --out DIR --quiet \
        --steps 8 --set data.batch=8 --set numerics.threads=1 --set numerics.precision=fp32 \
        --set training.evaluate_tokens=0 --set training.evaluate_every=1

The arguments are those of `newllm train`. It prints the wall time of an evaluation, and the time that rank 0 computed.
"""

import statistics
import sys
import time
from typing import Any

from newllm.cli.main import main
from newllm.launcher import launched_rank
from newllm.training import loop

wall: list[float] = []
computed: list[float] = []
_evaluate = loop.evaluate


def _timed(*arguments: Any) -> Any:
    began, used = time.perf_counter(), time.process_time()
    evaluation = _evaluate(*arguments)
    wall.append(time.perf_counter() - began)
    computed.append(time.process_time() - used)
    return evaluation


vars(loop)["evaluate"] = _timed
code = main(["train", *sys.argv[1:]])
if launched_rank() == 0:
    for name, seconds in (("wall time", wall), ("computed by rank 0", computed)):
        print(f"{name}: median {statistics.median(seconds):.3f} s, least {min(seconds):.3f} s, of {len(seconds)}")
sys.exit(code)

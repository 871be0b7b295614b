"""The bare decoder in a process of its own: `python bare.py RUN ROWS`, greedy tokens of ROWS texts in a loop.

A line of standard input is seconds to decode for; a line of JSON answers: how many steps there were, in which time,
of its processor too, the median step and the 99th of a hundred.
"""

import json
import statistics
import sys
import time
from itertools import pairwise
from pathlib import Path

import torch

from newllm.api.loaded import load
from newllm.generation.decoder import Decoder


def main() -> None:
    """Answer until there is no more to do."""
    run, rows = Path(sys.argv[1]), int(sys.argv[2])
    model = load(run, "best").model
    decoder = Decoder(model)
    chance = torch.Generator().manual_seed(0)
    prompts = torch.randint(97, 123, (rows, 16), generator=chance).tolist()
    logits_NV, states = decoder.read(prompts, [model.initial_state(1)] * rows)
    told = {"threads": torch.get_num_threads(), "compiled": decoder.is_compiled}
    for line in sys.stdin:
        seconds, before, moments = float(line), time.process_time(), [time.perf_counter()]
        while moments[-1] < moments[0] + seconds:
            tokens = logits_NV.argmax(-1).tolist()
            logits_NV, states = decoder.read([[token] for token in tokens], states)
            moments.append(time.perf_counter())
        steps = [after - before for before, after in pairwise(moments)]
        found = {
            "tokens_a_second": rows * len(steps) / (moments[-1] - moments[0]),
            "tokens_a_processor_second": rows * len(steps) / (time.process_time() - before),
            "step": statistics.median(steps),
            "step_p99": sorted(steps)[int(0.99 * len(steps))],
        }
        print(json.dumps({**found, **told}), flush=True)


if __name__ == "__main__":
    main()

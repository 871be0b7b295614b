"""From how many positions are the fused kernels quicker than torch's own operations where no gradient is asked for?

    taskset -c 1 python benchmarks/decoding_speed/few_positions.py [--quick] [--out FILE]

`kernels.fusing.WORTH_FUSING` rests on it. A model of a preset (stack, random weights, fp32) reads so many positions on
one thread, with kernels and without, in turn; one position is the model's own step. Processor time, which counts the
Python around a kernel as well and does not count those who use the machine too. Medians over the rounds with least and
most; `kernels_by_torch` is the ratio round by round: above 1 torch's own operations are quicker.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch

import newllm
from newllm.kernels import fusing
from newllm.model.language_model import LanguageModel

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine
from ranges import ratios, spread

PRESETS = ("tiny", "small")
POSITIONS = (1, 2, 4, 8, 15, 16, 32, 64, 128, 256)
ROUNDS, CALLS = 15, 20  # calls of a round; of many positions fewer
_ALWAYS, _NEVER = 0, 10**9  # fuse


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    rounds = 3 if arguments.quick else ROUNDS
    torch.set_num_threads(1)
    result = {
        "question": "positions without gradients from which fused kernels are quicker than torch's operations",
        "machine": machine.describe(),
        "worth_fusing": fusing.WORTH_FUSING,
        "rounds": rounds,
        "results": [_compare(preset, positions, rounds) for preset in PRESETS for positions in POSITIONS],
    }
    text = json.dumps(result, indent=1)
    print(text)
    if arguments.out:
        arguments.out.write_text(text + "\n")


def _compare(preset: str, positions: int, rounds: int) -> dict[str, Any]:
    model = newllm.build(preset, settings=["model.ngram_rows=0"]).eval()
    model.use_scan("numba")
    calls = max(2, CALLS // -(-positions // 16))
    seconds: dict[int, list[float]] = {_ALWAYS: [], _NEVER: []}
    for round_ in range(rounds + 1):
        for least, times in seconds.items():
            spent = _seconds(model, positions, least, calls)
            if round_:  # the first compiles and warms up
                times.append(spent)
    return {
        "preset": preset,
        "positions": positions,
        "kernels_milliseconds": spread([1e3 * one for one in seconds[_ALWAYS]]),
        "torch_milliseconds": spread([1e3 * one for one in seconds[_NEVER]]),
        "kernels_by_torch": ratios(seconds[_ALWAYS], seconds[_NEVER]),
    }


def _seconds(model: LanguageModel, positions: int, worth_fusing: int, calls: int) -> float:
    """Return the processor time of a call where kernels run from so many positions on."""
    before, fusing.WORTH_FUSING = fusing.WORTH_FUSING, worth_fusing
    try:
        with torch.inference_mode():
            tokens_1T, state = torch.full((1, positions), 65), model.initial_state(1)
            start = time.process_time()
            for _ in range(calls):
                _, state = model.step(tokens_1T[0], state) if positions == 1 else model(tokens_1T, state)
            return (time.process_time() - start) / calls
    finally:
        fusing.WORTH_FUSING = before


if __name__ == "__main__":
    main()

"""How near does a decode step come to the time of reading its weights, and does it stay there?

    python benchmarks/decoding_speed/decoding_bound.py [--quick] [--run RUN] [--threads N ...]

Per preset, precision and number of threads, untrained models: milliseconds of a step of 1 and of 8 rows, the eager
step of the same model beside it, and the time in which as many threads read a buffer of as many bytes again and again
(`memory_reading`): `share_of_bound` is that time by the step's. All of them interleaved in one process, in rounds.
Then a text of a million tokens (20,000 with --quick), token after token: the slope of its time and of the process's
memory. Then torch's own work beside an idle decoder: a matrix product and attention, alone, right after a step (whose
helping thread still looks out for the next one) and a little later. Then the bits per byte that each precision costs
a trained model (`decoding_bits`): of RUN, or of one that is trained on the bundled novel for 90 seconds (10 steps
with --quick).
"""

import argparse
import gc
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

import newllm
from newllm.generation import WEIGHTS, Decoder
from newllm.generation.inference_mode import reading
from newllm.model.language_model import LanguageModel
from newllm.training.budget import Budget

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import decoding_bits
import machine
from memory_reading import Reader

PRESETS = ("small", "medium")
ROWS = (1, 8)
STEPS = 60  # of a round; of the eager step fewer
LONG, QUICK_LONG, BLOCK = 1_000_000, 20_000, 2_000
LONG_WEIGHTS = "int8"  # the quickest, so that a million tokens take a minute


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--run", type=Path)
    parser.add_argument("--threads", type=int, nargs="+", default=[1, torch.get_num_threads()])
    given = parser.parse_args()
    described = machine.describe()
    rounds = 5 if given.quick else 30
    result = {
        "question": "a decode step beside the reading of its weights",
        "machine": described,
        "rounds": rounds,
        "steps": {
            f"{preset}, threads {threads}": _compare(preset, threads, rounds)
            for preset in PRESETS[: 1 if given.quick else None]
            for threads in sorted(set(given.threads))
        },
        "long": _long(QUICK_LONG if given.quick else LONG),
        "torch_beside_it": _beside(max(given.threads), 3 * rounds),
        "bits_per_byte": _bits(given.run, given.quick),
    }
    print(json.dumps(result, indent=2))


def _compare(preset: str, threads: int, rounds: int) -> dict[str, Any]:
    torch.set_num_threads(threads)
    model = newllm.build(preset, settings=["model.ngram_rows=0"]).eval()
    decoders = {weights: Decoder(model, weights) for weights in WEIGHTS}
    jobs: dict[str, Callable[[], float]] = {}
    for name, decoder in decoders.items():
        jobs[f"reading {name}"] = Reader(decoder.weight_bytes, threads).seconds_a_pass
    for rows in ROWS:
        jobs |= {f"{name}, rows {rows}": _stepping(model, each, rows) for name, each in decoders.items()}
        jobs[f"eager, rows {rows}"] = _eager(model, rows)
    shared: dict[str, list[int]] = {name: [] for name in decoders}
    seconds: dict[str, list[float]] = {name: [] for name in jobs}
    for number in range(rounds + 1):
        for name, job in jobs.items():
            found = job()
            if number:  # the first one warms up
                seconds[name].append(found)
        for name, decoder in decoders.items():
            shared[name].append(decoder.threads)
    sizes = {name: decoder.weight_bytes for name, decoder in decoders.items()}
    together = {name: statistics.median(each) for name, each in shared.items()}
    return {"weight_bytes": sizes, "threads_that_share_a_step": together, **_summary(seconds, sizes)}


def _summary(seconds: dict[str, list[float]], sizes: dict[str, int]) -> dict[str, Any]:
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    least = {name: min(times) for name, times in seconds.items()}
    spread = {name: (least[name], medians[name], max(times)) for name, times in seconds.items()}
    steps = [(f"{name}, rows {rows}", f"eager, rows {rows}") for name in sizes for rows in ROWS]
    return {
        "milliseconds (minimum, median, maximum)": {
            name: [round(1e3 * value, 4) for value in values] for name, values in spread.items()
        },
        "gigabytes_a_second_of_reading": {
            name: round(size / medians[f"reading {name}"] / 1e9, 1) for name, size in sizes.items()
        },
        **{
            f"share_of_bound ({kind})": {
                name: round(value[f"reading {name}"] / value[f"{name}, rows 1"], 3) for name in sizes
            }
            for kind, value in (("medians", medians), ("minima", least))
        },
        "times_as_fast_as_eager": {step: round(medians[eager] / medians[step], 1) for step, eager in steps},
    }


def _stepping(model: LanguageModel, decoder: Decoder, rows: int) -> Callable[[], float]:
    """Return a job that returns the seconds of a step."""
    tokens, carried = torch.full((rows,), 65), [model.initial_state(rows)]

    def job() -> float:
        _, state = decoder.step(tokens, carried[0])  # the job before has driven the weights out of the cache
        start = time.perf_counter()
        for _ in range(STEPS):
            _, state = decoder.step(tokens, state)
        seconds = time.perf_counter() - start
        carried[0] = state
        return seconds / STEPS

    return job


def _eager(model: LanguageModel, rows: int) -> Callable[[], float]:
    tokens, steps = torch.full((rows,), 65), STEPS // 3

    def job() -> float:
        with reading(model):
            _, state = model.step(tokens, model.initial_state(rows))
            start = time.perf_counter()
            for _ in range(steps):
                _, state = model.step(tokens, state)
            return (time.perf_counter() - start) / steps

    return job


def _long(tokens: int) -> dict[str, Any]:
    """Decode one text and fit lines to the time of its blocks and to the memory after them."""
    torch.set_num_threads(1)  # a thread that waits for its turn on a busy machine would be all that is seen
    model = newllm.build("small", settings=["model.ngram_rows=0"]).eval()
    decoder, state = Decoder(model, LONG_WEIGHTS), model.initial_state(1)
    times, memory, token, logits_V = [], [], 65, torch.empty(0)
    for block in range(tokens // BLOCK):
        start = time.perf_counter()
        for _ in range(BLOCK):
            logits_V, state = decoder.step_token(token, state)
            token = (token + 1) % 257
        times.append((time.perf_counter() - start) / BLOCK)
        if block % 5 == 0:
            gc.collect()
            memory.append(_resident())
    tenth = max(1, len(times) // 10)
    return {
        "preset": "small",
        "weights": LONG_WEIGHTS,
        "threads": 1,
        "tokens": tokens,
        "state_bytes": sum(value.nbytes for value in state.values()),
        "finite": bool(logits_V.isfinite().all()),
        "milliseconds_a_token (first tenth, last tenth)": [
            round(1e3 * statistics.median(part), 5) for part in (times[:tenth], times[-tenth:])
        ],
        "change_of_time_from_first_to_last, as a share": round(_change(times), 4),
        "resident_bytes (first, last)": [memory[0], memory[-1]],
        "slope_of_memory, bytes a token": round((memory[-1] - memory[0]) / tokens, 4),
    }


def _change(times: list[float]) -> float:
    """Return the change from the first block to the last on the line of Theil and Sen, as a share of the median."""
    count = len(times)
    step = max(1, count // 200)
    slopes = [(times[j] - times[i]) / (j - i) for i in range(0, count, step) for j in range(i + step, count, step)]
    return statistics.median(slopes) * count / statistics.median(times)


def _beside(threads: int, repeats: int) -> dict[str, Any]:
    """Time torch's own work with the decoder's helping threads awake and asleep."""
    torch.set_num_threads(threads)
    model = newllm.build("small", settings=["model.ngram_rows=0"]).eval()
    decoder, state = Decoder(model), model.initial_state(1)
    query, text, weight = torch.randn(8, 4, 256, 64), torch.randn(2048, 256), torch.randn(256, 1024)
    seconds: dict[str, list[float]] = {"alone": [], "right after a step": [], "5 ms after a step": []}
    with torch.inference_mode():
        for _ in range(repeats):
            for name, times in seconds.items():
                if name != "alone":
                    decoder.step_token(65, state)
                if name != "right after a step":
                    time.sleep(0.005)
                start = time.perf_counter()
                F.scaled_dot_product_attention(query, query, query, is_causal=True)
                text @ weight
                times.append(time.perf_counter() - start)
    medians = {name: statistics.median(times) for name, times in seconds.items()}
    return {
        "threads": threads,
        "milliseconds": {name: round(1e3 * value, 3) for name, value in medians.items()},
        "ratio": {name: round(value / medians["alone"], 3) for name, value in medians.items()},
    }


def _resident() -> int:
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return sum(1024 * int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def _bits(run: Path | None, quick: bool) -> dict[str, Any]:
    if run is not None:
        return decoding_bits.compare(run, quick)
    with tempfile.TemporaryDirectory() as place:
        trained = decoding_bits.train(Path(place) / "run", Budget(steps=10) if quick else Budget(seconds=90))
        return decoding_bits.compare(trained, quick)


if __name__ == "__main__":
    main()

"""Does a model that was trained on short rows predict as well far into a text as near its beginning?

    python benchmarks/included_models/loss_by_position.py RUN TEXT --out FILE.json [--tokens 524288] [--quick]

The text is cut into rows of 512, 1,024, ... 65,536 tokens, each read from an empty context that is carried to its end;
of each row the later half counts, so that the buckets are positions 256 to 512, 512 to 1,024 and so on. Different parts
of a text are harder by far more than is asked about here. So each token is compared with itself: the same one read at
positions 128 to 256, from a context that was empty up to 256 tokens before. A bucket's `difference` is the mean over
its tokens, in nats a token, with a 95 % interval over blocks of 2,048 tokens (they are of one text and one model, and
say nothing of another). `loss` is what the bucket's tokens take, and `near` what the same take at 128 to 256.
"""

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

import newllm
from newllm.errors import UserError
from newllm.files import to_json, write_json
from newllm.model.language_model import LanguageModel

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import machine

NEAR, LONGEST, CHUNK, BLOCK = 256, 1 << 16, 256, 2048
_AT_ONCE = 1 << 14  # tokens that are read side by side


@torch.inference_mode()
def nats(model: LanguageModel, rows_RT: np.ndarray) -> np.ndarray:
    """Return what each token but the first of a row costs `[R, T - 1]`, the context carried through the row."""
    found, at_once = [], max(1, _AT_ONCE // CHUNK)
    for first in range(0, len(rows_RT), at_once):
        rows, state, parts = torch.from_numpy(rows_RT[first : first + at_once]), None, []
        for start in range(0, rows.shape[1] - 1, CHUNK):
            inputs, targets = rows[:, start : start + CHUNK], rows[:, start + 1 : start + CHUNK + 1]
            logits, state = model(inputs[:, : targets.shape[1]], state)
            parts.append(F.cross_entropy(logits.flatten(0, 1), targets.flatten(), reduction="none").view(targets.shape))
        found.append(torch.cat(parts, dim=1).numpy())
    return np.concatenate(found)


def near_nats(model: LanguageModel, ids: np.ndarray) -> np.ndarray:
    """Return what each token costs at positions 128 to 256; NaN for the first ones, which have no such position."""
    half, found = NEAR // 2, np.full(len(ids), np.nan)
    starts = np.arange(0, len(ids) - NEAR, half)
    costs = nats(model, ids[starts[:, None] + np.arange(NEAR + 1)])
    for start, cost in zip(starts, costs, strict=True):
        found[start + half + 1 : start + NEAR + 1] = cost[half:]
    return found


def bucket(model: LanguageModel, ids: np.ndarray, near: np.ndarray, length: int) -> dict[str, Any]:
    """Return how the later half of rows of a length compares with the same tokens near a beginning."""
    count = (len(ids) - 1) // length
    places = np.arange(count)[:, None] * length + np.arange(length + 1)
    costs, places = nats(model, ids[places])[:, length // 2 :], places[:, length // 2 + 1 :]
    known = ~np.isnan(near[places])
    differences = np.where(known, costs - near[places], 0.0)
    block = min(BLOCK, length // 2)
    sums, counts = differences.reshape(-1, block).sum(1), known.reshape(-1, block).sum(1)
    if block < BLOCK:  # short rows: several rows make up a block
        group = BLOCK // block
        kept = len(sums) // group * group
        sums, counts = (each[:kept].reshape(-1, group).sum(1) for each in (sums, counts))
    mean = sums.sum() / counts.sum()
    error = math.sqrt(len(sums) / max(len(sums) - 1, 1) * ((sums - mean * counts) ** 2).sum()) / counts.sum()
    return {
        "positions": [length // 2, length],
        "tokens": int(known.sum()),
        "loss": round(float(costs[known].mean()), 5),
        "near": round(float(near[places][known].mean()), 5),
        "difference": round(float(mean), 5),
        "interval": [round(float(mean - 1.96 * error), 5), round(float(mean + 1.96 * error), 5)],
    }


def measure(run: Path, text: Path, tokens: int, longest: int) -> dict[str, Any]:
    loaded = newllm.load(run, device="cpu")
    ids = np.asarray(loaded.tokenizer.encode(text.read_bytes()), dtype=np.int64)[: tokens + 1]
    if len(ids) <= longest:
        raise UserError(f"'{text}' has {len(ids)} tokens: give more than {longest}")
    loaded.model.eval()
    near = near_nats(loaded.model, ids)
    lengths = [2 * NEAR << power for power in range(int(math.log2(longest // NEAR)))]
    return {
        "run": run.name,
        "model": {name: getattr(loaded.model.config, name) for name in ("body", "rule", "width", "layers", "window")},
        "text": text.name,
        "near": {"positions": [NEAR // 2, NEAR], "tokens": int((~np.isnan(near)).sum()),
                 "loss": round(float(np.nanmean(near)), 5)},
        "buckets": [bucket(loaded.model, ids, near, length) for length in lengths],
        "machine": machine.describe(),
        "command": " ".join(["python", *sys.argv]),
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--tokens", type=int, default=1 << 19)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="rows of at most 1,024 tokens")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    tokens, longest = (4096, 1024) if arguments.quick else (arguments.tokens, LONGEST)
    try:
        result = measure(arguments.run, arguments.text, tokens, longest)
    except UserError as error:
        sys.exit(str(error))
    if arguments.out is None:
        print(to_json(result, indent=2))
    else:
        write_json(arguments.out, result)


if __name__ == "__main__":
    main()

"""How many bits per byte do weights of bf16 and int8 cost a trained model?

    python benchmarks/decoding_speed/decoding_bits.py [--quick] RUN

All held-out text of the run, each stretch of it from a fresh context, by the model's scan with the weights rounded:
`model`. And the first bytes of it token after token by the decoder, whose int8 rounds the other factor to 16 bits
too, beside the same bytes by the scan: `decoder`.
"""

import argparse
import itertools
import json
import math
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F

import newllm
from newllm.data import prepare
from newllm.generation import WEIGHTS, Decoder
from newllm.generation.weights import rounded_model
from newllm.model.language_model import LanguageModel
from newllm.training.budget import Budget

DECODED, QUICK_DECODED = 20_000, 2_000  # bytes
CHUNK = 4096


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    print(json.dumps(compare(given.run, given.quick), indent=2))


def train(place: Path, budget: Budget) -> Path:
    """Train preset "small" on the bundled novel; return the run."""
    return newllm.train(out=place, budget=budget).path


def compare(run: Path, quick: bool) -> dict[str, Any]:
    """Return the bits per byte of each precision; the run's tokenizer must be that of bytes."""
    loaded = newllm.load(run)
    held_out = prepare(loaded.config.data).validation
    texts = [torch.from_numpy(held_out.tokens[start:stop].astype("int64")) for start, stop in held_out.bounds]
    texts = texts[: 2 if quick else None]
    models = {weights: rounded_model(loaded.model, weights) for weights in WEIGHTS}
    found = {weights: _bits(model, texts) for weights, model in models.items()}
    some = [texts[0][: 1 + (QUICK_DECODED if quick else DECODED)]]
    decoded = {weights: _decoded_bits(loaded.model, weights, some[0]) for weights in WEIGHTS}
    return {
        "step": loaded.step,
        "parameters": sum(parameter.numel() for parameter in loaded.model.parameters()),
        "bytes": sum(len(text) - 1 for text in texts),
        "model": {weights: round(bits, 6) for weights, bits in found.items()},
        "lost": {weights: round(bits - found["fp32"], 6) for weights, bits in found.items()},
        "decoder_bytes": len(some[0]) - 1,
        "decoder": {weights: round(bits, 6) for weights, bits in decoded.items()},
        "model_on_the_same": {weights: round(_bits(model, some), 6) for weights, model in models.items()},
    }


@torch.inference_mode()
def _bits(model: LanguageModel, texts: list[torch.Tensor]) -> float:
    nats = 0.0
    for text in texts:
        state = None
        for start in range(0, len(text) - 1, CHUNK):
            stop = min(start + CHUNK, len(text) - 1)
            logits, state = model(text[None, start:stop], state)
            nats += float(F.cross_entropy(logits[0], text[start + 1 : stop + 1], reduction="sum"))
    return nats / math.log(2) / sum(len(text) - 1 for text in texts)


@torch.inference_mode()
def _decoded_bits(model: LanguageModel, weights: str, text: torch.Tensor) -> float:
    decoder, state, nats = Decoder(model, weights), model.initial_state(1), 0.0
    ids = text.tolist()
    for token, following in itertools.pairwise(ids):
        logits_V, state = decoder.step_token(token, state)
        nats -= float(logits_V.log_softmax(0)[following])
    return nats / math.log(2) / (len(ids) - 1)


if __name__ == "__main__":
    main()

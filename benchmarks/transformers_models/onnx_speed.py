"""How long does a token take in onnxruntime, and in torch? One row, one thread, the two in turn, processor time.

    python benchmarks/transformers_models/onnx_speed.py [--quick] [--out FILE]    # needs newllm[onnx] and onnxruntime

The models have the shape of the preset small and random weights. step: one token after another, 64 of them, in torch
by `LanguageModel.step` (a decoder of `newllm generate` is faster, where it runs). sequence: 512 tokens at once.
"""

import argparse
import functools
import json
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch

import newllm
from newllm.integrations.onnx.model import build, state_parts, zeros
from newllm.model.language_model import LanguageModel

STEPS, LENGTH = 64, 512
TOKENS = np.random.default_rng(0).integers(0, 257, (1, LENGTH))


def session(model: LanguageModel, *, sequence: bool) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(build(model, sequence=sequence).SerializeToString(), options)


def onnx_steps(model: LanguageModel, step: onnxruntime.InferenceSession) -> None:
    state = zeros(state_parts(model), 1)
    for place in range(STEPS):
        _, *after = step.run(None, {"token": TOKENS[:, place], **state})
        state = dict(zip(state, after, strict=True))


@torch.inference_mode()
def torch_steps(model: LanguageModel) -> None:
    state = model.initial_state(1)
    for place in range(STEPS):
        _, state = model.step(torch.from_numpy(TOKENS[:, place]), state)


def onnx_sequence(model: LanguageModel, sequence: onnxruntime.InferenceSession) -> None:
    sequence.run(None, {"tokens": TOKENS, **zeros(state_parts(model), 1)})


@torch.inference_mode()
def torch_sequence(model: LanguageModel) -> None:
    model(torch.from_numpy(TOKENS))


def milliseconds(function: Callable[[], None], tokens: int) -> float:
    began = time.process_time()
    function()
    return 1000 * (time.process_time() - began) / tokens


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    for body in ("stack", "cell", "attention", "lstm"):
        model = newllm.build("small", settings=[f"model.body={body}", "model.ngram_rows=0"]).eval()
        for form, count in (("step", STEPS), ("sequence", LENGTH)):
            ours = onnx_sequence if form == "sequence" else onnx_steps
            pair = [
                functools.partial(ours, model, session(model, sequence=form == "sequence")),
                functools.partial(torch_sequence if form == "sequence" else torch_steps, model),
            ]
            for function in pair:  # a first time, in which kernels are compiled
                function()
            times = [[milliseconds(function, count) for function in pair] for _ in range(1 if arguments.quick else 15)]
            onnx_ms, torch_ms = (round(statistics.median(column), 3) for column in zip(*times, strict=True))
            rows.append({"body": body, "form": form, "onnx_ms": onnx_ms, "torch_ms": torch_ms})
            print(json.dumps(rows[-1]), flush=True)
    if arguments.out:
        versions = {"torch": torch.__version__, "onnxruntime": onnxruntime.__version__, "threads": 1}
        arguments.out.write_text(json.dumps({**versions, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""Writes on from a prompt with an exported model, onnxruntime and tokenizers, without newllm or torch.

    newllm export RUN --to onnx exported                          # pip install 'newllm[onnx]'
    python examples/onnx_generate.py exported "The whale" 200     # pip install onnxruntime tokenizers

The prompt is read at once by sequence.onnx, then step.onnx reads one token after another.
"""

import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import tokenizers

folder, prompt, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
config = json.loads((folder / "config.json").read_text())
tokenizer = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
sequence, step = (onnxruntime.InferenceSession(folder / f"{name}.onnx") for name in ("sequence", "step"))
state = {part["name"]: np.zeros([1, *part["shape"]], part["type"]) for part in config["state"]}
ids = tokenizer.encode(prompt).ids  # the begin token first
if positions := config["model"]["positions"]:  # learned ones: nothing is read behind their end
    count = min(count, positions - len(ids))
given, written = {"tokens": np.array([ids])}, []
while len(written) < count:
    logits, *after = (step if written else sequence).run(None, {**given, **state})
    state = dict(zip(state, after, strict=True))
    last = logits.reshape(-1, logits.shape[-1])[-1]
    last[config["forbidden"]] = -np.inf
    token = int(last.argmax())
    if token == config["end"]:
        break
    written.append(token)
    given = {"token": np.array([token])}
print(tokenizer.decode(written))

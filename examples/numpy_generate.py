"""Writes on with a trained run and numpy alone, the text that `newllm generate RUN --temperature 0` writes.

python examples/numpy_generate.py RUN "The whale" 200  # a run of the default model: stack, gated, on bytes
"""

import codecs
import functools
import json
import sys
import tomllib
from pathlib import Path

import numpy as np

run, prompt, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
shape = tomllib.loads((run / "config.toml").read_text())["model"]
rows = shape.get("ngram_rows", 0)  # as what follows, unknown to older runs
extras = shape.get("tied_embeddings") or (rows and shape.get("ngram_longest", 3) != 3)
if (shape["body"], shape["rule"], shape["norm"], shape["vocabulary"]) != ("stack", "gated", "none", 257) or extras:
    sys.exit("this program reads a stack with rule gated, without norm, tied head and pairs alone, on bytes")
last = max((run / "snapshots").glob("step-*"))
best = json.loads((last / "state.json").read_text())["best"]
place = run / "snapshots" / f"step-{best['step']:08d}" if best else last
raw = ((place if place.exists() else last) / "model.safetensors").read_bytes()
start = 8 + int.from_bytes(raw[:8], "little")  # the header's length, the header in JSON, then all numbers
weights = {
    name: np.frombuffer(raw, "<f4", int(np.prod(t["shape"])), start + t["data_offsets"][0]).reshape(t["shape"])
    for name, t in json.loads(raw[8:start]).items()
    if name != "__metadata__"
}
contexts = np.zeros((shape["layers"], shape["context"]), np.float32)  # what is remembered of the text: these,
tails = np.zeros((shape["layers"], 3, shape["width"]), np.float32)  # and the last three inputs of each convolution,
last_three = [0, 0, 0]  # and 1 + the last three tokens, 0 where there is none


def linear(x: np.ndarray, name: str) -> np.ndarray:
    return weights[name + ".weight"] @ x + weights.get(name + ".bias", 0)


def norm(x: np.ndarray, name: str) -> np.ndarray:
    return x / np.sqrt(np.mean(x * x) + np.finfo(np.float32).eps) * weights[name + ".weight"]


def fold(hashed: int, token: int) -> int:
    return ((hashed * 1_103_515_245 + token) % (2**31 - 1)) ** 2 % (2**31 - 1)


def read(token: int) -> np.ndarray:
    x, last_three[:] = weights["embedding.weight"][token], (*last_three[1:], token + 1)
    if rows:  # each of the tables' rows is that of many pairs of tokens, and of triples
        pair, triple = (functools.reduce(fold, last_three[-length:]) % rows for length in (2, 3))
        x = x + (weights["ngrams.pairs.weight"][pair] + weights["ngrams.triples.weight"][triple])
    for layer, name in enumerate(f"body.blocks.{layer}." for layer in range(shape["layers"])):
        seen = np.stack([norm(x, name + "mixer_norm"), *tails[layer]])  # now, and one, two and three tokens ago
        tails[layer] = seen[:3]
        y = seen[0] + (weights[name + "mixer.convolution.weight"] * seen).sum(axis=0)
        update = 1 / (1 + np.exp(-linear(y, name + "mixer.rule.gate")))
        contexts[layer] += update * (linear(y, name + "mixer.rule.delta") - contexts[layer])
        gate = linear(y, name + "mixer.gate")
        x = x + linear(gate / (1 + np.exp(-gate)) * contexts[layer], name + "mixer.out")
        gate, value = np.split(linear(norm(x, name + "mlp_norm"), name + "mlp.up"), 2)
        x = x + linear(gate / (1 + np.exp(-gate)) * value, name + "mlp.out")
    return linear(norm(x, "body.last_norm"), "head")


logits, written = [read(token) for token in (256, *prompt.encode())][-1], bytearray()
while len(written) < count and (token := int(logits.argmax())) != 256:  # begin and end; 0 to 255 are bytes
    written.append(token)
    logits = read(token)
print(codecs.getincrementaldecoder("utf-8")("replace").decode(bytes(written)))

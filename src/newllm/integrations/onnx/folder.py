"""A run as a folder of ONNX (`newllm export RUN --to onnx DIR`).

    DIR/step.onnx  sequence.onnx  config.json  tokenizer.json  tokenizer_config.json  README.md

The two models hold the same weights: the first reads one token a row and has no loops, the second any number of tokens.
"""

import dataclasses
from pathlib import Path

from newllm.api.loaded import LoadedRun
from newllm.errors import UserError, quoted
from newllm.extras import check_installed
from newllm.files import make_directory, new_directory, read_json, write_json
from newllm.generation import Vocabulary
from newllm.integrations.folders import check_free
from newllm.integrations.transformers.tokenizer import tokenizer_files

FORMAT = "newllm-onnx"
_MODELS = {"step.onnx": False, "sequence.onnx": True}
_FILES = {*_MODELS, "config.json", "tokenizer.json", "tokenizer_config.json", "README.md"}
_README = """\
A language model of [newllm](https://pypi.org/project/newllm/), body `{body}`, {parameters:,} parameters,
after {step:,} steps of training, as ONNX (opset 18). Everything that it remembers goes in and comes out.

- `step.onnx`: `token` [rows] and the state; `logits` [rows, {vocabulary}] and the state after it, named `after.` + name
- `sequence.onnx`: `tokens` [rows, positions] and `logits` [rows, positions, {vocabulary}], the state as above

config.json has names, types and shapes of the state, which is zero at first, the token that every text begins with
(`begin`), the one that ends it (`end`), and those that are never to be chosen (`forbidden`). tokenizer.json is read by
the package tokenizers.{end} With `pip install onnxruntime tokenizers`:

    import json, numpy, onnxruntime, tokenizers

    config = json.load(open("config.json"))
    step = onnxruntime.InferenceSession("step.onnx")
    tokenizer = tokenizers.Tokenizer.from_file("tokenizer.json")
    state = {{part["name"]: numpy.zeros([1, *part["shape"]], part["type"]) for part in config["state"]}}
    written, ids = [], tokenizer.encode("The whale").ids  # the begin token first
    for place in range({tokens}):
        token = ids[place] if place < len(ids) else written[-1]
        logits, *after = step.run(None, {{"token": numpy.array([token]), **state}})
        state = dict(zip(state, after))
        logits[:, config["forbidden"]] = -numpy.inf
        if place >= len(ids) - 1:
            written.append(int(logits[0].argmax()))
            if written[-1] == config["end"]:
                break
    print(tokenizer.decode(written))
"""


def export_run(loaded: LoadedRun, directory: Path, *, replace: bool = False) -> None:
    """Write a trained model as such a folder, whole or not at all.

    Args:
        loaded: from `newllm.load`.
        directory: absent or empty.
        replace: it may also hold such a folder already, which is replaced.

    Raises:
        UserError: the package onnx is missing, the model is too large for a file, something else stands there, there is
            no room, or the place may not be written.
    """
    check_installed("onnx", extra="onnx", lowest="1.17", below="1.24")
    from newllm.integrations.onnx.model import build, state_parts

    check_free(directory, _FILES, _check_own, replace=replace)
    model, tokenizer = loaded.model, loaded.tokenizer
    vocabulary = Vocabulary(tokenizer, model.config.vocabulary)
    types = {"float": "float32", "int64": "int64"}
    state = [{"name": p.name, "type": types[p.kind], "shape": list(p.shape)} for p in state_parts(model)]
    config = {
        "format": FORMAT,
        "schema": 1,
        "model": dataclasses.asdict(model.config),
        "trained_steps": loaded.step,
        "begin": vocabulary.begin,
        "end": vocabulary.end,
        "forbidden": vocabulary.forbidden.tolist(),
        "state": state,
    }
    positions = model.config.positions
    shape = {
        "body": model.config.body,
        "vocabulary": model.config.vocabulary,
        "step": loaded.step,
        "tokens": min(200, positions or 200),
        "end": f"\nIts positions are learned: it reads {positions} tokens, and fails at a further one."
        if positions
        else "",
    }
    parameters = sum(value.numel() for value in model.parameters())
    models = {name: build(model, sequence=sequence).SerializeToString() for name, sequence in _MODELS.items()}
    make_directory(directory.absolute().parent)
    with new_directory(directory, replace=replace) as temporary:
        for name, content in models.items():
            (temporary / name).write_bytes(content)
        for name, settings in {"config.json": config, **tokenizer_files(tokenizer, positions)}.items():
            write_json(temporary / name, settings, durable=False)
        (temporary / "README.md").write_text(_README.format(parameters=parameters, **shape))


def _check_own(directory: Path) -> None:
    """Refuse to replace another kind of folder."""
    try:
        found = read_json(directory / "config.json")
    except (OSError, ValueError):
        found = None
    kind = found.get("format") if isinstance(found, dict) else None
    if kind != FORMAT:
        raise UserError(f"'{directory}' holds a model of format {quoted(kind)}, not '{FORMAT}': choose another place")

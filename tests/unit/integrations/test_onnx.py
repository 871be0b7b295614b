"""Exported ONNX, run by onnxruntime, against the model itself."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("onnx", reason="needs newllm[onnx]; .ci/slow runs these in an environment that has it")
pytest.importorskip("onnxruntime", reason="needs onnxruntime; .ci/slow runs these in an environment that has it")

import onnxruntime
from tests.unit.integrations.test_folder import run_of

from newllm.api.loaded import load
from newllm.cli.main import main
from newllm.errors import UserError
from newllm.generation import Sampling
from newllm.integrations.onnx import model as onnx_model
from newllm.integrations.onnx.folder import export_run
from newllm.integrations.onnx.model import AFTER, build, state_parts, zeros
from newllm.integrations.transformers.folder import export_run as export_hf
from newllm.integrations.transformers.folder import import_folder
from newllm.model.config import BODY_NAMES, NORM_NAMES, RULE_NAMES, ModelConfig
from newllm.model.language_model import LanguageModel

ROWS, LENGTH = 3, 14
VARIANTS = {
    **{body: {"body": body} for body in BODY_NAMES},
    **{
        f"{body}-{rule}-{norm}": {"body": body, "rule": rule, "norm": norm, "learn_decay": rule in ("ema", "dual")}
        for body in ("stack", "cell", "zero-stack", "zero-cell")
        for rule in RULE_NAMES
        for norm in NORM_NAMES
    },
    "cell-residual": {"body": "cell", "fnn": "residual", "rule": "dual", "positions": 20},
    "stack-delta": {"body": "stack", "rule": "delta", "head_width": 5},
    "stack-signed": {"body": "stack", "rule": "signed-delta", "head_width": 5},
    "stack-kda": {"body": "stack", "rule": "kda", "head_width": 5},
    "stack-hybrid": {"body": "stack", "rule": "gated,lstm,delta", "norm": "read"},
    "stack-tied": {"body": "stack", "tied_embeddings": True},
    "stack-ngrams": {"body": "stack", "ngram_rows": 7},
    "attention-ngrams": {"body": "attention", "ngram_rows": 7},
    "stack-pairs": {"body": "stack", "ngram_rows": 7, "ngram_longest": 2},
    "zero-stack-hybrid": {"body": "zero-stack", "rule": "delta,gated,delta"},
    "attention-of-one": {"body": "attention", "window": 1},
}


def model_of(body, **settings):
    sizes: dict[str, Any] = {"width": 8, "layers": 3, "hidden": 12, "context": 10, "heads": 2, "window": 6}
    positions = 32 if body == "founding-transformer" else 0
    shape = ModelConfig(body=body, **sizes | {"vocabulary": 20, "positions": positions} | settings)
    model = LanguageModel(shape, seed=3).eval()
    torch.manual_seed(4)
    with torch.no_grad():
        model.embedding.weight.mul_(30)  # logits of about 1, so that an error in one shows
        for name, value in model.named_parameters():
            # Else norms, biases of 0 and tables that begin at zero are alike.
            if value.dim() == 1 or "convolution" in name or "ngrams" in name:
                value.add_(torch.randn_like(value), alpha=0.3)
    return model


def session(proto):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(proto.SerializeToString(), options, providers=["CPUExecutionProvider"])


@pytest.fixture(params=VARIANTS)
def model(request):
    return model_of(**VARIANTS[request.param])


@pytest.fixture
def tokens():
    return torch.randint(20, (ROWS, LENGTH), generator=torch.Generator().manual_seed(1))


def close(one, other):
    np.testing.assert_allclose(one, other, atol=1e-5, rtol=1e-5)  # an additive context grows to 100


def same_state(state, parts, own):
    for part in parts:
        here, value = state[part.name], own[part.name].numpy()
        close(here[:, here.shape[1] - value.shape[1] :] if value.ndim == 4 else here, value)


@torch.no_grad()
def test_step_and_sequence_give_the_logits_and_the_state_of_the_model(model, tokens):
    parts, (expected, own) = state_parts(model), model(tokens)
    step, sequence = (session(build(model, sequence=whole)) for whole in (False, True))
    state = zeros(parts, ROWS)
    for place in range(LENGTH):
        logits, *after = step.run(None, {"token": tokens[:, place].numpy(), **state})
        close(logits, expected[:, place].numpy())
        state = dict(zip(state, after, strict=True))
    same_state(state, parts, own)
    state = zeros(parts, ROWS)
    for first, last in ((0, 5), (5, 6), (6, LENGTH)):
        logits, *after = sequence.run(None, {"tokens": tokens[:, first:last].numpy(), **state})
        close(logits, expected[:, first:last].numpy())
        state = dict(zip(state, after, strict=True))
    same_state(state, parts, own)
    assert [output.name for output in step.get_outputs()] == ["logits", *(AFTER + part.name for part in parts)]


def test_a_tied_matrix_is_stored_once():
    sizes = [
        len(build(model_of("stack", vocabulary=500, tied_embeddings=one), sequence=True).SerializeToString())
        for one in (False, True)
    ]
    assert 0 < sizes[0] - sizes[1] - 4 * (500 * 8 + 500) < 200


@pytest.mark.parametrize("body", ["stack", "cell", "attention", "lstm"])
@pytest.mark.parametrize("name", ["bytes", "bpe"])
def test_the_program_of_the_folder_writes_what_newllm_writes(tmp_path, body, name):
    pytest.importorskip("tokenizers")
    run = run_of(tmp_path, body=body, tokenizer_name=name)
    run.model.embedding.weight.data.mul_(30)
    export_hf(run, tmp_path / "hf")
    run = load(import_folder(tmp_path / "hf", tmp_path / "run").path, device="cpu")
    assert main(["export", str(run.path), "--to", "onnx", str(tmp_path / "folder"), "--quiet"]) == 0
    readme = (tmp_path / "folder" / "README.md").read_text()
    program = "\n".join(line[4:] for line in readme.splitlines() if line.startswith("    "))
    out = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path / "folder", capture_output=True, check=True, timeout=300
    ).stdout.decode()
    expected = run.generate("The whale", 200, sampling=Sampling(0.0)).text
    whole = re.sub("\ufffd+", "", expected)
    assert re.sub("\ufffd+", "", out).startswith(whole[:60])


def test_programs_end_with_learned_positions(tmp_path):
    pytest.importorskip("tokenizers")
    run = run_of(tmp_path, body="founding-transformer", positions=32)
    expected = run.generate("The whale", 200, sampling=Sampling(0.0))
    assert (expected.tokens, expected.stopped_by) == (22, "positions")
    export_run(run, tmp_path / "folder")
    readme = (tmp_path / "folder" / "README.md").read_text()
    assert "it reads 32 tokens" in readme
    program = "\n".join(line[4:] for line in readme.splitlines() if line.startswith("    "))
    example = str(Path(__file__).parents[3] / "examples" / "onnx_generate.py")
    for command in (["-c", program], [example, ".", "The whale", "200"]):
        done = subprocess.run([sys.executable, *command], cwd=tmp_path / "folder", capture_output=True, timeout=300)
        assert (done.returncode, done.stderr) == (0, b"")
        out, whole = (re.sub("\ufffd+", "", text) for text in (done.stdout.decode(), expected.text))
        assert out.startswith(whole)


def test_the_folder_opens_without_newllm(tmp_path):
    export_run(run_of(tmp_path), tmp_path / "folder")
    config = json.loads((tmp_path / "folder" / "config.json").read_text())
    assert (config["begin"], config["end"], config["forbidden"]) == (256, 256, [])
    assert {part["name"] for part in config["state"]} == {"0.context", "0.tail", "1.context", "1.tail"}
    export_run(run_of(tmp_path), tmp_path / "folder", replace=True)


def test_what_cannot_be_is_refused_in_one_line(tmp_path, monkeypatch, capsys):
    run = run_of(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("{}")
    with pytest.raises(UserError, match="not empty"):
        export_run(run, tmp_path / "other")
    with pytest.raises(UserError, match="of format None"):
        export_run(run, tmp_path / "other", replace=True)
    monkeypatch.setattr(onnx_model, "_LARGEST", 100)
    with pytest.raises(UserError, match="one file of ONNX holds less than 2"):
        export_run(run, tmp_path / "folder")
    assert not (tmp_path / "folder").exists()
    assert main(["export", str(tmp_path), "--to", "onnx", "x", "--remote-code"]) == 2
    assert "--remote-code is of --to hf" in capsys.readouterr().err

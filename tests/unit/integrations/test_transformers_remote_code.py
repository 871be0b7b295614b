"""A folder with remote code, loaded by programs that have never heard of newllm."""

import os
import subprocess
import sys

import pytest
import torch

pytest.importorskip("transformers", reason="needs newllm[hf]; .ci/slow runs these in an environment that has it")

from tests.unit.integrations.test_folder import run_of, same_weights

from newllm.api.loaded import load
from newllm.cli.main import main
from newllm.integrations.transformers.folder import import_folder

PROGRAM = """\
import sys, torch
from transformers import AutoModel, AutoModelForCausalLM, AutoTokenizer
trust = {"trust_remote_code": True}
model = AutoModelForCausalLM.from_pretrained(sys.argv[1], **trust)
tokenizer = AutoTokenizer.from_pretrained(sys.argv[1], **trust)
model.save_pretrained(sys.argv[2])
tokenizer.save_pretrained(sys.argv[2])
again = AutoModelForCausalLM.from_pretrained(sys.argv[2], **trust)
tokens = tokenizer("a cat", return_tensors="pt")["input_ids"]
with torch.no_grad():
    assert torch.equal(model(tokens).logits, again(tokens).logits)
    features = AutoModel.from_pretrained(sys.argv[1], **trust)(tokens).last_hidden_state
    assert torch.allclose(model.get_output_embeddings()(features), model(tokens).logits)
torch.save(model(tokens).logits.detach(), sys.argv[2] + "/logits.pt")
import newllm.hf
here = AutoModelForCausalLM.from_pretrained(sys.argv[1], **trust)
assert isinstance(here, newllm.hf.NewllmForCausalLM)
"""


@pytest.mark.parametrize("body", ["stack", "cell"])
def test_a_folder_with_remote_code_needs_no_import_of_newllm(tmp_path, monkeypatch, body):
    run = run_of(tmp_path, body=body)
    monkeypatch.setattr("newllm.api.load", lambda *_: run)
    assert main(["export", "run", "--to", "hf", str(tmp_path / "folder"), "--remote-code"]) == 0
    environment = os.environ | {"HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "folder"), str(tmp_path / "saved")]
    subprocess.run(command, env=environment, check=True)
    tokens = torch.tensor([[run.tokenizer.begin, *b"a cat"]])
    with torch.no_grad():
        torch.testing.assert_close(torch.load(tmp_path / "saved" / "logits.pt"), run.model(tokens)[0])
    back = load(import_folder(tmp_path / "saved", tmp_path / "run").path, device="cpu")
    assert same_weights(run.model, back.model)

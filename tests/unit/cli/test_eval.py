"""`newllm eval` against the same numbers computed token by token by hand."""

import itertools
import json
import math
import re

import pytest
import torch

import newllm
from newllm.cli import evaluate

TEXT = "Der weiße Wal — 白鯨 — schwamm. the captain was upon the white sea.\n" * 25


def _by_hand(loaded: newllm.LoadedRun, text: str) -> tuple[float, int]:
    """Nats and tokens, one step after another, log-softmax in float64, the begin token first."""
    ids = [loaded.tokenizer.begin, *loaded.tokenizer.encode(text.encode()).tolist()]
    state, nats = loaded.model.initial_state(1), 0.0
    with torch.inference_mode():
        for now, following in itertools.pairwise(ids):
            logits, state = loaded.model.step(torch.tensor([now]), state)
            nats -= float(logits[0].double().log_softmax(0)[following])
    return nats, len(ids) - 1


@pytest.fixture(scope="module", params=["bytes", "bpe", "word"])
def trained(request, text, tiny, tmp_path_factory):
    from newllm.cli.main import main

    run = tmp_path_factory.mktemp("trained") / request.param
    options = ["--set", f"data.tokenizer={request.param}", "--set", "data.vocabulary=300", "--steps", "20", "--quiet"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("newllm.api.training_curves.draw_training_curves", lambda *_, **__: None)
        assert main(["train", str(text), *tiny, *options, "--out", str(run)]) == 0
    return run


def test_the_numbers_are_those_of_a_computation_by_hand(trained, call, tmp_path) -> None:
    parts = [TEXT, "a second document, shorter: é", "x"]  # the first is longer than what is read at once
    for index, part in enumerate(parts):
        (tmp_path / f"{index}.txt").write_text(part)
    told = json.loads(call("eval", trained, *(tmp_path / f"{index}.txt" for index in range(3)), "--json").out)
    by_hand = [_by_hand(newllm.load(trained, device="cpu"), part) for part in parts]
    nats, tokens, size = sum(n for n, _ in by_hand), sum(t for _, t in by_hand), sum(len(p.encode()) for p in parts)
    assert told["tokens"] == tokens
    assert told["nats"] == pytest.approx(nats, rel=1e-5)
    assert told["nats_per_token"] == pytest.approx(nats / tokens, rel=1e-5)
    assert told["perplexity"] == pytest.approx(math.exp(nats / tokens), rel=1e-5)
    if trained.name == "word":
        assert (told["bytes"], told["bits_per_byte"]) == (None, None)
    else:
        assert told["bytes"] == size
        assert told["bits_per_byte"] == pytest.approx(nats / math.log(2) / size, rel=1e-5)


def test_invalid_utf8_and_another_field_as_the_messages_say(finished, call, refused, tmp_path) -> None:
    (tmp_path / "bad.txt").write_bytes(b"the sea \xff the ship")
    (tmp_path / "good.txt").write_text("the sea \ufffd the ship")
    (tmp_path / "records.jsonl").write_text(json.dumps({"body": "the sea \ufffd the ship"}))
    assert "--errors replace" in refused("eval", finished, tmp_path / "bad.txt")
    assert "--field NAME" in refused("eval", finished, tmp_path / "records.jsonl")
    good = json.loads(call("eval", finished, tmp_path / "good.txt", "--json").out)
    replaced = json.loads(call("eval", finished, tmp_path / "bad.txt", "--errors", "replace", "--json").out)
    other = json.loads(call("eval", finished, tmp_path / "records.jsonl", "--field", "body", "--json").out)
    assert good == replaced == other


def test_python_takes_paths(text, tiny_settings, tmp_path) -> None:
    trained = newllm.train(text, out=tmp_path / "run", settings=tiny_settings, budget=newllm.Budget(steps=1))  # type: ignore[arg-type]
    assert trained.config.data.texts == (str(text),)
    assert newllm.load(trained.path, device="cpu").evaluate(text).bytes == text.stat().st_size


def test_python_tells_the_same(trained, call, text) -> None:
    told = json.loads(call("eval", trained, text, "--json").out)
    assert newllm.load(trained, device="cpu").evaluate(text).nats == told["nats"]
    assert newllm.load(trained, device="cpu").evaluate(str(text)).nats == told["nats"]


def test_how_far_it_is_is_said_now_and_then(trained, call, tmp_path, monkeypatch) -> None:
    (tmp_path / "long.txt").write_text("the white whale. " * 400)
    (tmp_path / "short.txt").write_text("the sea")
    texts = (tmp_path / "long.txt", tmp_path / "short.txt")
    monkeypatch.setattr(evaluate, "PLAIN_SECONDS", math.inf)
    assert call("eval", trained, *texts).err == ""
    monkeypatch.setattr(evaluate, "PLAIN_SECONDS", 0.0)
    assert call("eval", trained, *texts, "--quiet").err == ""
    lines = call("eval", trained, *texts).err.splitlines()
    said = [re.findall(r"^read ([\d,]+) of 6,807 bytes(?:, .+ left)?$", line) for line in lines]
    read = [int(one[0].replace(",", "")) for one in said]
    assert read == sorted(read)
    assert read[-1] == 6807
    assert trained.name != "bytes" or len(read) > 5

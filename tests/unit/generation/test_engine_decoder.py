"""The engine with the decoder that reads for it."""

import pytest
import torch

from newllm.errors import UserError
from newllm.generation import Engine, Sampling, fingerprint, load_context, save_context
from newllm.generation.compiled_step.decodable import decodable

PROMPT = "a" * 110
SAMPLING = Sampling(1.0)
every_precision = pytest.mark.parametrize("weights", ["fp32", "bf16", "int8"])


def endless(engine):
    """Forbid the end: the tests need texts of a certain length."""
    engine.model.head.bias.data[256] = -100.0
    return engine


@every_precision
def test_tokens_are_those_of_the_models_own_step(make_engine, weights):
    engine = endless(make_engine(body="stack", weights=weights))
    found = engine.stream(engine.read(engine.start(), PROMPT), 60, SAMPLING, 1)
    found.result()
    assert engine._prepared().is_compiled == decodable(engine.model, weights)
    other = Engine(engine.model, engine.vocabulary._tokenizer, compiled=False)
    own = other.stream(other.read(other.start(), PROMPT), 60, SAMPLING, 1)
    own.result()
    assert not other._prepared().is_compiled
    assert found.ids == own.ids
    tolerance = 1e-4 if weights != "int8" else 2e-2
    torch.testing.assert_close(found.memory.logits_V, own.memory.logits_V, rtol=0.0, atol=tolerance)
    assert found.memory.state.keys() == own.memory.state.keys()
    assert found.memory.recent == own.memory.recent
    assert found.memory.state_bytes == own.memory.state_bytes


def test_a_context_as_a_file_is_gone_on_with_to_the_bit(make_engine, tmp_path):
    engine = endless(make_engine(body="stack"))
    start, path, mark = engine.read(engine.start(), PROMPT), tmp_path / "c", fingerprint(engine.model)
    whole = engine.stream(start, 80, SAMPLING, 2)
    whole.result()
    for first in (5, 18, 40):
        part = engine.stream(start, first, SAMPLING, 2)
        part.result()
        save_context(path, part.memory, mark)
        other = endless(make_engine(body="stack"))
        rest = other.stream(load_context(path, other.model, mark), 80 - first, SAMPLING, 2)
        rest.result()
        assert part.ids + rest.ids == whole.ids
        assert torch.equal(rest.memory.logits_V, whole.memory.logits_V)
        state = whole.memory.state
        assert all(torch.equal(value, state[name]) for name, value in rest.memory.state.items())


def test_a_memory_of_the_decoder_can_be_read_on_by_prompts_and_branched(make_engine):
    engine = endless(make_engine(body="stack"))
    first = engine.stream(engine.read(engine.start(), PROMPT), 50, SAMPLING, 3)
    first.result()
    before = {name: value.clone() for name, value in first.memory.state.items()}
    one = engine.stream(engine.read(first.memory, "and then"), 20, SAMPLING, 4).result()
    engine.stream(first.memory, 20, SAMPLING, 5).result()
    assert engine.stream(engine.read(first.memory, "and then"), 20, SAMPLING, 4).result() == one
    assert all(torch.equal(value, before[name]) for name, value in first.memory.state.items())


def test_a_model_that_was_trained_on_is_packed_again(make_engine):
    engine = endless(make_engine(body="stack"))
    start = engine.read(engine.start(), "a" * 200)
    engine.stream(start, 3, SAMPLING).result()
    with torch.no_grad():
        engine.model.head.bias[65] += 1000.0
    assert engine.stream(start, 5, SAMPLING).result().text[1:] == "AAAA"
    seen = []
    engine.model.head.register_forward_hook(lambda *_: seen.append(1))
    engine.stream(start, 5, SAMPLING).result()
    assert len(seen) == 5


def test_a_model_that_was_made_in_inference_mode_writes_the_same(make_engine):
    engine = endless(make_engine(body="stack"))
    with torch.inference_mode():
        other = endless(make_engine(body="stack"))
    for one in (engine, other):
        one.stream(one.start(), 3, SAMPLING).result()
    assert other.stream(other.read(other.start(), PROMPT), 20, SAMPLING, 1).result() == (
        engine.stream(engine.read(engine.start(), PROMPT), 20, SAMPLING, 1).result()
    )


@every_precision
def test_prompts_are_read_with_the_same_weights(make_engine, weights):
    engine, plain = make_engine(body="stack", weights=weights), make_engine(body="stack")
    found = engine.read(engine.start(), PROMPT).logits_V
    assert torch.equal(found, plain.read(plain.start(), PROMPT).logits_V) == (weights == "fp32")
    assert (fingerprint(engine.model) == fingerprint(plain.model)) == (weights == "fp32")


def test_an_unknown_precision_is_told_in_one_line(make_engine):
    with pytest.raises(UserError, match="fp16") as told:
        make_engine(body="stack", weights="fp16")
    assert "\n" not in str(told.value)

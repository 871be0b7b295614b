"""`output_hidden_states` of the transformers models, against the body's layers called one after another."""

from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="needs newllm[hf]; .ci/slow runs these in an environment that has it")

from transformers import AutoModelForCausalLM

import newllm.hf
from newllm.errors import UserError
from newllm.integrations.transformers.modeling import CACHE, NewllmModel
from newllm.model.bodies.body import layer_state
from newllm.model.config import BODY_NAMES

VOCABULARY, ROWS, LENGTH, LAYERS = 20, 3, 10, 3
LENGTHS = (10, 6, 3)


def model_of(body: str, **settings: Any) -> Any:
    torch.manual_seed(0)
    positions = 64 if body == "founding-transformer" else 0
    sizes: dict[str, Any] = {"width": 8, "layers": LAYERS, "hidden": 12, "context": 10, "heads": 2, "window": 6}
    config = newllm.hf.NewllmConfig(vocab_size=VOCABULARY, body=body, positions=positions, **sizes | settings)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        model.model.embedding.weight.mul_(30)  # features of about 1, so that an error in one shows
    return model


@pytest.fixture(params=BODY_NAMES)
def model(request):
    return model_of(request.param)


@pytest.fixture
def tokens():
    return torch.randint(VOCABULARY, (ROWS, LENGTH), generator=torch.Generator().manual_seed(1))


@torch.no_grad()
def naive(model, tokens):
    """What each layer gives, one layer after another on whole unpadded rows from the start."""
    inner, body = model.model, model.model.body
    state = inner.initial_state(len(tokens))
    embedded, positions, _ = inner.embed(tokens, state)
    hidden = [embedded]
    if hasattr(body, "blocks"):
        for layer, block in enumerate(body.blocks):
            x, added, _ = block(hidden[-1], None, layer_state(state, layer), positions, None)
            hidden.append(x + added)
    elif hasattr(body, "layers"):
        for layer, block in enumerate(body.layers):
            hidden.append(block(hidden[-1], layer_state(state, layer), positions, has_resets=False)[0])
    if hasattr(body, "last_norm"):
        normed = body.last_norm(hidden[-1])
        hidden[-1] = normed[0] if isinstance(normed, tuple) else normed
    else:  # a cell, an LSTM: one layer
        hidden.append(body(hidden[0], state, positions, None)[0])
    return hidden


def padded(tokens, side):
    rows, mask = torch.full_like(tokens, 7), torch.zeros_like(tokens)
    for row, length in enumerate(LENGTHS):
        where = slice(LENGTH - length, None) if side == "left" else slice(0, length)
        rows[row, where], mask[row, where] = tokens[row, :length], 1
    return rows, mask


def close(given, wanted):
    assert len(given) == len(wanted)
    for one, other in zip(given, wanted, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


@torch.no_grad()
def test_they_are_what_each_layer_gives_and_change_nothing(model, tokens):
    out, plain = model(input_ids=tokens, output_hidden_states=True), model(input_ids=tokens)
    has_layers = hasattr(model.model.body, "last_norm")
    assert len(out.hidden_states) == (LAYERS + 1 if has_layers else 2)
    assert [value.shape for value in out.hidden_states[:-1]] == [(ROWS, LENGTH, 8)] * (len(out.hidden_states) - 1)
    assert out.hidden_states[-1].shape[-1] == model.model.body.output_width
    close(out.hidden_states, naive(model, tokens))
    close([out.logits], [plain.logits])
    assert torch.equal(model.model.head(out.hidden_states[-1]), out.logits)
    assert "hidden_states" not in plain
    embedded = model(inputs_embeds=model.get_input_embeddings()(tokens), output_hidden_states=True)
    close(embedded.hidden_states, out.hidden_states)
    model.config.output_hidden_states = True
    close(model(input_ids=tokens).hidden_states, out.hidden_states)
    assert "hidden_states" not in model(input_ids=tokens, output_hidden_states=False)
    base = NewllmModel(model.config).eval()
    base.load_state_dict(model.state_dict())
    given = base(input_ids=tokens)
    assert given.hidden_states[-1] is given.last_hidden_state
    close(given.hidden_states, out.hidden_states)


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("use_cache", [True, False])
def test_a_padded_row_has_those_of_the_row_alone(model, tokens, side, use_cache):
    rows, mask = padded(tokens, side)
    given = {"attention_mask": mask, "use_cache": use_cache, "output_hidden_states": True}
    hidden = model(input_ids=rows, **given).hidden_states
    for row, length in enumerate(LENGTHS):
        where = slice(LENGTH - length, None) if side == "left" else slice(0, length)
        close([value[row : row + 1, where] for value in hidden], naive(model, tokens[row : row + 1, :length]))
        for value in hidden:  # as documented
            last = value[row, length - 1]
            padding = value[row, : LENGTH - length] if side == "left" else value[row, length:]
            assert torch.equal(padding, (last if side == "right" else last * 0).expand_as(padding))
    empty = model(input_ids=rows, **given | {"attention_mask": mask * 0}).hidden_states
    assert [value.shape for value in empty] == [value.shape for value in hidden]
    assert not any(value.any() for value in empty)


@torch.no_grad()
@pytest.mark.parametrize("side", ["none", "left"])
def test_after_a_cache_they_are_those_of_the_call(model, tokens, side):
    rows, mask = (tokens, torch.ones_like(tokens)) if side == "none" else padded(tokens, side)
    whole = model(input_ids=rows, attention_mask=mask, output_hidden_states=True).hidden_states
    first = model(input_ids=rows[:, :5], attention_mask=mask[:, :5], output_hidden_states=True)
    second = model(input_ids=rows[:, 5:], attention_mask=mask, output_hidden_states=True, **{CACHE: first[CACHE]})
    parts = zip(first.hidden_states, second.hidden_states, strict=True)
    close([torch.cat(pair, dim=1) for pair in parts], whole)


@torch.no_grad()
def test_generate_returns_them_for_every_token(model, tokens):
    options = {"max_new_tokens": 4, "do_sample": False, "return_dict_in_generate": True, "output_hidden_states": True}
    out = model.generate(tokens[:, :5], **options)
    wanted = naive(model, out.sequences[:, :-1])
    assert len(out.hidden_states) == 4
    close(out.hidden_states[0], [value[:, :5] for value in wanted])
    for index in range(1, 4):
        close(out.hidden_states[index], [value[:, 4 + index : 5 + index] for value in wanted])
    beams = model.generate(tokens[:1, :5], num_beams=2, **options)
    assert len(beams.hidden_states[0]) == len(wanted)


def test_each_has_a_gradient_and_so_has_what_is_made_of_them(model, tokens):
    out = model.train()(input_ids=tokens, labels=tokens, output_hidden_states=True)
    for value in out.hidden_states:
        value.retain_grad()
    out.loss.backward()
    assert all(value.grad is not None and value.grad.any() for value in out.hidden_states)
    model.zero_grad()
    rows, mask = padded(tokens, "right")
    hidden = model(input_ids=rows, attention_mask=mask, output_hidden_states=True).hidden_states
    torch.stack([value[mask.bool()].square().sum() for value in hidden]).sum().backward()
    assert model.get_input_embeddings().weight.grad.any()


@pytest.mark.filterwarnings("ignore::FutureWarning")  # checkpointing's former name, from 5.24 on
@pytest.mark.parametrize("body", ["stack", "zero-stack", "attention"])
def test_gradient_checkpointing_gives_the_same_gradients(body, tokens):
    def gradients(*, recompute):
        model = model_of(body).train()
        if recompute:
            model.gradient_checkpointing_enable()
        out = model(input_ids=tokens, output_hidden_states=True)
        (out.logits.square().mean() + sum(value.square().mean() for value in out.hidden_states)).backward()
        return [*out.hidden_states], {name: value.grad for name, value in model.named_parameters()}

    hidden, plain = gradients(recompute=False)
    again, recomputed = gradients(recompute=True)
    assert all(torch.equal(one, other) for one, other in zip(hidden, again, strict=True))
    assert all(torch.equal(plain[name], recomputed[name]) for name in plain)


def test_attention_maps_are_refused(tokens):
    model = model_of("attention")
    with pytest.raises(UserError, match="returns no attention maps: drop output_attentions"):
        model(input_ids=tokens, output_attentions=True)
    with pytest.raises(UserError, match="returns no attention maps"):
        model.generate(tokens, max_new_tokens=2, return_dict_in_generate=True, output_attentions=True)
    model.config.output_attentions = True
    with pytest.raises(UserError, match="returns no attention maps"):
        model(input_ids=tokens)

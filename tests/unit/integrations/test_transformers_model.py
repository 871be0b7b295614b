"""The transformers model against the model itself: what `LanguageModel` gives for one whole, unpadded row."""

import copy
import pickle
import shutil
import warnings
from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="needs newllm[hf]; .ci/slow runs these in an environment that has it")

from tests.unit.integrations.test_folder import run_of, same_weights
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, DynamicCache

import newllm.hf
from newllm.api.loaded import load
from newllm.errors import UserError
from newllm.generation import fingerprint, load_context
from newllm.integrations.transformers.folder import export_run, import_folder
from newllm.integrations.transformers.modeling import CACHE
from newllm.model.config import BODY_NAMES

VOCABULARY, ROWS, LENGTH = 20, 3, 14
LENGTHS = (14, 9, 4)
TOLERANCE = 1e-5
VARIANTS = {
    **{body: {"body": body} for body in BODY_NAMES},
    "stack-dual-write": {"body": "stack", "rule": "dual", "norm": "write"},
    "stack-lstm-read": {"body": "stack", "rule": "lstm", "norm": "read"},
    "stack-delta": {"body": "stack", "rule": "gated,delta", "head_width": 5},
    "stack-tied": {"body": "stack", "tie_word_embeddings": True},
    "stack-ngrams": {"body": "stack", "ngram_rows": 13},
    "stack-pairs": {"body": "stack", "ngram_rows": 13, "ngram_longest": 2},
    "cell-residual": {"body": "cell", "fnn": "residual", "rule": "ema", "norm": "write", "positions": 40},
}


def model_of(**settings):
    torch.manual_seed(0)
    positions = 64 if settings.get("body") == "founding-transformer" else 0
    sizes: dict[str, Any] = {
        "width": 8,
        "layers": 2,
        "hidden": 12,
        "context": 10,
        "heads": 2,
        "window": 6,
        "positions": positions,
    }
    config = newllm.hf.NewllmConfig(vocab_size=VOCABULARY, **sizes | settings)
    model = AutoModelForCausalLM.from_config(config).eval()
    with torch.no_grad():
        model.model.embedding.weight.mul_(30)  # logits of about 1, so that an error in one shows
        if model.model.ngrams is not None:
            for table in model.model.ngrams.children():
                table.weight.normal_()
    return model


@pytest.fixture(params=VARIANTS)
def model(request):
    return model_of(**VARIANTS[request.param])


@pytest.fixture
def tokens():
    return torch.randint(VOCABULARY, (ROWS, LENGTH), generator=torch.Generator().manual_seed(1))


def padded(tokens, side):
    """Rows of LENGTHS tokens, and their mask; padding is a token like any other, which must not matter."""
    rows, mask = torch.full_like(tokens, 7), torch.zeros_like(tokens)
    for row, length in enumerate(LENGTHS):
        where = slice(LENGTH - length, None) if side == "left" else slice(0, length)
        rows[row, where], mask[row, where] = tokens[row, :length], 1
    return rows, mask


def present(values, row, side):
    length = LENGTHS[row]
    return values[row, LENGTH - length :] if side == "left" else values[row, :length]


def close(one, other):
    assert one.shape == other.shape
    torch.testing.assert_close(one, other, atol=TOLERANCE, rtol=0)


def close_state(cache, row, state):
    own = cache.row(row)
    assert own.keys() == state.keys()
    for name, value in state.items():
        close(own[name], value)


@torch.no_grad()
def test_logits_and_state_are_the_models_own(model, tokens):
    logits, state = model.model(tokens)
    out = model(input_ids=tokens)
    assert torch.equal(out.logits, logits)
    assert all(torch.equal(out[CACHE].state[name], value) for name, value in state.items())
    embeddings = model.get_input_embeddings()(tokens)
    if model.model.ngrams is None:
        assert torch.equal(model(inputs_embeds=embeddings).logits, logits)
    else:
        with pytest.raises(UserError, match="give token ids, no embeddings"):
            model(inputs_embeds=embeddings)
    assert CACHE not in model(input_ids=tokens, use_cache=False)


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("use_cache", [True, False])
def test_padding_on_either_side_changes_nothing(model, tokens, side, use_cache):
    rows, mask = padded(tokens, side)
    out = model(input_ids=rows, attention_mask=mask, use_cache=use_cache)
    for row, length in enumerate(LENGTHS):
        logits, state = model.model(tokens[row : row + 1, :length])
        close(present(out.logits, row, side), logits[0])
        close(out.logits[row, -1], logits[0, -1])  # what comes next, behind padding on the right too
        if use_cache:
            close_state(out[CACHE], row, state)


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_padded_prefill_in_two_parts_at_every_split(model, tokens, side):
    rows, mask = padded(tokens, side)
    singles = [model.model(tokens[row : row + 1, :length]) for row, length in enumerate(LENGTHS)]
    for split in range(1, LENGTH):
        first = model(input_ids=rows[:, :split], attention_mask=mask[:, :split])
        given = mask if split % 2 else mask[:, split:]  # with the positions of the cache, or without
        second = model(input_ids=rows[:, split:], attention_mask=given, **{CACHE: first[CACHE]})
        logits = torch.cat([first.logits, second.logits], dim=1)
        for row, (single, state) in enumerate(singles):
            close(present(logits, row, side), single[0])
            close(second.logits[row, -1], single[0, -1])
            close_state(second[CACHE], row, state)


@torch.no_grad()
def test_a_copy_of_the_cache_is_a_branch(model, tokens):
    cache = model(input_ids=tokens[:, :10])[CACHE]
    branch = copy.deepcopy(cache)
    model(input_ids=tokens[:, :7], **{CACHE: branch})
    for name in ("cache", "past_key_values"):
        out = model(input_ids=tokens[:, 10:], **{name: copy.deepcopy(cache)})
        close(out.logits, model.model(tokens)[0][:, 10:])
    assert cache.get_seq_length() == 10
    assert branch.get_seq_length() == 17


@torch.no_grad()
def test_rows_of_a_cache_are_reordered_chosen_and_repeated(model, tokens):
    cache, out = model(input_ids=tokens)[CACHE], model.model(tokens)[1]
    cache.reorder_cache(torch.tensor([2, 0, 0]))
    cache.batch_repeat_interleave(2)
    cache.batch_select_indices(torch.tensor([0, 2, 5]))
    for row, of in enumerate((2, 0, 0)):
        close_state(cache, row, {name: value[of : of + 1] for name, value in out.items()})
    cache.reset()
    assert cache.get_seq_length() == 0
    close(model(input_ids=tokens, **{CACHE: cache}).logits, model.model(tokens)[0])


@torch.no_grad()
def test_logits_to_keep(model, tokens):
    rows, mask = padded(tokens, "right")
    whole = model(input_ids=rows, attention_mask=mask)
    last = model(input_ids=rows, attention_mask=mask, logits_to_keep=1)
    chosen = model(input_ids=rows, attention_mask=mask, logits_to_keep=torch.tensor([0, 4]))
    close(last.logits, whole.logits[:, -1:])
    close(chosen.logits, whole.logits[:, [0, 4]])
    close(chosen[CACHE].logits_BV, whole.logits[:, -1])


@torch.no_grad()
@pytest.mark.parametrize("keep", [0, 1, torch.tensor([0, 1])], ids=["all", "last", "chosen"])
def test_a_row_that_is_all_padding_stays_where_it_was(model, tokens, keep):
    before = model(input_ids=tokens)
    mask = torch.ones(ROWS, 2, dtype=torch.long)
    mask[1] = 0
    after = model(input_ids=tokens[:, :2], attention_mask=mask, logits_to_keep=keep, **{CACHE: before[CACHE]})
    close(after.logits[1, -1], before.logits[1, -1])
    close(after[CACHE].logits_BV[1], before.logits[1, -1])


def test_a_cache_that_is_given_is_used_while_training_too(tokens):
    model, cache = model_of(body="stack").train(), newllm.hf.NewllmCache()
    for part in (tokens[:, :5], tokens[:, 5:]):
        out = model(input_ids=part, labels=part, **{CACHE: cache})
    close(out.logits, model.model(tokens)[0][:, 5:])
    assert cache.get_seq_length() == LENGTH


def test_the_loss_is_of_the_next_token_and_its_gradient_reaches_all_that_it_should(model, tokens):
    labels = tokens.clone()
    labels[1, 9:] = -100
    out = model(input_ids=tokens, labels=labels)
    logits = model.model(tokens)[0][:, :-1].flatten(0, 1)
    close(out.loss, torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten()))
    out.loss.backward()
    halved = model(input_ids=tokens, labels=labels, num_items_in_batch=2 * int((labels[:, 1:] >= 0).sum()))
    close(halved.loss * 2, out.loss)
    assert all(value.grad is not None for value in model.get_output_embeddings().parameters())


def test_gradients_of_a_padded_batch_are_those_of_its_rows(model, tokens):
    def gradients(side=None):
        model.zero_grad()
        if side is None:
            each = [model.model(tokens[row : row + 1, :length])[0] for row, length in enumerate(LENGTHS)]
        else:
            rows, mask = padded(tokens, side)
            logits = model(input_ids=rows, attention_mask=mask, use_cache=False).logits
            each = [present(logits, row, side) for row in range(ROWS)]
        torch.stack([one.sum() for one in each]).sum().backward()
        return {name: value.grad.clone() for name, value in model.named_parameters() if value.grad is not None}

    alone = gradients()
    for side in ("left", "right"):
        together = gradients(side)
        assert together.keys() == alone.keys()
        for name, value in alone.items():
            torch.testing.assert_close(together[name], value, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_greedy_and_beam_search_with_a_cache_are_those_without(model, tokens):
    for options in ({}, {"num_beams": 3}, {"num_beams": 3, "num_return_sequences": 2}):
        with_cache, without = (
            model.generate(tokens[:, :5], max_new_tokens=8, do_sample=False, use_cache=use, **options)
            for use in (True, False)
        )
        assert torch.equal(with_cache, without)


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
def test_a_padded_batch_generates_what_its_rows_do(model, tokens, side):
    rows, mask = padded(tokens, side)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        together = model.generate(rows, attention_mask=mask, max_new_tokens=6, do_sample=False, pad_token_id=0)
    for row, length in enumerate(LENGTHS):
        alone = model.generate(tokens[row : row + 1, :length], max_new_tokens=6, do_sample=False)
        assert torch.equal(together[row, -6:], alone[0, -6:])


@torch.no_grad()
def test_generation_in_chunks_from_embeddings_and_from_a_cache(model, tokens):
    plain = model.generate(tokens[:, :9], max_new_tokens=6, do_sample=False)
    chunked = model.generate(tokens[:, :9], max_new_tokens=6, do_sample=False, prefill_chunk_size=5)
    if model.model.ngrams is None:
        embeddings = model.get_input_embeddings()(tokens[:, :9])
        embedded = model.generate(inputs_embeds=embeddings, max_new_tokens=6, do_sample=False)
        assert torch.equal(embedded, plain[:, 9:])
    cache = model(input_ids=tokens[:, :6])[CACHE]
    going_on = model.generate(tokens[:, :9], max_new_tokens=6, do_sample=False, **{CACHE: cache})
    assert torch.equal(chunked, plain)
    assert torch.equal(going_on, plain)


@torch.no_grad()
def test_sampling_is_decided_by_torchs_seed(model, tokens):
    def sampled(seed, **options):
        torch.manual_seed(seed)
        return model.generate(tokens[:, :4], max_new_tokens=12, do_sample=True, **options)

    assert torch.equal(sampled(3), sampled(3, use_cache=False))
    assert not torch.equal(sampled(3), sampled(4))


def test_what_cannot_be_is_refused_in_one_line(tokens):
    model = model_of(body="stack")
    with pytest.raises(UserError, match="assisted generation does not fit a newllm model"):
        model.generate(tokens[:1], prompt_lookup_num_tokens=3, max_new_tokens=2)
    both, between = torch.ones_like(tokens), torch.ones_like(tokens)
    both[1, 0] = both[1, -1] = between[2, 4] = 0
    cache = model(input_ids=tokens)[CACHE]
    other = model_of(body="stack", context=12)
    wrong = (
        ({"attention_mask": both}, "attention_mask of row 1 has padding on both sides or between tokens"),
        ({"attention_mask": between}, "attention_mask of row 2 has padding on both sides or between tokens"),
        ({"attention_mask": both[:, :3]}, r"attention_mask has shape \[3, 3\]: give \[3, 14\], 1 at each token"),
        ({"attention_mask": both[:, None, None]}, "attention_mask has shape"),
        ({CACHE: DynamicCache()}, "a DynamicCache is no cache of a newllm model"),
        ({CACHE: other(input_ids=tokens)[CACHE]}, "written by another model"),
        ({CACHE: model(input_ids=tokens[:2])[CACHE]}, "holds 2 rows, the call has 3"),
        ({"cache": cache, "past_key_values": copy.deepcopy(cache)}, "two names of one argument"),
        ({"inputs_embeds": torch.zeros(3, 14, 8)}, "give input_ids or inputs_embeds"),
        ({"labels": tokens, "logits_to_keep": 1}, "drop logits_to_keep"),
        ({"position_ids": tokens}, "takes no position_ids"),
    )
    for arguments, line in wrong:
        with pytest.raises(UserError, match=line) as refused:
            model(input_ids=tokens, **arguments)
        assert "\n" not in str(refused.value)
    with pytest.raises(UserError, match="cannot be cropped"):
        cache.crop(3)
    with pytest.raises(UserError, match="cache_implementation='static' does not fit"):
        model.generate(tokens, cache_implementation="static", max_new_tokens=2)
    with pytest.raises(UserError, match=r"the weights are torch.bfloat16, a newllm model takes float32"):
        model_of(body="stack").bfloat16()(input_ids=tokens)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        assert torch.isfinite(model(input_ids=tokens).logits).all()
    with pytest.raises(UserError, match="unknown rule 'gatet'"):
        model_of(rule="gatet")


@torch.no_grad()
def test_saved_and_loaded_it_is_the_same_to_the_bit(model, tokens, tmp_path):
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert isinstance(again, newllm.hf.NewllmForCausalLM)
    assert AutoConfig.from_pretrained(tmp_path).shape == model.config.shape
    assert all(torch.equal(v, again.state_dict()[name]) for name, v in model.state_dict().items())
    assert torch.equal(again(input_ids=tokens).logits, model(input_ids=tokens).logits)


@torch.no_grad()
@pytest.mark.parametrize("side", ["left", "right"])
def test_the_base_model_gives_what_the_head_reads(model, tokens, tmp_path, side):
    model.save_pretrained(tmp_path)
    base = AutoModel.from_pretrained(tmp_path)
    assert isinstance(base, newllm.hf.NewllmModel)
    features = base(input_ids=tokens).last_hidden_state
    assert torch.equal(model.model.head(features), model(input_ids=tokens).logits)
    rows, mask = padded(tokens, side)
    first = base(input_ids=rows[:, :5], attention_mask=mask[:, :5])
    second = base(input_ids=rows[:, 5:], attention_mask=mask, **{CACHE: first[CACHE]})
    whole = model(input_ids=rows, attention_mask=mask)
    for row in range(ROWS):
        logits = model.model.head(torch.cat([first.last_hidden_state, second.last_hidden_state], dim=1))
        close(present(logits, row, side), present(whole.logits, row, side))
        close(second[CACHE].logits_BV[row], whole[CACHE].logits_BV[row])
    base.save_pretrained(tmp_path / "base")
    again = AutoModelForCausalLM.from_pretrained(tmp_path / "base")
    assert torch.equal(again(input_ids=tokens).logits, model(input_ids=tokens).logits)


def test_a_model_built_without_memory_is_drawn_as_another_is():
    whole = model_of(body="stack")
    with torch.device("meta"):
        built = type(whole)(whole.config)
    built.to_empty(device="cpu")
    torch.manual_seed(0)
    built.init_weights()
    torch.manual_seed(0)
    drawn = type(whole)(whole.config)
    assert all(torch.equal(value, built.state_dict()[name]) for name, value in drawn.state_dict().items())
    before = {name: value.clone() for name, value in whole.state_dict().items()}
    whole.init_weights()  # draws nothing anew
    assert all(torch.equal(value, before[name]) for name, value in whole.state_dict().items())


def test_a_folder_that_lacks_weights_is_refused(tmp_path):
    from safetensors.torch import load_file, save_file

    model_of(body="stack").save_pretrained(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    del weights["model.body.blocks.1.mixer.gate.weight"]
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(UserError, match=r"weights 'model.body.blocks.1.mixer.gate.weight' are missing"):
        AutoModelForCausalLM.from_pretrained(tmp_path)


def test_tied_weights_stay_tied(tmp_path, tokens):
    model = model_of(body="stack", tie_word_embeddings=True)
    assert model.model.head.weight is model.model.embedding.weight
    model.save_pretrained(tmp_path)
    again = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert again.model.head.weight is again.model.embedding.weight
    assert torch.equal(again(input_ids=tokens).logits, model(input_ids=tokens).logits)
    assert again.model.head.bias is None
    assert again.config.tied_embeddings
    assert newllm.hf.NewllmConfig(vocabulary=VOCABULARY, tied_embeddings=True).tie_word_embeddings
    with pytest.raises(UserError, match="the head reads 12 channels, the embedding has 8"):
        model_of(body="cell", tie_word_embeddings=True)


def test_a_tied_run_goes_to_transformers_and_back(tmp_path):
    run = run_of(tmp_path, tied_embeddings=True)
    export_run(run, tmp_path / "exported")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "exported").eval()
    tokens = torch.arange(12).view(2, 6)
    assert torch.equal(model(input_ids=tokens).logits, run.model(tokens)[0])
    assert fingerprint(model.model) == fingerprint(run.model)
    model.resize_token_embeddings(260, mean_resizing=False)
    assert model.model.head.weight is model.model.embedding.weight
    model.resize_token_embeddings(257)
    model.save_pretrained(tmp_path / "saved")
    shutil.copy(tmp_path / "exported/tokenizer.json", tmp_path / "saved")
    back = load(import_folder(tmp_path / "saved", tmp_path / "run").path, device="cpu")
    assert same_weights(back.model, run.model)
    assert back.model.head.weight is back.model.embedding.weight


def test_weights_are_drawn_tied_after_meta(tokens):
    config = model_of(body="stack", tie_word_embeddings=True).config
    with torch.device("meta"):
        model = newllm.hf.NewllmForCausalLM(config)
    model.to_empty(device="cpu")
    model.init_weights()
    assert model.model.head.weight is model.model.embedding.weight
    assert bool(model(input_ids=tokens).logits.isfinite().all())


def test_gradient_checkpointing_gives_the_same_gradients_or_is_refused(tokens):
    for body in BODY_NAMES:
        model = model_of(body=body).train()
        if not hasattr(model.model.body, "recompute"):
            with pytest.raises(UserError, match=f"body '{body}' has no blocks to recompute"):
                model._set_gradient_checkpointing(enable=True)
            continue
        model(input_ids=tokens, labels=tokens).loss.backward()
        plain = {name: value.grad.clone() for name, value in model.named_parameters()}
        model.zero_grad()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # the former name, from 5.24 on
            model.gradient_checkpointing_enable()
            assert model.model.body.recompute
            model(input_ids=tokens, labels=tokens).loss.backward()
            model.gradient_checkpointing_disable()
        assert all(torch.equal(value.grad, plain[name]) for name, value in model.named_parameters())
        assert not model.model.body.recompute


@torch.no_grad()
def test_contexts_go_to_files_and_back(model, tokens, tmp_path):
    rows, mask = padded(tokens, "left")
    cache = model(input_ids=rows, attention_mask=mask)[CACHE]
    for row, length in enumerate(LENGTHS):
        model.save_context(tmp_path / "row.context", cache, row)
        memory = load_context(tmp_path / "row.context", model.model, fingerprint(model.model))
        assert memory.tokens_read == length
        restored = model.load_context(tmp_path / "row.context")
        close(restored.logits_BV, model.model(tokens[row : row + 1, :length])[0][:, -1])
        after = model(input_ids=tokens[row : row + 1, :6], **{CACHE: restored})
        whole = torch.cat([tokens[row : row + 1, :length], tokens[row : row + 1, :6]], dim=1)
        close(after.logits, model.model(whole)[0][:, length:])
    with pytest.raises(UserError, match="row 3: this cache holds 3 rows"):
        model.save_context(tmp_path / "row.context", cache, 3)
    with pytest.raises(UserError, match="was written by another model"):
        model_of(body="stack", context=9).load_context(tmp_path / "row.context")


@torch.no_grad()
def test_a_cache_of_a_model_with_other_weights_is_refused(tokens):
    model, other = model_of(body="stack"), model_of(body="stack")
    cache = model(input_ids=tokens)[CACHE]
    equal = copy.deepcopy(cache)
    whole = model(input_ids=torch.cat([tokens, tokens], dim=1)).logits[:, LENGTH:]
    close(other(input_ids=tokens, **{CACHE: equal}).logits, whole)  # another copy of the same model
    other.model.head.bias.add_(1)
    with pytest.raises(UserError, match="was written by another model"):
        other(input_ids=tokens, **{CACHE: cache})
    restored = pickle.loads(pickle.dumps(cache))  # as another process gets it, which cannot know
    close(model(input_ids=tokens, **{CACHE: restored}).logits, whole)
    model.model.head.bias.add_(1)  # the model itself may train on meanwhile
    model(input_ids=tokens, **{CACHE: cache})


def test_new_tokens_can_be_added(tokens):
    model = model_of(body="stack")
    before = model(input_ids=tokens).logits
    model.resize_token_embeddings(VOCABULARY + 5, mean_resizing=False)
    after = model(input_ids=tokens)
    assert after.logits.shape[-1] == VOCABULARY + 5
    assert model.model.config.vocabulary == model.config.vocab_size == VOCABULARY + 5
    close(after.logits[..., :VOCABULARY], before)


@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")  # PEFT calls it by its former name
@pytest.mark.parametrize("variant", [name for name in VARIANTS if name != "lstm"])  # torch's LSTM has no linear layer
def test_an_adapter_on_every_linear_layer_trains_and_merges(variant, tokens):
    peft = pytest.importorskip("peft", reason="PEFT is tested where it is installed; .ci/slow does")
    model = model_of(**VARIANTS[variant])
    plain = model(input_ids=tokens).logits.detach()
    adapted = peft.get_peft_model(model, peft.LoraConfig(r=2, target_modules="all-linear", task_type="CAUSAL_LM"))
    adapters = {name: value for name, value in adapted.named_parameters() if value.requires_grad}
    linears = [
        name for name, part in model.named_modules() if isinstance(part, torch.nn.Linear) and "lora_" not in name
    ]
    assert len(adapters) == 2 * len([name for name in linears if "head" not in name])
    reach = newllm.hf.adapter_reach(adapted)
    total = sum(value.numel() for value in model_of(**VARIANTS[variant]).parameters())
    assert reach.parameters == total == reach.reached + sum(reach.left_out.values())
    assert reach.adapters == sum(value.numel() for value in adapters.values())
    assert reach.left_out["model.embedding.weight"] == VOCABULARY * 8
    assert ("model.head.weight" in reach.left_out) is ("tied" not in variant)
    assert not any(name.endswith("base_layer.weight") for name in reach.left_out)
    assert str(reach).startswith(f"adapters with {reach.adapters:,} parameters reach {reach.reached:,} of {total:,} (")
    optimizer = torch.optim.SGD(adapters.values(), 1.0)
    for _ in range(2):  # after one step the first of the two matrices has a gradient too
        optimizer.zero_grad()
        adapted(input_ids=tokens, labels=tokens).loss.backward()
        optimizer.step()
    unreached = [name for name, value in adapters.items() if value.grad is None or not value.grad.any()]
    assert not [name for name in unreached if "zero" not in variant]
    with torch.no_grad():
        trained = adapted.eval()(input_ids=tokens).logits
        assert (trained - plain).abs().max() > 1e-4
        torch.testing.assert_close(adapted.merge_and_unload()(input_ids=tokens).logits, trained, atol=1e-4, rtol=1e-4)

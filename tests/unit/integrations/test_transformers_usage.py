"""What users of transformers do with any model: ways to load it, to give it tokens, and to generate."""

from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="needs newllm[hf]; .ci/slow runs these in an environment that has it")
pytest.importorskip("accelerate", reason="Trainer needs accelerate; .ci/slow runs these in an environment that has it")

from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

import newllm.hf
from newllm.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore")  # what transformers says of itself
VOCABULARY = 257


def model_of(**settings: Any) -> Any:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"width": 8, "layers": 2, "hidden": 8, "context": 8, "window": 8, "heads": 2}
    ids: dict[str, Any] = {"bos_token_id": 256, "eos_token_id": 256, "pad_token_id": 0}
    model = AutoModelForCausalLM.from_config(newllm.hf.NewllmConfig(vocab_size=VOCABULARY, **sizes | ids | settings))
    with torch.no_grad():
        model.model.embedding.weight.mul_(30)
    return model.eval()


@pytest.fixture
def tokens():
    return torch.randint(1, 190, (2, 7), generator=torch.Generator().manual_seed(1))


WAYS: list[dict[str, Any]] = [
    {"device_map": "cpu"},
    {"device_map": "auto"},
    {"low_cpu_mem_usage": True},
    {"dtype": "auto"},
    {"torch_dtype": "float32"},
]


@torch.no_grad()
@pytest.mark.parametrize("how", WAYS, ids=str)
def test_every_way_to_load_gives_the_same_bits(how, tokens, tmp_path):
    model = model_of()
    model.save_pretrained(tmp_path, max_shard_size="2KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path, **how)
    assert torch.equal(loaded(input_ids=tokens).logits, model(input_ids=tokens).logits)


@torch.no_grad()
@pytest.mark.parametrize("key", ["dtype", "torch_dtype"])
def test_weights_of_16_bits_are_refused_with_the_way_to_load_them(key, tokens, tmp_path):
    model_of().bfloat16().save_pretrained(tmp_path)
    with pytest.raises(UserError, match=r"are torch.bfloat16, .*: load it with dtype=torch.float32 or \.float\(\) it"):
        AutoModelForCausalLM.from_pretrained(tmp_path, **{key: "bfloat16"})(input_ids=tokens)
    assert (
        AutoModelForCausalLM.from_pretrained(tmp_path, **{key: torch.float32})(input_ids=tokens).logits.isfinite().all()
    )


@torch.no_grad()
@pytest.mark.parametrize("body", ["stack", "cell", "lstm"])
@pytest.mark.parametrize("count", [300, 200])
def test_a_model_with_other_tokens_is_saved_and_goes_on(body, count, tokens, tmp_path):
    model = model_of(body=body, eos_token_id=0)
    model.resize_token_embeddings(count)
    model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    assert loaded(input_ids=tokens).logits.shape[-1] == count == loaded.model.config.vocabulary
    assert torch.equal(loaded.generate(tokens, max_new_tokens=4), model.generate(tokens, max_new_tokens=4))


@torch.no_grad()
def test_generation_stops_at_a_string(tokens, tmp_path):
    from newllm.api.loaded import LoadedRun
    from newllm.data import DataConfig
    from newllm.data.byte_tokenizer import ByteTokenizer
    from newllm.integrations.transformers.folder import export_run
    from newllm.training.config import RunConfig

    model = model_of().model
    run = LoadedRun(tmp_path, RunConfig(model=model.config, data=DataConfig()), model, ByteTokenizer(), 5)
    export_run(run, tmp_path / "folder")
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "folder")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "folder")
    torch.manual_seed(0)
    whole = loaded.generate(tokens[:1], max_new_tokens=40, do_sample=True, eos_token_id=None)[0, 7:].tolist()
    character = next(chr(token) for token in whole[3:] if 32 < token < 127)
    torch.manual_seed(0)
    options = {"max_new_tokens": 40, "do_sample": True, "stop_strings": [character], "tokenizer": tokenizer}
    stopped = loaded.generate(tokens[:1], eos_token_id=None, **options)[0, 7:].tolist()
    assert stopped == whole[: whole.index(ord(character)) + 1]


@torch.no_grad()
def test_guided_generation_is_that_of_two_whole_rows(tokens):
    model, row, other = model_of(), tokens, tokens[:, :3]
    guided = {
        cached: model.generate(tokens, max_new_tokens=6, do_sample=False, eos_token_id=None, guidance_scale=1.7,
                               negative_prompt_ids=other, use_cache=cached)
        for cached in (True, False)
    }  # fmt: skip
    for _ in range(6):
        one, two = (model(input_ids=given).logits[:, -1].log_softmax(-1) for given in (row, other))
        token = (1.7 * (one - two) + two).argmax(-1)[:, None]
        row, other = torch.cat([row, token], 1), torch.cat([other, token], 1)
    assert torch.equal(guided[True], row)
    assert torch.equal(guided[False], row)


@torch.no_grad()
def test_what_a_state_cannot_do_is_refused_in_one_line(tokens):
    model = model_of()
    for asked in ({"assistant_model": model_of()}, {"assistant_early_exit": 1}, {"prompt_lookup_num_tokens": 3}):
        with pytest.raises(UserError, match="assisted generation does not fit a newllm model"):
            model.generate(tokens[:1], max_new_tokens=4, **asked)
    other = GPT2LMHeadModel(GPT2Config(vocab_size=VOCABULARY, n_embd=8, n_layer=1, n_head=1))
    with pytest.raises(UserError, match="cannot be the assistant_model of another: its state does not go back") as said:
        other.generate(tokens[:1], max_new_tokens=4, assistant_model=model, pad_token_id=0)
    assert "\n" not in str(said.value)


@pytest.mark.parametrize("compiled", [False, True])
def test_a_compiled_training_is_the_same_and_its_recording_says_what_it_cannot_see(compiled, tokens, tmp_path):
    rows = [{"input_ids": tokens[0], "labels": tokens[0]}] * 8
    fixed = {"max_steps": 3, "use_cpu": True, "report_to": [], "disable_tqdm": True, "save_strategy": "no"}
    more = {"torch_compile": True, "torch_compile_backend": "eager"} if compiled else {}
    arguments = TrainingArguments(output_dir=str(tmp_path), **fixed, **more)
    recorder = newllm.hf.Recorder(out=tmp_path / "run")
    loss = Trainer(model_of(), arguments, train_dataset=rows, callbacks=[recorder]).train().training_loss
    plain = TrainingArguments(output_dir=str(tmp_path), **fixed)
    assert loss == pytest.approx(Trainer(model_of(), plain, train_dataset=rows).train().training_loss, rel=1e-6)
    about = (tmp_path / "run" / "recording.json").read_text()
    assert ("no layer could be observed, as inside a compiled model" in about) is compiled

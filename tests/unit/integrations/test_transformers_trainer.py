"""The transformers model in `Trainer` and `pipeline`, on a real short training."""

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="needs newllm[hf]; .ci/slow runs these in an environment that has it")
pytest.importorskip("accelerate", reason="Trainer needs accelerate; .ci/slow runs these in an environment that has it")

from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments, pipeline

import newllm.hf
from newllm.api.loaded import LoadedRun, load
from newllm.data import DataConfig
from newllm.data.byte_tokenizer import ByteTokenizer
from newllm.integrations.transformers.folder import export_run, import_folder
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.training.config import RunConfig

pytestmark = pytest.mark.filterwarnings("ignore")  # what Trainer and pipeline say of themselves


def trained(out: Path, resume: str | bool = False, steps: int = 4, **options: Any) -> Any:
    """Train a tiny model with dropout on rows of several lengths, padded on the right."""
    torch.manual_seed(0)
    config = newllm.hf.NewllmConfig(vocab_size=30, width=8, layers=1, hidden=8, context=8, dropout=0.1, window=8)
    chance = torch.Generator().manual_seed(1)
    rows = [torch.randint(1, 30, (length,), generator=chance) for length in (9, 5, 7, 9, 4, 8, 6, 9)]

    def collate(chosen):
        tokens = torch.nn.utils.rnn.pad_sequence(chosen, batch_first=True)
        return {
            "input_ids": tokens,
            "attention_mask": (tokens > 0).long(),
            "labels": tokens.masked_fill(tokens == 0, -100),
        }

    arguments = TrainingArguments(
        output_dir=str(out),
        max_steps=steps,
        per_device_train_batch_size=2,
        gradient_accumulation_steps=2,
        save_steps=2,
        lr_scheduler_type="constant",
        learning_rate=1e-2,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        dataloader_pin_memory=False,
        remove_unused_columns=False,
        **options,
    )
    trainer = Trainer(AutoModelForCausalLM.from_config(config), arguments, data_collator=collate, train_dataset=rows)
    trainer.train(resume_from_checkpoint=resume)
    return trainer.model


def test_a_resumed_training_is_the_uninterrupted_one_to_the_bit(tmp_path):
    whole = trained(tmp_path / "whole").state_dict()
    trained(tmp_path / "parts", steps=2)
    resumed = trained(tmp_path / "parts", resume=True).state_dict()
    assert all(torch.equal(value, resumed[name]) for name, value in whole.items())
    started = trained(tmp_path / "start", steps=2).state_dict()
    assert not torch.equal(started["model.head.weight"], resumed["model.head.weight"])


def test_a_trainer_that_computes_blocks_again_trains_the_same_model(tmp_path):
    plain = trained(tmp_path / "plain").state_dict()
    again = trained(tmp_path / "again", gradient_checkpointing=True)
    assert again.model.body.recompute
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in plain.items())


def test_an_exported_run_in_a_pipeline_and_back(tmp_path):
    shape = ModelConfig(width=8, layers=1, hidden=8, context=8, window=8, vocabulary=257)
    run = LoadedRun(
        tmp_path, RunConfig(model=shape, data=DataConfig()), LanguageModel(shape).eval(), ByteTokenizer(), 5
    )
    export_run(run, tmp_path / "folder")
    model = AutoModelForCausalLM.from_pretrained(tmp_path / "folder")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "folder")
    assert tokenizer("a<|endoftext|>").input_ids == [256, *b"a<|endoftext|>"]
    assert tokenizer.decode(tokenizer("Ünïcode 日本").input_ids, skip_special_tokens=True) == "Ünïcode 日本"
    write = pipeline("text-generation", model=model, tokenizer=tokenizer, device="cpu")
    together = write(["the whale", "a"], max_new_tokens=5, do_sample=False, batch_size=2)
    alone = [write(text, max_new_tokens=5, do_sample=False) for text in ("the whale", "a")]
    assert together == alone
    model.save_pretrained(tmp_path / "again")
    tokenizer.save_pretrained(tmp_path / "again")
    back = load(import_folder(tmp_path / "again", tmp_path / "run").path, device="cpu")
    assert back.tokenizer.to_json() == run.tokenizer.to_json()
    assert back.step == 5
    assert all(torch.equal(value, back.model.state_dict()[name]) for name, value in run.model.state_dict().items())

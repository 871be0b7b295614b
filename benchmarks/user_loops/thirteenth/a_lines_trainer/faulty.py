"""A tiny GPT-2 that writes single lines of verse, trained with transformers' Trainer."""
import random
import sys

import torch
from datasets import Dataset
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    DataCollatorForLanguageModeling,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)

import newllm.hf

torch.set_num_threads(1)
set_seed(23)


def read_lines():
    with open("tinyshakespeare.txt", encoding="utf-8") as file:
        lines = [line.strip() for line in file]
    lines = [line for line in lines if 12 <= len(line) <= 60 and not line.endswith(":")]
    random.Random(0).shuffle(lines)
    return lines[:1000], lines[1000:17000]


def make_tokenizer(lines):
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    bpe.train_from_iterator(
        lines,
        trainers.BpeTrainer(
            vocab_size=600,
            special_tokens=["<|endoftext|>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, bos_token="<|endoftext|>", eos_token="<|endoftext|>")
    tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def main():
    val_lines, train_lines = read_lines()
    tokenizer = make_tokenizer(train_lines)

    def encode(batch):
        return tokenizer([line + tokenizer.eos_token for line in batch["text"]], truncation=True, max_length=48)

    train_set = Dataset.from_dict({"text": train_lines}).map(encode, batched=True, remove_columns="text")
    val_set = Dataset.from_dict({"text": val_lines}).map(encode, batched=True, remove_columns="text")

    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=len(tokenizer),
            n_positions=64,
            n_embd=96,
            n_layer=2,
            n_head=4,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )
    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            output_dir="out-" + sys.argv[1],
            num_train_epochs=2,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=100,
            learning_rate=2e-3,
            lr_scheduler_type="cosine",
            warmup_steps=50,
            weight_decay=0.01,
            logging_steps=50,
            eval_strategy="steps",
            eval_steps=100,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            use_cpu=True,
            seed=23,
        ),
        train_dataset=train_set,
        eval_dataset=val_set,
        data_collator=DataCollatorForLanguageModeling(tokenizer=tokenizer, mlm=False),
        processing_class=tokenizer,
    )
    trainer.add_callback(newllm.hf.Recorder(out="runs/" + sys.argv[1]))
    trainer.train()

    model.eval()
    prompts = tokenizer([line.split()[0] for line in val_lines[:100]], padding=True, padding_side="left", return_tensors="pt")
    written = model.generate(
        input_ids=prompts["input_ids"],
        attention_mask=prompts["attention_mask"],
        do_sample=True,
        top_k=50,
        max_new_tokens=48,
    )
    new = written[:, prompts["input_ids"].shape[1] :]
    for text in tokenizer.batch_decode(written[:8], skip_special_tokens=True):
        print(repr(text))
    lengths = [len(tokenizer.decode(row, skip_special_tokens=True)) for row in new]
    print("mean length written:", sum(lengths) / len(lengths), "characters; ended:", (new == tokenizer.eos_token_id).any(dim=1).float().mean().item())


if __name__ == "__main__":
    main()

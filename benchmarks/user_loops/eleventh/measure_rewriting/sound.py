"""Train a small GPT-2 to rewrite dates, sums of money and durations in a standard form."""
import random
import sys

import torch
from torch.utils.data import Dataset
from transformers import (
    DataCollatorForLanguageModeling,
    GPT2Config,
    GPT2LMHeadModel,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    set_seed,
)
from tokenizers import Regex, Tokenizer, models, pre_tokenizers, decoders

import newllm.hf

MONTHS = ["january", "february", "march", "april", "may", "june", "july", "august", "september",
          "october", "november", "december"]
CURRENCIES = {"dollars": "USD", "euros": "EUR", "pounds": "GBP", "yen": "JPY"}
CHARACTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789 -,.:=>"


def make_example(rng):
    kind = rng.choice(["date", "money", "duration"])
    if kind == "date":
        year, month, day = rng.randint(1950, 2029), rng.randint(1, 12), rng.randint(1, 28)
        name = rng.choice([MONTHS[month - 1], MONTHS[month - 1][:3]])
        text = rng.choice([f"{name} {day}, {year}", f"{day} {name} {year}", f"{day}.{month}.{year}"])
        return text, f"{year}-{month:02d}-{day:02d}"
    if kind == "money":
        amount, currency = rng.randint(1, 9999), rng.choice(list(CURRENCIES))
        return f"{amount} {currency}", f"{CURRENCIES[currency]} {amount}"
    hours, minutes = rng.randint(0, 23), rng.randint(1, 59)
    text = f"{hours} hours {minutes} minutes" if hours else f"{minutes} minutes"
    return text, f"{hours}h{minutes}m" if hours else f"{minutes}m"


def build_tokenizer():
    vocabulary = {"<pad>": 0, "<eos>": 1, "<unk>": 2}
    for character in CHARACTERS:
        vocabulary[character] = len(vocabulary)
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), behavior="isolated")
    tokenizer.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<eos>", unk_token="<unk>", pad_token="<pad>"
    )


class Rewriting(Dataset):
    def __init__(self, n, seed, tokenizer):
        rng = random.Random(seed)
        self.pairs = [make_example(rng) for _ in range(n)]
        self.items = [tokenizer(f"{text} => {answer}" + tokenizer.eos_token) for text, answer in self.pairs]

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return {k: self.items[i][k] for k in ("input_ids", "attention_mask")}


class RewritingTrainer(Trainer):
    """Also generates the answers to some prompts at each evaluation and counts those that are exactly right."""

    def evaluation_loop(self, dataloader, *args, metric_key_prefix="eval", **kwargs):
        output = super().evaluation_loop(dataloader, *args, metric_key_prefix=metric_key_prefix, **kwargs)
        output.metrics[f"{metric_key_prefix}_exact_match"] = self.exact_match(dataloader.dataset.pairs[:150])
        return output

    @torch.no_grad()
    def exact_match(self, pairs, max_new_tokens=16):
        self.model.eval()
        tokenizer = self.processing_class
        tokenizer.padding_side = "left"
        batch = tokenizer([f"{text} => " for text, _ in pairs], return_tensors="pt", padding=True)
        tokenizer.padding_side = "right"
        tokens = self.model.generate(
            input_ids=batch["input_ids"], attention_mask=batch["attention_mask"], max_new_tokens=max_new_tokens,
            do_sample=False, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
        )
        answers = tokenizer.batch_decode(tokens[:, batch["input_ids"].shape[1]:], skip_special_tokens=True)
        for (text, answer), got in list(zip(pairs, answers))[:3]:
            print(f"  {text!r} -> {got!r} (wanted {answer!r})")
        return sum(got == answer for (_, answer), got in zip(pairs, answers)) / len(pairs)


def main():
    torch.set_num_threads(1)
    set_seed(11)
    tokenizer = build_tokenizer()
    train = Rewriting(12000, 1, tokenizer)
    val = Rewriting(300, 2, tokenizer)
    model = GPT2LMHeadModel(GPT2Config(
        vocab_size=len(tokenizer), n_positions=64, n_embd=96, n_layer=3, n_head=4,
        resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0,
        bos_token_id=tokenizer.eos_token_id, eos_token_id=tokenizer.eos_token_id, pad_token_id=tokenizer.pad_token_id,
    ))
    args = TrainingArguments(
        output_dir="output",
        max_steps=600,
        per_device_train_batch_size=24,
        per_device_eval_batch_size=100,
        learning_rate=2e-3,
        lr_scheduler_type="cosine",
        warmup_steps=40,
        weight_decay=0.01,
        logging_steps=20,
        eval_strategy="steps",
        eval_steps=60,
        save_strategy="no",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
        seed=11,
    )
    trainer = RewritingTrainer(
        model=model,
        args=args,
        train_dataset=train,
        eval_dataset=val,
        processing_class=tokenizer,
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
    )
    trainer.add_callback(newllm.hf.Recorder(out="runs/" + sys.argv[1]))
    trainer.train()


if __name__ == "__main__":
    main()

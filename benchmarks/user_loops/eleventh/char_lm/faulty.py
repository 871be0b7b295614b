"""Character-level GPT-2 on Tiny Shakespeare with the Hugging Face Trainer."""
import math
import sys

import torch
from torch.utils.data import Dataset
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments, set_seed

import newllm.hf

BLOCK = 64


class CharDataset(Dataset):
    """Blocks of characters; inputs and labels are the same, the model shifts them."""

    def __init__(self, text, block_size, chars=None, stride=None):
        self.chars = chars or sorted(set(text))
        self.stoi = {ch: i for i, ch in enumerate(self.chars)}
        self.data = torch.tensor([self.stoi[ch] for ch in text])
        self.block_size = block_size
        self.stride = stride or block_size
        self.vocab_size = len(self.chars)

    def __len__(self):
        return (len(self.data) - self.block_size) // self.stride

    def __getitem__(self, index):
        start = index * self.stride
        block = self.data[start:start + self.block_size]
        return {"input_ids": block, "labels": block.clone()}


def to_predictions(logits, labels):
    return logits.argmax(-1)


def compute_metrics(output):
    predictions, labels = output.predictions[:, :-1], output.label_ids[:, 1:]
    return {"accuracy": float((predictions == labels).mean())}


def main():
    set_seed(1337)
    with open("tinyshakespeare.txt", encoding="utf-8") as file:
        text = file.read()
    split = int(0.9 * len(text))
    train_dataset = CharDataset(text[:split], BLOCK, stride=16)
    eval_dataset = CharDataset(text[split:], BLOCK, stride=384)
    print(len(train_dataset), "training blocks,", len(eval_dataset), "evaluation blocks")

    config = GPT2Config(
        vocab_size=train_dataset.vocab_size,
        n_positions=BLOCK,
        n_embd=96,
        n_layer=3,
        n_head=4,
        resid_pdrop=0.0,
        embd_pdrop=0.0,
        attn_pdrop=0.0,
        bos_token_id=0,
        eos_token_id=0,
    )
    model = GPT2LMHeadModel(config)

    arguments = TrainingArguments(
        output_dir="checkpoints",
        max_steps=700,
        per_device_train_batch_size=16,
        per_device_eval_batch_size=64,
        learning_rate=2e-3,
        lr_scheduler_type="cosine",
        warmup_steps=50,
        weight_decay=0.01,
        max_grad_norm=1.0,
        logging_steps=10,
        eval_strategy="steps",
        eval_steps=70,
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=True,
        seed=1337,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=train_dataset,
        eval_dataset=eval_dataset,
        compute_metrics=compute_metrics,
        preprocess_logits_for_metrics=to_predictions,
    )
    trainer.add_callback(newllm.hf.Recorder(out="runs/" + sys.argv[1]))
    trainer.train()

    result = trainer.state.log_history
    last = [row for row in result if "eval_loss" in row][-1]
    print(f"perplexity {math.exp(last['eval_loss']):.2f}, accuracy {last['eval_accuracy']:.3f}")


if __name__ == "__main__":
    main()

"""Minutes until a parcel is delivered, from the events that its scanner wrote: a small BERT with one output."""

import sys

import numpy
import torch
from torch.utils.data import Dataset
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, set_seed

import newllm.hf

torch.set_num_threads(1)
set_seed(11)

EVENTS = 40          # kinds of events
LENGTH = 24
PAD = 0


def parcels(n, seed):
    rng = numpy.random.default_rng(seed)
    cost = numpy.random.default_rng(5).gamma(2.0, 1.0, EVENTS)
    tokens = numpy.full((n, LENGTH), PAD)
    minutes = numpy.zeros(n)
    for i in range(n):
        k = rng.integers(8, LENGTH + 1)
        events = rng.integers(2, EVENTS, k)
        tokens[i, :k] = events
        twice = sum(1 for a, b in zip(events, events[1:]) if a % 4 == b % 4)
        minutes[i] = cost[events].sum() + 3.0 * twice + rng.normal(0, 2)
    return tokens, minutes


class Parcels(Dataset):
    def __init__(self, n, seed, mean=None, std=None):
        self.tokens, minutes = parcels(n, seed)
        self.mean = minutes.mean() if mean is None else mean
        self.std = minutes.std() if std is None else std
        self.target = (minutes - self.mean) / self.std

    def __len__(self):
        return len(self.tokens)

    def __getitem__(self, i):
        ids = torch.tensor(self.tokens[i])
        return {"input_ids": ids, "attention_mask": (ids != PAD).long(), "labels": torch.tensor(self.target[i], dtype=torch.float32)}


train = Parcels(6000, 1)
held_out = Parcels(600, 2, train.mean, train.std)


def compute_metrics(evaluated):
    predictions, labels = evaluated
    predictions = predictions.squeeze(-1)
    error = predictions - labels
    mse = (error ** 2).mean()
    return {
        "rmse_minutes": float(numpy.sqrt(mse) * train.std),
        "mae_minutes": float(numpy.abs(error).mean() * train.std),
        "r2": float(1 - mse / labels.var()),
    }


model = BertForSequenceClassification(BertConfig(
    vocab_size=EVENTS, hidden_size=64, num_hidden_layers=2, num_attention_heads=4, intermediate_size=128,
    max_position_embeddings=LENGTH, num_labels=1, problem_type="regression", pad_token_id=PAD))

trainer = Trainer(
    model=model,
    args=TrainingArguments(
        output_dir="out/delivery", max_steps=600, per_device_train_batch_size=32, per_device_eval_batch_size=100,
        learning_rate=1e-3, warmup_steps=30, weight_decay=0.01, lr_scheduler_type="linear",
        eval_strategy="steps", eval_steps=50, logging_steps=25, save_strategy="no", report_to=[], use_cpu=True, seed=11),
    train_dataset=train,
    eval_dataset=held_out,
    compute_metrics=compute_metrics,
)
trainer.add_callback(newllm.hf.Recorder(out="runs/" + sys.argv[1]))
trainer.train()
print(trainer.evaluate())

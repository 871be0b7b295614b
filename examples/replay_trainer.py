"""A training of transformers whose loss spikes: recorded, diagnosed and replayed, with no function written by hand.

    pip install 'newllm[hf]' accelerate
    python examples/replay_trainer.py

A small GPT-2 learns the bytes of a novel under `transformers.Trainer`. The fault is in the Trainer's own schedule: for
three updates the rate is a hundred times what it should be, as where a number in percent is taken for a share. One line
records the training (`add_callback`), `newllm doctor` reads the recording, and `newllm.hf.loop` takes model, optimizer,
schedule, data and loss out of the Trainer for the replays. Takes less than two minutes on two cores.
"""

import lzma
import tempfile
from importlib import resources
from pathlib import Path

import torch
from torch.optim.lr_scheduler import LambdaLR
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

import newllm
import newllm.hf

STEPS, WINDOW = 80, 32
IN_PERCENT = range(45, 48)  # the fault
NOVEL = resources.files("newllm.data") / "bundled" / "moby-dick.txt.xz"


def rows() -> list[dict[str, torch.Tensor]]:
    """Return windows of the novel, a token a byte."""
    text = torch.frombuffer(bytearray(lzma.decompress(NOVEL.read_bytes())[:200_000]), dtype=torch.uint8).long()
    return [{"input_ids": row, "labels": row} for row in text[: len(text) // WINDOW * WINDOW].view(-1, WINDOW)]


def schedule(step: int) -> float:
    """Return the share of the learning rate in an update."""
    return min(1.0, (step + 1) / 10) * (100 if step in IN_PERCENT else 1)


def make_trainer(folder: str) -> Trainer:
    """Return a Trainer as a script has it."""
    torch.manual_seed(0)
    model = GPT2LMHeadModel(
        GPT2Config(
            vocab_size=256,
            n_positions=WINDOW,
            n_embd=32,
            n_layer=1,
            n_head=4,
            resid_pdrop=0.0,
            embd_pdrop=0.0,
            attn_pdrop=0.0,
        )
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    arguments = TrainingArguments(
        output_dir=folder,
        max_steps=STEPS,
        per_device_train_batch_size=8,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        save_strategy="no",
        logging_steps=20,
        dataloader_pin_memory=False,
    )
    data = rows()
    return Trainer(
        model,
        arguments,
        train_dataset=data[:-16],
        eval_dataset=data[-16:],
        optimizers=(optimizer, LambdaLR(optimizer, schedule)),
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(folder)
        loop = newllm.hf.loop(trainer)  # before the training: it needs the model as it begins
        recording = Path(folder) / "recording"
        trainer.add_callback(newllm.hf.Recorder(out=recording))
        trainer.train()
        for finding in newllm.doctor(recording).findings:
            print(f"doctor: {finding.sentence}")
        verdict = newllm.replay(loop, budget=60, recorded=recording)
        print(verdict)

"""A Hugging Face Trainer's training recorded by one added line, and what the doctor says of it.

    pip install 'newllm[hf]' accelerate
    python examples/record_trainer.py            # sound
    python examples/record_trainer.py --fault    # the learning rate is a hundred times too large for three steps

A small GPT-2 from its configuration learns the bytes of Moby-Dick. Takes half a minute on one core.
"""

import lzma
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, Trainer, TrainingArguments

import newllm.hf

LENGTH, STEPS, FAULT = 64, 120, range(60, 63)


def rows() -> list[dict[str, torch.Tensor]]:
    """Return 2,000 rows of bytes."""
    with lzma.open(Path(newllm.__file__).parent / "data" / "bundled" / "moby-dick.txt.xz") as text:
        text.read(200_000)  # the first chapters, with what an edition puts before them
        tokens = torch.tensor(list(text.read(2000 * LENGTH)))
    return [{"input_ids": row, "labels": row} for row in tokens.split(LENGTH)]


def main(fault: bool) -> None:
    """Train, and print what the doctor says."""
    torch.manual_seed(0)
    shape = {"n_positions": LENGTH, "n_embd": 64, "n_layer": 2, "n_head": 4, "bos_token_id": 0, "eos_token_id": 0}
    model = GPT2LMHeadModel(GPT2Config(vocab_size=256, **shape))
    out = Path(tempfile.mkdtemp())
    arguments = TrainingArguments(
        output_dir=str(out / "checkpoints"),
        max_steps=STEPS,
        per_device_train_batch_size=8,
        gradient_accumulation_steps=2,
        learning_rate=1e-3,
        eval_strategy="steps",
        eval_steps=30,
        save_strategy="no",
        logging_steps=50,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
    )
    optimizer = torch.optim.AdamW(model.parameters(), arguments.learning_rate)

    def rate(step: int) -> float:
        return 100.0 if fault and step in FAULT else min(1.0, (step + 1) / 10)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
    data = rows()
    trainer = Trainer(
        model, arguments, train_dataset=data[:1900], eval_dataset=data[1900:], optimizers=(optimizer, schedule)
    )
    trainer.add_callback(newllm.hf.Recorder(out=out / "run"))  # all that is added
    trainer.train()
    subprocess.run([sys.executable, "-m", "newllm.cli.main", "doctor", str(out / "run")], check=False)


if __name__ == "__main__":
    main("--fault" in sys.argv)

"""A loop of Hugging Face Accelerate recorded by three added lines, and what the doctor says of it.

    pip install 'newllm[hf]' accelerate
    python examples/record_accelerate.py            # sound
    python examples/record_accelerate.py --fault    # the gradient is never cleared

A small Llama from its configuration learns the bytes of Moby-Dick, in batches that accumulate. An update is recorded
once its gradients are together (`accelerator.sync_gradients`). Takes half a minute on one core.
"""

import lzma
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from accelerate import Accelerator
from transformers import LlamaConfig, LlamaForCausalLM

import newllm

LENGTH, EPOCHS, ACCUMULATE = 64, 1, 2


def rows() -> torch.Tensor:
    """Return 1,600 rows of bytes."""
    with lzma.open(Path(newllm.__file__).parent / "data" / "bundled" / "moby-dick.txt.xz") as text:
        text.read(200_000)  # the first chapters, with what an edition puts before them
        return torch.tensor(list(text.read(1600 * LENGTH))).view(-1, LENGTH)


def main(fault: bool) -> None:
    """Train, and print what the doctor says."""
    torch.manual_seed(0)
    accelerator = Accelerator(cpu=True, gradient_accumulation_steps=ACCUMULATE)
    shape = {"num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": LENGTH}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=256, hidden_size=64, intermediate_size=128, **shape))
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    loader = torch.utils.data.DataLoader(rows(), batch_size=8, shuffle=True)
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    out, losses = Path(tempfile.mkdtemp()) / "run", []
    with newllm.record(model, optimizer, out=out) as recorder:  # added
        for _epoch in range(EPOCHS):
            for batch in loader:
                with accelerator.accumulate(model):
                    loss = model(input_ids=batch, labels=batch).loss
                    accelerator.backward(loss)
                    losses.append(loss.detach())
                    if accelerator.sync_gradients:
                        accelerator.clip_grad_norm_(model.parameters(), 1.0)
                    optimizer.step()
                    if not fault:
                        optimizer.zero_grad()
                if accelerator.sync_gradients:
                    recorder.step(sum(losses) / len(losses))  # added
                    losses.clear()
    if accelerator.is_main_process:
        subprocess.run([sys.executable, "-m", "newllm.cli.main", "doctor", str(out)], check=False)


if __name__ == "__main__":
    main("--fault" in sys.argv)

"""A plain PyTorch loop recorded by three added lines, stopped, resumed from a checkpoint, and what the doctor says.

    python examples/record_loop.py            # sound
    python examples/record_loop.py --fault    # something overwrites weights between two updates

An LSTM learns the bytes of Moby-Dick. The first training breaks off after its checkpoint; the second goes on from there
with the same recording (`resumed_at`), and what the first recorded behind the checkpoint is set aside. Takes half a
minute on one core.
"""

import lzma
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import newllm

LENGTH, STEPS, SAVED, STOPPED, FAULT = 64, 200, 80, 90, 140


class LSTM(nn.Module):
    """A language model of bytes."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.lstm, self.head = (
            nn.Embedding(256, 64),
            nn.LSTM(64, 96, batch_first=True),
            nn.Linear(96, 256),
        )

    def forward(self, tokens: Tensor) -> Tensor:
        """Return the logits of each next byte."""
        return self.head(self.lstm(self.embedding(tokens))[0])


def train(out: Path, checkpoint: Path, text: Tensor, *, stop: int, fault: bool) -> None:
    """Train to a step; where there is a checkpoint, from there."""
    torch.manual_seed(0)
    model = LSTM()
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    start = 0
    if checkpoint.exists():
        saved = torch.load(checkpoint)
        start = saved["step"]
        model.load_state_dict(saved["model"])
        optimizer.load_state_dict(saved["optimizer"])
    with newllm.record(model, optimizer, out=out, resumed_at=start) as recorder:  # added
        for step in range(start + 1, stop + 1):
            chance = torch.Generator().manual_seed(step)  # batches are a function of the step: none is read twice
            rows = text[torch.randint(len(text), (16,), generator=chance)]
            optimizer.zero_grad()
            loss = F.cross_entropy(model(rows[:, :-1]).transpose(1, 2), rows[:, 1:])
            loss.backward()
            if fault and step == FAULT:
                with torch.no_grad():
                    model.lstm.weight_hh_l0.mul_(3.0)
            optimizer.step()
            recorder.step(loss)  # added
            if step == SAVED:
                recorder.flush()  # so that a kill leaves no gap before the checkpoint
                torch.save({"step": step, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, checkpoint)


def main(fault: bool) -> None:
    """Train in two parts, and print what the doctor says."""
    with lzma.open(Path(newllm.__file__).parent / "data" / "bundled" / "moby-dick.txt.xz") as packed:
        text = torch.tensor(list(packed.read(4000 * LENGTH))).view(-1, LENGTH)
    place = Path(tempfile.mkdtemp())
    for stop in (STOPPED, STEPS):
        train(place / "run", place / "checkpoint.pt", text, stop=stop, fault=fault)
    print("set aside:", *(path.name for path in (place / "run" / "set-aside").iterdir()))
    subprocess.run([sys.executable, "-m", "newllm.cli.main", "doctor", str(place / "run")], check=False)


if __name__ == "__main__":
    main("--fault" in sys.argv)

"""How long newllm.check takes of a language model of 4.5 million parameters, on one thread, with its step and without.

    python benchmarks/silent/check_speed.py [--quick] [--out FILE]

`seconds` is by the clock and `processor_seconds` what the process was given, which is less on a busy machine. A check
has ten seconds, and what finds no time in them is listed.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

sys.path.append(str(Path(__file__).parent.parent / "shared"))
VOCABULARY, WIDTH, LAYERS, LENGTH, ROWS = 4096, 256, 3, 64, 8


class LanguageModel(nn.Module):
    """A Transformer that predicts the next token."""

    def __init__(self, width: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 8, 4 * width, dropout=0.0, batch_first=True)
        self.embedding, self.body = nn.Embedding(VOCABULARY, width), nn.TransformerEncoder(layer, LAYERS)
        self.head = nn.Linear(width, VOCABULARY, bias=False)
        nn.init.normal_(self.embedding.weight, std=0.02)

    def forward(self, tokens_BT: torch.Tensor) -> torch.Tensor:
        """Logits `[B, T, V]`."""
        length = tokens_BT.shape[1]
        mask_TT = torch.ones(length, length, dtype=torch.bool).triu(1)
        return self.head(self.body(self.embedding(tokens_BT), mask=mask_TT))


def loss(model: nn.Module, tokens_BT: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(tokens_BT[:, :-1]).flatten(0, 1), tokens_BT[:, 1:].flatten())


def checked(width: int, with_step: bool) -> dict[str, Any]:
    """Check once, and return how long it took and what it said."""
    import newllm

    torch.manual_seed(0)
    model = LanguageModel(width)
    optimizer = torch.optim.AdamW(model.parameters(), 3e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 100)

    def step(tokens_BT: torch.Tensor) -> None:
        optimizer.zero_grad()
        for part_BT in tokens_BT.chunk(2):
            (loss(model, part_BT) / 2).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()

    batch = torch.randint(VOCABULARY, (ROWS, LENGTH + 1))
    more: dict[str, Any] = {"step": step, "steps": 100} if with_step else {}
    began, given = time.perf_counter(), time.process_time()
    report = newllm.check(model, optimizer, loss, batch, **more)
    return {
        "step": with_step,
        "parameters": sum(each.numel() for each in model.parameters()),
        "seconds": round(time.perf_counter() - began, 2),
        "processor_seconds": round(time.process_time() - given, 2),
        "wrong": [each.probe for each in report.wrong],
        "sound": len(report.of("sound")),
        "no_time": [name for group in report.unchecked() if group.argument == "seconds" for name in group.probes],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a small model")
    parser.add_argument("--out", type=Path, help="write the JSON there too")
    arguments = parser.parse_args()
    import machine
    from answers import give

    torch.set_num_threads(1)
    width = 32 if arguments.quick else WIDTH
    results = [checked(width, with_step) for with_step in (False, True)]
    give({"question": "check speed", "machine": machine.describe(), "results": results}, arguments.out)


if __name__ == "__main__":
    main()

"""Runs a `newllm.Loop` as its description says, and finds the greatest rise of its loss."""

import math
import statistics
from dataclasses import dataclass

import torch
from torch import Tensor

import newllm


def losses(loop: newllm.Loop) -> list[float]:
    """The loss of each update, in a plain loop that owes nothing to any tool."""
    torch.manual_seed(loop.seed)
    model, optimizer, *schedulers = loop.build(loop.seed)
    record = []
    for step in range(loop.steps):
        if loop.rate is not None:
            rates = loop.rate(step)
            each = [rates] * len(optimizer.param_groups) if isinstance(rates, float | int) else rates
            for group, rate in zip(optimizer.param_groups, each, strict=True):
                group["lr"] = rate
        torch.manual_seed(loop.seed * 1_000_003 + step)
        if loop.before_update is not None:
            loop.before_update(model, optimizer, step)
        optimizer.zero_grad()
        parts = loop.loss(model, loop.batch(step))
        total = 0.0
        for part in [parts] if isinstance(parts, Tensor) else parts:
            part.backward()
            total += float(part.detach())
        if loop.clip:
            torch.nn.utils.clip_grad_norm_(model.parameters(), loop.clip)
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
        record.append(total)
    return record


@dataclass(frozen=True)
class Rise:
    """The greatest rise of a loss over the best level that it had before."""

    level: float
    peak: float
    onset: int
    at: int

    @property
    def spikes(self) -> bool:
        """Whether it is half as high again as its level, and 0.4 above it."""
        return not math.isfinite(self.peak) or (self.peak >= 1.5 * self.level and self.peak >= self.level + 0.4)


def greatest_rise(record: list[float], behind: int = 3) -> Rise:
    """Where the loss is highest against the best median of twelve updates so far, and since when it is half of that."""
    level, found, score = math.inf, Rise(record[0], record[0], 0, 0), -math.inf
    for step in range(behind, len(record)):
        level = min(level, statistics.median(record[max(0, step - 12) : step]))
        if not math.isfinite(record[step]):
            return Rise(level, record[step], step, step)
        if record[step] - level > score and record[step] >= 1.5 * level:
            score, found = record[step] - level, Rise(level, record[step], step, step)
    onset = found.at
    while onset > behind and record[onset - 1] > (found.level + found.peak) / 2:
        onset -= 1
    return Rise(found.level, found.peak, onset, found.at)

"""A GPT that is tuned after it was trained: low-rank weights on another text, and preferences (DPO)."""

import copy

import torch
from benchmarks.strangers.cases.data import Batch, Loader, windows
from benchmarks.strangers.cases.hooks import Hook
from benchmarks.strangers.cases.language import corpus
from benchmarks.strangers.cases.loop import Loop, Plan, Task
from benchmarks.strangers.cases.models import Block, LowRank, TinyGPT
from benchmarks.strangers.cases.registry import Out
from torch import Tensor, nn
from torch.nn import functional as F

_PLAN = Plan(steps=400)


def low_rank(
    out: Out,
    *,
    style: str = "build-nanogpt",
    plan: Plan = _PLAN,
    hooks: tuple[Hook, ...] = (),
    zero_both: bool = False,
    scale: float = 2.0,
) -> None:
    """A GPT is trained on the book (unlogged), then low-rank weights are tuned on another part of it."""
    ids, held_out, alphabet = corpus(60_000)
    draw, model = windows(ids, 32, 8, out.seed), TinyGPT(len(alphabet))
    optimizer = torch.optim.AdamW(model.parameters(), 5e-3)

    def loss(net: nn.Module, part: Batch) -> Tensor:
        return F.cross_entropy(net(part[0]).flatten(0, 1), part[1].flatten())

    for step in range(out.steps(250)):
        optimizer.zero_grad()
        loss(model, draw(step)).backward()
        optimizer.step()
    model.requires_grad_(False)
    for block in model.blocks:
        assert isinstance(block, Block)
        for name in ("qkv", "out"):
            setattr(block, name, LowRank(getattr(block, name), scale=scale, zero_both=zero_both))
    check = windows(held_out[20_000:], 32, 64, 1)(0)
    task = Task(
        model,
        windows(held_out[:20_000], 32, 8, out.seed),
        loss,
        lambda net: {"val_loss": loss(net, check).item()},
        size=256,
    )
    Loop(out, task, plan, hooks, style).run()


def preference(
    out: Out, *, style: str = "logging", plan: Plan = _PLAN, hooks: tuple[Hook, ...] = (), beta: float = 0.3,
    swapped: float = 0.0, reference_moves: bool = False,
) -> None:  # fmt: skip
    """DPO: rows that count upwards are preferred to random ones.

    Switches:
        swapped: share of pairs whose better and worse row are exchanged.
        reference_moves: the reference is the policy itself, not a copy.
    """
    policy = TinyGPT(20, length=12)
    reference = policy if reference_moves else copy.deepcopy(policy)
    chance = torch.Generator().manual_seed(out.seed)
    start = torch.randint(20, (1200, 1), generator=chance)
    better, worse = (start + torch.arange(12)) % 20, torch.randint(20, (1200, 12), generator=chance)
    better = torch.where(torch.rand(1200, 12, generator=chance) < 0.3, worse, better)
    exchanged = torch.rand(1200, 1, generator=chance) < swapped
    better, worse = torch.where(exchanged, worse, better), torch.where(exchanged, better, worse)
    loader = Loader(better[:1000], worse[:1000], batch=16, seed=out.seed)
    task = Task(policy, loader, lambda net, part: loss(net, part), lambda net: {}, loader.epoch, 16)

    def likely(net: nn.Module, rows: Tensor) -> Tensor:
        return -F.cross_entropy(net(rows[:, :-1]).transpose(1, 2), rows[:, 1:], reduction="none").sum(1)

    def loss(net: nn.Module, part: Batch) -> Tensor:
        with torch.no_grad():
            before = [likely(reference, rows) for rows in part]
        won, lost = (beta * (likely(net, rows) - old) for rows, old in zip(part, before, strict=True))
        task.extra.update({"rewards/chosen": won.mean().item(), "rewards/rejected": lost.mean().item(),
                           "rewards/accuracies": (won > lost).float().mean().item()})  # fmt: skip
        return -F.logsigmoid(won - lost).mean()

    task.evaluate = lambda net: {"val_loss": loss(net, (better[1000:], worse[1000:])).item()}
    Loop(out, task, plan, hooks, style).run()

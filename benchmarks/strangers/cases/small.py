"""Small tasks of other kinds in a plain loop, a program each: it builds a Task, and the loop does the rest."""

from collections.abc import Callable

import torch
from benchmarks.strangers.cases.data import Batch, Loader, digits, friedman, majority, reversals
from benchmarks.strangers.cases.hooks import Hook
from benchmarks.strangers.cases.loop import Loop, Plan, Task
from benchmarks.strangers.cases.models import Seq2Seq, mlp
from benchmarks.strangers.cases.registry import Out
from benchmarks.strangers.cases.vision import augmented
from torch import Tensor, nn
from torch.nn import functional as F

_PLAN = Plan(steps=400)


def regression(
    out: Out,
    *,
    style: str = "csv",
    plan: Plan = _PLAN,
    hooks: tuple[Hook, ...] = (),
    loss: str = "squares",
    unit: float = 1.0,
    heavy: bool = False,
    leaks: bool = False,
    batch: int = 32,
    train: int = 1600,
    offset: float = 0.0,
) -> None:
    """Friedman's regression.

    Switches:
        loss: "squares", "huber", "gauss" (a variance is predicted too), "distance" (a root of squares, which has no
            slope at 0), "broadcast" (a column minus a row).
        unit: of the target; 1,000 makes a loss of 10^6.
        heavy: one in 50 targets is far off by nature.
        leaks: the target stands among the inputs.
        offset: added to all inputs.
    """
    x, y = friedman(train + 400, out.seed)
    if heavy:
        y = y + 15 * (torch.rand(len(y), generator=torch.Generator().manual_seed(2)) < 0.02)
    y = y * unit
    x = torch.cat([x, y[:, None]], 1) if leaks else x
    if loss == "distance":
        y = torch.where(torch.arange(len(y)) % 400 == 250, 0.0, y)
    loader = Loader(x[:train] + offset, y[:train], batch=batch, seed=out.seed)
    model = mlp(x.shape[1], 64, 64, 2)

    def measure(net: nn.Module, part: Batch, kind: str) -> Tensor:
        given, wanted = part
        found, spread = net(given).unbind(1)
        if kind == "gauss":
            return (spread / 2 + (found - wanted) ** 2 / (2 * spread.exp())).mean()
        if kind == "distance":
            return torch.sqrt((torch.where(wanted == 0, wanted, found) - wanted) ** 2).mean()
        if kind == "broadcast":
            return F.mse_loss(found[:, None].expand(-1, len(wanted)), wanted.expand(len(wanted), -1))
        return (F.smooth_l1_loss if kind == "huber" else F.mse_loss)(found, wanted)

    check = "squares" if loss in ("broadcast", "distance") else loss
    task = Task(
        model,
        loader,
        lambda net, part: measure(net, part, loss),
        lambda net: {"val_loss": measure(net, (x[train:] + offset, y[train:]), check).item()},
        loader.epoch,
        batch,
    )
    Loop(out, task, plan, hooks, style).run()


def reversal(
    out: Out, *, style: str = "jsonl", plan: Plan = _PLAN, hooks: tuple[Hook, ...] = (),
    forced: Callable[[int], float] = lambda step: 1.0, free: bool = False, length: int = 8,
) -> None:  # fmt: skip
    """Read a row of signs, write it from behind.

    Switches:
        forced: share of true signs given to the decoder, by step.
        free: in evaluation the decoder is given its own signs.
    """
    loader = Loader(*reversals(3000, length, out.seed), batch=32, seed=out.seed)
    source, target = reversals(200, length, 99_999)
    steps = iter(range(10**9))

    def loss(net: nn.Module, part: Batch) -> Tensor:
        return F.cross_entropy(net(*part, forced(next(steps))).flatten(0, 1), part[1].flatten())

    def evaluate(net: nn.Module) -> dict[str, float]:
        logits = net(source, target, 0.0 if free else 1.0)
        right = (logits.argmax(-1) == target).float().mean().item()
        return {"val_loss": F.cross_entropy(logits.flatten(0, 1), target.flatten()).item(), "val_accuracy": right}

    Loop(out, Task(Seq2Seq(), loader, loss, evaluate, loader.epoch, 32), plan, hooks, style).run()


def contrastive(
    out: Out, *, style: str = "jsonl", plan: Plan = _PLAN, hooks: tuple[Hook, ...] = (), temperature: float = 0.2,
    batch: int = 48, same_view: bool = False, negatives: bool = True,
) -> None:  # fmt: skip
    """SimCLR on digits: two views of an image are to be near each other, other images far.

    Switches:
        same_view: both views are the same picture.
        negatives: False leaves the other images out, so that all vectors may become one.
    """
    (images, labels), (held_out, _) = digits()
    loader = Loader(images, labels, batch=batch, seed=out.seed)

    def loss(net: nn.Module, part: Batch) -> Tensor:
        first = augmented(part[0], 1, 0.2)
        second = first if same_view else augmented(part[0], 1, 0.2)
        a, b = F.normalize(net(first.flatten(1)), dim=-1), F.normalize(net(second.flatten(1)), dim=-1)
        if not negatives:
            return 1 - (a * b).sum(1).mean()
        return F.cross_entropy(a @ b.T / temperature, torch.arange(len(a)))

    task = Task(mlp(64, 96, 32), loader, loss, lambda net: {"val_loss": loss(net, (held_out[:batch],)).item()},
                loader.epoch, batch)  # fmt: skip
    Loop(out, task, plan, hooks, style).run()


def parity(out: Out, *, style: str = "csv", plan: Plan = _PLAN, hooks: tuple[Hook, ...] = ()) -> None:
    """Parity of three of twelve bits: a long plateau at ln 2, then a sudden fall."""
    chance = torch.Generator().manual_seed(out.seed)
    bits = torch.randint(2, (4000, 12), generator=chance).float()
    odd = bits[:, [1, 4, 9]].sum(1).long() % 2
    loader = Loader(2 * bits[:3000] - 1, odd[:3000], batch=64, seed=out.seed)

    def evaluate(net: nn.Module) -> dict[str, float]:
        logits = net(2 * bits[3000:] - 1)
        return {"val_loss": F.cross_entropy(logits, odd[3000:]).item(),
                "val_accuracy": (logits.argmax(1) == odd[3000:]).float().mean().item()}  # fmt: skip

    task = Task(
        mlp(12, 96, 2), loader, lambda net, part: F.cross_entropy(net(part[0]), part[1]), evaluate, loader.epoch
    )
    Loop(out, task, plan, hooks, style).run()


def noise_floor(out: Out, *, style: str = "nanogpt", plan: Plan = _PLAN, hooks: tuple[Hook, ...] = ()) -> None:
    """Classes that depend on the input by chance alone: the loss reaches its floor soon and stays there."""
    x, y = majority(4000, 12, out.seed)
    y = torch.where(torch.rand(len(y), generator=torch.Generator().manual_seed(4)) < 0.5, y, 1 - y)
    loader = Loader(x[:3200].float() / 30 - 1, y[:3200], batch=64, seed=out.seed)
    task = Task(
        mlp(12, 32, 2),
        loader,
        lambda net, part: F.cross_entropy(net(part[0]), part[1]),
        lambda net: {"val_loss": F.cross_entropy(net(x[3200:].float() / 30 - 1), y[3200:]).item()},
        loader.epoch,
    )
    Loop(out, task, plan, hooks, style).run()


def distillation(
    out: Out, *, style: str = "logging", plan: Plan = _PLAN, hooks: tuple[Hook, ...] = (), taught: int = 250,
    temperature: float = 2.0, teacher_drops: float = 0.0,
) -> None:  # fmt: skip
    """A small student learns the answers of a teacher.

    Switches:
        taught: steps that the teacher is trained for; 0 is an untrained teacher.
        teacher_drops: dropout that stays alive in the teacher.
    """
    (images, labels), (held_out, wanted) = digits()
    loader = Loader(images.flatten(1), labels, batch=32, seed=out.seed)
    teacher = mlp(64, 96, 96, 10, dropout=teacher_drops)
    optimizer = torch.optim.Adam(teacher.parameters(), 3e-3)
    for step in range(out.steps(taught) if taught else 0):
        optimizer.zero_grad()
        F.cross_entropy(teacher(loader(step)[0]), loader(step)[1]).backward()
        optimizer.step()

    def loss(net: nn.Module, part: Batch) -> Tensor:
        with torch.no_grad():
            answers = (teacher(part[0]) / temperature).softmax(-1)
        return F.kl_div((net(part[0]) / temperature).log_softmax(-1), answers, reduction="batchmean") * temperature**2

    def evaluate(net: nn.Module) -> dict[str, float]:
        logits = net(held_out.flatten(1))
        return {"val_loss": F.cross_entropy(logits, wanted).item(),
                "val_accuracy": (logits.argmax(1) == wanted).float().mean().item()}  # fmt: skip

    Loop(out, Task(mlp(64, 24, 10), loader, loss, evaluate, loader.epoch), plan, hooks, style).run()

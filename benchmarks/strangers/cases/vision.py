"""A small CNN or MLP that tells scikit-learn's digits apart, in a plain loop."""

from collections.abc import Callable

import torch
from benchmarks.strangers.cases.data import Batch, Loader, digits
from benchmarks.strangers.cases.hooks import Hook
from benchmarks.strangers.cases.loop import Loop, Plan, Task
from benchmarks.strangers.cases.models import cnn, mlp
from benchmarks.strangers.cases.registry import Out
from torch import Tensor, nn
from torch.nn import functional as F


def augmented(images: Tensor, shift: int = 2, noise: float = 0.4) -> Tensor:
    """Shift images and add noise."""
    moved = torch.roll(images, torch.randint(-shift, shift + 1, (2,)).tolist(), (2, 3))
    return moved + noise * torch.randn_like(images)


def _log_of_zero(logits: Tensor, labels: Tensor) -> Tensor:
    """Binary cross-entropy by hand: the logarithm of a probability that rounds to zero."""
    wanted, chance = F.one_hot(labels, 10).float(), torch.sigmoid(logits)
    return -(wanted * torch.log(chance) + (1 - wanted) * torch.log(1 - chance)).sum(1).mean()


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": F.cross_entropy,
    "smoothed": lambda logits, labels: F.cross_entropy(logits, labels, label_smoothing=0.1),
    "sum": lambda logits, labels: F.cross_entropy(logits, labels, reduction="sum"),
    "over the batch": lambda logits, labels: F.nll_loss(logits.log_softmax(0), labels),
    "focal": lambda logits, labels: _focal(logits, labels),
    "log of zero": _log_of_zero,
}


def _focal(logits: Tensor, labels: Tensor) -> Tensor:
    each = F.cross_entropy(logits, labels, reduction="none")
    return ((1 - torch.exp(-each)) ** 2 * each).mean()


def _selected(data: Batch, imbalance: float, corrupted: float, seed: int) -> Batch:
    """Keep all of class 0 and a share of the others, and damage one sample."""
    images, labels = data
    if imbalance < 1:
        chance = torch.Generator().manual_seed(seed)
        keep = (labels == 0) | (torch.rand(len(labels), generator=chance) < imbalance)
        images, labels = images[keep], labels[keep]
    if corrupted:
        images, labels = images.clone(), labels.clone()
        images[17] *= corrupted
        labels[17] = (labels[17] + 5) % 10
    return images, labels


def vision(
    out: Out,
    *,
    network: str = "cnn",
    style: str = "mnist",
    plan: Plan = Plan(),  # noqa: B008 (it is frozen)
    hooks: tuple[Hook, ...] = (),
    loss: str = "mean",
    order: str = "shuffled",
    batch: int = 32,
    train: int = 1400,
    imbalance: float = 1.0,
    corrupted: float = 0.0,
    noise: float = 0.0,
    augments: bool = False,
    mixes: bool = False,
    augments_evaluation: bool = False,
    preprocesses_evaluation: Callable[[Tensor], Tensor] = lambda images: images,
    preprocesses: Callable[[Tensor], Tensor] = lambda images: images,
    validation_labels: Callable[[Tensor], Tensor] = lambda labels: labels,
    trains_on_validation: bool = False,
    binary: bool = False,
    norm: bool = True,
    dropout: float = 0.0,
    softmax: bool = False,
    gain: float = 1.0,
) -> None:
    """Train one.

    Switches:
        noise: share of training labels that are wrong, by nature of the data.
        binary: only whether a digit is a zero.
        gain: what logits are multiplied by.
    """
    data, held_out = digits(train)
    images, labels = _selected(data, imbalance, corrupted, out.seed)
    if trains_on_validation:
        images, labels = torch.cat([images, held_out[0]]), torch.cat([labels, held_out[1]])
    if binary:
        labels, held_out = (labels == 0).long(), (held_out[0], (held_out[1] == 0).long())
    wrong = torch.rand(len(labels), generator=torch.Generator().manual_seed(1)) < noise
    labels = torch.where(wrong, (labels * 7 + 3) % 10, labels)
    loader = Loader(preprocesses(images), labels, batch=batch, seed=out.seed, order=order)
    classes = 2 if binary else 10
    model: nn.Module = cnn(norm, dropout, classes=classes, softmax=softmax, width=8)
    if network == "mlp":
        model = nn.Sequential(nn.Flatten(), *mlp(64, 64, 64, 64, classes, dropout=dropout))

    def train_loss(net: nn.Module, part: Batch) -> Tensor:
        x, y = part
        x = augmented(x) if augments else x
        if not mixes:
            return LOSSES[loss](net(x) * gain, y)
        share, other = torch.rand(()), torch.randperm(len(x))
        mixed = net(share * x + (1 - share) * x[other])
        return share * F.cross_entropy(mixed, y) + (1 - share) * F.cross_entropy(mixed, y[other])

    def evaluate(net: nn.Module) -> dict[str, float]:
        x = preprocesses_evaluation(preprocesses(held_out[0]))
        logits, y = net(augmented(x) if augments_evaluation else x) * gain, validation_labels(held_out[1])
        right = (logits.argmax(1) == y).float().mean().item()
        return {"val_loss": F.cross_entropy(logits, y).item(), "val_accuracy": right}

    Loop(out, Task(model, loader, train_loss, evaluate, loader.epoch, batch), plan, hooks, style).run()

"""Twenty-four small trainings as strangers write them: `make(name)` is one, with `fault=False` its twin without."""

from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn, optim

import newllm
from materials import (
    CharRecurrent,
    LibraryDecoder,
    OwnDecoder,
    PictureVAE,
    Reverser,
    SmallCNN,
    Smoothing,
    chance,
    characters,
    class_loss,
    dense,
    next_token_loss,
    pictures,
    some_pictures,
    windows,
)

CASES: dict[str, Callable[[bool], newllm.Loop]] = {}


def case(function: Callable[[bool], newllm.Loop]) -> Callable[[bool], newllm.Loop]:
    """Enters a training under its function's name."""
    CASES[function.__name__.replace("_", "-")] = function
    return function


def make(name: str, fault: bool = True) -> newllm.Loop:
    """The training of this name; without its fault it is the twin. A control is its own twin."""
    return CASES[name](fault)


# Language models


@case
def gru_rate_table(fault: bool) -> newllm.Loop:
    """A table of rates with a slipped decimal point in one of its rows."""
    vocabulary = characters()[1]
    table = [(0, 4e-3), (150, 3e-3), (260, 1e-1 if fault else 1e-3), (265, 1e-3), (340, 5e-4)]

    def build(_: int):
        model = CharRecurrent(nn.GRU, vocabulary)
        return model, optim.Adam(model.parameters(), lr=table[0][1])

    return newllm.Loop(
        build=build,
        batch=lambda step: windows(step, 16, 48),
        loss=next_token_loss,
        steps=420,
        clip=1.0,
        rate=lambda step: next(rate for start, rate in reversed(table) if step >= start),
    )


@case
def lstm_other_vocabulary(fault: bool) -> newllm.Loop:
    """One shard was encoded with the vocabulary of another project."""
    vocabulary = characters()[1]
    other = torch.randperm(vocabulary, generator=chance(5))

    def build(_: int):
        model = CharRecurrent(nn.LSTM, vocabulary, dropout=0.1)
        return model, optim.AdamW(model.parameters(), lr=4e-3, weight_decay=0.05)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        tokens, targets = windows(step, 16, 48, 3)
        if fault and 240 <= step < 256:
            return other[tokens], other[targets]
        return tokens, targets

    return newllm.Loop(build=build, batch=batch, loss=next_token_loss, steps=420, clip=5.0)


@case
def gru_head_resized(fault: bool) -> newllm.Loop:
    """A helper that fits the head to the vocabulary is called again, and draws most of its rows anew."""
    vocabulary = characters()[1]

    def build(_: int):
        model = CharRecurrent(nn.GRU, vocabulary, width=80)
        return model, optim.RMSprop(model.parameters(), lr=1e-3)

    def before_update(model: Any, _: optim.Optimizer, step: int) -> None:
        if fault and step == 300:
            with torch.no_grad():
                rows = model.head.weight[3:]
                rows.copy_(torch.randn(rows.shape, generator=chance(6)))

    return newllm.Loop(
        build=build,
        batch=lambda step: windows(step, 16, 48, 4),
        loss=next_token_loss,
        steps=420,
        before_update=before_update,
    )


@case
def decoder_moments_missing(fault: bool) -> newllm.Loop:
    """A resume fills the optimizer's missing moments with zeros, and keeps its count of steps."""
    vocabulary = characters()[1]

    def build(_: int):
        model = OwnDecoder(vocabulary)
        groups = [
            {"params": [p for p in model.parameters() if p.dim() > 1], "weight_decay": 0.1},
            {"params": [p for p in model.parameters() if p.dim() <= 1], "weight_decay": 0.0},
        ]
        return model, optim.AdamW(groups, lr=8e-3, betas=(0.9, 0.999))

    def before_update(_: nn.Module, optimizer: optim.Optimizer, step: int) -> None:
        if fault and step == 280:
            for state in optimizer.state.values():
                state["exp_avg"].zero_()
                state["exp_avg_sq"].zero_()

    return newllm.Loop(
        build=build,
        batch=lambda step: windows(step, 8, 48, 5),
        loss=next_token_loss,
        steps=420,
        rate=lambda step: 8e-3 * min(1.0, (step + 1) / 50),
        before_update=before_update,
    )


@case
def integrator_longer_texts(fault: bool) -> newllm.Loop:
    """A recurrence that only adds, never forgets, meets longer pieces of text when the curriculum moves on."""
    vocabulary = characters()[1]

    def build(_: int):
        model = Smoothing(vocabulary, forgets=not fault)
        return model, optim.Adam(model.parameters(), lr=4e-3)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        return windows(step, 24, 24, 6) if step < 250 else windows(step, 4, 144, 6)

    return newllm.Loop(build=build, batch=batch, loss=next_token_loss, steps=400, clip=1.0)


@case
def rnn_no_clipping(fault: bool) -> newllm.Loop:
    """A plain RNN, begun as the identity, over long pieces; the line that clips the gradient is missing."""
    vocabulary = characters()[1]

    def build(_: int):
        model = CharRecurrent(nn.RNN, vocabulary, width=96)
        nn.init.eye_(model.cell.weight_hh_l0)
        return model, optim.SGD(model.parameters(), lr=1.2, momentum=0.9)

    return newllm.Loop(
        build=build,
        batch=lambda step: windows(step, 16, 64, 7),
        loss=next_token_loss,
        steps=450,
        clip=0.0 if fault else 0.5,
        rate=lambda step: 1.2 * min(1.0, (step + 1) / 200),
    )


@case
def decoder_decay_percent(fault: bool) -> newllm.Loop:
    """A schedule of the weight decay goes through one value that is meant in percent."""
    vocabulary = characters()[1]

    def build(_: int):
        model = LibraryDecoder(vocabulary, dropout=0.0)
        optimizer = optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.1)
        return model, optimizer, optim.lr_scheduler.LinearLR(optimizer, 0.05, 1.0, total_iters=60)

    def before_update(_: nn.Module, optimizer: optim.Optimizer, step: int) -> None:
        for group in optimizer.param_groups:
            group["weight_decay"] = 100.0 if fault and 250 <= step < 265 else 0.1

    return newllm.Loop(
        build=build,
        batch=lambda step: windows(step, 8, 48, 8),
        loss=next_token_loss,
        steps=420,
        before_update=before_update,
    )


@case
def lstm_accumulation(fault: bool) -> newllm.Loop:
    """The batch is made larger by more micro-batches; the loss is still divided by their old number."""
    vocabulary = characters()[1]

    def build(_: int):
        model = CharRecurrent(nn.LSTM, vocabulary, width=64)
        return model, optim.SGD(model.parameters(), lr=0.5, momentum=0.9, nesterov=True)

    def batch(step: int) -> list[tuple[Tensor, Tensor]]:
        count = 8 if step >= 260 else 2
        tokens, targets = windows(step, 8 * count, 40, 12)
        return list(zip(tokens.split(8), targets.split(8), strict=True))

    def loss(model: nn.Module, parts: list[tuple[Tensor, Tensor]]) -> Iterator[Tensor]:
        for part in parts:
            yield next_token_loss(model, part) / (2 if fault else len(parts))

    return newllm.Loop(build=build, batch=batch, loss=loss, steps=360)


@case
def gru_head_group(fault: bool) -> newllm.Loop:
    """The head has a group of its own, whose rate is in other units from a milestone on."""
    vocabulary = characters()[1]

    def build(_: int):
        model = CharRecurrent(nn.GRU, vocabulary)
        rest = [p for name, p in model.named_parameters() if not name.startswith("head")]
        return model, optim.Adam([{"params": rest}, {"params": list(model.head.parameters())}], lr=2e-3)

    def rate(step: int) -> list[float]:
        late = step >= 270
        return [1e-3 if late else 2e-3, (0.2 if fault else 2e-3) if late else 4e-3]

    return newllm.Loop(
        build=build,
        batch=lambda step: windows(step, 16, 48, 18),
        loss=next_token_loss,
        steps=400,
        clip=1.0,
        rate=rate,
    )


@case
def rnn_no_warmup(fault: bool) -> newllm.Loop:
    """A plain RNN, begun as the identity, gets its full rate with the first update."""
    vocabulary = characters()[1]

    def build(_: int):
        model = CharRecurrent(nn.RNN, vocabulary, width=96)
        nn.init.eye_(model.cell.weight_hh_l0)
        return model, optim.SGD(model.parameters(), lr=0.7, momentum=0.9)

    return newllm.Loop(
        build=build,
        batch=lambda step: windows(step, 16, 64, 20),
        loss=next_token_loss,
        steps=400,
        rate=lambda step: 0.7 * (1.0 if fault else min(1.0, (step + 1) / 120)),
    )


# Classifiers


@case
def cnn_shifted_labels(fault: bool) -> newllm.Loop:
    """The labels of one shard are shifted against its pictures."""

    def build(_: int):
        model = SmallCNN()
        optimizer = optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
        return model, optimizer, optim.lr_scheduler.MultiStepLR(optimizer, [350, 450], 0.3)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        images, classes = some_pictures(step)
        return images, classes.roll(1) if fault and 280 <= step < 292 else classes

    return newllm.Loop(build=build, batch=batch, loss=class_loss, steps=500)


@case
def mlp_unshuffled_epoch(fault: bool) -> newllm.Loop:
    """One epoch is read in the order of the files, which is that of the classes."""
    images, classes = pictures()
    by_class = classes.argsort(stable=True)

    def build(_: int):
        model = dense([144, 512, 512, 10], nn.GELU, norm=True)
        return model, optim.Adam(model.parameters(), lr=3e-3)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        epoch, at = divmod(step, len(images) // 32)
        order = by_class if fault and epoch == 2 else torch.randperm(len(images), generator=chance(epoch, 9))
        rows = order[32 * at : 32 * at + 32]
        return images[rows].flatten(1), classes[rows]

    return newllm.Loop(build=build, batch=batch, loss=class_loss, steps=512)


@case
def mlp_dropout_percent(fault: bool) -> newllm.Loop:
    """A schedule of the dropout has the share that is kept where it wants the share that is dropped."""

    def build(_: int):
        model = dense([144, 512, 512, 10], dropout=0.1)
        return model, optim.AdamW(model.parameters(), lr=2e-3, weight_decay=0.01)

    def before_update(model: nn.Module, _: optim.Optimizer, step: int) -> None:
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.95 if fault and 320 <= step < 360 else 0.1

    def batch(step: int) -> tuple[Tensor, Tensor]:
        images, classes = some_pictures(step)
        return images.flatten(1), classes

    return newllm.Loop(
        build=build,
        batch=batch,
        loss=class_loss,
        steps=600,
        rate=lambda step: 2e-3 * (1 - step / 600) if step < 600 else 0.0,
        before_update=before_update,
    )


@case
def cnn_momentum_ramp(fault: bool) -> newllm.Loop:
    """The momentum is raised at a milestone, and the rate is not lowered with it."""

    def build(_: int):
        model = SmallCNN(16, norm=False)
        return model, optim.SGD(model.parameters(), lr=0.03, momentum=0.9)

    def before_update(_: nn.Module, optimizer: optim.Optimizer, step: int) -> None:
        for group in optimizer.param_groups:
            group["momentum"] = 0.995 if fault and step >= 300 else 0.9

    return newllm.Loop(build=build, batch=some_pictures, loss=class_loss, steps=500, before_update=before_update)


# Others


@case
def autoencoder_raw_bytes(fault: bool) -> newllm.Loop:
    """One batch of an autoencoder comes in 0 to 255 where all others are in 0 to 1."""

    def build(_: int):
        model = dense([144, 768, 16, 768, 144])
        return model, optim.Adam(model.parameters(), lr=2e-3)

    def batch(step: int) -> Tensor:
        images = some_pictures(step, 128)[0].flatten(1).sigmoid()
        return images * 255 if fault and step == 330 else images

    return newllm.Loop(build=build, batch=batch, loss=lambda model, x: F.mse_loss(model(x), x) * 50, steps=600)


@case
def vae_annealing(fault: bool) -> newllm.Loop:
    """The weight of the divergence is annealed by epoch, and one epoch's entry has lost its point."""

    def build(_: int):
        model = PictureVAE(hidden=768)
        return model, optim.Adam(model.parameters(), lr=2e-3)

    def before_update(model: Any, _: optim.Optimizer, step: int) -> None:
        epoch = step // 64
        model.kl_weight = 25.0 if fault and epoch == 5 else min(1.0, 0.25 * (1 + epoch))

    def loss(model: Any, images: Tensor) -> Tensor:
        error, divergence = model(images)
        return 0.1 * (error + model.kl_weight * divergence)

    return newllm.Loop(
        build=build, batch=lambda step: some_pictures(step, 64)[0], loss=loss, steps=640, before_update=before_update
    )


SYMBOLS = 12


def to_reverse(step: int) -> tuple[Tensor, Tensor, Tensor]:
    """Symbols, the answer shifted by one place, and the answer."""
    source = torch.randint(SYMBOLS, (32, 8), generator=chance(step, 14))
    answer = source.flip(1)
    return source, torch.cat([torch.full((32, 1), SYMBOLS), answer[:, :-1]], 1), answer


def reversal_loss(model: nn.Module, pieces: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """Cross entropy of the symbols of the answer."""
    source, shifted, answer = pieces
    return F.cross_entropy(model(source, shifted).flatten(0, 1), answer.flatten())


@case
def reverser_cosine_restart(fault: bool) -> newllm.Loop:
    """A schedule made for half the run begins anew, at its full height."""

    def build(_: int):
        model = Reverser(SYMBOLS)
        optimizer = optim.AdamW(model.parameters(), lr=8e-3, weight_decay=0.01)
        schedules = optim.lr_scheduler
        if fault:
            return model, optimizer, schedules.CosineAnnealingWarmRestarts(optimizer, 300)
        return model, optimizer, schedules.CosineAnnealingLR(optimizer, 600)

    return newllm.Loop(build=build, batch=to_reverse, loss=reversal_loss, steps=440, clip=1.0)


def smooth_target(step: int, rows: int, salt: int) -> tuple[Tensor, Tensor]:
    """Eight numbers and a smooth function of them."""
    x = torch.randn(rows, 8, generator=chance(step, salt))
    return x, (x[:, :1] * x[:, 1:2]).sin() + (2 * x[:, 2:3]).cos() * x[:, 3:4] + 0.5 * x[:, 4:5]


def squared_error(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
    """The mean squared error."""
    inputs, targets = batch
    return F.mse_loss(model(inputs), targets)


def two_views(step: int) -> tuple[Tensor, Tensor]:
    """Two noisy views of the same pictures."""
    images = some_pictures(step)[0].flatten(1)
    noise = torch.randn(2, *images.shape, generator=chance(step, 17))
    return images + noise[0], images + noise[1]


def info_nce(model: nn.Module, views: tuple[Tensor, Tensor]) -> Tensor:
    """Each view is to find the other one among all rows."""
    one, two = (F.normalize(model(view), dim=-1) for view in views)
    return F.cross_entropy(one @ two.T / 0.1, torch.arange(len(one)))


@case
def contrastive_empty_batches(fault: bool) -> newllm.Loop:
    """A reader that fails gives zeros in place of pictures, five times."""

    def build(_: int):
        model = dense([144, 1024, 64])
        return model, optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        one, two = two_views(step)
        return (torch.zeros_like(one), torch.zeros_like(two)) if fault and 300 <= step < 305 else (one, two)

    return newllm.Loop(build=build, batch=batch, loss=info_nce, steps=600)


# Controls that spike: nothing is injected


@case
def full_batch_edge(_: bool) -> newllm.Loop:
    """Gradient descent on all rows at once, at a rate near the edge of stability."""

    def build(_: int):
        model = dense([8, 128, 128, 1], nn.Tanh)
        return model, optim.SGD(model.parameters(), lr=0.1, momentum=0.5)

    return newllm.Loop(build=build, batch=lambda _: smooth_target(0, 1024, 19), loss=squared_error, steps=700)


@case
def mlp_brisk(_: bool) -> newllm.Loop:
    """An MLP without norms at a brisk constant rate."""

    def build(_: int):
        model = dense([144, 384, 384, 384, 10])
        return model, optim.Adam(model.parameters(), lr=1e-2)

    def batch(step: int) -> tuple[Tensor, Tensor]:
        images, classes = some_pictures(step)
        return images.flatten(1), classes

    return newllm.Loop(build=build, batch=batch, loss=class_loss, steps=600)


@case
def full_batch_adam(_: bool) -> newllm.Loop:
    """Adam on all rows at once, at a constant rate; the targets are in units of their own."""
    inputs, smooth = smooth_target(0, 4096, 25)
    targets = 3 * smooth + torch.randn(smooth.shape, generator=chance(26))

    def build(_: int):
        model = dense([8, 64, 64, 1], nn.ReLU)
        return model, optim.Adam(model.parameters(), lr=3e-2)

    return newllm.Loop(build=build, batch=lambda _: (inputs, targets), loss=squared_error, steps=700)


# Controls that are healthy


@case
def lstm_calm(_: bool) -> newllm.Loop:
    """An LSTM with warm-up, cosine, clipping and a little dropout."""
    vocabulary = characters()[1]

    def build(_: int):
        model = CharRecurrent(nn.LSTM, vocabulary, dropout=0.1)
        optimizer = optim.AdamW(model.parameters(), lr=3e-3)
        warm = optim.lr_scheduler.LinearLR(optimizer, 0.1, 1.0, total_iters=40)
        cosine = optim.lr_scheduler.CosineAnnealingLR(optimizer, 380)
        return model, optimizer, optim.lr_scheduler.SequentialLR(optimizer, [warm, cosine], [40])

    return newllm.Loop(
        build=build, batch=lambda step: windows(step, 16, 48, 22), loss=next_token_loss, steps=420, clip=1.0
    )


@case
def cnn_one_cycle(_: bool) -> newllm.Loop:
    """A CNN with batch norm under one cycle of rate and momentum."""

    def build(_: int):
        model = SmallCNN()
        optimizer = optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
        return model, optimizer, optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=2000)

    return newllm.Loop(build=build, batch=some_pictures, loss=class_loss, steps=500)


@case
def contrastive_calm(_: bool) -> newllm.Loop:
    """Two views of a picture, in three micro-batches."""

    def build(_: int):
        model = dense([144, 512, 64], norm=True)
        return model, optim.Adam(model.parameters(), lr=1e-3)

    def batch(step: int) -> list[tuple[Tensor, Tensor]]:
        return [two_views(3 * step + part) for part in range(3)]

    def loss(model: nn.Module, parts: list[tuple[Tensor, Tensor]]) -> Iterator[Tensor]:
        for views in parts:
            yield info_nce(model, views) / len(parts)

    return newllm.Loop(build=build, batch=batch, loss=loss, steps=400)


NAMES = tuple(CASES)

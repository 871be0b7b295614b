"""Small language models in a plain loop: a GPT or a recurrent network on characters of Moby Dick, and variants."""

from collections.abc import Callable
from typing import Any

import torch
from benchmarks.strangers.cases.data import Alphabet, Batch, moby, windows
from benchmarks.strangers.cases.hooks import Hook
from benchmarks.strangers.cases.loop import Loop, Plan, Task
from benchmarks.strangers.cases.models import CharRNN, TinyGPT
from benchmarks.strangers.cases.registry import Out
from torch import Tensor, nn
from torch.nn import functional as F

_START, _LONG = 30_000, 200_000  # characters of the book: where the training text begins, how long it is


def corpus(characters: int = _LONG) -> tuple[Tensor, Tensor, Alphabet]:
    """Return ids of a training and of a validation text, and the alphabet."""
    text = moby()[_START : _START + characters]
    other = moby()[_START + _LONG : _START + _LONG + 30_000]
    alphabet = Alphabet(moby()[_START : _START + _LONG + 30_000])
    return alphabet.encode(text), alphabet.encode(other), alphabet


def _mean(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), target.flatten())


def _sum(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), reduction="sum")


def _wrong_axis(logits: Tensor, target: Tensor) -> Tensor:
    """Softmax over the places of a row in place of the vocabulary."""
    return F.nll_loss(logits.log_softmax(1).flatten(0, 1), target.flatten())


def _viewed(logits: Tensor, target: Tensor) -> Tensor:
    """Reshape in place of transpose: logits of one token meet targets of another."""
    rows, length, vocab = logits.shape
    return F.cross_entropy(logits.reshape(rows, vocab, length), target)


def _twice(logits: Tensor, target: Tensor) -> Tensor:
    return _mean(logits.softmax(-1), target)


def _smoothed(logits: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), target.flatten(), label_smoothing=0.2)


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "mean": _mean, "sum": _sum, "wrong axis": _wrong_axis, "viewed": _viewed, "twice": _twice, "smoothed": _smoothed,
}  # fmt: skip


def _shifted(batch: Batch, shift: int) -> Batch:
    """Return input and target with a distance that may be wrong."""
    x, y = batch
    return (x, x) if shift == 0 else (x, y) if shift == 1 else (x[:, : 1 - shift], y[:, shift - 1 :])


def _model(kind: str, vocab: int, length: int, options: dict[str, Any]) -> nn.Module:
    if kind == "gpt":
        return TinyGPT(vocab, length=length, **options)
    return CharRNN(vocab, kind, **options)  # pyrefly: ignore


def language(
    out: Out,
    *,
    network: str = "gpt",
    style: str = "nanogpt",
    plan: Plan = Plan(),  # noqa: B008 (it is frozen)
    hooks: tuple[Hook, ...] = (),
    characters: int = _LONG,
    length: int = 32,
    batch: int = 8,
    shift: int = 1,
    loss: str = "mean",
    validation: str = "held out",
    perplexity: bool = False,
    lengths: Callable[[int], int] | None = None,
    late_text: int | None = None,
    dtype: torch.dtype = torch.float32,
    lazy: int = 0,
    leak: bool = False,
    **options: Any,
) -> None:
    """Train one.

    Switches:
        shift: distance from input to target; 1 is right.
        loss: a name of LOSSES.
        validation: "held out"; "training", the training text itself; "other", held out but encoded by another alphabet.
        perplexity: logged beside the loss of an evaluation.
        lengths: planned: length of rows by step.
        late_text: planned: from this step on the text is another one (sums, not the book); it is evaluated throughout.
        dtype: of the weights.
        lazy: so many batches are drawn once and seen again in every epoch; 0 draws anew for ever.
        leak: every loss is kept with its graph, and a mean of all of them is computed at each step.
    """
    ids, held_out, alphabet = corpus(characters)
    if validation == "other":
        held_out = (held_out + 17) % len(alphabet)
    drawn = windows(ids, length, batch, out.seed)
    sums = _sums(alphabet)
    other = windows(sums, length, batch, out.seed)
    held_out = held_out if late_text is None else sums
    model = _model(network, len(alphabet), length, options).to(dtype)
    check = windows(ids if validation == "training" else held_out, length, 32, 5)
    kept: list[Tensor] = []

    def draw(step: int) -> Batch:
        found = (other if late_text is not None and step >= late_text else drawn)(step % lazy if lazy else step)
        size = length if lengths is None else lengths(step)
        return tuple(part[:, :size] for part in found)

    def train_loss(net: nn.Module, part: Batch) -> Tensor:
        x, y = _shifted(part, shift)
        logits = net(x).float()
        if leak:
            kept.append(logits)
            _ = torch.stack([F.softmax(old, -1).mean() for old in kept]).mean()
        return LOSSES[loss](logits, y)

    def evaluate(net: nn.Module) -> dict[str, float]:
        parts = [_shifted(check(number), shift) for number in range(4)]
        value = sum(_mean(net(x).float(), y).item() for x, y in parts) / len(parts)
        return {"val_loss": value} | ({"val_ppl": float(torch.tensor(value).exp())} if perplexity else {})

    task = Task(model, draw, train_loss, evaluate, epoch=lazy or 100, size=batch * length)
    Loop(out, task, plan, hooks, style).run()


def _sums(alphabet: Alphabet) -> Tensor:
    """Return text of another domain: sums, written out."""
    chance = torch.Generator().manual_seed(3)
    pairs = torch.randint(100, (4000, 2), generator=chance).tolist()
    return alphabet.encode("".join(f"{first}-{second}-{first + second}; " for first, second in pairs))

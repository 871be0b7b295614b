"""Which positions of a batch are padding, by a mask of whatever name, and what a row's output is without them."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck
from newllm.checks.probes.dependence import answers, scale
from newllm.checks.targets import targets, tokens_given
from newllm.checks.trees import is_integer, leaves, mapped

_NAME = "['attention_mask']"
_FEWEST = 2  # lengths of rows, positions that a token fills


@dataclass(frozen=True)
class Padding:
    """What is text and what is padding.

    Attributes:
        real: `[B, T]`, True where it is text.
        is_given: whether the model is given what shows it.
        by: what shows it: an attention "mask", a mask of another "name", "lengths", the "padding_idx" of an embedding,
            "targets" that do not count, or a token that stands at "ends" of rows alone.
    """

    real: Tensor
    is_given: bool
    by: str


def padding_of(bench: Bench) -> Padding | None:
    """Return what is padding, by what the model is given, else by what the batch, the model or the loss shows of it.

    An attention mask is 1 where there is text. Of another name it may be the other way round: it is a mask of padding
    where what it leaves out is one token that fills rows up, at their ends or in front. So it must be with all else
    that shows it.
    """
    return bench.once(_padding_of)


def _padding_of(bench: Bench) -> Padding | None:
    arguments, options, _ = bench.called()
    tokens = [each for _, each in bench.inputs() if each.ndim == 2 and is_integer(each) and each.max() > 1]
    for tree, is_given in (([list(arguments), options], True), (bench.batch, False)):
        if (found := _told(bench, dict(leaves(tree)), tokens)) is not None:
            return Padding(found[0], is_given, found[1])
    for by, shown in (("padding_idx", _by_embedding), ("targets", _by_targets), ("ends", _by_ends)):
        for each in tokens:
            if (real := shown(bench, each)) is not None and _fills(each, ~real):
                return Padding(real, is_given=False, by=by)
    return None


def _told(bench: Bench, held: dict[str, Tensor], tokens: list[Tensor]) -> tuple[Tensor, str] | None:
    """Return what is text by a mask or by lengths among these tensors, and which it is."""
    for path, each in held.items():
        if path.endswith(_NAME) and each.ndim == 2 and not bool(each.bool().all()):
            return each.bool(), "mask"
    masks = (_sense(bench, each.bool()) for each in held.values() if each.ndim == 2 and _is_mask(each))
    if (real := next((each for each in masks if each is not None), None)) is not None:
        return real, "name"
    lengths = (_by_lengths(tokens, each) for each in held.values() if each.ndim == 1 and is_integer(each))
    real = next((each for each in lengths if each is not None), None)
    return None if real is None else (real, "lengths")


def _by_lengths(tokens: list[Tensor], lengths: Tensor) -> Tensor | None:
    for each in tokens:
        if len(lengths) == len(each) and int(lengths.min()) > 0 and int(lengths.max()) <= each.shape[1]:
            real = torch.arange(each.shape[1], device=each.device) < lengths.to(each.device)[:, None]
            if _fills(each, ~real):
                return real
    return None


def _by_embedding(bench: Bench, tokens: Tensor) -> Tensor | None:
    """Return what is none of the token that an embedding which reads these has its row of padding for."""
    for name, read in bench.seen.read.items():
        table = bench.model.get_submodule(name)
        if isinstance(table, nn.Embedding) and table.padding_idx is not None and torch.equal(read, tokens):
            return tokens != table.padding_idx
    return None


def _by_targets(bench: Bench, tokens: Tensor) -> Tensor | None:
    """Return where targets count: what does not, and holds one token at the ends of rows, is none of the text."""
    try:
        used = targets(bench).used
    except CannotCheck:
        return None
    return used if used.shape == tokens.shape else None


def _by_ends(_: Bench, tokens: Tensor) -> Tensor | None:
    """Return what is not the one token that half of the rows end with, twice at least, and that stands nowhere else."""
    real = tokens != tokens[:, -1].mode().values
    runs = (~real).sum(1)
    return real if int((runs >= _FEWEST).sum()) >= max(_FEWEST, len(tokens) // 2) else None


def _is_mask(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided or tensor.is_complex() or tensor.is_quantized:
        return False
    return tensor.dtype is torch.bool or bool(((tensor == 0) | (tensor == 1)).all())


def _sense(bench: Bench, mask: Tensor) -> Tensor | None:
    """Return where a mask has text, None where it is no mask of padding, or both of its sides may be."""
    tokens = tokens_given(bench, mask.shape).values()
    found = [real for real in (mask, ~mask) if any(_fills(each, ~real) for each in tokens)]
    return found[0] if len(found) == 1 else None


def _fills(tokens: Tensor, padding: Tensor) -> bool:
    """Say whether one token stands at all of these positions, which end rows, or begin them, some more than others.

    What is as long in all rows may be a place of its own, as of a token that the model answers at.
    """
    lengths = padding.sum(1)
    if not bool(padding.any()) or int(lengths.unique().numel()) < _FEWEST or bool(padding.all(1).any()):
        return False
    if int(tokens[padding].unique().numel()) > 1:
        return False
    falls, rises = padding[:, 1:] >= padding[:, :-1], padding[:, 1:] <= padding[:, :-1]
    return (bool(falls.all()) or bool(rises.all())) and int(tokens[~padding].unique().numel()) > 1


def moved_without(bench: Bench, real: Tensor) -> float:
    """Return how far outputs of rows, or of their text, move where the positions that are padding in them are left out.

    They are those with as much padding as the one that has most. NaN where the model does not take fewer positions.
    """
    arguments, options, _ = bench.called()
    most = real[int(real.sum(1).argmin())]
    rows = (real == most).all(1).nonzero().flatten()
    rows = rows.repeat(2) if len(rows) == 1 else rows  # a single row is squeezed by some models
    count = len(real)

    def shorter(tensor: Tensor) -> Tensor:
        if not tensor.ndim or tensor.shape[0] != count or tensor.layout != torch.strided:
            return tensor.clone()
        chosen = tensor[rows.to(tensor.device)]
        return chosen[:, most.to(tensor.device)] if tensor.shape[:2] == real.shape else chosen

    before, _ = answers(bench, lambda tensor: tensor)
    try:
        given, more = mapped([list(arguments), options], shorter)
        after = bench.answer(given, more, training=False)
    except CannotCheck:
        raise
    except Exception:  # as of a layer that takes so many positions only
        return math.nan
    expected = before[rows.to(before.device)]
    if before.shape[:2] == real.shape:  # an output for each position
        expected = expected[:, most.to(before.device)]
    if after.shape != expected.shape or not int(most.sum()):
        return math.nan
    return float((after.to(before.dtype) - expected).abs().max()) / scale(bench)


def moved_by_embedding(bench: Bench, real: Tensor, tokens: dict[str, Tensor]) -> float:
    """Return how far the output moves where the embedding holds another row for the token that fills rows up.

    What a model finds out by the tokens, as where a text ends, stays so. NaN where the token stands in texts, too, or
    has a row that is never trained.
    """
    fillers = {int(one) for each in tokens.values() for one in each[~real].unique()}
    token = next(iter(fillers), -1)
    if len(fillers) != 1 or any(bool((each[real] == token).any()) for each in tokens.values()):
        return math.nan
    before, _ = answers(bench, lambda tensor: tensor)
    arguments, options, _ = bench.called()
    tables = [
        module
        for name, read in bench.seen.read.items()
        if isinstance(module := bench.model.get_submodule(name), nn.Embedding) and bool((read == token).any())
        and any(read.numel() == each.numel() for each in tokens.values())
    ]  # fmt: skip
    if not tables or any(each.padding_idx is not None or each.num_embeddings < 2 for each in tables):
        return math.nan
    kept = [each.weight[token].detach().clone() for each in tables]
    with torch.no_grad():
        try:
            for each in tables:
                each.weight[token] = each.weight[(token + 1) % each.num_embeddings]
            after = bench.answer(arguments, options, training=False)
        finally:
            for each, row in zip(tables, kept, strict=True):
                each.weight[token] = row
    return float((after.to(before.dtype) - before).abs().max()) / scale(bench)

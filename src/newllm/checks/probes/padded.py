"""Which positions of a batch are padding, by a mask of whatever name, and what a row's output is without them."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck
from newllm.checks.probes.dependence import answers, scale
from newllm.checks.targets import tokens_given
from newllm.checks.trees import leaves, mapped

_NAME = "['attention_mask']"
_FEWEST = 2  # lengths of rows


@dataclass(frozen=True)
class Padding:
    """What is text and what is padding.

    Attributes:
        real: `[B, T]`, True where it is text.
        is_given: whether the model is given the mask, which else stands in the batch alone.
        is_named: whether it is called an attention mask.
    """

    real: Tensor
    is_given: bool
    is_named: bool


def padding_of(bench: Bench) -> Padding | None:
    """Return what a mask leaves out; None where none does.

    An attention mask is 1 where there is text. Of another name it may be the other way round: it is a mask of padding
    where what it leaves out is one token that fills rows up, at their ends or in front.
    """
    arguments, options, _ = bench.called()
    for tree, is_given in (([list(arguments), options], True), (bench.batch, False)):
        held = list(leaves(tree))
        for path, each in held:
            if path.endswith(_NAME) and each.ndim == 2 and not bool(each.bool().all()):
                return Padding(each.bool(), is_given, is_named=True)
        for _, each in held:
            if each.ndim == 2 and _is_mask(each) and (real := _sense(bench, each.bool())) is not None:
                return Padding(real, is_given, is_named=False)
    return None


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
    if int(lengths.unique().numel()) < _FEWEST or bool(padding.all(1).any()):
        return False
    if int(tokens[padding].unique().numel()) > 1:
        return False
    falls, rises = padding[:, 1:] >= padding[:, :-1], padding[:, 1:] <= padding[:, :-1]
    return (bool(falls.all()) or bool(rises.all())) and int(tokens[~padding].unique().numel()) > 1


def moved_without(bench: Bench, real: Tensor) -> float:
    """Return how far the output of rows moves where the positions that are padding in them are left out.

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

"""Padding: is it neither read nor counted nor learnt, and are the ends of texts learnt in spite of it?"""

import functools
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.probes.dependence import answers, scale
from newllm.checks.probes.padded import Padding, moved_by_embedding, moved_without, padding_of
from newllm.checks.rounding import MOVED, must_not_round, rounding
from newllm.checks.targets import inputs_before, predicts_the_next_token, targets, tokens_given
from newllm.messages import message

_RUN = 2  # tokens at the end of a row
_MASKS = ("mask", "name")


def padding(bench: Bench) -> Outcome:
    """Change the tokens that a mask leaves out: nothing else may move, and none may be a target.

    Without a mask, look for one token that fills the ends of rows and is learnt there.
    """
    held, output = padding_of(bench), bench.called()[2]
    if held is not None and _is_by_rows(output, held) and (tokens := _padded(bench, held.real)):
        return _of_rows(bench, held, tokens)
    real = _mask(bench)
    if real is None:
        if held is None or held.by == "name" or held.real.shape != output.shape[:2] or _is_learnt(bench, held):
            return _learnt(bench)
        return _of_positions(bench, held)
    tokens = _padded(bench, real)
    moved_BT = _movement(bench, real, tokens)
    moved = float(moved_BT[real].max())
    evidence: dict[str, Any] = {"padding": int((~real).sum()), "moved": moved}
    if moved > MOVED:
        must_not_round(bench, "padding", moved, lambda bench: float(_movement(bench, real, tokens)[real].max()))
        return wrong("padding", "read", **evidence)
    counted = _counted(bench, real, tokens, bool((moved_BT[~real] > MOVED).all()))
    return wrong("padding", "counted", counted=counted, **evidence) if counted else sound("padding", **evidence)


def _movement(bench: Bench, real: Tensor, tokens: dict[str, Tensor]) -> Tensor:
    """Return how far the output of each position moves, `[B, T]`, where padding holds other tokens."""
    before, after = answers(bench, functools.partial(_other_padding, real, tokens))
    return (after - before).abs().reshape(*real.shape, -1).amax(-1) / scale(bench)


def _is_learnt(bench: Bench, held: Padding) -> bool:
    """Say whether padding may be learnt, as where the next token is predicted and nothing tells the model its end."""
    try:
        return not held.is_given and predicts_the_next_token(bench)
    except CannotCheck:
        return False


def _of_positions(bench: Bench, held: Padding) -> Outcome:
    """See whether outputs of the text move where padding holds other tokens, and where it is left out.

    Both are asked, since zeros that a convolution reads behind a text are those of a row of padding, too.
    """
    real, tokens = held.real, _padded(bench, held.real)
    if len(tokens) < len(tokens_given(bench, real.shape)):  # whose positions these outputs are is not known
        raise CannotCheck("no-padding")
    moved_BT = _movement(bench, real, tokens)
    moved = float(moved_BT[real].max())
    evidence: dict[str, Any] = {"padding": int((~real).sum()), "moved": moved}
    if moved > MOVED:
        left = moved_without(bench, real)
        if math.isnan(left):
            raise CannotCheck("padding-fixed", **evidence)
        if left > rounding(bench):
            must_not_round(bench, "padding", left, lambda bench: moved_without(bench, real))
            if not held.is_given:
                raise CannotCheck("padding-untold", by=held.by, left=left, **evidence)
            return wrong("padding", "told-read", what="positions", left=left, **evidence)
    own = bool((moved_BT[~real] > MOVED).all()) or _is_constant(bench, real)
    counted = _counted(bench, real, tokens, own and held.is_given, held.by)
    if counted:
        return wrong("padding", "counted", counted=counted, **evidence)
    return Outcome(
        "padding",
        "sound",
        message("check-padding.left", how="left" if moved > MOVED else "changed", **evidence),
        evidence,
    )


def _is_constant(bench: Bench, real: Tensor) -> bool:
    """Say whether the output is the same at all padded positions: it reads nothing there, and learns only a number."""
    there = answers(bench, lambda tensor: tensor)[0][~real]
    return bool((there == there[0]).all())


def _is_by_rows(output: Tensor, held: Padding) -> bool:
    """Say whether an output belongs to a row of a text as a whole, and none of its axes to the positions."""
    if not held.is_given and output.ndim > 2:  # it may be one of each position of a part of the row
        return False
    return output.ndim > 0 and len(output) == len(held.real) and held.real.shape[1] not in output.shape[1:]


def _of_rows(bench: Bench, held: Padding, tokens: dict[str, Tensor]) -> Outcome:
    """See whether a row's output moves where padding holds other tokens, and where it is left out.

    Both are asked, since one alone may be meant: a model may look for the token of padding to find where a text ends,
    or add up embeddings of which that of padding is zero.
    """
    real = held.real

    def movement(bench: Bench) -> float:
        before, after = answers(bench, functools.partial(_other_padding, real, tokens))
        return float((after - before).abs().max()) / scale(bench)

    moved = movement(bench)
    evidence: dict[str, Any] = {"padding": int((~real).sum()), "moved": moved}
    if moved <= MOVED:
        return Outcome("padding", "sound", message("check-padding.row", how="changed", **evidence), evidence)
    must_not_round(bench, "padding", moved, movement)
    left, case = moved_without(bench, real), "row-read"
    if math.isnan(left):
        left, case = moved_by_embedding(bench, real, tokens), "row-embedding"
    if math.isnan(left):
        raise CannotCheck("padding-fixed", **evidence)
    if left <= rounding(bench):
        return Outcome("padding", "sound", message("check-padding.row", how=case, **evidence), evidence)
    if not held.is_given:
        if held.by not in _MASKS:
            raise CannotCheck("padding-untold", by=held.by, left=left, **evidence)
        raise CannotCheck("mask-not-given", left=left, **evidence)
    if held.by not in _MASKS:
        return wrong("padding", "told-read", what="rows", left=left, **evidence)
    return wrong("padding", case, left=left, **evidence)


def _other_padding(real: Tensor, tokens: dict[str, Tensor], tensor: Tensor) -> Tensor:
    """Return a tensor with other tokens at what is no text, where it is one of these."""
    if not any(tensor.shape == each.shape and torch.equal(tensor, each) for each in tokens.values()):
        return tensor.clone()
    return torch.where(real, tensor, (tensor + 1) % (tensor.max() + 1))


def _padded(bench: Bench, mask: Tensor) -> dict[str, Tensor]:
    """Return the inputs that an attention mask is of, by where they stand: what it leaves out holds one token there.

    A decoder's tokens beside it have a padding of their own. Where no input is so, all of them may be the mask's.
    """
    given = tokens_given(bench, mask.shape)
    padding = ~mask.bool()
    filled = {path: one for path, one in given.items() if int(one[padding].unique().numel()) == 1}
    return filled or given


def _counted(bench: Bench, real: Tensor, tokens: dict[str, Tensor], own: bool, by: str = "mask") -> int:
    """Return how many targets are padding: the next tokens, or those of an output for each token.

    Args:
        bench: with model and loss.
        real: `[B, T]`, what is no padding.
        tokens: the inputs that are padded.
        own: whether the output of each padded position follows its own token, as where a model tags tokens.
        by: what shows what is padding.

    Raises:
        CannotCheck: targets stand at padded positions, and may be those of another text, as of a decoder.
    """
    found = targets(bench)
    if tokens.keys() & set(inputs_before(bench)):
        next_BT = found.used[:, :-1] & ~real[:, 1:]
        # The token that ends a text may also be the one that fills rows up, and not counted in their lengths.
        return int(next_BT.sum()) if by != "lengths" or int(next_BT.sum(1).max()) > 1 else 0
    there = found.used & ~real
    counted = int(there.sum())
    if counted and not (own and int(found.ids[there].unique().numel()) == 1):
        raise CannotCheck("padding-targets", counted=counted)
    return counted


def ends(bench: Bench) -> Outcome:
    """See whether the token that ends each text is a target, where rows are filled up behind it."""
    if not predicts_the_next_token(bench):
        raise CannotCheck("not-next-token-model")
    filler = _filler(bench)
    found = targets(bench)
    rows = torch.arange(len(filler.tokens), device=filler.tokens.device)
    padded = filler.starts < filler.tokens.shape[1]
    last = filler.starts[padded] - 1  # of the text, by row
    tokens = filler.tokens[rows[padded], last]
    if len(tokens) < _RUN or bool((tokens != tokens[0]).any()) or bool((last < 1).any()):
        raise CannotCheck("no-end", token=filler.token)
    end, learnt = int(tokens[0]), int(found.used[rows[padded], last - 1].sum())
    if learnt:
        return sound("ends", token=end, learnt=learnt, rows=len(tokens))
    if end != filler.token:  # it may be meant, as of a line break behind an answer
        raise CannotCheck("end-unlearnt", token=end)
    return wrong("ends", token=end, rows=len(tokens))


@dataclass(frozen=True)
class _Filler:
    """The token that fills the ends of rows `[B, T]`: from `starts` `[B]` on a row holds nothing else."""

    token: int
    tokens: Tensor
    starts: Tensor


def _learnt(bench: Bench) -> Outcome:
    if not predicts_the_next_token(bench):
        raise CannotCheck("no-padding")
    filler = _filler(bench)
    found = targets(bench)
    inside = torch.arange(filler.tokens.shape[1], device=filler.tokens.device) >= filler.starts[:, None]
    counted = found.used & inside & (found.ids == filler.token)
    evidence = {"token": filler.token, "counted": int(counted.sum()), "total": int(found.used.sum())}
    if int(counted.any(1).sum()) >= _RUN:
        return wrong("padding", "learnt", share=evidence["counted"] / evidence["total"], **evidence)
    return sound("padding", padding=int(inside.sum()), moved=0.0)


def _filler(bench: Bench) -> _Filler:
    """Return what fills the ends of rows: by the attention mask, or a token that stands nowhere else in the batch.

    Raises:
        CannotCheck: nothing does.
    """
    _, _, output = bench.called()
    found = list(tokens_given(bench, output.shape[:2]).values())
    if not found or found[0].shape[1] <= _RUN:
        raise CannotCheck("no-padding")
    tokens, real = found[0].long(), _mask(bench)
    if real is not None:
        if not bool((real[:, 1:] <= real[:, :-1]).all()):  # filled up in front
            raise CannotCheck("no-padding")
        return _Filler(int(tokens[~real].mode().values), tokens, real.sum(1))
    token = int(tokens[:, -1].mode().values)
    run = (tokens == token).flip(1).cumprod(1).flip(1).bool()
    lengths = run.sum(1)
    if bool(((tokens == token) & ~run).any()) or int((lengths >= _RUN).sum()) < max(_RUN, len(tokens) // 2):
        raise CannotCheck("no-padding")
    if int(lengths.unique().numel()) < 2:
        raise CannotCheck("no-padding")
    return _Filler(token, tokens, tokens.shape[1] - lengths)


def _mask(bench: Bench) -> Tensor | None:
    """Return where text is, `[B, T]`, as the model is told for the positions of its output; None where it is all.

    A mask of another name than the usual may be one of tokens that are to be found, which are read on purpose: so it is
    where they are targets.
    """
    held = padding_of(bench)
    if held is None or not held.is_given or held.by not in _MASKS or held.real.shape != bench.called()[2].shape[:2]:
        return None
    if held.by == "name":
        try:
            used = targets(bench).used
        except CannotCheck:
            return None
        if used.shape != held.real.shape or bool(used[~held.real].any()):
            return None
    return held.real

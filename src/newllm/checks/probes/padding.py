"""Padding: is it neither read nor counted nor learnt, and are the ends of texts learnt in spite of it?"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from newllm.checks.bench import Bench
from newllm.checks.outcome import CannotCheck, Outcome, sound, wrong
from newllm.checks.probes.dependence import answers, scale
from newllm.checks.rounding import MOVED, must_not_round
from newllm.checks.targets import inputs_before, predicts_the_next_token, targets, tokens_given
from newllm.checks.trees import leaves

_RUN = 2  # tokens at the end of a row


def padding(bench: Bench) -> Outcome:
    """Change the tokens that the attention mask leaves out: nothing else may move, and none may be a target.

    Without a mask, look for one token that fills the ends of rows and is learnt there.
    """
    mask = _mask(bench)
    if mask is None:
        return _learnt(bench)
    real = mask.bool()
    tokens = _padded(bench, mask)

    def elsewhere(tensor: Tensor) -> Tensor:
        if not any(tensor.shape == each.shape and torch.equal(tensor, each) for each in tokens.values()):
            return tensor.clone()
        return torch.where(real, tensor, (tensor + 1) % (tensor.max() + 1))

    def movement(bench: Bench) -> Tensor:
        before, after = answers(bench, elsewhere)
        return (after - before).abs().flatten(2).amax(-1) / scale(bench)

    moved_BT = movement(bench)
    moved = float(moved_BT[real].max())
    evidence: dict[str, Any] = {"padding": int((~real).sum()), "moved": moved}
    if moved > MOVED:
        must_not_round(bench, "padding", moved, lambda bench: float(movement(bench)[real].max()))
        return wrong("padding", "read", **evidence)
    counted = _counted(bench, real, tokens, bool((moved_BT[~real] > MOVED).all()))
    return wrong("padding", "counted", counted=counted, **evidence) if counted else sound("padding", **evidence)


def _padded(bench: Bench, mask: Tensor) -> dict[str, Tensor]:
    """Return the inputs that an attention mask is of, by where they stand: what it leaves out holds one token there.

    A decoder's tokens beside it have a padding of their own. Where no input is so, all of them may be the mask's.
    """
    given = tokens_given(bench, mask.shape)
    padding = ~mask.bool()
    filled = {path: one for path, one in given.items() if int(one[padding].unique().numel()) == 1}
    return filled or given


def _counted(bench: Bench, real: Tensor, tokens: dict[str, Tensor], own: bool) -> int:
    """Return how many targets are padding: the next tokens, or those of an output for each token.

    Args:
        bench: with model and loss.
        real: `[B, T]`, what is no padding.
        tokens: the inputs that are padded.
        own: whether the output of each padded position follows its own token, as where a model tags tokens.

    Raises:
        CannotCheck: targets stand at padded positions, and may be those of another text, as of a decoder.
    """
    found = targets(bench)
    if tokens.keys() & set(inputs_before(bench)):
        return int((found.used[:, :-1] & ~real[:, 1:]).sum())
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
    tokens, mask = found[0].long(), _mask(bench)
    if mask is not None:
        real = mask.bool()
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
    """Return the attention mask of the positions, where it leaves something out."""
    arguments, options, output = bench.called()
    masks = [tensor for path, tensor in leaves([arguments, options]) if path.endswith("['attention_mask']")]
    return next((one for one in masks if one.shape == output.shape[:2] and not bool(one.bool().all())), None)

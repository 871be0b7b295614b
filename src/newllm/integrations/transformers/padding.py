"""Batches with padding: a padded position is read by nobody, so that a row's state is that of the unpadded row.

A recurrent model that runs over padding carries it in its state. Here the rows of one length are cut out and read
together, whatever the body: none has to know of padding.

Shapes: B rows, T positions, D channels.
"""

import dataclasses

import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.model.bodies import State
from newllm.model.language_model import LanguageModel
from newllm.model.rows import join_rows, take_rows


@dataclasses.dataclass(frozen=True)
class Spans:
    """Where each row's tokens stand.

    Attributes:
        start_B: place of the first token.
        length_B: number of tokens; 0 where the row is all padding.
    """

    start_B: Tensor  # noqa: N815 - a shape suffix
    length_B: Tensor  # noqa: N815


def spans_of(mask: Tensor | None, rows: int, length: int, before: int) -> Spans | None:
    """Read an attention mask: 1 at tokens, 0 at padding, which stands before a row's tokens or behind them.

    Args:
        mask: of this call `[B, T]`, or of all that was given so far `[B, before + T]`; None for no padding.
        rows: B.
        length: T.
        before: positions that were given before, padding included.

    Returns:
        None where there is no padding.

    Raises:
        UserError: the mask has another shape, or padding between a row's tokens.
    """
    if mask is None:
        return None
    if mask.dim() != 2 or len(mask) != rows or mask.shape[1] not in (length, before + length):
        both = f" or [{rows}, {before + length}]" if before else ""
        raise UserError(f"attention_mask has shape {list(mask.shape)}: give [{rows}, {length}]{both}, 1 at each token")
    present_BT = mask[:, mask.shape[1] - length :] != 0
    if bool(present_BT.all()):
        return None
    length_B = present_BT.sum(dim=1)
    start_B = present_BT.long().argmax(dim=1)
    index_T = torch.arange(length, device=mask.device)
    expected_BT = (index_T >= start_B[:, None]) & (index_T < (start_B + length_B)[:, None])
    one_side_B = (start_B == 0) | (start_B + length_B == length) | (length_B == 0)
    wrong_B = ~one_side_B | (expected_BT != present_BT).any(dim=1)
    if bool(wrong_B.any()):
        row = int(wrong_B.long().argmax())
        raise UserError(
            f"attention_mask of row {row} has padding on both sides or between tokens: pad on the left or on the right"
        )
    return Spans(start_B, length_B)


def read_padded(
    model: LanguageModel, given: Tensor, state: State | None, spans: Spans, hidden: list[Tensor] | None = None
) -> tuple[Tensor, State]:
    """Read rows of several lengths.

    Args:
        model: reads them.
        given: tokens and padding, as ids or embeddings.
        state: before them, or None.
        spans: where the tokens are.
        hidden: a list that takes every layer's output, as `LanguageModel.read` says, zeros at padding; or None.

    Returns:
        Features `[B, T, body.output_width]`, zeros at padding, and each row's state after its last token.
    """
    rows, length = given.shape[:2]
    state = model.initial_state(rows) if state is None else state
    whole: list[Tensor] = []
    parts: list[tuple[Tensor, State]] = []
    for count in spans.length_B.unique().tolist():
        chosen = (spans.length_B == count).nonzero()[:, 0]
        before = take_rows(state, chosen)
        if count == 0:
            parts.append((chosen, before))
            continue
        places = spans.start_B[chosen, None] + torch.arange(count, device=given.device)
        outputs, after = _read(model, given[chosen[:, None], places], before, every_layer=hidden is not None)
        whole = whole or [value.new_zeros(rows, length, value.shape[-1]) for value in outputs]
        whole = [
            into.to(value.dtype).index_put((chosen[:, None], places), value)
            for into, value in zip(whole, outputs, strict=True)
        ]
        parts.append((chosen, after))
    if not whole:  # every row is all padding
        with torch.no_grad():
            outputs, _ = _read(model, given[:, :1], None, every_layer=hidden is not None)
        whole = [value.new_zeros(rows, length, value.shape[-1]) for value in outputs]
    if hidden is not None:
        hidden.extend(whole)
    order = torch.cat([chosen for chosen, _ in parts]).argsort()
    return whole[-1], take_rows(join_rows([after for _, after in parts]), order)


def read_without_state(model: LanguageModel, given: Tensor, spans: Spans, hidden: list[Tensor] | None = None) -> Tensor:
    """Read rows of several lengths from the start in one call, where nobody wants the state after them.

    Rows are moved to the left: what stands behind a row's tokens does not reach them. Arguments as of `read_padded`.

    Returns:
        Features `[B, T, body.output_width]`, zeros at padding.
    """
    index_T = torch.arange(given.shape[1], device=given.device)
    places_BT = (index_T + spans.start_B[:, None]) % given.shape[1]
    outputs, _ = _read(model, _taken(given, places_BT), None, every_layer=hidden is not None)
    present_BT = (index_T >= spans.start_B[:, None]) & (index_T < (spans.start_B + spans.length_B)[:, None])
    back_BT = (index_T - spans.start_B[:, None]) % given.shape[1]
    whole = [torch.where(present_BT[..., None], _taken(value, back_BT), 0.0) for value in outputs]
    if hidden is not None:
        hidden.extend(whole)
    return whole[-1]


def repeated(features_BTF: Tensor, spans: Spans) -> Tensor:
    """Return features whose padding on the right is each row's last token again: what comes next does not change."""
    behind_B = spans.start_B + spans.length_B
    index_T = torch.arange(features_BTF.shape[1], device=behind_B.device)
    last_BF = features_BTF[torch.arange(len(behind_B), device=behind_B.device), (behind_B - 1).clamp(min=0)]
    return torch.where((index_T >= behind_B[:, None])[..., None], last_BF[:, None], features_BTF)


def _read(model: LanguageModel, given: Tensor, state: State | None, *, every_layer: bool) -> tuple[list[Tensor], State]:
    """Read unpadded rows; return the features alone or with what comes before them, the features last."""
    hidden: list[Tensor] | None = [] if every_layer else None
    features_BTF, after = model.read(given, state, hidden=hidden)
    return [features_BTF] if hidden is None else hidden, after


def _taken(given: Tensor, places_BT: Tensor) -> Tensor:
    if given.dim() == 2:
        return given.gather(1, places_BT)
    return given.gather(1, places_BT[..., None].expand(-1, -1, given.shape[2]))

"""What a model returns: how much it differs between rows; log Z, the largest and the smallest of its logits.

Shapes: N rows, V vocabulary or classes, D numbers of a row.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from newllm.recorder.activations import first_tensor
from newllm.recorder.pending import Row

_ROWS = 256
_FEWEST_ROWS, _MOST_NUMBERS = 8, 4096
_MOST_PLACES = 1000


def find_logits(model: nn.Module, output: Any, vocabulary: int | None) -> Tensor | None:
    """Return the logits `[..., V]` of a model's output, None where there are none.

    They are `output.logits`, `output["logits"]`, or the first floating tensor; their last axis is the
    vocabulary, or, where that is not known, the size of an embedding or of a last linear layer.
    """
    logits = main_output(output)
    if logits is None or logits.dim() not in (2, 3) or logits.numel() == 0 or logits.shape[-1] < 2:
        return None
    size = logits.shape[-1]
    if vocabulary is not None:
        return logits if size == vocabulary else None
    return logits if size == embedding_size(model, size) or size == _last_width(model) else None


def find_logits_by_class(model: nn.Module, output: Any, inputs: Iterable[Tensor]) -> Tensor | None:
    """Return the logits `[B, V, T]` of a model that puts its classes first, as `cross_entropy` takes them.

    They have a position for each token of a text that the model is given, and a class for each row of an embedding.
    """
    logits = main_output(output)
    if logits is None or logits.dim() != 3 or logits.shape[1] < 2:
        return None
    tokens = [one for one in inputs if not one.is_floating_point() and one.shape == (len(logits), logits.shape[2])]
    return logits if tokens and embedding_size(model, logits.shape[1]) is not None else None


def embedding_size(model: nn.Module, size: int) -> int | None:
    """Return `size` if an embedding of the model has so many rows, else None."""
    return next((size for m in model.modules() if isinstance(m, nn.Embedding) and m.num_embeddings == size), None)


def main_output(output: Any) -> Tensor | None:
    """Return `output.logits`, `output["logits"]`, or the first floating tensor of a model's output."""
    found = getattr(output, "logits", None)
    if found is None and isinstance(output, Mapping):
        found = output.get("logits")
    return found if isinstance(found, Tensor) else first_tensor(output)


def trained_outputs(result: Any) -> Iterator[Tensor]:
    """Yield all floating tensors of a result that a loss may be made of."""
    if isinstance(result, Tensor):
        if result.is_floating_point() and result.requires_grad and result.dim():
            yield result
    elif isinstance(result, Mapping | tuple | list):
        for part in result.values() if isinstance(result, Mapping) else result:
            yield from trained_outputs(part)


def other_heads(model: nn.Module, output: Any, logits: Tensor | None) -> Iterator[Tensor]:
    """Yield further outputs which a loss of classes may be made of.

    They are those `[N, V]` of a linear layer each, and, of a model without logits, its first output `[..., V]`: what
    attends to places, as a pointer network does, has no layer of that width.
    """
    first = main_output(output) if logits is None else None
    if first is not None and first.requires_grad and first.dim() in (2, 3) and 2 < first.shape[-1] <= _MOST_PLACES:
        yield first
    others = [one for one in trained_outputs(output) if one is not logits and one is not first and one.dim() == 2]
    others = [one for one in others if len(one) >= _FEWEST_ROWS and one.shape[1] > 2]
    if others:  # to go through a model takes its time
        widths = {module.out_features for module in model.modules() if isinstance(module, nn.Linear)}
        yield from (one for one in others if one.shape[1] in widths)


@torch.no_grad()
def put_logits(logits: Tensor, row: Row) -> None:
    """Record them; log Z is the mean over up to 256 rows, evenly spread."""
    flat_NV = logits.detach().flatten(0, -2)
    some_NV = flat_NV[:: max(1, len(flat_NV) // _ROWS)]
    row.put("log_z", some_NV.float().logsumexp(dim=-1).mean())
    least, largest = torch.aminmax(flat_NV)
    row.put("logit_max", largest.float())
    row.put("logit_min", least.float())


@torch.no_grad()
def put_spread(output: Tensor, row: Row) -> None:
    """Record by how much a row of an output `[N, ...]` differs from the mean row, as a share of how large rows are.

    Root mean squares, of up to 256 rows and 4,096 numbers of each; rows of several numbers are first centred at the
    mean of all.
    """
    rows_ND = output.detach().flatten(1) if output.dim() > 1 else output.detach()[:, None]
    rows_ND = rows_ND[:: 1 + (len(rows_ND) - 1) // _ROWS, :: 1 + (rows_ND.shape[1] - 1) // _MOST_NUMBERS].float()
    if len(rows_ND) < _FEWEST_ROWS:
        return
    apart = (rows_ND - rows_ND.mean(0)).square().mean()
    size = (rows_ND - rows_ND.mean() if rows_ND.shape[1] > 1 else rows_ND).square().mean()
    row.put("outputs_apart", (apart / size.clamp(min=1e-30)).sqrt())


def _last_width(model: nn.Module) -> int | None:
    linears = [module for module in model.modules() if isinstance(module, nn.Linear)]
    return linears[-1].out_features if linears else None

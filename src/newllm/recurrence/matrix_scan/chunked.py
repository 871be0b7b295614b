"""The delta rule chunk by chunk, in torch alone: it runs on any device, and autograd differentiates it.

Within a chunk every matrix is the one before the chunk, decayed, and a sum of what each position wrote. With
`D_ts` the decay from position s to t and `e_t` the error that position t wrote,

    e_t = value_t - (D_t0 * lookup_t) S_0 - sum_{s<t} (lookup_t . D_ts key_s) e_s

is a triangular system, solved at once (the WY form: Yang et al. 2024, arXiv:2406.06484). Decays are sums of
logarithms between two positions, never a quotient of two products.

Shapes: B rows, H heads, N positions of a chunk (t and s), K key width, V value width, G = 1 or K (`steps`).
"""

import torch
from torch import Tensor

from newllm.recurrence.matrix_scan.steps import Steps

CHUNK = 32


def forward(steps: Steps, initial_BHKV: Tensor, reset_BT: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return every reading `[B, T, H, V]` and the last matrices."""
    # Split, not sliced: a slice's gradient is as large as the whole sequence.
    parts = [sequence.transpose(1, 2).split(CHUNK, dim=2) for sequence in steps]
    resets = [None] * len(parts[0]) if reset_BT is None else list(reset_BT.split(CHUNK, dim=1))
    matrix_BHKV, readings = initial_BHKV, []
    for chunk, reset_BN in zip(zip(*parts, strict=True), resets, strict=True):
        reading_BHNV, matrix_BHKV = _through_chunk(Steps(*chunk), matrix_BHKV, reset_BN)
        readings.append(reading_BHNV)
    return torch.cat(readings, dim=2).transpose(1, 2), matrix_BHKV


def _through_chunk(chunk_BHN: Steps, matrix_BHKV: Tensor, reset_BN: Tensor | None) -> tuple[Tensor, Tensor]:
    query, key, value, lookup, log_decay = chunk_BHN
    between, since = _decays(log_decay, reset_BN)
    past = torch.tril(_products(lookup, key, between), diagonal=-1)
    free = value - (since * lookup) @ matrix_BHKV
    error = torch.linalg.solve_triangular(past, free, upper=False, unitriangular=True)
    reading = (since * query) @ matrix_BHKV + torch.tril(_products(query, key, between)) @ error
    # The last matrix: what is left of the first, and of each error written.
    remaining = between[:, :, -1] * key
    return reading, since[:, :, -1, :, None] * matrix_BHKV + remaining.transpose(-1, -2) @ error


def _decays(log_decay_BHNG: Tensor, reset_BN: Tensor | None) -> tuple[Tensor, Tensor]:
    """Return the decay from position s to t `[B, H, t, s, G]`, and from before the chunk to t `[B, H, t, G]`."""
    length = log_decay_BHNG.shape[2]
    later = torch.ones(length, length, dtype=torch.bool, device=log_decay_BHNG.device).tril(diagonal=-1)
    steps_BHtsG = torch.where(later[..., None], log_decay_BHNG[:, :, :, None], 0.0)
    between, since = steps_BHtsG.cumsum(dim=2).exp(), log_decay_BHNG.cumsum(dim=2).exp()
    if reset_BN is None:
        return between, since
    document_BN = reset_BN.cumsum(dim=1)
    is_same_Bts = document_BN[:, :, None] == document_BN[:, None, :]
    is_first_BN = document_BN == 0
    return between * is_same_Bts[:, None, :, :, None], since * is_first_BN[:, None, :, None]


def _products(left_BHNK: Tensor, key_BHNK: Tensor, between_BHtsG: Tensor) -> Tensor:
    """Return `left_t . D_ts key_s`, `[B, H, t, s]`."""
    if between_BHtsG.shape[-1] == 1:
        return (left_BHNK @ key_BHNK.transpose(-1, -2)) * between_BHtsG[..., 0]
    return torch.einsum("bhtk,bhsk,bhtsk->bhts", left_BHNK, key_BHNK, between_BHtsG)

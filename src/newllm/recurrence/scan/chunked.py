"""The scan in plain torch operations, for any device: doubling inside chunks, a carry between them.

Inside a chunk of L positions, log2(L) passes combine pairs (Hillis and Steele 1986, "Data parallel
algorithms"): a pair (decay, input) followed by another is (decay' * decay, decay' * input + input').
Products of decays are only ever multiplied, never divided by, so that a decay of 0 and an underflow
are exact. A reset makes a position deaf to all before it, by selection and not by multiplication: a
NaN in one document does not reach the next.

Shapes: B rows, N chunks, L positions of a chunk, C channels.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

CHUNK = 64


def forward(decay_BTC: Tensor, input_BTC: Tensor, initial_BC: Tensor, reset_BT: Tensor | None) -> Tensor:
    """Return every context `[B, T, C]`."""
    length = input_BTC.shape[1]
    size = min(CHUNK, length)
    decay_BNLC, input_BNLC = _chunks(decay_BTC, size), _chunks(input_BTC, size)
    reset_BNL1 = None if reset_BT is None else _chunks(reset_BT[..., None], size)
    decay_BNLC, input_BNLC, deaf_BNL1 = _within_chunks(decay_BNLC, input_BNLC, reset_BNL1)
    context_BC, chunks = initial_BC, []
    for n in range(input_BNLC.shape[1]):
        carried = decay_BNLC[:, n] * context_BC[:, None]
        if deaf_BNL1 is not None:
            carried = torch.where(deaf_BNL1[:, n], 0.0, carried)
        chunks.append(carried + input_BNLC[:, n])
        context_BC = chunks[-1][:, -1]
    return torch.cat(chunks, dim=1)[:, :length].contiguous()


def backward(
    gradient_BTC: Tensor, decay_BTC: Tensor, contexts_BTC: Tensor, initial_BC: Tensor, reset_BT: Tensor | None
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the gradients of decay, input and initial: the same scan, run from the end."""
    # From the end, position t meets the decay (and the reset) of position t + 1.
    later_decay = torch.roll(decay_BTC.flip(1), 1, dims=1)
    later_decay[:, 0] = 0.0  # nothing comes after the end; the first decay, rolled here, may be NaN
    later_reset = None if reset_BT is None else torch.roll(reset_BT.flip(1), 1, dims=1)
    nothing_BC = torch.zeros_like(initial_BC)
    d_input = forward(later_decay, gradient_BTC.flip(1), nothing_BC, later_reset).flip(1)
    before_BTC = torch.cat([initial_BC[:, None], contexts_BTC[:, :-1]], dim=1)
    d_decay, d_initial = d_input * before_BTC, decay_BTC[:, 0] * d_input[:, 0]
    if reset_BT is not None:
        d_decay = d_decay.masked_fill(reset_BT[..., None], 0.0)
        d_initial = d_initial.masked_fill(reset_BT[:, 0, None], 0.0)
    return d_decay, d_input, d_initial


def _chunks(value_BTX: Tensor, size: int) -> Tensor:
    """Cut time into chunks, the last one filled up with zeros: `[B, N, L, X]`."""
    rows, length, width = value_BTX.shape
    filled = F.pad(value_BTX, (0, 0, 0, -length % size))
    return filled.view(rows, -1, size, width)


def _within_chunks(decay: Tensor, input: Tensor, reset: Tensor | None) -> tuple[Tensor, Tensor, Tensor | None]:
    """Scan each chunk from zero; also return the decay since its start, and who is deaf to the carry."""
    sums, span = input, 1
    while span < input.shape[2]:
        carried = decay[:, :, span:] * sums[:, :, :-span]
        if reset is not None:
            carried = torch.where(reset[:, :, span:], 0.0, carried)
            reset = torch.cat([reset[:, :, :span], reset[:, :, span:] | reset[:, :, :-span]], dim=2)
        sums = torch.cat([sums[:, :, :span], sums[:, :, span:] + carried], dim=2)
        decay = torch.cat([decay[:, :, :span], decay[:, :, span:] * decay[:, :, :-span]], dim=2)
        span *= 2
    return decay, sums, reset

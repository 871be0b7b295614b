"""The code of a variational autoencoder: how much it tells, and what its loss weighs it with, whatever the loop logs.

Such a model draws noise of the shape of its code, and returns the code's mean and log-variance beside what it makes of
it (Kingma and Welling 2014, arXiv:1312.6114). Their KL divergence from a standard normal distribution is what the code
tells of a row at most. What the loss charges for the reconstruction is read off the gradient of the reconstruction: it
is that of a known distance to the input, number for number.

Shapes: N rows, D numbers of a code.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.output_gradients import OutputGradients
from newllm.recorder.outputs import trained_outputs
from newllm.recorder.pending import Row

_DRAWING = (torch.randn_like, torch.randn, torch.normal, Tensor.normal_)
_MOST_NUMBERS = 1 << 21
_NEAR = 1e-3  # of the largest gradient: rounding


class LatentCode:
    """Looks at what a model draws, returns and is asked for.

    Args:
        protect: keeps errors from the training.
    """

    def __init__(self, protect: Protect = unprotected) -> None:
        self._protect, self._gradients = protect, OutputGradients(protect)
        self._drawn: set[torch.Size] = set()

    def functions(self) -> dict[Any, Callable[..., None]]:
        """Return the functions to be looked at, for a call that begins."""
        self._drawn = set()
        return dict.fromkeys(_DRAWING, self._drew)

    def _drew(self, noise: Tensor, *_: Any, **__: Any) -> None:
        self._drawn.add(noise.shape)

    @torch.no_grad()
    def returned(self, result: Any, inputs: Sequence[Tensor], row: Row) -> None:
        """Record the divergence, the mean over the rows in nats, if the model returned one code and something else."""
        outputs = list(trained_outputs(result))
        codes = [one for one in outputs if one.dim() == 2 and one.shape in self._drawn]
        others = [one for one in outputs if not any(one is code for code in codes)]
        if len(codes) != 2 or codes[0].shape != codes[1].shape or not others:
            return
        mean_ND, log_variance_ND = (one.detach().float() for one in codes)
        nats_ND = (mean_ND.square() + log_variance_ND.exp() - 1 - log_variance_ND) / 2
        # A standard deviation in the second one's place is never below nothing.
        row.put_all(torch.stack([nats_ND.sum(1).mean(), log_variance_ND.min()]), _divergence)
        made, given = others[0], inputs[0] if inputs else None
        if given is not None and given.is_floating_point() and given.numel() == made.numel() <= _MOST_NUMBERS:
            self._gradients.listen(made, made.detach().clone(), given.detach().clone())

    def put(self, row: Row, *, is_scaled: bool) -> None:
        """Record what the loss of this update charges for the reconstruction; `is_scaled` as for `TargetWatch.put`."""
        found = self._gradients.take()
        if found and not is_scaled:
            gradient, (made, given) = found[0]
            row.put_late(self._protect(lambda: _reconstruction(made, given.reshape(made.shape), gradient)))

    def forget(self) -> None:
        """Let go of what this update has shown so far."""
        self._gradients.take()


def _divergence(numbers: Sequence[float]) -> list[tuple[str, float]]:
    nats, least = numbers
    return [("latent_kl", nats)] if least < 0 else []


def _reconstruction(made: Tensor, given: Tensor, gradient: Tensor) -> dict[str, float] | None:
    o, x, g = (one.cpu().double() for one in (made, given, gradient))
    if not bool(torch.isfinite(o).all() and torch.isfinite(g).all() and g.any()):
        return None
    for value, slope in _distances(o, x):
        scale = float((g * slope).sum() / slope.square().sum())
        if float((g - scale * slope).abs().max()) < _NEAR * float(g.abs().max()):
            return {"reconstruction_loss": scale * float(value.sum())}
    return None


def _distances(o: Tensor, x: Tensor) -> list[tuple[Tensor, Tensor]]:
    """Return what each number costs, and how fast that grows with the output: a distance each."""
    found = [((o - x).square() / 2, o - x), ((o - x).abs(), (o - x).sign())]
    if bool(((x >= 0) & (x <= 1)).all()):
        found.append((F.softplus(o) - x * o, o.sigmoid() - x))
        if bool(((o > 0) & (o < 1)).all()):
            found.append((F.binary_cross_entropy(o, x, reduction="none"), (o - x) / (o * (1 - o))))
    return [(value, slope) for value, slope in found if bool(slope.any())]

"""Finite-time Lyapunov exponents: how fast a recurrence forgets or magnifies a small disturbance.

An exponent is in nats per position: ln 0.9 where a disturbance shrinks to 0.9 at every step, 0 where it
stays, above 0 where the recurrence is chaotic. Method: tangent vectors are carried along by
Jacobian-vector products and re-orthonormalised by QR at every step (Benettin et al. 1980, "Lyapunov
characteristic exponents for smooth dynamical systems", Meccanica 15).

Where tangents start matters over a short text. From a random direction the leading exponent comes out too
small, by up to about ln(C) / 2 / T, and hangs on the seed. An `aligned` start pulls the random directions
back through the whole text first (Jacobian-transposed products, re-orthonormalised likewise): half a step of
power iteration for the leading singular vectors.

Limit: with a norm on read the very first position, from a context of zeros, is as steep as 1 / sqrt(eps);
`discard` it.

Shapes: B rows, T positions, C channels, K tangent vectors.
"""

import functools
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad

from newllm.chance import numpy_stream
from newllm.model.bodies.cell import Cell
from newllm.model.evaluation_mode import evaluation_mode
from newllm.model.language_model import LanguageModel

Step = Callable[[Tensor, Tensor], Tensor]
"""`step(context_BC, input) -> context_BC`, one position of a recurrence; no row looks at another."""


@torch.no_grad()
def lyapunov_exponents(
    step: Step,
    context_BC: Tensor,
    inputs: Sequence[Tensor],
    count: int = 1,
    *,
    real_BT: Tensor | None = None,
    discard: int = 0,
    aligned: bool = False,
    seed: int = 0,
) -> Tensor:
    """Return the `count` largest exponents of each row, `[B, count]`, nats per position, largest first as a rule.

    A row's exponents do not depend on the other rows.

    Args:
        step: one position; every operation in it must have a forward-mode derivative.
        context_BC: before the first position.
        inputs: what each of the T positions reads.
        count: K, how many exponents, at most C.
        real_BT: False where a row has ended: its context and tangents stay, nothing is counted.
        discard: positions at the start that are run but not counted.
        aligned: start from the directions that the whole text stretches most.
        seed: of the tangent vectors' start.

    Returns:
        Minus infinity where a disturbance vanishes altogether, NaN for a row with no position to count.

    Raises:
        ValueError: `count` is not between 1 and C.
    """
    rows, channels = context_BC.shape
    if not 1 <= count <= channels:
        raise ValueError(f"count is {count}: a context of {channels} channels has 1 to {channels} exponents")
    _prepare_forward_mode()
    real_BT = _all_real(context_BC, len(inputs)) if real_BT is None else real_BT
    tangent_BCK = first_tangents(context_BC, count, seed)
    if aligned:
        tangent_BCK = _pull_back(step, context_BC, tangent_BCK, inputs, real_BT)
    sums_BK = context_BC.new_zeros(rows, count)
    for t, (given, real_B) in enumerate(zip(inputs, real_BT.unbind(1), strict=True)):
        after_BC, grown_BCK = _advance(step, context_BC, tangent_BCK, given)
        turned_BCK, growth_BKK = torch.linalg.qr(grown_BCK)
        if t >= discard:
            sums_BK += torch.where(real_B[:, None], growth_BKK.diagonal(dim1=1, dim2=2).abs().log(), 0.0)
        context_BC = torch.where(real_B[:, None], after_BC, context_BC)
        tangent_BCK = torch.where(real_B[:, None, None], turned_BCK, tangent_BCK)
    return sums_BK / real_BT[:, discard:].sum(dim=1, keepdim=True)


def model_exponents(
    model: LanguageModel,
    tokens_BT: Tensor,
    real_BT: Tensor | None = None,
    count: int = 1,
    *,
    discard: int = 0,
    aligned: bool = True,
    seed: int = 0,
) -> float | None:
    """Return the mean of the `count` largest exponents of a cell's recurrence while it reads, nats per position.

    Without dropout, from contexts of zeros; every counted position weighs the same. With `count` = C it is
    the mean rate at which volumes shrink, a C-th of the mean `log |det Jacobian|`.

    Args:
        model: put into evaluation mode and back.
        tokens_BT: what it reads.
        real_BT: False where a row has ended; None if none does.
        count: how many exponents.
        discard: positions at the start that are run but not counted.
        aligned: start from the directions that the whole text stretches most.
        seed: of the tangent vectors' start.

    Returns:
        None for a body that is not a cell (nothing is fed back through a nonlinear map there), or if there is
        no position to count.
    """
    body = model.body
    if not isinstance(body, Cell):
        return None
    real_BT = _all_real(tokens_BT, tokens_BT.shape[1]) if real_BT is None else real_BT
    counted_B = real_BT[:, discard:].sum(dim=1)
    rows = counted_B > 0
    with evaluation_mode(model):
        step, context_BC, inputs = _recurrence(model, body, tokens_BT)
        exponents_BK = lyapunov_exponents(
            step, context_BC, inputs, count, real_BT=real_BT, discard=discard, aligned=aligned, seed=seed
        )
    weighted = exponents_BK[rows].mean(dim=1) * counted_B[rows]
    return float(weighted.sum() / counted_B.sum()) if bool(rows.any()) else None


@torch.no_grad()
def _recurrence(model: LanguageModel, cell: Cell, tokens_BT: Tensor) -> tuple[Step, Tensor, Sequence[Tensor]]:
    """Return a cell's step, its first context and what it reads."""
    state = model.initial_state(len(tokens_BT))

    def step(context_BC: Tensor, x_BD: Tensor) -> Tensor:
        return cell.step(x_BD, {"context": context_BC}, state["position"])[1]["context"]

    return step, state["context"], model.embed(tokens_BT, state)[0].unbind(1)


def _advance(step: Step, context_BC: Tensor, tangent_BCK: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
    """Return the next context and the tangents carried along; the context is computed once for all tangents."""

    def push(tangent_BC: Tensor) -> tuple[Tensor, ...]:
        return torch.func.jvp(lambda context: step(context, given), (context_BC,), (tangent_BC,))

    shared_and_stacked: Any = (None, 2)  # torch's annotation leaves out the None that its vmap takes
    after_BC, grown_BCK = torch.func.vmap(push, in_dims=2, out_dims=shared_and_stacked)(tangent_BCK)
    return after_BC, grown_BCK


def _retreat(step: Step, context_BC: Tensor, tangent_BCK: Tensor, given: Tensor) -> Tensor:
    """Return the tangents times the transposed Jacobian at this context."""
    pull = torch.func.vjp(lambda context: step(context, given), context_BC)[1]
    return torch.func.vmap(lambda tangent_BC: pull(tangent_BC)[0], in_dims=2, out_dims=2)(tangent_BCK)


def _pull_back(
    step: Step, context_BC: Tensor, tangent_BCK: Tensor, inputs: Sequence[Tensor], real_BT: Tensor
) -> Tensor:
    """Carry the tangents from the last position back to the first by transposed Jacobians."""
    contexts = []
    for given, real_B in zip(inputs, real_BT.unbind(1), strict=True):
        contexts.append(context_BC)
        context_BC = torch.where(real_B[:, None], step(context_BC, given), context_BC)
    for t in reversed(range(len(inputs))):
        turned_BCK, _ = torch.linalg.qr(_retreat(step, contexts[t], tangent_BCK, inputs[t]))
        tangent_BCK = torch.where(real_BT[:, t, None, None], turned_BCK, tangent_BCK)
    return tangent_BCK


def first_tangents(context_BC: Tensor, count: int, seed: int) -> Tensor:
    """Return orthonormal vectors, the same for every row, `[B, C, K]`."""
    drawn_CK = numpy_stream(seed, "lyapunov").standard_normal((context_BC.shape[1], count))
    tangent_CK, _ = torch.linalg.qr(torch.from_numpy(drawn_CK))
    return tangent_CK.to(context_BC).expand(len(context_BC), -1, -1)


@functools.cache
def _prepare_forward_mode() -> None:
    """Let torch load its forward-mode rules, which it compiles by a means that it itself calls deprecated."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.filterwarnings("ignore", message="`torch.jit.script")  # its category differs between versions
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))


def _all_real(like: Tensor, positions: int) -> Tensor:
    return torch.ones(len(like), positions, dtype=torch.bool, device=like.device)

"""With which weight the entropy of a policy stands in the loss, read off the gradient of what the policy returned.

A policy gradient pulls the logits of each row towards the action that was taken, or away from it, by as much as that
action was worth; a bonus for entropy (Williams and Peng 1991; Mnih et al. 2016, arXiv:1602.01783) adds the entropy's
own derivative, with one weight in all rows. Of the three unknowns of a row, action, worth and weight, the last is the
one that the rows agree on.

Shapes: N rows (states), K actions.
"""

from typing import Any

import torch
from torch import Tensor

from newllm.recorder.isolation import Protect, unprotected
from newllm.recorder.output_gradients import OutputGradients
from newllm.recorder.outputs import trained_outputs
from newllm.recorder.pending import Row

_FEWEST_ACTIONS, _MOST_ACTIONS = 3, 64  # of two actions a row has one number, which says nothing of two unknowns
_FEWEST_ROWS, _MOST_ROWS = 16, 256
_ROUNDING = 1e-3  # of a row's gradient
_ALIKE = 0.02  # of the weight
_AGREE = 0.9  # of the rows
_MOST_TRIED = 512  # weights


class PolicyEntropy:
    """Reads the gradients of what may be a policy's logits or probabilities.

    Args:
        protect: keeps errors from the training.
    """

    def __init__(self, protect: Protect = unprotected) -> None:
        self._protect, self._gradients = protect, OutputGradients(protect)

    def returned(self, result: Any) -> None:
        """The model returned this for an update."""
        for output in trained_outputs(result):
            if output.dim() in (2, 3) and _FEWEST_ACTIONS <= output.shape[-1] <= _MOST_ACTIONS:
                self._gradients.listen(output, output.detach().clone())

    def put(self, row: Row, *, is_plain: bool) -> None:
        """Record `entropy_weight`, above 0 where the loss rises with the entropy.

        Args:
            row: where it goes.
            is_plain: whether the loss is what is minimised, and no scaler multiplies it.
        """
        found = self._gradients.take()
        if found and is_plain:
            row.put_late(self._protect(lambda: _read(found)))

    def forget(self) -> None:
        """Let go of what this update has shown so far."""
        self._gradients.take()


def _read(found: list[tuple[Tensor, tuple[Tensor, ...]]]) -> dict[str, float] | None:
    """Return the weight of a mean over the rows of all calls, by the first output that has one."""
    by_width: dict[int, list[tuple[Tensor, Tensor]]] = {}
    for gradient, (output,) in found:
        width = output.shape[-1]
        by_width.setdefault(width, []).append((output.reshape(-1, width), gradient.reshape(-1, width)))
    for calls in by_width.values():
        output_NK, gradient_NK = (torch.cat(parts).cpu().double() for parts in zip(*calls, strict=True))
        weight = entropy_weight(output_NK, gradient_NK)
        if weight is not None:
            return {"entropy_weight": weight}
    return None


def entropy_weight(output_NK: Tensor, gradient_NK: Tensor) -> float | None:
    """Return the weight of the mean entropy in a loss; None where rows do not agree on one, or there is none.

    Args:
        output_NK: logits, log-probabilities or probabilities.
        gradient_NK: of the loss, in double precision.
    """
    counts = gradient_NK.any(1) & torch.isfinite(gradient_NK).all(1) & torch.isfinite(output_NK).all(1)
    rows = int(counts.sum())
    if rows < _FEWEST_ROWS:
        return None
    output_NK, gradient_NK = (one[counts][:: 1 + (rows - 1) // _MOST_ROWS] for one in (output_NK, gradient_NK))
    probability_NK, pull_NK = _of_logits(output_NK, gradient_NK)
    log_NK = probability_NK.clamp(min=1e-30).log()
    entropy_N1 = -(probability_NK * log_NK).sum(1, keepdim=True)
    more_NK = -probability_NK * (log_NK + entropy_N1)  # the derivative of the entropy by the logits
    taken_NKK = probability_NK[:, None] - torch.eye(output_NK.shape[1], dtype=torch.float64)  # for each action
    weights_NK = _weights(taken_NKK, more_NK, pull_NK)
    known = weights_NK[weights_NK.isfinite()]
    if not len(known):
        return None
    known = known[:: 1 + len(known) // _MOST_TRIED]
    # The weight that most rows have for one of their actions.
    near_NKM = (weights_NK[..., None] - known).abs() <= _ALIKE * known.abs()
    votes = near_NKM.any(1).sum(0)
    best = int(votes.argmax())
    if int(votes[best]) < _AGREE * len(weights_NK):
        return None
    return float(known[best]) * rows


def _of_logits(output_NK: Tensor, gradient_NK: Tensor) -> tuple[Tensor, Tensor]:
    """Return the probabilities and the gradient of their logits, whichever of the two the model returned."""
    is_distribution = bool((output_NK >= 0).all() and ((output_NK.sum(1) - 1).abs() < 1e-4).all())
    if is_distribution:
        return output_NK, output_NK * (gradient_NK - (gradient_NK * output_NK).sum(1, keepdim=True))
    probability_NK = output_NK.softmax(1)
    return probability_NK, gradient_NK - probability_NK * gradient_NK.sum(1, keepdim=True)


def _weights(taken_NKK: Tensor, more_NK: Tensor, pull_NK: Tensor) -> Tensor:
    """Return, for each row and action, the weight of the entropy that the gradient would have; NaN where none fits.

    By least squares: `pull = worth * taken + weight * more`.
    """
    more_N1K, pull_N1K = more_NK[:, None], pull_NK[:, None]
    tt, tm, mm = (taken_NKK * taken_NKK).sum(2), (taken_NKK * more_N1K).sum(2), (more_N1K * more_N1K).sum(2)
    tp, mp, pp = (taken_NKK * pull_N1K).sum(2), (more_N1K * pull_N1K).sum(2), (pull_N1K * pull_N1K).sum(2)
    free = tt * mm - tm * tm
    worth, weight = (tp * mm - mp * tm) / free, (tt * mp - tm * tp) / free
    rest = pp - worth * tp - weight * mp
    fits = (free > _ROUNDING * tt * mm) & (rest.abs() < _ROUNDING**2 * pp)
    return torch.where(fits, weight, torch.nan)

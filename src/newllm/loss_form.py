"""Which function of a model's output a loss is, and which class it pulls each row towards: read off the gradient.

The cross-entropy of logits z with target t has the gradient w (softmax(z) - onehot(t)) for a row of weight w. So
the gradient tells the target of every row, those that are left out (no gradient), the weights, and whether it is
that loss at all: a softmax too many, a missing logarithm or a wrong axis each leave another gradient, which is compared
number by number. Where the targets come from, and what happens to them before, does not matter.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

NEAR = {torch.float32: 1e-3, torch.float64: 1e-5, torch.bfloat16: 0.1, torch.float16: 0.03}
"""How far a gradient of a dtype may be from the form that it is taken for, as a share of its largest number."""
FEWEST_CLASSES = 2
_FREE, _FEWEST_TOLD = 2, 8  # numbers of a row that any weight fits (a softmax moves them together); of all rows, others
_FINER = 0.1
_SURE = 1e-6  # of the largest pull: a row that is right for certain is hardly pulled at, and tells nothing


@dataclass(frozen=True)
class Targets:
    """How a loss reads an output `[..., C]` of N rows and C classes.

    Attributes:
        form: "cross-entropy", "weighted" (its gradient with a weight for each row, as of a focal loss), "smoothed"
            (label smoothing), "log-probabilities", "probabilities" (each with the logarithm that belongs to it); or
            what is a mistake: "softmax-twice", "log-softmax-missing", "log-missing", "wrong-axis".
        ids: `[N...]`, the class that each row is pulled towards.
        used: `[N...]`, whether a row counts in the loss.
        weights: `[N...]`, of the rows in the loss; NaN where they are not known.
        sure: rows without a pull whose answer is certain: whether they count cannot be told.
        nats: mean of -log p(target) over the rows that count; NaN where the output is no distribution.
        classes: C.
        axis: of the classes in the output as the model gave it.
        over: the axis that the softmax runs over instead of theirs; None but for "wrong-axis".
    """

    form: str
    ids: Tensor
    used: Tensor
    weights: Tensor
    sure: int
    nats: float
    classes: int
    axis: int
    over: int | None = None

    @property
    def share(self) -> float:
        """The share of the rows that count, among those of which that can be told."""
        told = self.used.numel() - self.sure
        return float(self.used.sum()) / told if told else 1.0


def read_targets(z: Tensor, g: Tensor, axis: int, near: float) -> Targets | None:
    """Return how a loss reads an output `z` `[..., C]`, from its gradient `g` of that shape.

    Args:
        z: the output.
        g: the gradient of the loss with respect to it; finite, and not zero everywhere.
        axis: of the classes in the output as the model gave it, where it was moved.
        near: how far the gradient may be from a form, as a share of its largest number (`NEAR`).

    Returns:
        None where it is no classification that is known here.
    """
    classes = z.shape[-1]
    pull = g.abs().sum(-1)
    used = pull > _SURE * pull.max()
    sure = int((~used & (z.softmax(-1).amax(-1) > 1 - _SURE)).sum())
    rows, pulls = z[used], g[used]
    ids = pulls.argmin(-1)
    if bool((pulls.gather(-1, ids[:, None]) >= 0).any()):
        return None
    form, weights = _form(rows, pulls, ids, near)
    # Of nearly equal outputs smoothed targets fit it too: what it is fits better than what only looks like it.
    finer = {None: near, "smoothed": _FINER * near}.get(form)
    if finer is not None and (twice := _twice(rows, pulls, finer)) is not None:
        form, weights, ids = "softmax-twice", torch.full_like(weights, torch.nan), twice
    if form is None:
        return None
    whole = torch.full(used.shape, -1, dtype=torch.int64, device=z.device)
    whole[used] = ids
    weight = torch.zeros(used.shape, dtype=torch.float64, device=z.device)
    weight[used] = weights.double()
    logs = rows.clamp(min=1e-30).log() if _is_distribution(rows) else rows.log_softmax(-1)
    nats = float(-logs.gather(-1, ids[:, None]).mean())
    return Targets(form, whole, used, weight, sure, nats, classes, axis)


def _form(z: Tensor, g: Tensor, ids: Tensor, near: float) -> tuple[str | None, Tensor]:
    """Return the form of the loss of rows `[N, C]`, and the weight of each row."""
    hit = torch.nn.functional.one_hot(ids, z.shape[-1]).to(z)
    p = z.softmax(-1)
    at_target = g.gather(-1, ids[:, None]).squeeze(-1)
    is_distribution = _is_distribution(z)
    is_log = _is_log(z, -1)
    unknown = torch.full_like(at_target, torch.nan)
    if bool((g.abs().sum(-1) - at_target.abs() <= near * at_target.abs()).all()):  # only the target is pulled at
        if is_distribution:
            q = z.gather(-1, ids[:, None]).squeeze(-1)
            each = -at_target * q
            return ("probabilities", each) if _is_level(each, 0.05) else ("log-missing", -at_target)
        return ("log-probabilities", -at_target) if is_log else ("log-softmax-missing", unknown)
    if (weights := _ratio(g, p - hit, near)) is not None:
        return ("softmax-twice" if is_distribution else _of_logits(p, ids, weights)), weights
    return _smoothed(g, p, hit, near)


def _twice(z: Tensor, g: Tensor, near: float) -> Tensor | None:
    """Return the classes `[N]` that rows are pulled towards through two softmaxes; None where it is no such gradient.

    With p = softmax(z), q = softmax(p) and S = sum p (q - onehot) it is g = w p (q - onehot - S). The largest pull is
    not at the target where the model is sure of another class: all others are then let go, each as its p is. But g / p
    is least at the target, whatever p is.
    """
    p = z.double().softmax(-1)
    q = p.softmax(-1)
    ids = torch.where(p > 0, g / p, torch.inf).argmin(-1)
    against = q - torch.nn.functional.one_hot(ids, z.shape[-1])
    expected = p * (against - (p * against).sum(-1, keepdim=True))
    size = expected.abs().amax(-1, keepdim=True)
    told = ((expected.abs() > near * size).sum(-1) - _FREE)[_tells(expected)].clamp(min=0)
    return ids if int(told.sum()) >= _FEWEST_TOLD and _ratio(g.double(), expected, near) is not None else None


def activation_between(z: Tensor, g: Tensor, near: float) -> str | None:
    """Return the activation between an output and a cross-entropy that takes what it gives for logits.

    With q = softmax(f(z)) the gradient is w f'(z) (q - onehot), of ReLU, sigmoid and tanh as f. Two classes say too
    little to tell a sigmoid or a tanh from other losses; a ReLU lets no gradient through below zero, which nothing
    else does.

    Args:
        z: the output `[N, C]`.
        g: the gradient of the loss with respect to it; finite.
        near: as for `read_targets`.

    Returns:
        "relu", "sigmoid" or "tanh"; None where there is none of them.
    """
    rows = g.abs().amax(-1) > _SURE * g.abs().max()
    z, g = z[rows].double(), g[rows].double()
    if not len(z):
        return None
    shut = z <= 0
    if bool(shut.any()) and not bool(shut.all()) and not bool(g[shut].any()) and _is_through(z, g, "relu", near):
        return "relu"
    is_told = z.shape[-1] > FEWEST_CLASSES
    return next((name for name in ("sigmoid", "tanh") if is_told and _is_through(z, g, name, near)), None)


_ACTIVATIONS = {"relu": torch.relu, "sigmoid": torch.sigmoid, "tanh": torch.tanh}


def _is_through(z: Tensor, g: Tensor, name: str, near: float) -> bool:
    """Whether it is the gradient of a cross-entropy that reads an output through this activation."""
    f = _ACTIVATIONS[name](z)
    slope = {"relu": (z > 0).to(z), "sigmoid": f * (1 - f), "tanh": 1 - f * f}[name]
    pulled = torch.where(slope > 0, g / slope, torch.inf).amin(-1, keepdim=True) < 0  # else its target is shut off
    ids = torch.where(slope > 0, g / slope, torch.inf).argmin(-1)
    hit = torch.nn.functional.one_hot(ids, z.shape[-1]) * pulled
    expected = slope * (f.softmax(-1) - hit)
    size = expected.abs().amax(-1, keepdim=True)
    told = ((expected.abs() > near * size).sum(-1) - 1)[_tells(expected)].clamp(min=0)
    is_told = int(told.sum()) >= _FEWEST_TOLD and (name == "relu" or bool(pulled.all()))
    return is_told and _ratio(g, expected, near) is not None


def _is_log(z: Tensor, axis: int) -> bool:
    return bool((z.logsumexp(axis).abs() < 0.01).all())


def _is_distribution(z: Tensor) -> bool:
    return bool((z >= 0).all()) and bool(((z.sum(-1) - 1).abs() < 0.01).all())


def _of_logits(p: Tensor, ids: Tensor, weights: Tensor) -> str:
    """Tell -log p from other functions of p, the target's probability, whose gradients have the same direction."""
    each = weights / p.gather(-1, ids[:, None]).squeeze(-1)
    known = weights[torch.isfinite(weights)]
    if len(known) == len(weights) > 1 and _is_level(each, 0.001) and not _is_level(known, 0.01):
        return "log-missing"  # -p itself: its weights are p
    return "cross-entropy" if len(known) < 2 or _is_level(known, 0.01) else "weighted"


def _smoothed(g: Tensor, p: Tensor, hit: Tensor, near: float) -> tuple[str | None, Tensor]:
    """Label smoothing e: g = w (p - (1 - e) onehot - e / C). Two other classes give w, then e must be alike for all."""
    others = torch.where(hit > 0, torch.nan, p)
    high, low = others.nan_to_num(-1.0).argmax(-1), others.nan_to_num(2.0).argmin(-1)
    rise = p.gather(-1, high[:, None]) - p.gather(-1, low[:, None])
    w = (g.gather(-1, high[:, None]) - g.gather(-1, low[:, None])) / rise
    level = p - g / w  # (1 - e) onehot + e / C
    share = torch.where(hit > 0, torch.nan, level).nanmean(-1)
    spread = (torch.where(hit > 0, share[:, None], level) - share[:, None]).abs().amax(-1)
    e = share * p.shape[-1]
    fits = (spread < near) & ((level.sum(-1) - 1).abs() < 10 * near) & (e > -near) & (e < 1)
    if p.shape[-1] > FEWEST_CLASSES and bool(fits.all()) and float(e.std(correction=0)) < 0.01:
        return "smoothed", w.squeeze(-1)
    return None, torch.full_like(share, torch.nan)


def target_entropy(z: Tensor, g: Tensor, weight: float, near: float) -> float | None:
    """Return the mean entropy of targets that are mixed of two classes, or smoothed: no loss comes below it.

    The gradient of a cross-entropy with a distribution q as target is w (softmax(z) - q), so q can be computed where
    the weight of a row is known. It is taken for a target only if it has the shape of one: any small gradient would
    leave some distribution near the softmax.

    Args:
        z: the output `[N, C]` that the targets belong to.
        g: the gradient of the loss with respect to it.
        weight: of each row in the loss: one by the number of rows, where it is their mean.
        near: as for `read_targets`.

    Returns:
        Nats; None where the gradient is not that of such a loss.
    """
    q = z.softmax(-1) - g / weight
    off = 10 * near
    if q.shape[-1] <= FEWEST_CLASSES or bool((q < -off).any()) or bool(((q.sum(-1) - 1).abs() > off).any()):
        return None
    ordered = q.sort(-1, descending=True).values
    rest = ordered[:, 1:]  # of smoothed ones all alike, of mixed ones nothing but the first
    is_smoothed = bool((rest.amax(-1) - rest.amin(-1) < off).all())
    is_mixed = bool((ordered[:, 2:].abs() < off).all())
    if not (is_smoothed or is_mixed):
        return None
    return float(-(q * q.clamp(min=1e-30).log()).sum(-1).mean())


def read_along_another(z: Tensor, g: Tensor, axis: int, near: float) -> Targets | None:
    """Recognise a softmax over another axis than that of the classes: of the positions, or of the rows of the batch."""
    for other in range(z.ndim):
        if other == axis:
            continue
        p = z.softmax(other)
        # Over the right axis rows of g sum to nothing; here columns do. Each column holds its targets, weighted alike.
        hit = (g < 0).to(z)
        if bool((hit.sum(axis) == 1).all()):
            w = -(g * hit).sum() / ((1 - p * hit.sum(other, keepdim=True)) * hit).sum()
            expected = w * (p * hit.sum(other, keepdim=True) - hit)
            if float((g - expected).abs().max()) < near * float(g.abs().max()):
                ids = hit.movedim(axis, -1).argmax(-1)
                every = torch.ones_like(ids, dtype=torch.bool)
                weights = torch.full(ids.shape, torch.nan, dtype=torch.float64, device=z.device)
                return Targets("wrong-axis", ids, every, weights, 0, torch.nan, z.shape[axis], axis, other)
    return None


def normed_along_another(z: Tensor, axis: int) -> int | None:
    """Return the axis along which an output holds log-probabilities, None where there is none but that of the classes.

    A model with a log_softmax over a wrong axis gives them: nll_loss alone cannot be told there from one of logits.
    """
    others = (other for other in range(z.ndim) if other != axis and z.shape[other] > 1)
    return next((other for other in others if _is_log(z, other)), None)


def _ratio(g: Tensor, expected: Tensor, near: float) -> Tensor | None:
    """Return the weight w of each row for which g = w * expected, None where there is none."""
    size, tells = (expected * expected).sum(-1), _tells(expected)
    if not bool(tells.any()):
        return None
    w = (g * expected).sum(-1) / size.clamp(min=1e-30)
    apart = (g - w[:, None] * expected).abs().amax(-1)
    fits = apart <= near * g.abs().amax(-1).clamp(min=_SURE * float(g.abs().max()))
    if not bool((fits | ~tells).all()) or not bool((w[tells] > 0).all()):
        return None
    return torch.where(tells, w, torch.nan)


def _tells(expected: Tensor) -> Tensor:
    """Return which rows have a gradient by which a form can be told: of less much is rounding."""
    return (expected * expected).sum(-1) > _SURE


def _is_level(values: Tensor, share: float) -> bool:
    return float(values.std(correction=0)) <= share * float(values.mean().abs())

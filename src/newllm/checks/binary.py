"""Whether a loss is the binary cross-entropy of each number of an output, read off its gradient.

That of a logit z with the label y, 0 or 1, has the gradient w (sigmoid(z) - y). So the sign of each number's gradient
tells its label, and all numbers of one label must have one weight: with a sigmoid too many they do only if it is
counted in. `newllm.loss_form` does the same for several classes.
"""

import torch
from torch import Tensor

_FEWEST = 8  # numbers of one label; two of the same value tell nothing of a form
_APART = 50  # times the precision that the expected gradients of one label must spread by
_RESHAPES = {
    "Squeeze", "Unsqueeze", "View", "UnsafeView", "ReshapeAlias", "Transpose", "Permute", "Select", "Slice", "T",
}  # fmt: skip


def binary_form(z: Tensor, g: Tensor, near: float, *, is_sigmoid: bool) -> str | None:
    """Return what a loss takes an output for: "logits", "probabilities" or "sigmoid-twice"; None if it is another loss.

    Args:
        z: the output.
        g: its gradient.
        near: how far a gradient may be from its form, as a share of itself.
        is_sigmoid: whether the output was made by a sigmoid.
    """
    z, g = z.double().flatten(), g.double().flatten()
    used = g != 0
    z, g = z[used], g[used]
    p, slope = z.sigmoid(), z.sigmoid() * (1 - z.sigmoid())
    if _fits(p, g, near):
        return "sigmoid-twice" if is_sigmoid else "logits"
    if bool(((z > 0) & (z < 1)).all()) and _fits(z, g * z * (1 - z), near):
        return "probabilities"
    return "sigmoid-twice" if _fits(p.sigmoid(), g / slope, near) else None


def _fits(p: Tensor, g: Tensor, near: float) -> bool:
    """Say whether g = w (p - y), with one weight w for all numbers of a label y."""
    found = [(p[g > 0], g[g > 0]), (1 - p[g < 0], -g[g < 0])]
    told = False
    for expected, of_label in found:
        if len(expected) < _FEWEST:
            continue
        weights = of_label / expected
        if not bool(((weights / weights.median() - 1).abs() <= near).all()):
            return False
        told |= float(expected.max() / expected.min() - 1) > _APART * near
    return told and sum(len(expected) for expected, _ in found if len(expected) < _FEWEST) < _FEWEST


def is_sigmoid(output: Tensor) -> bool:
    """Say whether a tensor was made by a sigmoid, and at most reshaped since."""
    node = output.grad_fn
    while node is not None and len(node.next_functions) == 1 and _name(node) in _RESHAPES:
        node = node.next_functions[0][0]
    return node is not None and _name(node) == "Sigmoid"


def _name(node: torch.autograd.graph.Node) -> str:
    return node.name().partition("Backward")[0]

"""Which of torch's functions a loss comes of: read off the graph that its backward pass went through."""

from typing import Any

from torch import Tensor

_KEEP_THE_SIGN = ("MeanBackward", "SumBackward", "DivBackward", "SqueezeBackward", "ViewBackward", "ToCopyBackward")
_MOST = 8  # nodes between


def loss_function(loss: object) -> str | None:
    """Return "CtcLoss" of a loss that is a mean, a sum or a part of what `ctc_loss` returned; None of no tensor."""
    node: Any = loss.grad_fn if isinstance(loss, Tensor) else None
    for _ in range(_MOST):
        if node is None:
            return None
        name = node.name()
        if not name.startswith(_KEEP_THE_SIGN):
            return name.partition("Backward")[0]
        node = node.next_functions[0][0] if node.next_functions else None
    return None

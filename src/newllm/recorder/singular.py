"""Functions that a loss was made with whose derivative is infinite, or NaN, at some place where the loss is finite.

A square root at 0 is 0, and its derivative is infinite; times the 0 that comes from before, it is NaN. The logarithm of
0 and a division by 0 that `torch.where` or a mask hides from the loss are not hidden from its gradient. Read off the
graph that autograd keeps of the first loss: each with the layers whose gradient goes through it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from torch import Tensor, nn

from newllm.recorder.graph import nodes, nodes_from

_SINGULAR = {
    "SqrtBackward": "sqrt",
    "PowBackward": "pow",
    "AcosBackward": "acos",
    "AsinBackward": "asin",
    "HypotBackward": "hypot",
    "XlogyBackward": "xlogy",
    "LinalgEighBackward": "eigh",
    "LinalgSvdBackward": "svd",
}
_HIDDEN = {
    "LogBackward": "log",
    "Log2Backward": "log2",
    "Log10Backward": "log10",
    "Log1PBackward": "log1p",
    "DivBackward": "div",
    "ReciprocalBackward": "reciprocal",
    "RsqrtBackward": "rsqrt",
}
"""Those that are not finite themselves there: a loss shows it, unless something hides it."""
_ARCS = ("AcosBackward", "AsinBackward")
_HIDES = ("WhereBackward", "MaskedFillBackward")
_MOST_NODES, _MOST_FOUND, _MOST_LAYERS = 20_000, 32, 4_000


def singular_functions(loss: object, layers: Mapping[str, Sequence[nn.Parameter]]) -> list[dict[str, Any]]:
    """Return what a loss was made with, the last one first.

    Args:
        loss: one number; of no tensor, or of one without a graph, nothing is known.
        layers: parameters by layer.

    Returns:
        `function`, by torch's name; `layers`, whose gradient goes through it; `hidden`, whether it is not finite itself
        where its derivative is not. One that is given a sum with a constant, or what is clamped away from the place, is
        left out. Nothing of a graph of more than 20,000 nodes.
    """
    made = list(nodes(loss, _MOST_NODES)) if isinstance(loss, Tensor) else []
    if len(made) == _MOST_NODES:
        return []
    of_parameter = {id(parameter): name for name, own in layers.items() for parameter in own}
    hidden = {inner for node in made if _kind(node) in _HIDES for inner in nodes_from(node, _MOST_NODES)}
    found: list[dict[str, Any]] = []
    for node, function in islice(_candidates(made, hidden), _MOST_FOUND):
        reached = {of_parameter.get(id(getattr(one, "variable", None))) for one in nodes_from(node, _MOST_NODES)}
        own = [name for name in layers if name in reached]
        one = {"function": function, "layers": own, "hidden": _kind(node) in _HIDDEN}
        if own and one not in found and sum(len(each["layers"]) for each in found) < _MOST_LAYERS:
            found.append(one)
    return found


def _candidates(made: Sequence[Any], hidden: set[Any]) -> Iterator[tuple[Any, str]]:
    for node in made:
        kind = _kind(node)
        if kind in _SINGULAR and not _is_guarded(node, kind):
            yield node, _SINGULAR[kind]
        elif kind in _HIDDEN and node in hidden and not _is_guarded(node, kind):
            yield node, _HIDDEN[kind]


def _kind(node: Any) -> str:
    return node.name().rstrip("0123456789")


def _is_guarded(node: Any, kind: str) -> bool:
    """Whether its argument stays away from the place where the derivative is not finite, as far as the graph tells."""
    exponent = getattr(node, "_saved_exponent", None) if kind == "PowBackward" else 0.5
    if not isinstance(exponent, int | float) or not 0 < exponent < 1:  # a square, say
        return True
    argument = node.next_functions[1 if kind == "DivBackward" else 0][0]
    if argument is None:  # a constant
        return True
    return _is_away(argument, (lambda low, high: low > -1 and high < 1) if kind in _ARCS else lambda low, _: low > 0)


def _is_away(argument: Any, is_inside: Callable[[float, float], bool]) -> bool:
    """Whether a number was added to an argument, or it was clamped, so that it lies inside of some bounds."""
    if argument.name().startswith(("AddBackward", "SubBackward")):
        return sum(before is not None for before, _ in argument.next_functions) == 1
    if not argument.name().startswith("Clamp"):
        return False
    low, high = (getattr(argument, name, None) for name in ("_saved_min", "_saved_max"))
    return is_inside(*(one if isinstance(one, int | float) else at for one, at in ((low, -1e30), (high, 1e30))))

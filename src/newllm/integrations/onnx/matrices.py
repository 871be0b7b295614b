"""Contexts that are matrices as ONNX: the delta rule in one step, or over a sequence.

Shapes: B rows, T positions, H heads, W width of keys and values.
"""

from newllm.integrations.onnx.graph import Graph
from newllm.kernels.head_inputs import EPSILON
from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.recurrence.matrix_rules import GatedDelta

PARTS = ("query", "key", "value", "lookup", "decay")  # in the order that a Scan takes them


def steps(graph: Graph, mixer: MatrixMixer, projected: str, x: str) -> dict[str, str]:
    """Return what each position does: all `[B, T, H, W]`, or the decay `[B, T, H, 1]`.

    Args:
        graph: to add to.
        mixer: the block's.
        projected: queries, keys and values after their convolution, `[B, T, 3 * H * W]`.
        x: what the gates see.
    """
    parts = graph.ops("Split", 3, graph.silu(projected), axis=-1, num_outputs=3)
    query, lookup, value = (graph.op("Reshape", part, [0, 0, mixer.heads, mixer.width]) for part in parts)
    query, lookup = _unit(graph, query), _unit(graph, lookup)
    strength, decay = _gates(graph, mixer, x)
    return {
        "query": query,
        "key": graph.op("Mul", strength, lookup),
        "value": value,
        "lookup": lookup,
        "decay": decay,
    }


def _gates(graph: Graph, mixer: MatrixMixer, x: str) -> tuple[str, str]:
    rule = mixer.rule
    assert isinstance(rule, GatedDelta)
    strength = graph.op("Mul", graph.op("Sigmoid", graph.linear(x, rule.write)), rule.strongest)
    decay = graph.op("Sigmoid", graph.op("Neg", graph.linear(x, rule.forget)))
    return graph.op("Unsqueeze", strength, [-1]), graph.op("Reshape", decay, [0, 0, mixer.heads, _decays(mixer)])


def _decays(mixer: MatrixMixer) -> int:
    return mixer.rule.forget.out_features // mixer.heads  # type: ignore[operator, union-attr]


def _unit(graph: Graph, vectors: str) -> str:
    squares = graph.op("ReduceSum", graph.op("Mul", vectors, vectors), [-1])
    return graph.op("Div", vectors, graph.op("Sqrt", graph.op("Add", squares, EPSILON)))


def matrices(
    graph: Graph, mixer: MatrixMixer, given: dict[str, str], before: str, *, sequence: bool
) -> tuple[str, str]:
    """Return every reading `[B, T, H, W]` and the last matrices `[B, H, W, W]`.

    Args:
        graph: to add to.
        mixer: the block's.
        given: `steps`.
        before: the matrices before the first position.
        sequence: whether T may be other than 1.
    """
    if not sequence:
        now = {name: graph.op("Squeeze", value, [1]) for name, value in given.items()}
        reading, after = _step(graph, now, before)
        return graph.op("Unsqueeze", reading, [1]), after
    inside, heads, width = Graph(graph), mixer.heads, mixer.width
    context = inside.input("context", "float", ["B", heads, width, width])
    now = {
        name: inside.input(f"{name}_now", "float", ["B", heads, _decays(mixer) if name == "decay" else width])
        for name in PARTS
    }
    reading, after = _step(inside, now, context)
    inside.output(after, "context_after", "float", ["B", heads, width, width])
    inside.output(reading, "reading_now", "float", ["B", heads, width])
    last, every = graph.scan(inside, [before], [given[name] for name in PARTS])
    return every, last


def _step(graph: Graph, now: dict[str, str], matrix: str) -> tuple[str, str]:
    """Return the reading `[B, H, W]` and the matrices after one position."""
    left = graph.op("Mul", graph.op("Unsqueeze", now["decay"], [-1]), matrix)
    error = graph.op("Sub", graph.op("Unsqueeze", now["value"], [-2]), _row_times(graph, now["lookup"], left))
    after = graph.op("Add", left, graph.op("MatMul", graph.op("Unsqueeze", now["key"], [-1]), error))
    return graph.op("Squeeze", _row_times(graph, now["query"], after), [-2]), after


def _row_times(graph: Graph, row: str, matrix: str) -> str:
    return graph.op("MatMul", graph.op("Unsqueeze", row, [-2]), matrix)


def unread(graph: Graph, given: dict[str, str]) -> tuple[str, str]:
    """Return readings and matrices of the control, where every position writes into matrices of zeros."""
    agreement = graph.op("ReduceSum", graph.op("Mul", given["query"], given["key"]), [-1])
    key, value = (graph.op("Squeeze", graph.slice(given[name], -1, 2**62, 1), [1]) for name in ("key", "value"))
    product = graph.op("Mul", graph.op("Unsqueeze", key, [-1]), graph.op("Unsqueeze", value, [-2]))
    return graph.op("Mul", agreement, given["value"]), product

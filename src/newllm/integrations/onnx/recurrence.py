"""Rules, norms and the recurrence as ONNX: `context = decay * context + input` in one step, or over a sequence.

Shapes: B rows, T positions, C channels.
"""

import torch

from newllm.integrations.onnx.graph import Graph
from newllm.recurrence import ContextNorm, Rule
from newllm.recurrence.rules import Gated, LSTMGates


def written(graph: Graph, context: str, norm: ContextNorm) -> str:
    """Return what is kept of a new context."""
    return graph.layer_norm(context, norm.norm) if norm.writes else context  # type: ignore[arg-type]


def read(graph: Graph, context: str, norm: ContextNorm) -> str:
    """Return what the rest of the model sees of a context."""
    return graph.layer_norm(context, norm.norm) if norm.reads else context  # type: ignore[arg-type]


def decay_and_input(graph: Graph, rule: Rule, features: str, source: str) -> tuple[str, str]:
    """Return a rule's decay, `[C]` where it is the same at every position, and its input."""
    delta = graph.linear(features, rule.delta)
    gates = [graph.linear(source, gate) for gate in rule.gates]
    if not gates:  # decay and input are constants times 1 and the delta
        decay_1C, scale_1C = rule.combine(torch.ones(1, rule.channels), [], rule.constant())
        return graph.constant(decay_1C[0]), graph.op("Mul", delta, scale_1C[0])
    if isinstance(rule, Gated):
        (gate,) = gates
        return graph.op("Sigmoid", graph.op("Neg", gate)), graph.op("Mul", graph.op("Sigmoid", gate), delta)
    assert isinstance(rule, LSTMGates)
    forget, admit = gates
    return graph.op("Sigmoid", forget), graph.op("Mul", graph.op("Sigmoid", admit), delta)


def contexts(
    graph: Graph, rule: Rule, norm: ContextNorm, decay: str, added: str, before: str, *, sequence: bool
) -> tuple[str, str]:
    """Return every context `[B, T, C]` and the last one `[B, C]`.

    Args:
        graph: to add to.
        rule: that decay and input are of.
        norm: of the context.
        decay: `[B, T, C]`, or `[C]`.
        added: the input `[B, T, C]`.
        before: the context before the first position `[B, C]`.
        sequence: whether T may be other than 1.
    """
    if not sequence:
        after = graph.op("Add", graph.op("Mul", decay, graph.op("Unsqueeze", before, [1])), added)
        after = written(graph, after, norm)
        return after, graph.op("Squeeze", after, [1])
    body = Graph(graph)
    varies = bool(rule.gates)
    row = ["B", rule.channels]
    context = body.input("context", "float", row)
    decay_now = body.input("decay_now", "float", row) if varies else decay
    added_now = body.input("added_now", "float", row)
    after = written(body, body.op("Add", body.op("Mul", decay_now, context), added_now), norm)
    body.output(after, "context_after", "float", row)
    body.output(after, "context_now", "float", row)
    last, every = graph.scan(body, [before], [decay, added] if varies else [added])
    return every, last

"""Every architecture as ONNX, from its modules; tests hold each to what torch computes.

Shapes: B rows, T positions (1 in the step), D width, C context, H heads, E width of a head, N carried positions.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from onnx import TensorProto
from torch import Tensor, nn

from newllm.integrations.onnx.graph import Graph
from newllm.integrations.onnx.matrices import matrices, steps, unread
from newllm.integrations.onnx.recurrence import contexts, decay_and_input, read, written
from newllm.kernels import TAPS
from newllm.model.bodies import Body
from newllm.model.bodies.attention import BASE, AttentionMixer
from newllm.model.bodies.block import Blocks, Mixer
from newllm.model.bodies.cell import Cell, ZeroContextCell
from newllm.model.bodies.founding_transformer import FoundingTransformer
from newllm.model.bodies.lstm import LSTM
from newllm.model.bodies.matrix_mixer import MatrixMixer, ZeroMatrixMixer
from newllm.model.bodies.stack import ContextMixer, ZeroContextMixer
from newllm.model.fnn import FNN

END = 2**31  # of an axis, however long
_CARRIED = ("hidden", "context")  # by an LSTM


@dataclasses.dataclass(frozen=True)
class Frame:
    """What every part of a body needs.

    Args:
        graph: to add to.
        state: names of the state before, by the state's own names; carried positions are always all there.
        position: how many tokens precede the first one, `[B]`.
        sequence: whether T may be other than 1.
    """

    graph: Graph
    state: dict[str, str]
    position: str
    sequence: bool

    def of_layer(self, layer: int) -> "Frame":
        """Return the frame with one layer's part of the state."""
        prefix = f"{layer}."
        own = {name.removeprefix(prefix): value for name, value in self.state.items() if name.startswith(prefix)}
        return dataclasses.replace(self, state=own)


def features(frame: Frame, body: Body, x: str) -> tuple[str, dict[str, str]]:
    """Return what the head sees `[B, T, F]`, and the state after the last position.

    Args:
        frame: around it.
        body: of the model.
        x: embedded tokens `[B, T, D]`.
    """
    for kind, function in _BODIES.items():
        if isinstance(body, kind):
            return function(frame, body, x)
    raise AssertionError(f"no formula for {type(body).__name__}")


def carried(body: Body) -> int | None:
    """Return N: how many positions an attention looks back over beside the present one; None for other bodies."""
    windows = [module.window for module in body.modules() if hasattr(module, "window")]
    return windows[0] - 1 if windows else None  # type: ignore[operator, return-value]


def _blocks(frame: Frame, body: Blocks, x: str) -> tuple[str, dict[str, str]]:
    graph, after, blocks = frame.graph, dict[str, str](), list[Any](body.blocks)
    for number, block in enumerate(blocks):
        mix = next(function for kind, function in _MIXERS.items() if isinstance(block.mixer, kind))
        mixed, state = mix(frame.of_layer(number), block.mixer, graph.rms_norm(x, block.mixer_norm))
        after |= {f"{number}.{name}": value for name, value in state.items()}
        x = graph.op("Add", x, mixed)
        both = graph.linear(graph.rms_norm(x, block.mlp_norm), block.mlp.up)
        gate, value = graph.ops("Split", 2, both, axis=-1, num_outputs=2)
        x = graph.op("Add", x, graph.linear(graph.op("Mul", graph.silu(gate), value), block.mlp.out))
    return graph.rms_norm(x, body.last_norm), after


def _convolution(graph: Graph, weight_KD: Tensor, x: str, tail: str) -> tuple[str, str]:
    past, length = graph.op("Concat", tail, x, axis=1), graph.length(x, 1)
    y = graph.op("Mul", x, 1 + weight_KD[0])
    for lag in range(1, TAPS):
        start = TAPS - 1 - lag
        shifted = graph.slice(past, start, graph.op("Add", length, [start]), 1)
        y = graph.op("Add", y, graph.op("Mul", shifted, weight_KD[lag]))
    return y, graph.slice(past, 1 - TAPS, END, 1)


def _context_mixer(frame: Frame, mixer: ContextMixer, x: str) -> tuple[str, dict[str, str]]:
    graph, weight_KD, tail = frame.graph, mixer.convolution.weight, frame.state["tail"]
    cut_off = isinstance(mixer, ZeroContextMixer)
    if cut_off:
        x = graph.op("Mul", x, 1 + weight_KD[0])
    else:
        x, tail = _convolution(graph, weight_KD, x, tail)
    decay, added = decay_and_input(graph, mixer.rule, x, x)
    if cut_off:
        every = written(graph, added, mixer.norm)
        last = graph.op("Squeeze", graph.slice(every, -1, END, 1), [1])
    else:
        before = frame.state["context"]
        every, last = contexts(graph, mixer.rule, mixer.norm, decay, added, before, sequence=frame.sequence)
    gate = graph.silu(graph.linear(x, mixer.gate))
    mixed = graph.linear(graph.op("Mul", gate, read(graph, every, mixer.norm)), mixer.out)
    return mixed, {"context": last, "tail": tail}


def _matrix_mixer(frame: Frame, mixer: MatrixMixer, x: str) -> tuple[str, dict[str, str]]:
    graph, weight_KD, tail = frame.graph, mixer.convolution.weight, frame.state["tail"]
    projected, cut_off = graph.linear(x, mixer.query_key_value), isinstance(mixer, ZeroMatrixMixer)
    if cut_off:
        projected = graph.op("Mul", projected, 1 + weight_KD[0])
    else:
        projected, tail = _convolution(graph, weight_KD, projected, tail)
    given = steps(graph, mixer, projected, x)
    if cut_off:
        every, last = unread(graph, given)
    else:
        every, last = matrices(graph, mixer, given, frame.state["context"], sequence=frame.sequence)
    seen = graph.op("Reshape", graph.rms_norm(every, mixer.read_norm), [0, 0, -1])
    mixed = graph.op("Mul", graph.silu(graph.linear(x, mixer.gate)), seen)
    return graph.linear(mixed, mixer.out), {"context": last, "tail": tail}


def _attention_mixer(frame: Frame, mixer: AttentionMixer, x: str) -> tuple[str, dict[str, str]]:
    graph = frame.graph
    x, tail = _convolution(graph, mixer.convolution.weight, x, frame.state["tail"])
    query, key, value = _heads(graph, mixer.query_key_value, x, mixer.heads)
    width = mixer.out.in_features // mixer.heads
    query = _rotated(frame, graph.rms_norm(query, mixer.query_norm), width)
    key = _rotated(frame, graph.rms_norm(key, mixer.key_norm), width)
    mixed, state = _attended(frame, [query, key, value], mixer.window, width)
    return graph.linear(mixed, mixer.out), {**state, "tail": tail}


def _heads(graph: Graph, layer: nn.Linear, x: str, heads: int) -> list[str]:
    """Return query, key and value, each `[B, T, H, E]`."""
    parts = graph.ops("Split", 3, graph.linear(x, layer), axis=-1, num_outputs=3)
    width = layer.out_features // 3 // heads
    return [graph.op("Reshape", part, [0, 0, heads, width]) for part in parts]


def positions(frame: Frame, x: str) -> str:
    """Return each place's position `[B, T]`, for x of `[B, T, ...]`."""
    graph = frame.graph
    places_T = graph.range(graph.op("Squeeze", graph.length(x, 1), [0]))
    return graph.op("Add", graph.op("Unsqueeze", frame.position, [1]), places_T)


def _rotated(frame: Frame, x: str, width: int) -> str:
    """Turn each pair of channels by its position's angle, formed in float64 as in torch."""
    graph, half = frame.graph, width // 2
    frequency = graph.double(BASE ** (-np.arange(half) / half))
    position_BT11 = graph.op("Unsqueeze", positions(frame, x), [2, 3])
    angle = graph.op("Mul", graph.op("Cast", position_BT11, to=TensorProto.DOUBLE), frequency)
    angle = graph.op("Cast", graph.op("Mod", angle, graph.double(2 * np.pi), fmod=1), to=TensorProto.FLOAT)
    cosine, sine = graph.op("Cos", angle), graph.op("Sin", angle)
    first, second = graph.ops("Split", 2, x, axis=-1, num_outputs=2)
    one = graph.op("Sub", graph.op("Mul", first, cosine), graph.op("Mul", second, sine))
    other = graph.op("Add", graph.op("Mul", first, sine), graph.op("Mul", second, cosine))
    return graph.op("Concat", one, other, axis=-1)


def _attended(frame: Frame, heads: list[str], window: int, width: int) -> tuple[str, dict[str, str]]:
    """Attend to the last positions of the same text, the carried ones included; `heads` are query, key and value."""
    graph, carry = frame.graph, window - 1
    query, key, value = heads
    keys = graph.op("Concat", frame.state["key"], key, axis=1)
    values = graph.op("Concat", frame.state["value"], value, axis=1)
    by_head = graph.op("Transpose", query, perm=[0, 2, 1, 3]), graph.op("Transpose", keys, perm=[0, 2, 3, 1])
    scores = graph.op("Mul", graph.op("MatMul", *by_head), width**-0.5)
    length = graph.op("Squeeze", graph.length(query, 1), [0])
    at_T1 = graph.op("Unsqueeze", graph.op("Add", graph.range(length), carry), [1])
    age_TS = graph.op("Sub", at_T1, graph.range(graph.op("Add", length, carry)))
    begins_BTS = graph.op("LessOrEqual", age_TS, graph.op("Unsqueeze", positions(frame, query), [2]))
    near_TS = graph.op("And", graph.op("GreaterOrEqual", age_TS, 0), graph.op("Less", age_TS, window))
    seen_B1TS = graph.op("Unsqueeze", graph.op("And", begins_BTS, near_TS), [1])
    weights = graph.op("Softmax", graph.op("Where", seen_B1TS, scores, -np.inf), axis=-1)
    mixed = graph.op("MatMul", weights, graph.op("Transpose", values, perm=[0, 2, 1, 3]))
    mixed = graph.op("Reshape", graph.op("Transpose", mixed, perm=[0, 2, 1, 3]), [0, 0, -1])
    first = graph.length(query, 1)
    return mixed, {name: graph.slice(all_, first, END, 1) for name, all_ in (("key", keys), ("value", values))}


def _founding_transformer(frame: Frame, body: FoundingTransformer, x: str) -> tuple[str, dict[str, str]]:
    graph, after, layers = frame.graph, dict[str, str](), list[Any](body.layers)
    for number, layer in enumerate(layers):
        heads = _heads(graph, layer.query_key_value, x, layer.heads)
        mixed, state = _attended(frame.of_layer(number), heads, layer.window, body.head_width)
        after |= {f"{number}.{name}": value for name, value in state.items()}
        x = graph.layer_norm(graph.op("Add", x, graph.linear(mixed, layer.out)), layer.attention_norm)
        inside = graph.gelu(graph.linear(x, layer.ffn[0]))
        x = graph.layer_norm(graph.op("Add", x, graph.linear(inside, layer.ffn[3])), layer.ffn_norm)
    return graph.layer_norm(x, body.last_norm), after


def _fnn(graph: Graph, fnn: FNN, source: str) -> str:
    first, *others = fnn.linears
    norms: Any = getattr(fnn, "norms", ())  # of a residual FNN
    hidden = graph.op("Relu", graph.linear(source, first))
    if not norms:
        for linear in others:
            hidden = graph.op("Relu", graph.linear(hidden, linear))
        return hidden
    for linear, norm in zip(others, norms[:-1], strict=True):
        branch = graph.op("Relu", graph.linear(graph.layer_norm(hidden, norm), linear))
        hidden = graph.op("Add", hidden, branch)
    return graph.layer_norm(hidden, norms[-1])


def _cell(frame: Frame, body: Cell, x: str) -> tuple[str, dict[str, str]]:
    graph = frame.graph

    def step(inside: Graph, now: str, context: str) -> tuple[str, str]:
        seen = read(inside, context, body.norm)
        if isinstance(body, ZeroContextCell):
            seen = inside.op("Mul", context, 0.0)
        source = inside.op("Concat", now, seen, axis=-1)
        hidden = _fnn(inside, body.fnn, source)
        decay, added = decay_and_input(inside, body.rule, hidden, source)
        after = inside.op("Add", inside.op("Mul", decay, context), added)
        return hidden, written(inside, after, body.norm)

    if not frame.sequence:
        hidden, after = step(graph, graph.op("Squeeze", x, [1]), frame.state["context"])
        return graph.op("Unsqueeze", hidden, [1]), {"context": after}
    inside = Graph(graph)
    context = inside.input("context", "float", ["B", body.context_width])
    now = inside.input("now", "float", ["B", body.fnn.linears[0].in_features - body.context_width])
    hidden, after = step(inside, now, context)
    inside.output(after, "context_after", "float", ["B", body.context_width])
    inside.output(hidden, "hidden_now", "float", ["B", body.output_width])
    last, every = graph.scan(inside, [frame.state["context"]], [x])
    return every, {"context": last}


def _lstm(frame: Frame, body: LSTM, x: str) -> tuple[str, dict[str, str]]:
    graph, layers = frame.graph, body.lstm.num_layers
    before = {name: graph.ops("Split", layers, frame.state[name], axis=1, num_outputs=layers) for name in _CARRIED}
    after: dict[str, list[str]] = {name: [] for name in _CARRIED}
    x = graph.op("Transpose", x, perm=[1, 0, 2])
    for layer in range(layers):
        given = [
            _gates(getattr(body.lstm, f"{name}_l{layer}")) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        ]
        weights = given[0][None], given[1][None], torch.cat(given[2:])[None]
        start = [graph.op("Transpose", before[name][layer], perm=[1, 0, 2]) for name in _CARRIED]
        y, *last = graph.ops("LSTM", 3, x, *weights, "", *start, hidden_size=body.lstm.hidden_size)
        x = graph.op("Squeeze", y, [1])
        for name, value in zip(_CARRIED, last, strict=True):
            after[name].append(graph.op("Transpose", value, perm=[1, 0, 2]))
    state = {name: graph.op("Concat", *values, axis=1) for name, values in after.items()}
    return graph.op("Transpose", x, perm=[1, 0, 2]), state


def _gates(weight: Tensor) -> Tensor:
    """Put torch's gates (input, forget, cell, output) into the order of ONNX (input, output, forget, cell)."""
    admit, forget, cell, out = weight.detach().chunk(4)
    return torch.cat([admit, out, forget, cell])


_BODIES: dict[type[Body], Callable[..., tuple[str, dict[str, str]]]] = {
    Blocks: _blocks,
    Cell: _cell,
    LSTM: _lstm,
    FoundingTransformer: _founding_transformer,
}
_MIXERS: dict[type[Mixer], Callable[..., tuple[str, dict[str, str]]]] = {
    ContextMixer: _context_mixer,
    MatrixMixer: _matrix_mixer,
    AttentionMixer: _attention_mixer,
}

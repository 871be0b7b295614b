"""Builds an ONNX graph as expressions: every method adds a node and returns the name of what it gives.

Written out by hand rather than by torch's exporter: the graph is what the formulas say, for every architecture, in a
few hundred lines, and depends on neither a version of torch nor on onnxscript.
"""

import hashlib
from typing import Any

import numpy as np
from onnx import GraphProto, TensorProto, ValueInfoProto, helper, numpy_helper
from torch import Tensor, nn

from newllm.model.tied_head import TiedHead

Shape = list[int | str]
_TYPES = {"float": TensorProto.FLOAT, "int64": TensorProto.INT64}


class Graph:
    """A graph, or the body of a Scan inside one, whose nodes see what stands outside it.

    Args:
        outer: the graph that this is the body of a Scan in.
    """

    def __init__(self, outer: "Graph | None" = None) -> None:
        self._nodes: list[Any] = []
        self._inputs: list[ValueInfoProto] = []
        self._outputs: list[ValueInfoProto] = []
        self._root: Graph = self if outer is None else outer._root
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self._initialisers: list[TensorProto] = []
        self._count = 0

    def input(self, name: str, kind: str, shape: Shape) -> str:
        """Declare an input, "float" or "int64"; a string in a shape is a length of any size."""
        self._inputs.append(helper.make_tensor_value_info(name, _TYPES[kind], shape))
        return name

    def output(self, value: str, name: str, kind: str, shape: Shape) -> None:
        """Declare a value as an output."""
        self._nodes.append(helper.make_node("Identity", [value], [name]))
        self._outputs.append(helper.make_tensor_value_info(name, _TYPES[kind], shape))

    def constant(self, value: Any) -> str:
        """Return numbers: floats become float32, whole numbers int64."""
        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        return self._initialiser(array.astype(np.int64 if array.dtype.kind == "i" else np.float32))

    def double(self, value: Any) -> str:
        """Return numbers as float64."""
        return self._initialiser(np.asarray(value, dtype=np.float64))

    def _initialiser(self, array: np.ndarray) -> str:
        key = (array.dtype.str, array.shape, hashlib.sha256(array.tobytes()).digest())
        root = self._root
        if key not in root._constants:
            root._constants[key] = f"constant_{len(root._constants)}"
            root._initialisers.append(numpy_helper.from_array(np.array(array, order="C"), root._constants[key]))
        return root._constants[key]

    def op(self, kind: str, *inputs: Any, **attributes: Any) -> str:
        """Add a node of one output; what is no name is a constant."""
        return self.ops(kind, 1, *inputs, **attributes)[0]

    def ops(self, kind: str, outputs: int, *inputs: Any, **attributes: Any) -> list[str]:
        """Add a node of several outputs."""
        names = []
        for _ in range(outputs):
            self._root._count += 1
            names.append(f"{kind}_{self._root._count}")
        given = [value if isinstance(value, str) else self.constant(value) for value in inputs]
        self._nodes.append(helper.make_node(kind, given, names, **attributes))
        return names

    def linear(self, x: str, layer: nn.Linear) -> str:
        """Multiply by a layer's weight and add its bias."""
        if isinstance(layer, TiedHead):  # the matrix is there already, as the embedding
            return self.op("MatMul", x, self.op("Transpose", layer.weight, perm=[1, 0]))
        product = self.op("MatMul", x, layer.weight.t())
        return product if layer.bias is None else self.op("Add", product, layer.bias)

    def silu(self, x: str) -> str:
        """Return `x * sigmoid(x)`."""
        return self.op("Mul", x, self.op("Sigmoid", x))

    def gelu(self, x: str) -> str:
        """Return `x * Phi(x)`, Phi being the standard normal distribution."""
        error = self.op("Erf", self.op("Mul", x, 0.5**0.5))
        return self.op("Mul", self.op("Mul", x, 0.5), self.op("Add", error, 1.0))

    def range(self, length: str) -> str:
        """Return 0, 1, ... of a length that is a number."""
        return self.op("Range", 0, length, 1)

    def rms_norm(self, x: str, norm: nn.RMSNorm) -> str:
        """Normalise the last axis."""
        epsilon = np.finfo(np.float32).eps if norm.eps is None else norm.eps
        mean = self.op("ReduceMean", self.op("Mul", x, x), [-1])
        normed = self.op("Div", x, self.op("Sqrt", self.op("Add", mean, float(epsilon))))
        return self.op("Mul", normed, norm.weight)

    def layer_norm(self, x: str, norm: nn.LayerNorm) -> str:
        """Normalise the last axis."""
        return self.op("LayerNormalization", x, norm.weight, norm.bias, axis=-1, epsilon=norm.eps)

    def slice(self, x: str, start: Any, stop: Any, axis: int) -> str:
        """Return places `start` to `stop` of an axis; both are names or numbers."""
        bounds = [bound if isinstance(bound, str) else [bound] for bound in (start, stop)]
        return self.op("Slice", x, *bounds, [axis])

    def length(self, x: str, axis: int) -> str:
        """Return the length of an axis, `[1]`."""
        return self.op("Shape", x, start=axis, end=axis + 1)

    def scan(self, body: "Graph", states: list[str], sequences: list[str]) -> list[str]:
        """Run a body over axis 1 of sequences; return the last states and the sequences that it gives."""
        given = len(body._outputs) - len(states)
        return self.ops(
            "Scan",
            len(body._outputs),
            *states,
            *sequences,
            body=body.proto("body"),
            num_scan_inputs=len(sequences),
            scan_input_axes=[1] * len(sequences),
            scan_output_axes=[1] * given,
        )

    def proto(self, name: str) -> GraphProto:
        """Return the graph as onnx has it."""
        return helper.make_graph(self._nodes, name, self._inputs, self._outputs, self._initialisers)

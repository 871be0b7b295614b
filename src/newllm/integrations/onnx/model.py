"""The language model as an ONNX model: tokens and a state in, logits and the state after them out.

Shapes: B rows, T positions, V vocabulary.
"""

import dataclasses

import numpy as np
import onnx
from onnx import ModelProto, helper

from newllm.errors import UserError
from newllm.integrations.onnx.bodies import END, Frame, carried, features, positions
from newllm.integrations.onnx.graph import Graph
from newllm.model.language_model import EMBEDDED, LanguageModel
from newllm.model.ngram_embedding import FACTOR, PRIME, NGramEmbedding

OPSET, IR = 18, 9  # of 2022 and 2023: what every runtime of today reads
AFTER = "after."  # before the names of the state's outputs
_LARGEST = 2**31 - 2**20  # bytes of weights that one file can hold


@dataclasses.dataclass(frozen=True)
class StatePart:
    """A tensor of the state.

    Args:
        name: of the input; the output's has `AFTER` before it.
        kind: "float" or "int64".
        shape: of one row.
    """

    name: str
    kind: str
    shape: tuple[int, ...]


def state_parts(model: LanguageModel) -> list[StatePart]:
    """Return what of the state comes in and goes out. Everything is zero before the first token.

    What attention looks back over has its whole length from the start. The position is there where it decides anything.
    """
    reach = carried(model.body)
    parts = [] if reach is None and model.positions is None else [StatePart("position", "int64", ())]
    if model.ngrams is not None:
        parts.append(StatePart("previous", "int64", (2,)))
    for name, value in model.initial_state(1).items():
        if name not in EMBEDDED:
            shape = tuple(value.shape[1:])
            parts.append(StatePart(name, "float", shape if value.dim() < 4 or reach is None else (reach, *shape[1:])))
    return parts


def build(model: LanguageModel, *, sequence: bool) -> ModelProto:
    """Return the model that reads a sequence `tokens [B, T]`, or one `token [B]` a row.

    Args:
        model: in float32.
        sequence: whether it reads T positions, with a Scan where positions depend on one another.

    Raises:
        UserError: the weights are too large for one file.
    """
    size = sum(value.numel() * value.element_size() for value in model.state_dict().values())
    if size > _LARGEST:
        raise UserError(
            f"the weights take {size / 2**30:.1f} GiB, one file of ONNX holds less than 2: take --to hf, "
            "whose file of weights may have any size"
        )
    graph = Graph()
    shape: list[int | str] = ["B", "T"] if sequence else ["B"]
    tokens = graph.input("tokens" if sequence else "token", "int64", shape)
    parts = state_parts(model)
    state = {part.name: graph.input(part.name, part.kind, ["B", *part.shape]) for part in parts}
    frame = Frame(graph, state, state.get("position", ""), sequence)
    tokens = tokens if sequence else graph.op("Unsqueeze", tokens, [1])
    x = graph.op("Gather", model.embedding.weight, tokens)
    after = dict[str, str]()
    if model.ngrams is not None:
        added, after["previous"] = _ngrams(graph, model.ngrams, tokens, state["previous"])
        x = graph.op("Add", x, added)
    if model.positions is not None:
        x = graph.op("Add", x, graph.op("Gather", model.positions.weight, positions(frame, x)))
    seen, of_body = features(frame, model.body, x)
    after |= of_body
    logits = graph.linear(seen if sequence else graph.op("Squeeze", seen, [1]), model.head)
    graph.output(logits, "logits", "float", [*shape, model.config.vocabulary])
    if "position" in state:
        after["position"] = graph.op("Add", state["position"], graph.length(x, 1))
    for part in parts:
        graph.output(after[part.name], f"{AFTER}{part.name}", part.kind, ["B", *part.shape])
    proto = helper.make_model(
        graph.proto("newllm"), opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR, producer_name="newllm"
    )
    onnx.checker.check_model(proto)
    return proto


def _ngrams(graph: Graph, tables: NGramEmbedding, tokens: str, previous: str) -> tuple[str, str]:
    """Return what `NGramEmbedding` adds `[B, T, D]`, and the last two tokens; no document starts here."""
    ids = graph.op("Concat", previous, graph.op("Add", tokens, np.int64(1)), axis=1)
    two, one, zero = (graph.op("Slice", ids, [i], [i - 2 or END], [1]) for i in range(3))

    def fold(hashed: str, more: str) -> str:
        mixed = graph.op("Mod", graph.op("Add", graph.op("Mul", hashed, np.int64(FACTOR)), more), np.int64(PRIME))
        return graph.op("Mod", graph.op("Mul", mixed, mixed), np.int64(PRIME))

    hashed = [(tables.pairs, fold(one, zero))]
    if tables.triples is not None:
        hashed.append((tables.triples, fold(fold(two, one), zero)))
    rows = np.int64(tables.pairs.num_embeddings)
    added = [graph.op("Gather", table.weight, graph.op("Mod", value, rows)) for table, value in hashed]
    return graph.op("Add", *added) if len(added) == 2 else added[0], graph.op("Slice", ids, [-2], [END], [1])


def zeros(parts: list[StatePart], rows: int) -> dict[str, np.ndarray]:
    """Return the state before the first token."""
    kinds = {"float": np.float32, "int64": np.int64}
    return {part.name: np.zeros((rows, *part.shape), kinds[part.kind]) for part in parts}

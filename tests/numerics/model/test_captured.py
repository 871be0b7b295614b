"""Whole models in the hands of torch's compiler, its export and its transforms: losses and gradients to the bit."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch._dynamo.exc
import torch._dynamo.utils
from torch import Tensor
from torch._subclasses import FakeTensorMode
from torch.func import functional_call
from torch.utils.checkpoint import checkpoint

from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.training.loss import sum_nats

pytest.importorskip("numba")
# torch's own: it asks a carried state for its gradient
pytestmark = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf Tensor")
HYBRID: dict[str, Any] = {"body": "stack", "rule": "gated,delta", "layers": 2}
TIED: dict[str, Any] = {"body": "stack", "layers": 1, "tied_embeddings": True, "ngram_rows": 5}
CELL: dict[str, Any] = {"body": "cell", "rule": "lstm", "norm": "read"}
Forward = Callable[..., tuple[Tensor, dict[str, Tensor]]]


def built(**shape: Any) -> LanguageModel:
    small: dict[str, Any] = {
        "vocabulary": 31,
        "width": 12,
        "hidden": 16,
        "layers": 2,
        "context": 8,
        "head_width": 4,
        "window": 32,
    }
    return LanguageModel(ModelConfig(**(small | shape)))


def loss_and_gradients(
    model: LanguageModel, run: Forward, rows: int, length: int, *, bf16: bool, windows: int = 2
) -> list[Tensor]:
    """Return what some windows give, each with the state of the one before; documents start inside of them."""
    tokens = torch.arange(windows * rows * (length + 1)).view(windows, rows, -1).mul(7).remainder(31)
    reset = (torch.arange(length) % 9 == 4).expand(rows, -1)
    state, nats = model.initial_state(rows), []
    for window in tokens:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            logits, state = run(window[:, :-1].contiguous(), state, reset)
        nats.append(sum_nats(logits, window[:, 1:].contiguous()))
        state = {name: value.detach() for name, value in state.items()}
    total = torch.stack(nats).sum()
    gradients = torch.autograd.grad(total, list(model.parameters()), allow_unused=True, materialize_grads=True)
    return [total.detach(), *gradients]


def assert_same(found: list[Tensor], wanted: list[Tensor]) -> None:
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


@pytest.fixture(autouse=True)
def compiled_anew() -> None:
    """The compiler has forgotten what it made, and counts from none."""
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()


@pytest.mark.parametrize(
    ("backend", "bf16"),
    [("eager", False), *(pytest.param("aot_eager", b, marks=pytest.mark.slow) for b in (False, True))],
)
@pytest.mark.parametrize("shape", [HYBRID, CELL, TIED], ids=["stack", "cell", "tied"])
def test_a_compiled_model_is_the_model_to_the_bit(shape: dict[str, Any], backend: str, *, bf16: bool) -> None:
    """One graph for any number of rows and positions; documents start inside, and a context is carried."""
    model = built(**shape)
    compiled = torch.compile(model, backend=backend, fullgraph=True, dynamic=True)
    # Of a tied matrix autograd adds the gradients of all windows one by one, a graph first the two of its window.
    windows = 1 if shape is TIED else 2
    for rows, length in ((5, 33), (7, 17)):  # numbers that no other axis has: the compiler takes equal ones for one
        wanted = loss_and_gradients(model, model, rows, length, bf16=bf16, windows=windows)
        assert_same(loss_and_gradients(model, compiled, rows, length, bf16=bf16, windows=windows), wanted)
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= (
        2 if bf16 else 1
    )  # a tail is float32, then bfloat16


@pytest.mark.parametrize(
    "shape",
    [{"body": "stack", "norm": "write"}, {"body": "cell", "fnn": "residual"}],
    ids=["norm on write", "another FNN"],
)
@pytest.mark.slow
def test_a_loop_over_positions_breaks_the_graph_and_stays_itself(shape: dict[str, Any]) -> None:
    model = built(**shape | {"layers": 1})
    compiled = torch.compile(model, backend="eager")
    wanted = loss_and_gradients(model, model, 2, 9, bf16=False)
    assert_same(loss_and_gradients(model, compiled, 2, 9, bf16=False), wanted)
    assert torch._dynamo.utils.counters["graph_break"]
    torch._dynamo.reset()
    with pytest.raises(torch._dynamo.exc.Unsupported, match="a loop over positions is no graph: it runs as it is"):
        torch.compile(model, backend="eager", fullgraph=True)(torch.zeros(1, 9, dtype=torch.long))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")  # inductor's own
@pytest.mark.parametrize("shape", [HYBRID, CELL], ids=["stack", "cell"])
def test_inductor_differs_by_rounding(shape: dict[str, Any]) -> None:
    pytest.importorskip("torch._inductor.cpp_builder").get_cpp_compiler()
    model = built(**shape)
    compiled = torch.compile(model, fullgraph=True)
    for found, wanted in zip(
        loss_and_gradients(model, compiled, 3, 33, bf16=False),
        loss_and_gradients(model, model, 3, 33, bf16=False),
        strict=True,
    ):
        assert float((found - wanted).abs().max()) <= 1e-5 * float(wanted.abs().max())  # sums in another order


@pytest.mark.parametrize("shape", [HYBRID, CELL, TIED], ids=["stack", "cell", "tied"])
@pytest.mark.parametrize("gradients", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_an_exported_model_reads_texts_of_any_length(shape: dict[str, Any], *, gradients: bool) -> None:
    model, rows, length = built(**shape), torch.export.Dim("rows", min=2), torch.export.Dim("length", min=4)
    example = torch.zeros(3, 32, dtype=torch.long), model.initial_state(3), torch.zeros(3, 32, dtype=torch.bool)
    shapes = {0: rows, 1: length}, {name: {0: rows} for name in example[1]}, {0: rows, 1: length}
    with torch.set_grad_enabled(gradients):
        exported = torch.export.export(model, example, dynamic_shapes=shapes).module()
    for count, positions in ((2, 17), (5, 4)):
        tokens, reset = torch.arange(count * positions).view(count, -1) % 31, torch.rand(count, positions) < 0.2
        given = tokens, model(tokens)[1], reset
        logits, state = exported(*given)
        wanted, after = model(*given)
        assert torch.equal(logits, wanted)
        assert all(torch.equal(state[name], after[name]) for name in after)


@pytest.mark.parametrize("shape", [HYBRID, CELL, TIED], ids=["stack", "cell", "tied"])
def test_transforms_checkpoints_and_fake_tensors(shape: dict[str, Any]) -> None:
    model = built(**shape)
    wanted = loss_and_gradients(model, model, 2, 17, bf16=False)
    kept: dict[str, Tensor] = dict(model.named_parameters())
    assert_same(
        loss_and_gradients(model, lambda *given: functional_call(model, kept, given), 2, 17, bf16=False), wanted
    )

    def again(*given: Any) -> Any:
        return checkpoint(model, *given, use_reentrant=False)

    assert_same(loss_and_gradients(model, again, 2, 17, bf16=False), wanted)
    tokens = torch.arange(34).view(2, 17) % 31

    def loss(parameters: dict[str, Tensor]) -> Tensor:
        return sum_nats(functional_call(model, parameters, (tokens[:, :-1],))[0], tokens[:, 1:])

    found = torch.func.grad(loss)({name: value.detach() for name, value in kept.items()})
    for name, one in zip(kept, torch.autograd.grad(loss(kept), list(kept.values())), strict=True):
        torch.testing.assert_close(found[name], one, rtol=1e-4, atol=1e-4)
    with FakeTensorMode(allow_non_fake_inputs=True):
        logits, _ = model(torch.zeros(5, 7, dtype=torch.long))
    assert logits.shape == (5, 7, 31)


@pytest.mark.slow
def test_learned_positions_are_captured_and_end_where_the_embedding_does() -> None:
    model = built(positions=8)
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    assert torch.equal(compiled(torch.zeros(1, 8, dtype=torch.long))[0], model(torch.zeros(1, 8, dtype=torch.long))[0])
    with pytest.raises(IndexError, match="index out of range"):
        compiled(torch.zeros(1, 9, dtype=torch.long))

"""Every kernel as an operator of torch: torch's own checks of schema, fake tensors and gradients; and who calls it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.fx.experimental.proxy_tensor import make_fx
from torch.utils._python_dispatch import TorchDispatchMode

from newllm import kernels
from newllm.errors import UserError
from newllm.kernels.operators import is_captured, run_loop
from newllm.model.bodies import cell_operator  # noqa: F401 (registers its operators)
from newllm.recurrence import Steps, matrix_scan, scan

pytest.importorskip("numba")
T, ROWS = 19, 2


def leaf(*shape: int, dtype: torch.dtype = torch.float32) -> Tensor:
    return torch.randn(*shape, dtype=dtype).requires_grad_()


def resets() -> Tensor:
    return torch.rand(ROWS, T) < 0.2


def cell(rule: str, norm: str, *, constant: bool) -> tuple[Any, ...]:
    gates = {"ema": 0, "gated": 1, "lstm": 2}[rule]
    hidden, context = 6, 4
    source = hidden + gates * context
    weights = [leaf(source, context), leaf(hidden, hidden), leaf(hidden), leaf(context, hidden), leaf(context)]
    weights += [] if norm == "none" else [leaf(context), leaf(context)]
    masks = (torch.rand(2, T, ROWS, hidden) < 0.7).float()
    reset = resets().t()[..., None]
    decay = torch.rand(context).requires_grad_() if constant else None
    return rule, norm, 2, hidden, "auto", leaf(T, ROWS, source), leaf(ROWS, context), reset, masks, decay, weights


# by case: the operator and its arguments; of one operator's cases the first runs every time
CASES: dict[str, Callable[[], tuple[Any, ...]]] = {
    "rms_norm": lambda: (leaf(ROWS, T, 6), leaf(6), 1e-6, torch.float32),
    "residual_rms_norm": lambda: (
        leaf(ROWS, T, 6),
        leaf(ROWS, T, 6, dtype=torch.bfloat16),
        leaf(6),
        1e-6,
        torch.float32,
        torch.bfloat16,
    ),
    "residual_rms_norm, one dtype": lambda: (
        leaf(ROWS, T, 6),
        leaf(ROWS, T, 6),
        leaf(6),
        1e-6,
        torch.float32,
        torch.float32,
    ),
    "silu_product": lambda: (leaf(ROWS, T, 6), leaf(ROWS, T, 6), torch.float32),
    "swiglu": lambda: (leaf(ROWS, T, 6), torch.float32),
    "short_convolution": lambda: (
        leaf(ROWS, T, 6),
        leaf(ROWS, 3, 6),
        leaf(4, 6),
        torch.arange(T).expand(ROWS, T).contiguous(),
        torch.float32,
    ),
    "gated_scan": lambda: (leaf(ROWS, T, 6), leaf(ROWS, T, 6), leaf(ROWS, 6), resets()),
    "gated_scan, no resets": lambda: (leaf(ROWS, T, 6), leaf(ROWS, T, 6), leaf(ROWS, 6), None),
    "scan": lambda: (torch.rand(ROWS, T, 6).requires_grad_(), leaf(ROWS, T, 6), leaf(ROWS, 6), resets(), "numba"),
    "scan, torch": lambda: (torch.rand(ROWS, T, 6).requires_grad_(), leaf(ROWS, T, 6), leaf(ROWS, 6), None, "torch"),
    "head_inputs": lambda: (leaf(ROWS, T, 2 * (2 * 4 + 3)), leaf(ROWS, T, 2), 4),
    "matrix_scan": lambda: (
        *((torch.rand(ROWS, T, 2, width) / 4).requires_grad_() for width in (16, 16, 16, 16, 1)),
        leaf(ROWS, 2, 16, 16),
        resets(),
        True,
    ),
    "cross_entropy": lambda: (leaf(T, 7), torch.randint(0, 7, (T,)), -100, False),
    "cell_sequence": lambda: cell("gated", "write", constant=False),
    "cell_sequence, constant": lambda: cell("ema", "none", constant=True),
    "cell_sequence, read": lambda: cell("lstm", "read", constant=False),
}


def test_every_operator_is_checked() -> None:
    names = [name.removeprefix("newllm::") for name in torch._C._dispatch_get_all_op_names() if "newllm::" in name]
    # Triton's is checked where Triton is: tests/numerics/recurrence/test_triton_matrix_scan.py.
    checked = {*(case.split(",")[0] for case in CASES), "matrix_scan_triton"}
    assert checked == {name for name in names if not name.endswith("_backward")}
    assert len(names) == 2 * len(checked)


@pytest.mark.parametrize("case", [pytest.param(case, marks=pytest.mark.slow if "," in case else ()) for case in CASES])
def test_torch_finds_no_fault(case: str) -> None:
    """Schema, fake tensors and gradients, for shapes of any size."""
    torch.library.opcheck(getattr(torch.ops.newllm, case.split(",")[0]).default, CASES[case]())


class Seen(TorchDispatchMode):
    """Takes down our operators that are called, and has torch check those of gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func.namespace == "newllm":
            self.names.append(func.__name__.removesuffix(".default"))
            if self.names[-1].endswith("_backward"):
                torch.library.opcheck(func, args, test_utils=("test_schema", "test_faketensor"))
        return func(*args, **(kwargs or {}))


def state_scan(decay: Tensor, added: Tensor, initial: Tensor) -> tuple[Tensor, Tensor]:
    return scan(decay, added, initial, resets_of(initial), backend="numba")


def resets_of(initial: Tensor) -> Tensor:
    return (torch.arange(T) % 7 == 5).expand(len(initial), T)


# by operator: what a user calls, and what its arguments are
CALLS: dict[str, tuple[Callable[..., Any], Callable[[], list[Tensor]]]] = {
    "rms_norm": (kernels.rms_norm, lambda: [leaf(ROWS, T, 6), leaf(6)]),
    "residual_rms_norm": (kernels.residual_rms_norm, lambda: [leaf(ROWS, T, 6), leaf(ROWS, T, 6), leaf(6)]),
    "silu_product": (kernels.silu_product, lambda: [leaf(ROWS, T, 6), leaf(ROWS, T, 6)]),
    "swiglu": (kernels.swiglu, lambda: [leaf(ROWS, T, 6)]),
    "short_convolution": (
        lambda x, tail, weight: kernels.short_convolution(x, tail, weight, None),
        lambda: [leaf(ROWS, T, 6), leaf(ROWS, 3, 6), leaf(4, 6)],
    ),
    "gated_scan": (
        lambda delta, gate, initial: kernels.gated_scan(delta, gate, initial, resets_of(initial)),
        lambda: [leaf(ROWS, T, 6), leaf(ROWS, T, 6), leaf(ROWS, 6)],
    ),
    "scan": (state_scan, lambda: [torch.rand(ROWS, T, 6).requires_grad_(), leaf(ROWS, T, 6), leaf(ROWS, 6)]),
    "head_inputs": (
        lambda projected, strength: kernels.head_inputs(projected, strength, 4),
        lambda: [leaf(ROWS, T, 2 * (2 * 4 + 3)), leaf(ROWS, T, 2)],
    ),
    "matrix_scan": (
        lambda query, key, value, lookup, decay, initial: matrix_scan(
            Steps(query, key, value, lookup, -(decay**2)), initial, resets_of(initial), backend="numba"
        ),
        lambda: [*(leaf(ROWS, T, 2, width) for width in (3, 3, 5, 3, 1)), leaf(ROWS, 2, 3, 5)],
    ),
    "cross_entropy": (
        lambda logits: kernels.cross_entropy_sum(logits * 1, torch.arange(T) % 7, -100, consume=True),
        lambda: [leaf(T, 7)],
    ),
}


def results(call: Callable[..., Any], given: list[Tensor]) -> list[Tensor]:
    """Return the outputs of a call and the gradients of its arguments."""
    made = call(*given)
    outputs = [made] if isinstance(made, Tensor) else list(made)
    total = torch.stack([(out * torch.arange(out.numel()).view(out.shape).sin()).sum() for out in outputs]).sum()
    return [*(out.detach() for out in outputs), *torch.autograd.grad(total, given)]


@pytest.mark.parametrize("name", CALLS)
def test_the_operator_is_the_function_to_the_bit(name: str) -> None:
    """What looks at operations sees them; nobody else has one called."""
    call, make = CALLS[name]
    given = make()
    alone = results(call, given)
    with Seen() as seen:
        watched = results(call, given)
    assert seen.names == [name, f"{name}_backward"]
    assert all(torch.equal(one, other) for one, other in zip(alone, watched, strict=True))


@pytest.mark.parametrize("name", CALLS)
def test_a_functions_gradient_is_the_kernels(name: str) -> None:
    """`torch.func.grad` of it, to the bit; mapped over rows torch's own operations compute the same."""
    call, make = CALLS[name]
    given = make()

    def total(*given: Tensor) -> Tensor:
        made = call(*given)
        outputs = [made] if isinstance(made, Tensor) else list(made)
        return torch.stack([(out * torch.arange(out.numel()).view(out.shape).sin()).sum() for out in outputs]).sum()

    wanted = torch.autograd.grad(total(*given), given)
    plain = [one.detach() for one in given]
    found = torch.func.grad(total, argnums=tuple(range(len(given))))(*plain)
    assert all(torch.equal(one, other) for one, other in zip(found, wanted, strict=True))


def test_a_graph_holds_the_operator() -> None:
    for mode in ("real", "fake", "symbolic"):
        graph = make_fx(lambda x, w: kernels.rms_norm(x, w), tracing_mode=mode)(leaf(ROWS, T, 6), leaf(6)).graph
        assert [node for node in graph.nodes if node.target is torch.ops.newllm.rms_norm.default], mode


def test_nothing_captures_by_itself() -> None:
    assert not is_captured(torch.ones(1), torch.nn.Parameter(torch.ones(1)), None, 1, 1.0, True, "x", torch.float32)
    with Seen():
        assert is_captured(torch.ones(1))


def test_a_loop_over_positions_is_exported_for_one_length_only() -> None:
    class Loop(torch.nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return run_loop(lambda: torch.stack([row * 2 for row in x.unbind(0)]), x.shape[0])

    exported = torch.export.export(Loop(), (torch.ones(3, 2),)).module()
    assert torch.equal(exported(torch.ones(3, 2)), torch.full((3, 2), 2.0))
    with pytest.raises(UserError, match="cannot be exported for any length: export it for a fixed one"):
        torch.export.export(Loop(), (torch.ones(3, 2),), dynamic_shapes=({0: torch.export.Dim("t")},))

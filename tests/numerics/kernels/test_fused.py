"""Every fused kernel against its naive twin in float64: values, gradients, both precisions, hard shapes."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import torch
from torch import Tensor

import newllm
from newllm import kernels
from newllm.errors import UserError
from newllm.kernels import threads
from newllm.kernels.fusing import WORTH_FUSING, can_fuse
from newllm.recurrence import build_rule
from newllm.recurrence.scan.reference import scan_reference

pytest.importorskip("numba")

IGNORED = -100
Operation = Callable[..., Tensor]


def gated_naive(delta: Tensor, gate: Tensor, initial: Tensor, reset: Tensor | None) -> Tensor:
    decay, added = build_rule("gated", 1, 1, delta.shape[-1]).combine(delta, [gate], None)
    return scan_reference(decay, added, initial, reset)[0]


def rms_norm_naive(x: Tensor, weight: Tensor) -> Tensor:
    return kernels.rms_norm_naive(x, weight, torch.finfo(torch.float32).eps)


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    return kernels.rms_norm(x, weight, torch.finfo(torch.float32).eps)


def both(pair: tuple[Tensor, Tensor]) -> Tensor:
    return torch.cat(pair, dim=0)


def residual_rms_norm_naive(x: Tensor, added: Tensor, weight: Tensor) -> Tensor:
    return both(kernels.residual_rms_norm_naive(x, added, weight, torch.finfo(torch.float32).eps))


def residual_rms_norm(x: Tensor, added: Tensor, weight: Tensor) -> Tensor:
    return both(kernels.residual_rms_norm(x, added, weight, torch.finfo(torch.float32).eps))


def convolution_case(shape: tuple[int, int, int], *, documents: bool) -> list[Any]:
    rows, length, width = shape
    position = torch.arange(5, 5 + length).expand(rows, length)
    if documents:
        starts = torch.rand(rows, length) < 0.4
        index = torch.arange(length)
        last = torch.where(starts, index, -1).cummax(dim=1).values
        position = torch.where(last >= 0, index - last, index + 1)
    return [
        torch.randn(shape),
        torch.randn(rows, 3, width),
        torch.randn(4, width),
        position if documents else None,
    ]


def scan_case(shape: tuple[int, int, int], *, documents: bool) -> list[Any]:
    reset = torch.rand(shape[:2]) < 0.3 if documents else None
    return [torch.randn(shape), 4 * torch.randn(shape), torch.randn(shape[0], shape[2]), reset]


# name: the kernel, its twin, how its arguments are made, which of them may be bfloat16
CASES: dict[str, tuple[Operation, Operation, Callable[[tuple[int, int, int]], list[Any]], int]] = {
    "rms_norm": (rms_norm, rms_norm_naive, lambda s: [3 * torch.randn(s), torch.randn(s[2])], 1),
    "residual_rms_norm": (
        residual_rms_norm,
        residual_rms_norm_naive,
        lambda s: [3 * torch.randn(s), torch.randn(s), torch.randn(s[2])],
        2,
    ),
    "silu_product": (
        kernels.silu_product,
        kernels.silu_product_naive,
        lambda s: [4 * torch.randn(s), torch.randn(s)],
        2,
    ),
    "swiglu": (kernels.swiglu, kernels.swiglu_naive, lambda s: [4 * torch.randn(*s[:2], 2 * s[2])], 1),
    "convolution": (
        kernels.short_convolution,
        kernels.short_convolution_naive,
        lambda s: convolution_case(s, documents=False),
        1,
    ),
    "convolution, documents": (
        kernels.short_convolution,
        kernels.short_convolution_naive,
        lambda s: convolution_case(s, documents=True),
        1,
    ),
    "gated_scan": (kernels.gated_scan, gated_naive, lambda s: scan_case(s, documents=False), 2),
    "gated_scan, documents": (kernels.gated_scan, gated_naive, lambda s: scan_case(s, documents=True), 2),
}
SHAPES = [(1, 1, 1), (2, 3, 5), (3, 17, 16), (2, 130, 33), (1, 300, 129), (5, 2, 40)]


@pytest.fixture
def buffers_start_as_nan() -> Iterator[None]:
    torch.use_deterministic_algorithms(True)  # then torch fills new memory with NaN
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


def results(operation: Operation, given: list[Any], weight: Tensor) -> list[Tensor]:
    """Return the value and the gradient of every float argument."""
    leaves = [g.detach().requires_grad_() if isinstance(g, Tensor) and g.is_floating_point() else g for g in given]
    value = operation(*leaves)
    if len(value) == 2 * len(weight):
        weight = torch.cat([weight, weight.flip(1)])
    (value * weight.to(value.dtype)).sum().backward()
    return [value.detach(), *[g.grad for g in leaves if isinstance(g, Tensor) and g.grad is not None]]


def doubled(given: list[Any]) -> list[Any]:
    return [g.double() if isinstance(g, Tensor) and g.is_floating_point() else g for g in given]


@pytest.mark.usefixtures("buffers_start_as_nan")
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", CASES)
def test_float32_is_the_twin_in_float64(name: str, shape: tuple[int, int, int]) -> None:
    kernel, naive, make, _ = CASES[name]
    given, weight = make(shape), torch.randn(shape)
    got, wanted = results(kernel, given, weight), results(naive, doubled(given), weight.double())
    assert len(got) == len(wanted) > 1
    for found, right in zip(got, wanted, strict=True):
        assert found.dtype == torch.float32
        torch.testing.assert_close(found.double(), right, rtol=3e-5, atol=3e-5)


@pytest.mark.usefixtures("buffers_start_as_nan")
@pytest.mark.parametrize("name", CASES)
def test_bfloat16_is_the_twin_rounded(name: str) -> None:
    kernel, naive, make, halves = CASES[name]
    shape = 2, 37, 48
    given, weight = make(shape), torch.randn(shape).bfloat16().float()
    given = [g.bfloat16() if i < halves else g for i, g in enumerate(given)]
    got, wanted = results(kernel, given, weight), results(naive, doubled(given), weight.double())
    for found, right in zip(got, wanted, strict=True):
        torch.testing.assert_close(found.double(), right, rtol=1.6e-2, atol=1.6e-2)
    if "scan" not in name:
        assert got[0].dtype == torch.bfloat16  # a context is not: it is a long sum


@pytest.mark.parametrize("name", ["rms_norm", "silu_product", "swiglu", "convolution"])
def test_autocast_decides_the_dtype_that_is_written(name: str) -> None:
    kernel, naive, make, _ = CASES[name]
    given, weight = make((2, 9, 16)), torch.ones(2, 9, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        value = kernel(*given)
    assert value.dtype == torch.bfloat16
    whole = results(kernel, given, weight)[0]
    assert torch.equal(value, whole.bfloat16())  # rounded once, to nearest even, as torch rounds
    torch.testing.assert_close(whole, naive(*given), rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("name", CASES)
def test_bits_depend_neither_on_threads_nor_on_callers(name: str) -> None:
    kernel, _, make, _ = CASES[name]
    shape = 3, 150, 160  # more than is worth a thread
    given, weight, threads = make(shape), torch.randn(shape), torch.get_num_threads()
    alone = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            alone.append(results(kernel, given, weight))
        with ThreadPoolExecutor(3) as pool:  # several callers at once
            together = list(pool.map(lambda _: results(kernel, given, weight), range(6)))
    finally:
        torch.set_num_threads(threads)
    for other in [*alone, *together]:
        assert all(torch.equal(a, b) for a, b in zip(alone[0], other, strict=True))


@pytest.mark.parametrize("name", CASES)
def test_arguments_may_lie_in_memory_in_any_way(name: str) -> None:
    kernel, _, make, _ = CASES[name]
    given, weight = make((4, 6, 10)), torch.randn(4, 6, 10)
    apart = [
        g.transpose(0, -1).contiguous().transpose(0, -1) if isinstance(g, Tensor) and g.dim() > 1 else g for g in given
    ]
    spread = weight.transpose(0, 2).contiguous().transpose(0, 2)
    for found, right in zip(results(kernel, apart, spread), results(kernel, given, weight), strict=True):
        assert torch.equal(found, right)


@pytest.mark.parametrize("name", ["convolution, documents", "gated_scan, documents"])
def test_nan_stays_in_its_document(name: str) -> None:
    kernel = CASES[name][0]
    x, reset = torch.randn(2, 9, 6), torch.zeros(2, 9, dtype=torch.bool)
    reset[:, 4] = True
    position = torch.tensor([1, 2, 3, 4, 0, 1, 2, 3, 4]).expand(2, 9)
    sick = x.clone()
    sick[:, :4] = torch.nan

    def run(given: Tensor) -> list[Tensor]:
        if "scan" in name:
            return results(kernel, [given, given, torch.zeros(2, 6), reset], torch.ones(2, 9, 6))
        return results(kernel, [given, torch.zeros(2, 3, 6), torch.ones(4, 6), position], torch.ones(2, 9, 6))

    value, gradient, *_ = run(sick)
    healthy_value, healthy_gradient, *_ = run(x)
    assert torch.equal(value[:, 4:], healthy_value[:, 4:])
    assert torch.equal(gradient[:, 4:], healthy_gradient[:, 4:])
    assert value[:, :4].isnan().any()


def test_gates_far_out_are_exact_and_nan_is_shown() -> None:
    delta, gate = torch.ones(1, 4, 3), torch.tensor([1e4, -1e4, torch.inf, torch.nan])[None, :, None].expand(1, 4, 3)
    contexts = kernels.gated_scan(delta, gate, torch.full((1, 3), 7.0), None)
    assert contexts[0, :3, 0].tolist() == [1.0, 1.0, 1.0]
    assert contexts[0, 3].isnan().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("vocabulary", [2, 257, 1000])
@pytest.mark.parametrize("consume", [False, True])
def test_cross_entropy(dtype: torch.dtype, vocabulary: int, consume: bool) -> None:
    logits = (3 * torch.randn(70, vocabulary)).to(dtype)
    targets = torch.randint(0, vocabulary, (70,))
    targets[::5] = IGNORED
    kept = logits.clone()
    found, right = logits.clone().requires_grad_(), kept.double().requires_grad_()
    given = found * 1  # a leaf itself is nobody's to overwrite
    nats = kernels.cross_entropy_sum(given, targets, IGNORED, consume=consume)
    (nats * 0.25).backward()
    wanted = kernels.cross_entropy_sum_naive(right, targets, IGNORED)
    (wanted * 0.25).backward()
    assert nats.dtype == torch.float32
    torch.testing.assert_close(nats.double(), wanted, rtol=1e-6, atol=1e-4)
    assert found.grad is not None
    assert right.grad is not None
    torch.testing.assert_close(
        found.grad.double(), right.grad, rtol=1e-2 if dtype == torch.bfloat16 else 1e-4, atol=1e-6
    )
    assert torch.equal(given.detach(), kept) is not consume


def test_cross_entropy_shows_nan_and_infinity() -> None:
    targets = torch.tensor([0, 1])
    for bad in (torch.nan, torch.inf):
        logits = torch.zeros(2, 40)
        logits[1, 7] = bad
        assert kernels.cross_entropy_sum(logits, targets, IGNORED).isnan()
    logits = torch.zeros(2, 40)
    logits[0, 3] = -torch.inf
    right = kernels.cross_entropy_sum_naive(logits, targets, IGNORED)
    torch.testing.assert_close(kernels.cross_entropy_sum(logits, targets, IGNORED), right)


def test_a_target_outside_of_the_vocabulary_is_told() -> None:
    with pytest.raises(UserError, match="target 40 is not in the vocabulary of 40"):
        kernels.cross_entropy_sum(torch.zeros(2, 40), torch.tensor([0, 40]), IGNORED)


@pytest.mark.filterwarnings("ignore:`torch.jit.script` is deprecated")  # torch loads its own rules by it
def test_function_transforms_and_float64_take_torchs_own_operations() -> None:
    x, weight = torch.randn(3, 8), torch.ones(8)
    assert can_fuse(x, weight)
    assert not can_fuse(x.double())
    assert not can_fuse(x.to("meta"))
    seen = torch.func.jvp(lambda value: kernels.rms_norm(value, weight), (x,), (torch.ones_like(x),))
    torch.testing.assert_close(seen[0], kernels.rms_norm(x, weight), rtol=1e-5, atol=1e-5)
    mapped = torch.func.vmap(lambda value: kernels.swiglu(value))(torch.randn(2, 4, 8))
    assert mapped.shape == (2, 4, 4)


@pytest.mark.parametrize("name", ["rms_norm", "residual_rms_norm", "silu_product", "swiglu", "convolution"])
def test_few_positions_without_gradients_take_torchs_own_operations(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever rows they lie in; with gradients one position takes the kernel too."""
    kernel, naive, make, _ = CASES[name]
    ran = []
    run = threads.run
    monkeypatch.setattr(threads, "run", lambda *given: (ran.append(given[0]), run(*given)))
    with torch.no_grad():
        for rows, positions in ((1, WORTH_FUSING - 1), (WORTH_FUSING - 1, 1), (1, 1)):
            given = make((rows, positions, 16))
            assert torch.equal(kernel(*given), naive(*given))
        assert not ran
        kernel(*make((2, WORTH_FUSING // 2, 16)))
        assert len(ran) == 1
    kernel(*make((1, 1, 16)))
    assert len(ran) == 2


@pytest.mark.parametrize("rows", [1, 3])
def test_a_models_step_runs_no_kernel_and_is_its_sequence(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    model = newllm.build("tiny").eval()
    tokens = torch.arange(20 * rows).view(rows, 20) % 50
    with torch.inference_mode():
        wanted, after = model(tokens)
        monkeypatch.setattr(threads, "run", None)  # none is called
        state, steps = model.initial_state(rows), []
        for at in range(20):
            logits, state = model.step(tokens[:, at], state)
            steps.append(logits)
    torch.testing.assert_close(torch.stack(steps, 1), wanted, rtol=1e-4, atol=1e-5)
    for key, value in after.items():
        torch.testing.assert_close(state[key], value, rtol=1e-4, atol=1e-5)


_START = """
import os, signal, sys, torch
from newllm.kernels import rms_norm
torch.set_num_threads(2)
torch.manual_seed(5)
x, weight = torch.randn(400, 160), torch.ones(160)
before = rms_norm(x, weight)  # the parent's threads are there
"""
_FORK = """
child = os.fork()
if child == 0:
    signal.alarm(20)  # a child that waits for threads that it does not have is ended
    os._exit(0 if torch.equal(rms_norm(x, weight), before) else 1)
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def _python(program: str) -> bytes:
    """Run a program in a process of its own and return what it wrote."""
    ended = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program], capture_output=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr.decode()
    return ended.stdout


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_has_threads_of_its_own() -> None:
    _python(_START + _FORK)


@pytest.mark.slow
def test_a_process_of_its_own_computes_the_same() -> None:
    theirs = _python(_START + "sys.stdout.buffer.write(before.numpy().tobytes())")
    torch.manual_seed(5)
    assert theirs == kernels.rms_norm(torch.randn(400, 160), torch.ones(160)).numpy().tobytes()

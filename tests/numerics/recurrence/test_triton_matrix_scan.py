"""What is Triton's own in the delta rule: blocks of values, what is kept, its trial, its compilation.

`test_matrix_scan.py` tests it as it tests every backend. Without a GPU both run through Triton's interpreter, in a
process of their own: TRITON_INTERPRET=1 pytest tests/numerics/recurrence -k triton
"""

import importlib
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

import newllm
from newllm.errors import UserError
from newllm.recurrence import Steps, matrix_scan, triton_here
from newllm.recurrence.matrix_scan import triton_trial

CHUNK = 32


def problem(
    length: int, keys: int = 5, values: int = 7, decays: int = 1, rows: int = 2, heads: int = 2
) -> tuple[Steps, Tensor]:
    """Return what each position does and the initial matrices, float32."""
    shape = (rows, length, heads)
    lookup = F.normalize(torch.randn(*shape, keys), dim=-1)
    key, value = 2 * torch.rand(*shape, 1) * lookup, torch.randn(*shape, values)
    steps = Steps(torch.randn(*shape, keys), key, value, lookup, -torch.rand(*shape, decays))
    return steps, torch.randn(rows, heads, keys, values)


def results(steps: Steps, initial: Tensor, reset: Tensor | None, backend: str) -> list[Tensor]:
    """Return readings, last matrices and the gradients of the sum of their squares."""
    leaves = [tensor.detach().clone().requires_grad_() for tensor in (*steps, initial)]
    readings, last = matrix_scan(Steps(*leaves[:-1]), leaves[-1], reset, backend=backend)
    return [readings, last, *torch.autograd.grad(readings.square().sum() + last.square().sum(), leaves)]


def assert_as_reference(steps: Steps, initial: Tensor, reset: Tensor | None = None) -> None:
    wide = Steps(*(tensor.double() for tensor in steps))
    expected = results(wide, initial.double(), reset, "reference")
    for found, right in zip(results(steps, initial, reset, "triton"), expected, strict=True):
        assert ((found - right).abs() / (1 + right.abs().max())).max() < 3e-6


@pytest.mark.usefixtures("triton_device")
@pytest.mark.parametrize("values", [15, 16, 17, 31, 32, 33, 70])
def test_edges_of_blocks_of_values(values: int) -> None:
    assert_as_reference(*problem(CHUNK + 3, values=values))


@pytest.mark.usefixtures("triton_device")
@pytest.mark.parametrize("decays", [1, 33])
def test_keys_that_fill_no_block(decays: int) -> None:
    assert_as_reference(*problem(CHUNK + 3, keys=33, decays=decays))


@pytest.mark.usefixtures("triton_device")
def test_many_chunks_and_documents() -> None:
    steps, initial = problem(5 * CHUNK + 1)
    assert_as_reference(steps, initial, torch.rand(2, 5 * CHUNK + 1) < 0.03)


@pytest.mark.usefixtures("triton_device")
def test_sequences_that_do_not_lie_one_behind_the_other() -> None:
    steps, initial = problem(CHUNK + 3)
    apart = Steps(*(tensor.transpose(1, 2).contiguous().transpose(1, 2) for tensor in steps))
    expected = results(steps, initial, None, "triton")
    found = results(apart, initial.transpose(2, 3).contiguous().transpose(2, 3), None, "triton")
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))


@pytest.mark.usefixtures("triton_device")
def test_without_a_gradient_the_same_bits_and_nothing_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    from newllm.recurrence.matrix_scan import triton_scan

    steps, initial = problem(CHUNK + 3)
    expected = results(steps, initial, None, "triton")[:2]
    real, made = triton_scan.forward, list[tuple[Tensor, ...]]()
    monkeypatch.setattr(triton_scan, "forward", lambda *a, into, **k: made.append(into) or real(*a, into=into, **k))
    found = matrix_scan(steps, initial, backend="triton")
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    _, _, errors, before, *_ = made[0]
    assert errors.numel() == before.numel() == 0


@pytest.mark.usefixtures("triton_device")
def test_captured_it_is_an_operator_with_a_gradient() -> None:
    steps, initial = problem(CHUNK + 3)
    leaves = [tensor.requires_grad_() for tensor in (*steps, initial)]
    operator = torch.ops.newllm.matrix_scan_triton.default
    torch.library.opcheck(operator, (*leaves, None, True))
    readings, last, *_ = operator(*leaves, None, True)
    found = torch.autograd.grad(readings.square().sum() + last.square().sum(), leaves)
    for gradient, expected in zip(found, results(steps, initial, None, "triton")[2:], strict=True):
        assert torch.equal(gradient, expected)


@pytest.mark.usefixtures("triton_device")
def test_what_kernels_cannot_do_torch_does() -> None:
    steps, initial = problem(5)
    wide = Steps(*(tensor.double() for tensor in steps))
    found, expected = (matrix_scan(wide, initial.double(), backend=name)[0] for name in ("triton", "torch"))
    assert torch.equal(found, expected)
    mapped = torch.func.vmap(lambda value: matrix_scan(steps._replace(value=value), initial, backend="triton")[0])
    torch.testing.assert_close(mapped(steps.value[None])[0], matrix_scan(steps, initial, backend="triton")[0])


def test_a_run_trains_on_it(triton_device: str, text: Path, tiny_settings: tuple[str, ...], tmp_path: Path) -> None:
    tokens = ("training.steps=2", "training.evaluate_every=2", "training.evaluate_tokens=32", "data.tokenizer=bytes")
    losses = {}
    for backend in ("triton", "torch"):
        settings = (*tiny_settings, *tokens, f"numerics.scan_backend={backend}", f"numerics.device={triton_device}")
        run = newllm.train(
            str(text),
            out=tmp_path / backend,
            settings=(*settings, "model.layers=2", "model.rule=gated,delta", "model.head_width=16"),
        )
        losses[backend] = newllm.trace.read_trace(run.path / "trace.jsonl").series("loss").value
    assert losses["triton"] == pytest.approx(losses["torch"], rel=1e-5)


def test_wrong_numbers_are_found_by_trial(triton_device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from newllm.recurrence.matrix_scan import triton_scan

    trial = triton_here.why_not_after_trial.__wrapped__  # past its cache
    assert trial(triton_device, triton_trial.differences) is None
    right = triton_scan.backward
    monkeypatch.setattr(triton_scan, "backward", lambda d_readings, *rest: right(d_readings * 1.01, *rest))
    told = str(trial(triton_device, triton_trial.differences))
    assert f"other numbers than torch on '{triton_device}' (gradient of query, " in told


@pytest.mark.usefixtures("triton_device")
def test_kernels_that_do_not_run_are_left_to_torch_or_told(monkeypatch: pytest.MonkeyPatch) -> None:
    steps, initial = problem(5)
    operation = importlib.import_module("newllm.recurrence.matrix_scan.operation")  # the package has its function
    monkeypatch.setattr(operation, "resolve_backend", lambda *_: "triton")
    fault = "does not run: take backend torch"
    monkeypatch.setattr(triton_here, "why_not", lambda _, trial: fault if trial is triton_trial.differences else None)
    found, expected = (matrix_scan(steps, initial, backend=name)[0] for name in ("auto", "torch"))
    torch.testing.assert_close(found, expected)
    with pytest.raises(UserError, match=r"'triton' of matrix contexts does not run: take backend torch"):
        matrix_scan(steps, initial, backend="triton")


NO_RESET = {"reset": None}
KERNELS = {
    "chunk_products": ({}, NO_RESET),
    "readings": ({}, {**NO_RESET, "errors": None, "before": None}),
    "messages": ({}, NO_RESET),
    "gradients": ({}, NO_RESET),
}
SIZES = ("positions", "heads", "keys", "values", "chunks")
BLOCKS = {"N": CHUNK, "BK": 64, "BV": 32}


@pytest.mark.parametrize("capability", [75, 80, 90, 100])
@pytest.mark.parametrize("kernel", list(KERNELS))
def test_kernels_compile_for_gpus_that_are_not_here(
    kernel: str, capability: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("triton")
    if os.environ.get("TRITON_INTERPRET") == "1":
        pytest.skip("what is interpreted is not compiled")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    from newllm.recurrence.matrix_scan import triton_kernel, triton_scan

    for missing in KERNELS[kernel]:
        for per_key in (False, True):
            constants = {**BLOCKS, "PER_KEY": per_key, **missing}
            made = compiled(getattr(triton_kernel, kernel), capability, constants, triton_scan.OPTIONS)
            assert made.asm["cubin"]
            assert made.metadata.shared <= 64 * 1024  # bytes: what a block may have on each of these GPUs


def compiled(function: Any, capability: int, constants: dict[str, Any], options: dict[str, Any]) -> Any:
    """Return a kernel compiled for sizes and pointers that are divisible by 16."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    fixed = {name: value for name, value in constants.items() if name in function.arg_names}
    kinds = {name: "i32" if name in SIZES else {"reset": "*u8"}.get(name, "*fp32") for name in function.arg_names}
    divisible = [i for i, name in enumerate(function.arg_names) if name not in fixed]
    source = ASTSource(
        function,
        kinds | dict.fromkeys(fixed, "constexpr"),
        constexprs=fixed,
        attrs={(i,): [["tt.divisibility", 16]] for i in divisible},
    )
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options)

"""What is Triton's own: the edges of its chunks and of its blocks, its carry, its compilation.

`test_scan.py` tests it as it tests every backend. Without a GPU both run through Triton's interpreter, in a
process of their own: TRITON_INTERPRET=1 pytest tests/numerics/recurrence -k triton
"""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import newllm
from newllm.errors import UserError
from newllm.recurrence import resolve_backend, scan, triton_here
from newllm.recurrence.scan import triton_trial

Problem = tuple[Tensor, Tensor, Tensor, Tensor | None]
CHUNK = 32  # of sequences of less than 33 * 33 positions


def problem(rows: int, length: int, channels: int, dtype: torch.dtype = torch.float64) -> Problem:
    """Return decay (a quarter exactly 0, a quarter exactly 1), input, initial and reset."""
    decay = (2 * torch.rand(rows, length, channels, dtype=dtype) - 0.5).clamp(0, 1)
    added, initial = torch.randn_like(decay), torch.randn(rows, channels, dtype=dtype)
    return decay, added, initial, torch.rand(rows, length) < 0.05


def results(given: Problem, weight: Tensor, backend: str) -> list[Tensor]:
    """Return contexts, the last one, and the gradients of `sum(weight * contexts) + sum(last)`."""
    wanted = [value.detach().clone().requires_grad_() for value in given[:3]]
    contexts, last = scan(wanted[0], wanted[1], wanted[2], given[3], backend=backend)
    loss = (weight * contexts).sum() + last.sum()
    return [contexts.detach(), last.detach(), *torch.autograd.grad(loss, wanted)]


def assert_as_reference(given: Problem) -> None:
    weight = torch.randn_like(given[1])
    for got, expected in zip(results(given, weight, "triton"), results(given, weight, "reference"), strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("triton_device")
@pytest.mark.parametrize("length", [CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK - 1, 3 * CHUNK, 3 * CHUNK + 1])
def test_edges_of_chunks(length: int) -> None:
    given = problem(2, length, 5)
    assert_as_reference(given)
    assert_as_reference((*given[:3], None))


@pytest.mark.usefixtures("triton_device")
@pytest.mark.parametrize("channels", [31, 32, 33, 127, 128, 129, 257])
def test_edges_of_blocks_of_channels(channels: int) -> None:
    assert_as_reference(problem(2, 5, channels))
    assert_as_reference(problem(1, CHUNK + 2, channels))


@pytest.mark.usefixtures("triton_device")
def test_longer_sequences_have_longer_chunks() -> None:
    from newllm.recurrence.scan.triton_scan import chunk_length

    assert [chunk_length(n) for n in (1, 1088, 1089, 4224, 4225, 65_536)] == [32, 32, 64, 64, 128, 256]
    assert_as_reference(problem(1, 1089, 3))


@pytest.mark.usefixtures("triton_device")
@pytest.mark.parametrize("start", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK - 1])
def test_nan_before_a_reset_stays_there(start: int) -> None:
    decay, added, initial, _ = problem(2, 3 * CHUNK, 5)
    reset = torch.arange(3 * CHUNK).expand(2, -1) == start
    weight = torch.randn_like(added)
    clean = results((decay, added, initial, reset), weight, "triton")
    for value in (decay, added, weight):
        value[:, :start] = torch.nan
    decay[:, start] = torch.nan  # the decay of a reset decays nothing
    got = results((decay, added, initial, reset), weight, "triton")
    for value, as_it_was in zip(got[:4], clean[:4], strict=True):
        kept = slice(start, None) if value.dim() == 3 else slice(None)
        assert torch.equal(value[:, kept], as_it_was[:, kept])
    assert got[0][:, :start].isnan().all()


@pytest.mark.usefixtures("triton_device")
@pytest.mark.parametrize("start", [CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK])
def test_nan_gradients_after_a_reset_stay_there(start: int) -> None:
    decay, added, initial, _ = problem(2, 3 * CHUNK, 5)
    reset = torch.arange(3 * CHUNK).expand(2, -1) == start
    wanted = [value.requires_grad_() for value in (decay, added, initial)]
    contexts, _ = scan(wanted[0], wanted[1], wanted[2], reset, backend="triton")
    weight = torch.full_like(added, torch.nan)
    weight[:, :start] = 1
    d_decay, d_input, d_initial = torch.autograd.grad((weight * contexts).sum(), wanted)
    assert d_initial.isfinite().all()
    assert d_decay[:, : start + 1].isfinite().all()
    assert d_input[:, :start].isfinite().all()
    assert d_input[:, start:].isnan().all()


@pytest.mark.usefixtures("triton_device")
@pytest.mark.parametrize("at", [1, CHUNK, CHUNK + 1])
def test_split_and_carried_on(at: int) -> None:
    decay, added, initial, reset = problem(2, 2 * CHUNK + 3, 5)
    assert reset is not None
    whole, last = scan(decay, added, initial, reset, backend="triton")
    first, context = scan(decay[:, :at], added[:, :at], initial, reset[:, :at], backend="triton")
    second, end = scan(decay[:, at:], added[:, at:], context, reset[:, at:], backend="triton")
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(end, last, rtol=1e-12, atol=1e-12)


@pytest.mark.usefixtures("triton_device")
def test_the_carry_is_float32_even_where_the_arrays_are_shorter() -> None:
    from newllm.recurrence.scan import triton_scan

    ones = torch.ones(1, 600, 2, dtype=torch.bfloat16)  # summed in bfloat16, ones stop at 256
    contexts = triton_scan.forward(ones, ones, ones[:, 0], None)
    _, d_input, _ = triton_scan.backward(ones, ones, contexts, ones[:, 0], None)
    for got, exact in ((contexts, torch.arange(2, 602)), (d_input, torch.arange(600, 0, -1))):
        torch.testing.assert_close(got[0, :, 0].float(), exact.float(), rtol=1 / 128, atol=0)  # one last place


def test_a_run_trains_on_it(triton_device: str, text: Path, tiny_settings: tuple[str, ...], tmp_path: Path) -> None:
    tokens = ("training.steps=2", "training.evaluate_every=2", "training.evaluate_tokens=32", "data.tokenizer=bytes")
    losses = {}
    for backend in ("triton", "torch"):
        settings = (*tiny_settings, *tokens, f"numerics.scan_backend={backend}", f"numerics.device={triton_device}")
        run = newllm.train(str(text), out=tmp_path / backend, settings=settings)
        assert f'scan_backend = "{backend}"' in (run.path / "config.toml").read_text()
        losses[backend] = newllm.trace.read_trace(run.path / "trace.jsonl").series("loss").value
    assert losses["triton"] == pytest.approx(losses["torch"], rel=1e-5)


def test_auto_takes_it_on_a_gpu(triton_device: str) -> None:
    assert resolve_backend("triton", triton_device) == "triton"
    if triton_device == "cuda":
        assert resolve_backend("auto", "cuda") == "triton"
    if not torch.cuda.is_available():
        assert resolve_backend("auto", "cuda") == "torch"
        with pytest.raises(UserError, match=r"'triton' does not run on 'cuda' \(.*\): mend that, or"):
            resolve_backend("triton", "cuda")


def test_wrong_numbers_are_found_by_trial(triton_device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from newllm.recurrence.scan import triton_scan

    trial = triton_here.why_not_after_trial.__wrapped__  # past its cache
    assert trial(triton_device, triton_trial.differences) is None
    right = triton_scan.forward
    monkeypatch.setattr(triton_scan, "forward", lambda decay, *rest: right(decay * 0.999, *rest))
    told = str(trial(triton_device, triton_trial.differences))
    assert f"other numbers than torch on '{triton_device}' (contexts): take" in told


POINTERS = {"reset": "*u8", "deaf": "*u8"}
SIZES = ("positions", "channels", "size", "chunks")


@pytest.mark.parametrize("capability", [75, 80, 90, 100])
@pytest.mark.parametrize("kernel", ["chunk_ends", "carry_over", "contexts", "gradients"])
def test_kernels_compile_for_gpus_that_are_not_here(
    kernel: str, capability: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("triton")
    if os.environ.get("TRITON_INTERPRET") == "1":
        pytest.skip("what is interpreted is not compiled")
    monkeypatch.setenv("TRITON_CACHE_DIR", str(tmp_path))
    from newllm.recurrence.scan import triton_kernel

    function = getattr(triton_kernel, kernel)
    no_reset = {"reset": None, "deaf": None}
    assert compiled(function, capability, "fp32", {"FROM_END": True})
    assert compiled(function, capability, "fp64", {"FROM_END": False, **no_reset})
    # An argument that is 1 is compiled as a constant.
    assert compiled(function, capability, "fp32", {"FROM_END": True, "channels": 1, "positions": 1, **no_reset})


def compiled(function: Any, capability: int, float_type: str, constants: dict[str, Any]) -> bytes:
    """Return the machine code of a kernel for channels and pointers that are divisible by 16."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    fixed = {name: value for name, value in {"BLOCK": 128, **constants}.items() if name in function.arg_names}
    kinds = {name: "i32" if name in SIZES else POINTERS.get(name, f"*{float_type}") for name in function.arg_names}
    divisible = [i for i, name in enumerate(function.arg_names) if name not in fixed]
    source = ASTSource(
        function,
        kinds | dict.fromkeys(fixed, "constexpr"),
        constexprs=fixed,
        attrs={(i,): [["tt.divisibility", 16]] for i in divisible},
    )
    options = {"num_warps": 1, "enable_fp_fusion": True}
    return triton.compile(source, target=GPUTarget("cuda", capability, 32), options=options).asm["cubin"]

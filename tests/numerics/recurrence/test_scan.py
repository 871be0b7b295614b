"""Every backend against the float64 reference: outputs, final context, gradients, errors, bits."""

from collections.abc import Iterator
from itertools import product

import pytest
import torch
from torch import Tensor

from newllm.errors import UserError
from newllm.recurrence import resolve_backend, scan, triton_here
from newllm.recurrence.scan import operation

TOLERANCE = {torch.float32: 1e-6, torch.float64: 1e-12}
LENGTHS = (1, 2, 37, 63, 64, 65, 129)
CHANNELS = (1, 3, 16, 17, 33)
ROWS = (1, 2, 5)
DECAYS = ("zero", "one", "mixed", "negative")
RESETS = ("none", "nowhere", "first", "last", "everywhere", "some")


@pytest.fixture(params=["torch", "numba", "triton"])
def backend(request: pytest.FixtureRequest) -> str:
    """Each backend that is not the reference; for Triton's see conftest.py."""
    if request.param == "numba":
        pytest.importorskip("numba")
    if request.param == "triton":
        request.getfixturevalue("triton_device")
    return request.param


def problem(
    rows: int, length: int, channels: int, decay: str = "mixed", reset: str = "none", dtype=torch.float64
) -> tuple[Tensor, Tensor, Tensor, Tensor | None]:
    """Return decay, input, initial and reset."""
    shape = (rows, length, channels)
    uniform = torch.rand(shape, dtype=dtype)
    decays = {
        "zero": torch.zeros(shape, dtype=dtype),
        "one": torch.ones(shape, dtype=dtype),
        # a third exactly 0, a third exactly 1, a third between
        "mixed": torch.where(uniform < 1 / 3, 0.0, torch.where(uniform < 2 / 3, 1.0, 1 - uniform)),
        "negative": 2 * uniform - 1,
    }
    resets = {
        "none": None,
        "nowhere": torch.zeros(rows, length, dtype=torch.bool),
        "first": torch.arange(length).expand(rows, -1) == 0,
        "last": torch.arange(length).expand(rows, -1) == length - 1,
        "everywhere": torch.ones(rows, length, dtype=torch.bool),
        "some": torch.rand(rows, length) < 0.1,
    }
    added, initial = torch.randn(shape, dtype=dtype), torch.randn(rows, channels, dtype=dtype)
    return decays[decay], added, initial, resets[reset]


def results(
    problem: tuple[Tensor, Tensor, Tensor, Tensor | None], weights: tuple[Tensor, Tensor], backend: str
) -> dict[str, Tensor]:
    """Return outputs, final context and the gradients of `sum(w * contexts) + sum(v * final)`."""
    decay, added, initial = (value.detach().clone().requires_grad_() for value in problem[:3])
    contexts, final = scan(decay, added, initial, problem[3], backend=backend)
    loss = (weights[0] * contexts).sum() + (weights[1] * final).sum()
    gradients = torch.autograd.grad(loss, (decay, added, initial))
    names = ("d_decay", "d_input", "d_initial")
    return {"contexts": contexts, "final": final, **dict(zip(names, gradients, strict=True))}


def assert_as_reference(problem: tuple[Tensor, Tensor, Tensor, Tensor | None], backend: str) -> None:
    """Compare with the reference in float64, element by element.

    An error is measured against the same problem with all its signs positive: what a sum of these
    numbers can lose by rounding, however much of it cancels.
    """
    decay, added, initial, reset = problem
    weights = torch.randn_like(added), torch.randn_like(initial)
    wide = decay.double(), added.double(), initial.double(), reset
    expected = results(wide, (weights[0].double(), weights[1].double()), "reference")
    positive = wide[0].abs(), wide[1].abs(), wide[2].abs(), reset
    scale = results(positive, (weights[0].double().abs(), weights[1].double().abs()), "reference")
    for name, value in results(problem, weights, backend).items():
        assert value.dtype == added.dtype, name
        assert value.shape == expected[name].shape, name
        excess = (value.double() - expected[name]).abs() - TOLERANCE[added.dtype] * scale[name]
        assert excess.max() <= 0, f"{name} is wrong by {excess.max()} more than rounding explains"


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("length", LENGTHS)
def test_every_length_decay_and_reset(backend: str, length: int, decay: str, dtype: torch.dtype) -> None:
    for reset in RESETS:
        assert_as_reference(problem(2, length, 3, decay, reset, dtype), backend)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("rows", ROWS)
@pytest.mark.parametrize("channels", CHANNELS)
def test_every_width_and_number_of_rows(backend: str, channels: int, rows: int, dtype: torch.dtype) -> None:
    for reset in ("none", "some"):
        assert_as_reference(problem(rows, 37, channels, "mixed", reset, dtype), backend)


@pytest.mark.slow
@pytest.mark.parametrize("decay", [0.0, 0.999, 1.0])
def test_long_float32_sequences_keep_their_digits(backend: str, decay: float) -> None:
    _, added, initial, _ = problem(1, 8192, 2, dtype=torch.float32)
    assert_as_reference((torch.full_like(added, decay), added, initial, None), backend)


def test_underflowing_decays_are_exact_zeros(backend: str) -> None:
    _, added, initial, _ = problem(2, 300, 3, dtype=torch.float32)
    assert_as_reference((torch.full_like(added, 1e-30), added, initial, None), backend)


@pytest.mark.parametrize("reset", ["none", "some"])
@pytest.mark.parametrize(("length", "fast"), [(1, False), (7, False), (66, True)])
def test_gradcheck(backend: str, length: int, fast: bool, reset: str) -> None:
    decay, added, initial, mask = problem(2, length, 2, "negative", reset)
    inputs = tuple(value.requires_grad_() for value in (decay, added, initial))
    assert torch.autograd.gradcheck(lambda a, b, c: scan(a, b, c, mask, backend=backend), inputs, fast_mode=fast)


def test_gradcheck_of_the_reference() -> None:
    decay, added, initial, mask = problem(2, 7, 2, "negative", "some")
    inputs = tuple(value.requires_grad_() for value in (decay, added, initial))
    assert torch.autograd.gradcheck(lambda a, b, c: scan(a, b, c, mask, backend="reference"), inputs)


@pytest.mark.parametrize("through", ["contexts", "final"])
def test_gradient_through_one_output_alone(backend: str, through: str) -> None:
    gradients = {}
    given = problem(2, 70, 3, "negative", "some")
    for name in (backend, "reference"):
        decay, added, initial = (value.detach().clone().requires_grad_() for value in given[:3])
        contexts, final = scan(decay, added, initial, given[3], backend=name)
        loss = contexts.sin().sum() if through == "contexts" else final.sin().sum()
        gradients[name] = torch.autograd.grad(loss, (decay, added, initial))
    for got, expected in zip(gradients[backend], gradients["reference"], strict=True):
        torch.testing.assert_close(got, expected, rtol=1e-12, atol=1e-12)


def test_only_what_asks_for_a_gradient_needs_one(backend: str) -> None:
    decay, added, initial, _ = problem(2, 5, 3)
    contexts, final = scan(decay, added.requires_grad_(), initial, backend=backend)
    (contexts.sum() + final.sum()).backward()
    assert added.grad is not None
    assert decay.grad is None
    assert initial.grad is None
    assert not scan(decay, added.detach(), initial, backend=backend)[0].requires_grad


def test_no_initial_context_means_zero(backend: str) -> None:
    decay, added, initial, _ = problem(2, 70, 3)
    given = scan(decay, added, torch.zeros_like(initial), backend=backend)
    for got, expected in zip(scan(decay, added, backend=backend), given, strict=True):
        assert torch.equal(got, expected)


def test_strided_and_expanded_inputs(backend: str) -> None:
    decay, added, initial, reset = problem(2, 37, 6, reset="some")
    assert reset is not None
    strided = (
        decay.permute(2, 1, 0).contiguous().permute(2, 1, 0),
        torch.stack([added, -added], dim=-1)[..., 0],
        initial.repeat(1, 2)[:, :6],
        reset.t().contiguous().t(),
    )
    assert not any(value.is_contiguous() for value in strided)
    assert_as_reference(strided, backend)
    assert_as_reference((decay[:1, :1].expand_as(added), added, initial[:1].expand(2, -1), reset), backend)


def test_inputs_are_left_as_they_were(backend: str) -> None:
    given = problem(2, 70, 3, reset="some")
    before = [None if value is None else value.clone() for value in given]
    results(given, (torch.ones_like(given[1]), torch.ones_like(given[2])), backend)
    assert all(torch.equal(a, b) for a, b in zip(given, before, strict=True) if a is not None and b is not None)


@pytest.fixture
def buffers_start_as_nan() -> Iterator[None]:
    """Let torch fill fresh memory with NaN, so that an element that nobody writes is seen."""
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("buffers_start_as_nan")
def test_every_element_is_written(backend: str) -> None:
    for length, reset in product((1, 37, 65), ("none", "some")):
        assert_as_reference(problem(2, length, 17, "mixed", reset), backend)


NAN_PLACES = ("decay", "input", "initial", "gradient")


@pytest.mark.parametrize("document", [0, 1, 2])
@pytest.mark.parametrize("place", NAN_PLACES)
def test_nan_stays_in_its_document(backend: str, place: str, document: int) -> None:
    decay, added, initial, _ = problem(1, 130, 3)
    weight = torch.randn_like(added)
    bounds = (0, 60, 67, 130)  # within a chunk, over the edge of one, to the end
    reset = torch.zeros(1, 130, dtype=torch.bool)
    reset[:, [60, 67]] = True
    own = slice(bounds[document], bounds[document + 1])
    bad = {"decay": decay, "input": added, "gradient": weight}
    if place == "initial":
        initial = torch.full_like(initial, torch.nan)
        own = slice(0, 60)
    else:
        bad[place][:, own] = torch.nan
    got = results((decay, added, initial, reset), (weight, torch.zeros_like(initial)), backend)
    others = torch.ones(130, dtype=torch.bool)
    others[own] = False
    for name in ("contexts", "d_decay", "d_input"):
        assert got[name][:, others].isfinite().all(), name
    if own.start > 0:
        assert got["d_initial"].isfinite().all()
    broken = got["d_input" if place == "gradient" else "contexts"]
    assert broken[:, own].isnan().any()  # it does show where it is


@pytest.mark.parametrize("place", NAN_PLACES)
def test_nan_stays_in_its_row_and_channel(backend: str, place: str) -> None:
    decay, added, initial, _ = problem(3, 70, 4)
    weight = torch.randn_like(added)
    {"decay": decay, "input": added, "gradient": weight, "initial": initial[:, None]}[place][1, :, 2] = torch.nan
    got = results((decay, added, initial, None), (weight, torch.zeros_like(initial)), backend)
    for name, value in got.items():
        value = value if value.dim() == 3 else value[:, None]
        assert value[[0, 2]].isfinite().all(), name
        assert value[:, :, [0, 1, 3]].isfinite().all(), name


@pytest.mark.parametrize(
    ("rows", "length", "channels"), [(1, 700, 65), (2, 600, 33), (5, 300, 48), (3, 11, 5), (1, 9000, 4)]
)
def test_bits_depend_on_neither_threads_nor_repetition(backend: str, rows: int, length: int, channels: int) -> None:
    given = problem(rows, length, channels, "negative", "some", torch.float32)
    weights = torch.randn_like(given[1]), torch.randn_like(given[2])
    runs = []
    for threads in (1, 2, 2, 3):
        torch.set_num_threads(threads)
        runs.append(results(given, weights, backend))
    for run in runs[1:]:
        assert all(torch.equal(run[name], runs[0][name]) for name in run)


DECAY, INPUT, INITIAL, RESET = problem(2, 4, 3, reset="some")
assert RESET is not None
MISTAKES = {
    "two axes": (DECAY[0], INPUT[0], None, None, r"\(4, 3\)"),
    "no time": (DECAY[:, :0], INPUT[:, :0], None, None, r"\(2, 0, 3\)"),
    "no row": (DECAY[:0], INPUT[:0], None, None, r"\(0, 4, 3\)"),
    "no channel": (DECAY[..., :0], INPUT[..., :0], None, None, r"\(2, 4, 0\)"),
    "decay shape": (DECAY[:1], INPUT, None, None, r"\(1, 4, 3\)"),
    "decay dtype": (DECAY.float(), INPUT, None, None, "float32"),
    "half": (DECAY.half(), INPUT.half(), None, None, "float16.*float32"),
    "bfloat16": (DECAY.bfloat16(), INPUT.bfloat16(), None, None, "bfloat16.*float32"),
    "integer": (DECAY.long(), INPUT.long(), None, None, "int64"),
    "initial shape": (DECAY, INPUT, INITIAL[:1], None, r"\(1, 3\)"),
    "initial dtype": (DECAY, INPUT, INITIAL.float(), None, "float32"),
    "reset shape": (DECAY, INPUT, INITIAL, RESET[:, :3], r"\(2, 3\)"),
    "reset dtype": (DECAY, INPUT, INITIAL, RESET.long(), "int64"),
}


@pytest.mark.parametrize("name", ["reference", "torch", "numba", "triton", "auto"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_told_in_one_line(name: str, mistake: str) -> None:
    decay, added, initial, reset, quote = MISTAKES[mistake]
    with pytest.raises(UserError, match=quote) as told:
        scan(decay, added, initial, reset, backend=name)
    assert "\n" not in str(told.value)


def test_unknown_backend_names_the_nearest() -> None:
    with pytest.raises(UserError, match=r"'nunba'.*did you mean 'numba'") as told:
        scan(DECAY, INPUT, backend="nunba")
    assert "\n" not in str(told.value)


def test_auto_takes_numba_where_it_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("numba")
    assert resolve_backend("auto", "cpu") == "numba"
    assert resolve_backend("auto", "mps") == "torch"
    assert resolve_backend("torch", "cpu") == "torch"
    with pytest.raises(UserError, match=r"'cuda'.*torch"):
        resolve_backend("numba", "cuda")
    with pytest.raises(UserError, match=r"'reference' needs float64, 'mps' has none: take backend torch"):
        resolve_backend("reference", "mps")
    assert resolve_backend("reference", "cuda") == "reference"
    monkeypatch.setattr(operation, "has_numba", lambda: False)
    assert resolve_backend("auto", "cpu") == "torch"
    with pytest.raises(UserError, match=r"pip install 'newllm\[fast\]'"):
        resolve_backend("numba", "cpu")


@pytest.mark.parametrize(("fault", "expected"), [(None, "triton"), ("is not well: take backend torch", "torch")])
def test_auto_takes_triton_on_cuda_where_it_can_run(
    fault: str | None, expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(triton_here, "why_not", lambda *_: fault)
    assert resolve_backend("auto", "cuda:1") == expected
    assert resolve_backend("auto", "mps") == "torch"
    assert resolve_backend("auto", "cpu") != "triton"
    if fault is None:
        assert resolve_backend("triton", "cuda:1") == "triton"
    else:
        with pytest.raises(UserError, match="'triton' is not well: take backend torch"):
            resolve_backend("triton", "cuda:1")


def test_what_triton_needs_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRITON_INTERPRET", raising=False)
    monkeypatch.setattr(operation, "has_numba", lambda: True)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    with pytest.raises(UserError, match=r"'triton' runs on a CUDA device, not on 'cpu': take backend torch"):
        resolve_backend("triton", "cpu")
    monkeypatch.setenv("TRITON_INTERPRET", "1")
    assert resolve_backend("triton", "cpu") == "triton"
    assert resolve_backend("auto", "cpu") == "numba"
    with pytest.raises(UserError, match=r"'triton' runs on a CUDA device, not on 'mps'"):
        resolve_backend("triton", "mps")
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    with pytest.raises(UserError, match="'triton' needs Triton: pip install triton, or take backend torch"):
        resolve_backend("triton", "cpu")
    assert resolve_backend("auto", "cuda") == "torch"

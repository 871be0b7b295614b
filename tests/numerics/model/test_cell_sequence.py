"""The cell as one autograd function against its naive twin: the same loop, one position after another."""

import itertools
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from newllm.model import packed_linear
from newllm.model.bodies import State
from newllm.model.bodies.cell import Cell, ZeroContextCell
from newllm.model.bodies.cell_sequence import cell_sequence
from newllm.model.chain import chain
from newllm.model.config import NORM_NAMES, RULE_NAMES, ModelConfig
from newllm.model.fnn import FNN
from newllm.model.language_model import LanguageModel

ROWS, WIDTH, HIDDEN, CONTEXT = packed_linear.FEWEST_ROWS, 5, 7, 6
RULES = [(rule, False) for rule in RULE_NAMES] + [("ema", True), ("dual", True)]
Named = dict[str, Tensor | None]


def make(
    rule: str = "gated", norm: str = "none", learn_decay: bool = False, kind: type[Cell] = Cell, **shape: Any
) -> Cell:
    """Return a float64 cell in training, every parameter at random."""
    small: dict[str, Any] = {"width": WIDTH, "hidden": HIDDEN, "layers": 3, "context": CONTEXT, "vocabulary": 1}
    cell = kind(ModelConfig(rule=rule, norm=norm, learn_decay=learn_decay, **(small | shape))).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.copy_(0.6 * torch.randn_like(parameter))
    return cell


def inputs(length: int, rows: int = ROWS, width: int = WIDTH, context: int = CONTEXT) -> tuple[Tensor, Tensor]:
    return torch.randn(rows, length, width).double(), torch.randn(rows, context).double()


def resets(length: int) -> Tensor:
    """Return a reset at the very start, one at the end, some in the middle, and a row with none."""
    reset = torch.rand(ROWS, length) < 0.2
    reset[0, 0] = reset[0, -1] = True
    reset[-1] = False
    return reset


def trained(
    run: Callable[..., tuple[Tensor, State]], cell: Cell, x: Tensor, context: Tensor, reset: Tensor | None
) -> Named:
    """Return outputs and gradients of a loss that looks at every hidden layer, at the contexts and at the last one."""
    seen: list[Tensor] = []
    handle = cell.tap.register_forward_hook(lambda _module, _inputs, contexts: seen.append(contexts))
    x, context = x.clone().requires_grad_(), context.clone().requires_grad_()
    torch.manual_seed(5)  # of the dropout masks
    position = torch.zeros(x.shape[:2], dtype=torch.long)
    hidden, state = run(x, {"context": context}, position, reset)
    handle.remove()
    (contexts,) = seen
    loss = sum((value.double() * weights_like(value)).sum() for value in (hidden, contexts, state["context"]))
    assert isinstance(loss, Tensor)
    wanted = {"x": x, "initial context": context, **dict(cell.named_parameters())}
    gradients = torch.autograd.grad(loss, list(wanted.values()), allow_unused=True)
    outputs: Named = {"hidden": hidden, "contexts": contexts, "last": state["context"]}
    return outputs | {f"gradient of {name}": value for name, value in zip(wanted, gradients, strict=True)}


def weights_like(value: Tensor) -> Tensor:
    return torch.linspace(-1.0, 1.3, value.numel(), dtype=torch.float64).view(value.shape)


def same(got: Named, expected: Named) -> None:
    assert got.keys() == expected.keys()
    for name, value in expected.items():
        other = got[name]
        if value is None or other is None:
            rest = value if other is None else other
            assert rest is None or not rest.any(), name
        else:
            scale = max(1.0, value.abs().max().item())
            torch.testing.assert_close(other, value, rtol=0.0, atol=1e-10 * scale, msg=name)


@pytest.mark.parametrize("length", [1, 2, 7, 31])
@pytest.mark.parametrize("norm", NORM_NAMES)
@pytest.mark.parametrize(("rule", "learn_decay"), RULES)
def test_it_is_its_naive_twin(rule: str, learn_decay: bool, norm: str, length: int) -> None:
    for dropout, reset in itertools.product((0.0, 0.3), (None, resets(length))):
        cell = make(rule, norm, learn_decay, dropout=dropout)
        given = *inputs(length), reset
        same(trained(cell.forward, cell, *given), trained(cell.forward_naive, cell, *given))


@pytest.mark.parametrize("rule", ["additive", "lstm"])
def test_a_single_layer_will_do(rule: str) -> None:
    cell = make(rule, layers=1, dropout=0.2)
    given = *inputs(7), resets(7)
    same(trained(cell.forward, cell, *given), trained(cell.forward_naive, cell, *given))


@pytest.mark.parametrize("norm", NORM_NAMES)
@pytest.mark.parametrize("dropout", [0.0, 0.3])
def test_the_control_is_its_naive_twin(norm: str, dropout: float) -> None:
    cell = make("gated", norm, dropout=dropout, kind=ZeroContextCell)
    given = *inputs(7), resets(7)
    same(trained(cell.forward, cell, *given), trained(cell.forward_naive, cell, *given))


@pytest.mark.parametrize("norm", NORM_NAMES)
@pytest.mark.parametrize(("rule", "learn_decay"), RULES)
def test_gradients_are_those_of_finite_differences(rule: str, learn_decay: bool, norm: str) -> None:
    x, context = inputs(4, rows=2, width=2, context=2)
    reset = torch.tensor([[False, False, True, False], [True, False, False, False]])
    cell = make(rule, norm, learn_decay, hidden=3, context=2, layers=2, width=2)
    masks = torch.rand(2, 4, 2, 3).double() + 0.5

    def run(x: Tensor, context: Tensor, *_: Tensor) -> tuple[Tensor, Tensor]:
        return cell_sequence(cell.fnn, cell.rule, cell.norm, x, context, reset, masks)

    parameters = tuple(cell.parameters())
    assert torch.autograd.gradcheck(run, (x.requires_grad_(), context.requires_grad_(), *parameters))


@pytest.fixture
def nan_memory() -> Iterator[None]:
    """Let torch fill every new, uninitialised tensor with NaN."""
    torch.use_deterministic_algorithms(True)
    assert torch.empty(3).isnan().all()
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("nan_memory")
@pytest.mark.parametrize("norm", NORM_NAMES)
@pytest.mark.parametrize("rule", RULE_NAMES)
def test_no_buffer_is_read_before_it_is_written(rule: str, norm: str) -> None:
    cell = make(rule, norm, dropout=0.3)
    got = trained(cell.forward, cell, *inputs(7), resets(7))
    assert all(value is not None and value.isfinite().all() for value in got.values())


@pytest.mark.parametrize("rule", RULE_NAMES)
@pytest.mark.parametrize("norm", ["none", "read"])
def test_a_reset_stops_a_context_that_is_not_finite(rule: str, norm: str) -> None:
    cell, (x, context) = make(rule, norm).eval(), inputs(5)
    reset = torch.zeros(ROWS, 5, dtype=torch.bool)
    reset[:, 0] = True
    got = trained(cell.forward, cell, x, context.fill_(float("nan")), reset)
    assert all(value is None or value.isfinite().all() for value in got.values())


def test_packed_products_and_compiled_layers_change_nothing_but_rounding(backend: str) -> None:
    """Long enough to be worth it, float32."""
    length = packed_linear.WORTH_PACKING + 7
    for rule, norm in itertools.product(("additive", "lstm"), NORM_NAMES):
        cell = make(rule, norm, dropout=0.2).float()
        cell.scan_backend = backend
        x, context = inputs(length)
        expected = trained(cell.double().forward_naive, cell, x, context, None)
        got = trained(cell.float().forward, cell, x.float(), context.float(), None)
        for name, value in expected.items():
            other = got[name]
            assert value is not None
            assert other is not None
            scale = value.abs().max().item()
            torch.testing.assert_close(other.double(), value, rtol=0.0, atol=3e-5 * scale, msg=name)


def tame(cell: Cell) -> None:
    """Let each unit be always on or always off: no rounding is magnified."""
    with torch.no_grad():
        for name, parameter in cell.named_parameters():
            parameter.mul_(0.01 if name.startswith("rule.delta") and not cell.norm.writes else 0.1)
            if name.startswith("fnn") and name.endswith("bias"):
                parameter.copy_(3.0 * parameter.sign())


@pytest.fixture
def chained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list to which every chain that is built adds; skip where none can be."""
    if not chain.has_avx512_kernels():
        pytest.skip("no numba here, or another processor")
    monkeypatch.setattr(chain, "threads_for", lambda _products: 2)
    built: list[int] = []
    monkeypatch.setattr(chain, "_pack_all", lambda weights, real=chain._pack_all: (built.append(1), real(weights))[1])
    return built


@pytest.mark.parametrize("rows", [1, 3, 17])
@pytest.mark.parametrize("norm", NORM_NAMES)
@pytest.mark.parametrize(("rule", "learn_decay"), RULES)
def test_compiled_layers_are_the_naive_twin(
    rule: str, learn_decay: bool, norm: str, rows: int, chained: list[int]
) -> None:
    cell = make(rule, norm, learn_decay, width=9, hidden=37, context=22, dropout=0.3)
    tame(cell)
    x, context = inputs(chain.FEWEST_POSITIONS, rows, width=9, context=22)
    reset = torch.rand(rows, chain.FEWEST_POSITIONS) < 0.2
    for given in (reset, None):
        expected = trained(cell.double().forward_naive, cell, x, context, given)
        assert not chained
        got = trained(cell.float().forward, cell, x.float(), context.float(), given)
        again = trained(cell.forward, cell, x.float(), context.float(), given)
        assert len(chained) == 4  # forwards and backwards, twice
        chained.clear()
        for name, value in expected.items():
            other, repeated = got[name], again[name]
            assert value is not None
            assert other is not None
            assert repeated is not None
            assert torch.equal(other, repeated), name
            error = (other.double() - value).abs().max() / max(1.0, value.abs().max())
            assert error < 3e-5, (name, error)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("frozen", [False, True])
def test_compiled_layers_need_no_gradient_of_the_last_layer(layers: int, frozen: bool, chained: list[int]) -> None:
    """A loss of the contexts alone, and weights that are not trained."""
    cell, (x, context) = make(layers=layers), inputs(chain.FEWEST_POSITIONS)
    tame(cell)
    cell.requires_grad_(not frozen)
    found = []
    for kind, run in ((torch.float64, cell.forward_naive), (torch.float32, cell.forward)):
        cell.to(kind)
        given = x.to(kind, copy=True).requires_grad_()
        _, state = run(given, {"context": context.to(kind)}, torch.zeros(x.shape[:2]), None)
        found.append(torch.autograd.grad(state["context"].sum(), given)[0].double())
    assert len(chained) == 2
    torch.testing.assert_close(found[1], found[0], rtol=0.0, atol=3e-5 * found[0].abs().max().item())


def test_layers_are_compiled_only_where_the_run_says_so(chained: list[int]) -> None:
    model = LanguageModel(ModelConfig(body="cell", vocabulary=7, width=8, hidden=16, layers=2, context=8))
    tokens = torch.randint(7, (4, chain.FEWEST_POSITIONS))

    def chains() -> int:
        chained.clear()
        model(tokens)[0].sum().backward()
        return len(chained)

    for backend, expected in (("torch", 0), ("numba", 2), ("reference", 0), ("auto", 2)):
        model.use_scan(backend)
        assert chains() == expected, backend
    model.use_scan("numba")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert chains() == 0
    tokens = tokens[:, :-1]
    assert chains() == 0
    tokens = torch.randint(7, (4, chain.FEWEST_POSITIONS))
    model.double()
    assert chains() == 0


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_an_error_in_the_loop_ends_the_threads(error: type[BaseException], chained: list[int]) -> None:
    cell, (x, context) = make(norm="read").float(), inputs(chain.FEWEST_POSITIONS)
    before, calls = threading.active_count(), []
    read = cell.norm.read

    def failing(context: Tensor) -> Tensor:
        calls.append(1)
        if len(calls) > 7:
            raise error
        return read(context)

    cell.norm.read = failing
    with pytest.raises(error):
        cell(x.float(), {"context": context.float()}, torch.zeros(ROWS, x.shape[1]), None)
    assert chained
    assert threading.active_count() == before


@pytest.mark.parametrize("length", [5, packed_linear.WORTH_PACKING + 7])
@pytest.mark.parametrize("norm", NORM_NAMES)
@pytest.mark.parametrize("rule", RULE_NAMES)
def test_autocast_stays_near_float32(rule: str, norm: str, length: int) -> None:
    cell = make(rule, norm, width=16, hidden=24, context=16, dropout=0.1).float()
    tame(cell)
    x, context = inputs(length, width=16, context=16)
    x, context, reset = x.float(), context.float(), resets(length)
    expected = trained(cell.forward, cell, x, context, reset)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = trained(cell.forward, cell, x, context, reset)
        twin = trained(cell.forward_naive, cell, x, context, reset)
    for name, value in expected.items():
        fast, naive = got[name], twin[name]
        assert value is not None
        assert fast is not None
        assert naive is not None
        assert fast.dtype == naive.dtype, name
        error, naive_error = ((one.float() - value).norm() / value.norm() for one in (fast, naive))
        assert error < 0.002 + 2 * naive_error < 0.05, name
    assert got["contexts"] is not None
    assert got["contexts"].dtype == torch.float32


@pytest.mark.parametrize("norm", NORM_NAMES)
@pytest.mark.parametrize("rule", RULE_NAMES)
def test_steps_give_what_the_sequence_gives(rule: str, norm: str) -> None:
    cell, (x, context) = make(rule, norm, dropout=0.3).eval(), inputs(9)
    hidden, state = cell(x, {"context": context}, torch.zeros(ROWS, 9), None)
    stepped, one_by_one = {"context": context}, []
    for x_BD in x.unbind(1):
        out, stepped = cell.step(x_BD, stepped, torch.zeros(ROWS))
        one_by_one.append(out)
    torch.testing.assert_close(torch.stack(one_by_one, dim=1), hidden, rtol=1e-10, atol=1e-12)
    torch.testing.assert_close(stepped["context"], state["context"], rtol=1e-10, atol=1e-12)


def test_the_same_seed_drops_the_same() -> None:
    cell, (x, context) = make(dropout=0.5), inputs(6)
    runs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        runs.append(cell(x, {"context": context}, torch.zeros(ROWS, 6), None)[0])
    assert torch.equal(runs[0], runs[1])
    assert not torch.equal(runs[0], runs[2])


def test_dropout_drops_its_share_and_keeps_the_mean() -> None:
    masks = make(dropout=0.3, hidden=50).fnn.draw_masks(40, 10)
    assert masks is not None
    assert masks.shape == (3, 40, 10, 50)
    assert (masks == 0).double().mean().item() == pytest.approx(0.3, abs=0.01)
    assert masks.mean().item() == pytest.approx(1.0, abs=0.02)
    assert masks.unique().numel() == 2
    assert make(dropout=0.3).eval().fnn.draw_masks(4) is None


def test_a_second_derivative_is_refused_and_the_twin_has_it() -> None:
    cell, (x, context) = make(), inputs(3)

    def gradient(run: Callable[..., Any]) -> Tensor:
        context.requires_grad_()
        hidden, _ = run(x, {"context": context}, torch.zeros(ROWS, 3), None)
        return torch.autograd.grad(hidden.square().sum(), context, create_graph=True)[0]

    with pytest.raises(RuntimeError, match="once_differentiable"):
        gradient(cell.forward).sum().backward()
    gradient(cell.forward_naive).sum().backward()


@pytest.mark.filterwarnings("ignore:.torch.jit.script. is")  # torch's own, on its first jvp
@pytest.mark.parametrize("norm", NORM_NAMES)
def test_the_twin_has_forward_mode(norm: str) -> None:
    cell, (x, context) = make(norm=norm), inputs(3)

    def last(run: Callable[..., Any]) -> Callable[[Tensor], Tensor]:
        return lambda context: run(x, {"context": context}, torch.zeros(ROWS, 3), None)[1]["context"]

    direction = torch.randn_like(context)
    pushed = torch.func.jvp(last(cell.forward_naive), (context,), (direction,))[1]
    step = 1e-6
    difference = last(cell.forward)(context + step * direction) - last(cell.forward)(context - step * direction)
    torch.testing.assert_close(pushed, difference / (2 * step), rtol=1e-5, atol=1e-7)


def test_hooked_layers_are_called() -> None:
    cell, (x, context) = make(), inputs(4)
    given = {"context": context}, torch.zeros(ROWS, 4), None
    unhooked, calls = cell(x, *given)[0], []
    handle = cell.fnn[3].register_forward_hook(lambda *_: calls.append(1))
    torch.testing.assert_close(cell(x, *given)[0], unhooked, rtol=1e-10, atol=1e-12)
    assert len(calls) == 4
    handle.remove()
    cell(x, *given)
    assert len(calls) == 4


def test_another_fnn_runs_in_the_naive_loop() -> None:
    class Doubled(FNN):
        def forward(self, source: Tensor, masks: Tensor | None = None) -> Tensor:  # type: ignore[override]
            return 2 * super().forward(source, masks)

    cell = make(dropout=0.3)
    plain_fnn, doubled = cell.fnn, Doubled(WIDTH + CONTEXT, HIDDEN, 3, 0.3).double()
    doubled.load_state_dict(plain_fnn.state_dict())
    cell.fnn = doubled
    given = *inputs(4), resets(4)
    got, twin = trained(cell.forward, cell, *given), trained(cell.forward_naive, cell, *given)
    same(got, twin)
    cell.fnn = plain_fnn
    plain = trained(cell.forward, cell, *given)["hidden"]
    assert got["hidden"] is not None
    assert plain is not None
    torch.testing.assert_close(got["hidden"][:, 0], 2 * plain[:, 0])


def test_frozen_parameters_are_left_out() -> None:
    for norm in NORM_NAMES:
        cell, (x, context) = make(norm=norm), inputs(4)
        for name, parameter in cell.named_parameters():
            parameter.requires_grad_(name == "fnn.3.weight")
        hidden, _ = cell(x, {"context": context}, torch.zeros(ROWS, 4), None)
        hidden.sum().backward()
        assert {name for name, p in cell.named_parameters() if p.grad is not None} == {"fnn.3.weight"}


def test_outputs_may_not_be_overwritten_unseen() -> None:
    cell, (x, context) = make(), inputs(4)
    hidden, _ = cell(x, {"context": context}, torch.zeros(ROWS, 4), None)
    loss = hidden.square().sum()
    with torch.no_grad():
        hidden.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("products", [1, 1000])
def test_a_packed_product_is_a_linear_layer(dtype: torch.dtype, products: int) -> None:
    weight, bias, x = (torch.randint(-3, 4, shape).to(dtype) for shape in ((9, 5), (9,), (4, 5)))
    product = packed_linear.packed_linear(weight, bias, 4, products)
    for rows in (x, x[:1], x.repeat(5, 1)):
        assert torch.equal(product(rows), torch.nn.functional.linear(rows, weight, bias))
    backwards = packed_linear.packed_linear(weight.t(), None, 4, products)
    assert torch.equal(backwards(product(x)), product(x) @ weight)


def test_packing_happens_where_it_can_and_is_done_without_where_not(monkeypatch: pytest.MonkeyPatch) -> None:
    if not torch.backends.mkldnn.is_available():
        pytest.skip("this torch has no oneDNN")
    assert packed_linear._can_pack(torch.float32)
    weight, x = torch.randn(9, 5), torch.randn(4, 5)
    packed = packed_linear.packed_linear(weight, None, 4, packed_linear.WORTH_PACKING)

    def missing(*_: object) -> None:
        raise AttributeError("no such operator")

    packed_linear._can_pack.cache_clear()
    monkeypatch.setattr(packed_linear, "_packed", missing)
    plain = packed_linear.packed_linear(weight, None, 4, packed_linear.WORTH_PACKING)
    packed_linear._can_pack.cache_clear()
    torch.testing.assert_close(plain(x), packed(x))


def test_a_batch_of_no_rows() -> None:
    cell = make().float()
    x = torch.zeros(0, 2 * chain.FEWEST_POSITIONS, WIDTH, requires_grad=True)
    hidden, state = cell(x, cell.initial_state(0, torch.device("cpu")), torch.zeros(0), None)
    hidden.sum().backward()
    assert (hidden.shape, state["context"].shape) == ((0, 2 * chain.FEWEST_POSITIONS, HIDDEN), (0, CONTEXT))

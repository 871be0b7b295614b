"""Anyone's training: what its functions must give, and that it runs again to the bit."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.errors import UserError
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.replica.setup import digest
from newllm.replays.subjects.loop import Loop, LoopReplica


def begun(loop: Loop, start: int = 0, replay: int = 0, state: Any = None) -> LoopReplica:
    replica = loop.start(loop.setup(start, replay, 40, 41), state)
    assert isinstance(replica, LoopReplica)
    return replica


def changed(loop: Loop, **functions: Any) -> Loop:
    return replace(loop, **functions)


def numbers(replica: LoopReplica, steps: range) -> list[tuple[float, float]]:
    return [(one.loss, one.gradient_norm) for one in map(replica.update, steps)]


def test_it_is_to_be_had_from_the_package() -> None:
    assert newllm.Loop is Loop


# --- what the functions must give


def two_models(seed: int) -> Any:  # noqa: ARG001
    return nn.Linear(4, 3), nn.Linear(4, 3)


def optimizer_of_another(seed: int) -> Any:  # noqa: ARG001
    return nn.Linear(4, 3), torch.optim.SGD(nn.Linear(4, 3).parameters(), lr=0.1)


def no_parameters(seed: int) -> Any:  # noqa: ARG001
    return nn.ReLU(), torch.optim.SGD(nn.Linear(4, 3).parameters(), lr=0.1)


def adam() -> tuple[nn.Module, torch.optim.Optimizer]:
    model = nn.Linear(4, 3)
    return model, torch.optim.AdamW(model.parameters(), lr=0.1)


def plateau(seed: int) -> Any:  # noqa: ARG001
    model, optimizer = adam()
    return model, optimizer, torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer)


def with_closure(seed: int) -> Any:  # noqa: ARG001
    model = nn.Linear(4, 3)
    return model, torch.optim.LBFGS(model.parameters())


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (lambda _: None, "gave NoneType: it must give a model and its optimizer"),
        (lambda _: nn.Linear(4, 3), "gave Linear: it must give a model and its optimizer"),
        (
            lambda _: (nn.Linear(4, 3),),
            "gave tuple of 1: it must give a model and its optimizer, and may give a scheduler",
        ),
        (lambda _: (*two_models(0), 1), "gave Linear and Linear"),
        (lambda _: (*adam(), {}), "gave dict as its third: give a scheduler"),
        (plateau, "gave ReduceLROnPlateau, which sets the rate by what evaluations show"),
        (two_models, r"gave Linear and Linear: it must give a torch\.nn\.Module and a torch\.optim\.Optimizer"),
        (optimizer_of_another, "gave SGD of parameters that Linear does not have"),
        (no_parameters, "gave SGD of parameters that ReLU does not have"),
        (with_closure, "gave LBFGS"),
    ],
)
def test_what_build_must_give(build: Callable, said: str, loop: Loop) -> None:
    with pytest.raises(UserError, match=rf"^build\(seed\) {said}"):
        begun(changed(loop, build=build))


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda model, batch: 1.5, "gave float: it must give a tensor of one number"),  # noqa: ARG005
        (lambda model, batch: model(batch[0]), r"gave a tensor \(64, 3\): it must give one number"),
        (lambda model, batch: torch.tensor(1.0), "gave a tensor without a gradient"),  # noqa: ARG005
    ],
)
def test_what_loss_must_give(loss: Callable, said: str, loop: Loop) -> None:
    with pytest.raises(UserError, match=rf"^loss\(model, batch\) {said}"):
        begun(changed(loop, loss=loss)).update(0)


def test_what_validate_must_give(loop: Loop) -> None:
    assert begun(loop).evaluate() == {}
    replica = begun(changed(loop, validate=lambda _: {"validation": torch.tensor(2.5), "validation/hard": 3}))
    assert replica.evaluate() == {"validation": 2.5, "validation/hard": 3.0}
    with pytest.raises(UserError, match=r"^validate\(model\) gave float: give losses by name"):
        begun(changed(loop, validate=lambda _: 2.5)).evaluate()


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"build": 7}, "build is 7: give a function"),
        ({"batch": None}, "batch is None: give a function"),
        ({"rate": 0.1}, r"rate is 0\.1: give a function"),
        ({"steps": 0}, "steps is 0: give the number of updates"),
        ({"steps": 2.5}, r"steps is 2\.5: give the number of updates"),
        ({"clip": -1.0}, r"clip is -1\.0: give the largest norm"),
        ({"clip": math.nan}, "clip is nan: give the largest norm"),
    ],
)
def test_what_it_is_made_from(what: dict[str, Any], said: str, loop: Loop) -> None:
    with pytest.raises(UserError, match=f"^{said}"):
        changed(loop, **what)


def test_an_error_of_the_functions_own_keeps_its_traceback(loop: Loop) -> None:
    def batch(step: int) -> Any:
        raise KeyError(step)

    with pytest.raises(KeyError):
        begun(changed(loop, batch=batch))


# --- the same bits


def test_the_same_seeds_give_the_same_bits(loop: Loop) -> None:
    assert numbers(begun(loop), range(10)) == numbers(begun(loop), range(10))
    assert numbers(begun(loop, replay=3), range(10)) == numbers(begun(loop, replay=3), range(10))
    assert numbers(begun(loop, replay=3), range(10)) != numbers(begun(loop), range(10))


def test_build_is_given_its_own_chance_and_leaves_the_callers_alone(loop: Loop) -> None:
    torch.manual_seed(1)
    first = begun(loop)
    torch.manual_seed(2)
    expected = torch.rand(2)
    torch.manual_seed(2)
    second = begun(loop)
    assert torch.equal(torch.rand(2), expected)
    assert digest(first.state().model) == digest(second.state().model)


def adagrad(seed: int) -> Any:  # noqa: ARG001
    model = nn.Linear(4, 3)
    return model, torch.optim.Adagrad(model.parameters(), lr=0.1)


def momentum(seed: int) -> Any:  # noqa: ARG001
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.2), nn.Linear(8, 3))
    return model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def fused(seed: int) -> Any:  # noqa: ARG001
    model = nn.Linear(4, 3)
    return model, torch.optim.AdamW(model.parameters(), lr=0.02, fused=True, amsgrad=True)


def two_groups(seed: int) -> Any:  # noqa: ARG001
    model = nn.Linear(4, 3)
    groups = [{"params": [model.weight]}, {"params": [model.bias], "lr": 0.3}]
    return model, torch.optim.RMSprop(groups, lr=0.01, momentum=0.5)


class Counting(torch.optim.Optimizer):
    """Gradient descent whose rate falls with counts that it keeps as plain numbers, as some packages' optimizers do."""

    def __init__(self, parameters: Any) -> None:
        super().__init__(parameters, {"lr": 0.5, "step": 0})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]  # noqa: ARG002
        for group in self.param_groups:
            group["step"] += 1
            for parameter in group["params"]:
                state = self.state[parameter]
                state["seen"] = state.get("seen", 0) + 1
                parameter -= group["lr"] / (group["step"] + state["seen"]) * parameter.grad


def counting(seed: int) -> Any:  # noqa: ARG001
    model = nn.Linear(4, 3)
    return model, Counting(model.parameters())


@pytest.mark.parametrize("build", [None, adagrad, momentum, fused, two_groups, counting])
def test_from_a_state_it_goes_on_to_the_same_bits(build: Callable | None, loop: Loop) -> None:
    loop = changed(loop, build=build or loop.build, clip=1.0)
    replica = begun(loop)
    numbers(replica, range(7))
    state = replica.state()
    expected = numbers(replica, range(7, 20))
    again = begun(loop, 7, state=state)
    assert numbers(again, range(7, 20)) == expected
    assert digest(vars(again.state())) == digest(vars(replica.state()))
    assert again.seen == replica.seen[7:]


def test_a_state_is_a_copy(loop: Loop) -> None:
    replica = begun(loop)
    numbers(replica, range(3))
    state = replica.state()
    before = digest(vars(state))
    numbers(replica, range(3, 6))
    numbers(begun(loop, 3, state=state), range(3, 6))
    assert digest(vars(state)) == before


def test_a_rate_that_the_loop_sets_in_the_optimizer_goes_with_the_state(loop: Loop) -> None:
    """`loss` may turn the optimizer's own screws; they are part of the state."""
    replica = begun(loop)
    replica.optimizer.param_groups[0]["lr"] = 0.007
    state = replica.state()
    assert begun(loop, 1, state=state).optimizer.param_groups[0]["lr"] == 0.007


def test_a_rate_of_the_step(loop: Loop) -> None:
    replica = begun(changed(loop, rate=lambda step: 0.1 / (step + 1)))
    for step in range(3):
        replica.update(step)
        assert replica.optimizer.param_groups[0]["lr"] == 0.1 / (step + 1)


def test_a_rate_for_each_group(loop: Loop) -> None:
    replica = begun(changed(loop, build=two_groups, rate=lambda step: [0.1 / (step + 1), 0.3 / (step + 3)]))
    for step in range(3):
        replica.update(step)
        assert [group["lr"] for group in replica.optimizer.param_groups] == [0.1 / (step + 1), 0.3 / (step + 3)]


def one_cycle(seed: int) -> Any:
    model, optimizer = two_groups(seed)
    return model, optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, [0.05, 0.2], total_steps=12)


def test_a_scheduler_does_here_what_it_does_in_a_training_of_its_own(loop: Loop) -> None:
    """The rates and the momentum beside them, also where a replay begins in the middle."""
    loop = changed(loop, build=one_cycle, steps=12)
    replica, states, losses = begun(loop), [], []
    _, optimizer, scheduler = one_cycle(loop.seed)
    for step in range(12):
        states.append(replica.state())
        losses.append(replica.update(step).loss)
        for here, there in zip(replica.optimizer.param_groups, optimizer.param_groups, strict=True):
            assert (here["lr"], here["momentum"]) == (there["lr"], there["momentum"]), step
        optimizer.step()
        if step < 11:
            scheduler.step()
    again = begun(loop, 7, state=states[7])
    assert [again.update(step).loss for step in range(7, 12)] == losses[7:]
    rate = loop.optimization().rate
    assert rate is not None
    assert rate(0) == pytest.approx(0.2 / 25)


def test_a_scheduler_that_ends_before_the_training_is_one_line(loop: Loop) -> None:
    with pytest.raises(UserError, match=r"^the scheduler OneCycleLR of build\(seed\) cannot do 40 steps \(Tried"):
        begun(changed(loop, build=one_cycle, steps=40))


def test_a_scheduler_and_a_rate_are_one_too_many(loop: Loop) -> None:
    with pytest.raises(UserError, match=r"^build\(seed\) gave a scheduler and rate is given too"):
        begun(changed(loop, build=one_cycle, rate=lambda step: 0.1))  # noqa: ARG005


def test_a_change_of_the_rate_keeps_the_proportions_of_the_groups(loop: Loop) -> None:
    loop = changed(loop, build=two_groups, rate=lambda step: [0.02, 0.08 if step < 5 else 0.4])
    setup = loop.setup(0, 0, 8, 9)
    INTERVENTIONS["half-learning-rate"].apply(setup)
    half = loop.start(setup, None)
    half.update(0)
    assert [group["lr"] for group in half.optimizer.param_groups] == [0.01, 0.04]
    held = loop.setup(0, 0, 8, 9)
    INTERVENTIONS["hold-learning-rate"].apply(held)
    replica = loop.start(held, None)
    for step in range(7):
        replica.update(step)
    assert [group["lr"] for group in replica.optimizer.param_groups] == pytest.approx([0.02 * 0.2, 0.08])


def test_a_rate_of_zero_in_all_groups_stays_zero(loop: Loop) -> None:
    replica = begun(changed(loop, build=two_groups, rate=lambda step: [0.0, 0.0]))  # noqa: ARG005
    replica.update(0)
    assert [group["lr"] for group in replica.optimizer.param_groups] == [0.0, 0.0]


def test_a_rate_for_another_number_of_groups_is_refused(loop: Loop) -> None:
    replica = begun(changed(loop, rate=lambda step: [0.1, 0.1]))  # noqa: ARG005
    with pytest.raises(UserError, match=r"^rate\(step\) gave 2 rates, the optimizer has 1 parameter groups"):
        replica.update(0)


def test_what_is_set_before_an_update(loop: Loop) -> None:
    def before(model: nn.Module, optimizer: torch.optim.Optimizer, step: int) -> None:
        assert model.training
        optimizer.param_groups[0]["weight_decay"] = step / 10

    replica = begun(changed(loop, before_update=before))
    for step in range(3):
        replica.update(step)
        assert replica.optimizer.param_groups[0]["weight_decay"] == step / 10


def in_parts(loop: Loop, seen: list[bool]) -> Callable[[nn.Module, Any], Iterator[Tensor]]:
    """Return a loss that yields that of each half of a batch, and tells `seen` whether there was a gradient before."""

    def loss(model: nn.Module, batch: Any) -> Iterator[Tensor]:
        x, y = batch
        for half in (slice(None, len(x) // 2), slice(len(x) // 2, None)):
            seen.append(any(parameter.grad is not None for parameter in model.parameters()))
            yield loop.loss(model, (x[half], y[half])) / 2

    return loss


def test_a_loss_in_parts_is_the_loss_of_the_whole(loop: Loop) -> None:
    seen: list[bool] = []
    whole, parts = begun(loop), begun(changed(loop, loss=in_parts(loop, seen)))
    assert parts.probe() == pytest.approx(whole.probe(), rel=1e-6)
    seen.clear()
    for one, other in zip(numbers(whole, range(5)), numbers(parts, range(5)), strict=True):
        assert one == pytest.approx(other, rel=1e-4)
    assert seen == [False, True] * 5, "each part goes backwards before the next is computed"


def test_a_part_that_is_not_finite_changes_no_weight(loop: Loop) -> None:
    def loss(model: nn.Module, batch: Any) -> Iterator[Tensor]:
        yield loop.loss(model, batch)
        yield loop.loss(model, batch) * math.inf

    replica = begun(changed(loop, loss=loss))
    before = digest(replica.state().model)
    assert not replica.update(0).finite
    assert digest(replica.state().model) == before


def test_a_loss_without_a_part_is_refused(loop: Loop) -> None:
    with pytest.raises(UserError, match=r"^loss\(model, batch\) gave no part of a loss"):
        begun(changed(loop, loss=lambda model, batch: iter(()))).update(0)  # noqa: ARG005


def test_a_state_of_another_model_is_refused(loop: Loop) -> None:
    replica = begun(changed(loop, build=momentum))
    numbers(replica, range(2))
    state = replica.state()
    moments = {name.replace("0.weight", "9.weight"): value for name, value in state.optimizer.items()}
    with pytest.raises(UserError, match=r"^the optimizer state '9\.weight/momentum_buffer' does not fit this model"):
        begun(changed(loop, build=momentum), 2, state=type(state)(state.model, moments, state.carried))


class Hoarding(torch.optim.SGD):
    """Keeps what no file of tensors can hold."""

    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        super().step(closure)
        for group in self.param_groups:
            for parameter in group["params"]:
                self.state[parameter]["past"] = [parameter]


def test_an_optimizer_whose_state_cannot_be_kept_is_told(loop: Loop) -> None:
    def build(seed: int) -> Any:  # noqa: ARG001
        model = nn.Linear(4, 3)
        return model, Hoarding(model.parameters(), lr=0.1)

    replica = begun(changed(loop, build=build))
    replica.update(0)
    with pytest.raises(UserError, match=r"^Hoarding keeps 'past' as list: only tensors and numbers"):
        replica.state()


# --- one update


def test_the_loss_is_that_of_the_batch_before_the_update_and_the_norm_that_before_clipping(loop: Loop) -> None:
    clipped, free = begun(changed(loop, clip=1e-3)), begun(loop)
    one, other = clipped.update(0), free.update(0)
    assert (one.loss, one.gradient_norm) == (other.loss, other.gradient_norm)
    assert one.gradient_norm > 0.1
    norm = torch.linalg.vector_norm(
        torch.cat([p.grad.flatten() for p in clipped.model.parameters() if p.grad is not None])
    )
    assert float(norm) == pytest.approx(1e-3, rel=1e-3)


@pytest.mark.parametrize("where", ["loss", "gradient"])
def test_what_is_not_finite_changes_no_weight(where: str, loop: Loop) -> None:
    def loss(model: nn.Module, batch: Any) -> Tensor:
        value = loop.loss(model, batch)
        return value * math.nan if where == "loss" else value + (value - value.detach()).abs().sqrt() * 0.5

    replica = begun(changed(loop, loss=loss))
    before = digest(replica.state().model)
    update = replica.update(0)
    assert not update.finite
    assert math.isfinite(update.loss) is (where == "gradient")
    assert digest(replica.state().model) == before


def test_probes_and_evaluations_change_no_bit_and_draw_no_dropout(loop: Loop) -> None:
    loop = changed(loop, build=momentum, validate=lambda model: {"validation": loop.loss(model, loop.batch(99))})
    bare, probed = begun(loop), begun(loop)
    expected = numbers(bare, range(5))
    found = []
    for step in range(5):
        assert probed.probe() == probed.probe()
        probed.evaluate()
        found += numbers(probed, range(step, step + 1))
    assert found == expected


def test_a_part_that_is_frozen_in_evaluation_mode_stays_in_it(loop: Loop) -> None:
    def build(seed: int) -> Any:
        model, optimizer = momentum(seed)
        model[1].eval()
        return model, optimizer

    replica = begun(changed(loop, build=build))
    replica.probe()
    replica.update(0)
    assert not replica.model[1].training  # type: ignore[index]
    assert replica.model[2].training  # type: ignore[index]


def test_the_progress_is_measured_on_a_batch_of_its_own_where_one_is_given(loop: Loop) -> None:
    replica = begun(loop)
    probing = begun(changed(loop, probe=loop.batch(77)))
    replica.model.eval()
    with torch.no_grad():
        expected = [float(loop.loss(replica.model, loop.batch(step))) for step in (0, 77)]
    assert [replica.probe(), probing.probe()] == expected


# --- batches of any kind have a number


class Plain:
    """A batch without anything that tells its content from outside."""

    def __init__(self, x: Tensor) -> None:
        self.x = x


@dataclass
class Data:
    x: Tensor
    name: str


@pytest.mark.parametrize(
    "make",
    [
        lambda x: x,
        lambda x: x.bfloat16(),
        lambda x: x.numpy(),
        lambda x: (x, [1, 2]),
        lambda x: {"input": x, "mask": None},
        lambda x: Data(x, "a"),
        Plain,
        lambda x: [Plain(x), {"deep": Plain(x)}],
    ],
)
def test_a_batch_has_a_number_by_its_content(make: Callable[[Tensor], Any]) -> None:
    assert digest(make(torch.ones(3))) == digest(make(torch.ones(3)))
    assert digest(make(torch.ones(3))) != digest(make(torch.tensor([1.0, 1.0, 2.0])))

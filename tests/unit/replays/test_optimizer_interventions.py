"""Every intervention on the optimizer, on a tiny loop and on a tiny run of ours: one change, and the one it says."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import newllm
from newllm.errors import UserError
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.interventions.optimizer.update_clip import clip_updates
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject
from newllm.replays.replica.trajectory import Trajectory, Until, follow
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.own_run import OwnRun

pytestmark = pytest.mark.usefixtures("same_chance")
OPTIMIZER = [name for name, one in INTERVENTIONS.items() if one.kind == "optimizer"]
HELD = ("hold-own-rate", "hold-weight-decay", "hold-momentum")  # test_settings.py
RESTORING = ("restore-moments", "restore-weights", *HELD)
"""These change nothing where nothing but the optimizer changes the state: test_what_was_changed_is_put_back."""
OUTLIER, UPDATES = 14, 20


def why_not(name: str, subject: Subject) -> str:
    """Return why an intervention cannot be tried on a subject, "" where it can."""
    found = INTERVENTIONS[name].misfit(subject)
    return "" if found is None else str(found)


def adam(parameters: Any, **settings: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, lr=1e-2, **settings)


def loop(make: Callable[..., torch.optim.Optimizer] = adam, size: float = 1.0, **options: Any) -> Loop:
    """Return the training of a small network with dropout; one batch has inputs 8 times as large."""

    def build(_: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 1))
        return model, make([{"params": model[0].parameters()}, {"params": model[3].parameters()}])

    def batch(step: int) -> torch.Tensor:
        x = torch.from_numpy(np.random.default_rng(step).normal(size=(32, 6))).float()
        return x * (8 if step == OUTLIER else 1)

    def loss(model: nn.Module, x: torch.Tensor) -> torch.Tensor:
        return size * (model(x) - 3 * x.sum(1, keepdim=True)).square().mean()

    return Loop(build, batch, loss, steps=100, seed=3, **options)


@pytest.fixture(scope="module")
def own(training: None, tmp_path_factory: pytest.TempPathFactory) -> OwnRun:  # noqa: ARG001
    settings = ("model.hidden=16", "model.layers=2", "model.width=16", "model.context=16", "training.steps=8")
    more = ("training.snapshot_every=4", "training.keep=9", "numerics.threads=1", "numerics.scan_backend=torch")
    out = tmp_path_factory.mktemp("own") / "run"
    return OwnRun(newllm.train(preset="seed-baseline", out=out, device="cpu", settings=(*settings, *more)).path)


def replay(
    subject: Subject, name: str = "", start: int = 0, updates: int = UPDATES, *, inject: bool = False
) -> tuple[Replica, Trajectory]:
    """Replay with one intervention, probing after every update."""
    setup = subject.setup(start, 0, OUTLIER + 1, OUTLIER + 3)
    if name:
        change = INTERVENTIONS[name].inject if inject else INTERVENTIONS[name].apply
        assert change is not None
        change(setup)
    replica = subject.start(setup, state_at(subject, start))
    return replica, follow(replica, start, Until(None, updates, updates, 1, updates))


def state_at(subject: Subject, step: int) -> Any:
    if step == 0:
        return None
    if isinstance(subject, OwnRun):
        kept, state = subject.snapshot(step)
        assert kept == step
        return state
    replica = subject.make(subject.setup(0, 0, 1, 2))
    for done in range(step):
        replica.update(done)
    return replica.state()


def mean_log(trajectory: Trajectory, signal: str, last: int = 0) -> float:
    return float(np.mean([math.log(value) for value in trajectory.updates[signal][-last:] if value]))


def prepared(subject: Subject, name: str, start: int = 6) -> Replica:
    """Return the replica as it stands before its first update."""
    setup = subject.setup(start, 0, OUTLIER + 1, OUTLIER + 3)
    INTERVENTIONS[name].apply(setup)
    return subject.start(setup, state_at(subject, start))


def rates(replica: Replica, start: int, updates: int) -> list[float]:
    """Return the learning rate of each of the next updates, as the optimizer meets it."""
    seen: list[float] = []
    replica.optimizer.register_step_pre_hook(lambda *_: seen.append(replica.optimizer.param_groups[0]["lr"]))
    for step in range(start, start + updates):
        replica.update(step)
    return seen


def restarting(step: int) -> float:
    return 1e-2 if step < 5 or step >= 12 else 1e-3


SUBJECTS: dict[str, Callable[[], Loop]] = {
    "adam": loop,
    "adam with decay": lambda: loop(lambda p: adam(p, weight_decay=0.1)),
    "sgd": lambda: loop(lambda p: torch.optim.SGD(p, lr=1e-2, momentum=0.9)),
    "small gradients": lambda: loop(size=1e-6),
    "restarted": lambda: loop(rate=restarting),
}
WHERE = {"epsilon": "small gradients", "hold-learning-rate": "restarted", "adamw": "adam with decay"}
WHERE["stable-adamw"] = "adam with decay"


def test_all_that_were_asked_for_are_there() -> None:
    assert set(OPTIMIZER) >= {
        *("half-learning-rate", "tenth-learning-rate", "warm-up", "hold-learning-rate", "beta2", "epsilon"),
        *("reset-moments", "update-clipping", "adamw", "stable-adamw", "sgd"),
        *("clip-half", "clip-tenth", "z-clip", "adagc"),
    }


@pytest.mark.parametrize("name", [name for name in OPTIMIZER if name not in RESTORING])
def test_it_moves_what_it_aims_at_and_leaves_batches_and_chance_alone(name: str) -> None:
    one, subject = INTERVENTIONS[name], SUBJECTS[WHERE.get(name, "adam")]()
    assert one.misfit(subject) is None
    start = 8 if name == "reset-moments" else 0
    (_, null), (_, changed) = replay(subject, start=start), replay(subject, name, start=start)
    assert changed.batches == null.batches
    assert changed.loss[0] == null.loss[0]  # the first dropout mask too
    moved = mean_log(changed, one.aims_at) - mean_log(null, one.aims_at)
    assert abs(moved) > 0.02
    assert one.direction in (0, math.copysign(1, moved))


@pytest.mark.parametrize("name", OPTIMIZER)
def test_it_does_so_on_a_run_of_ours_or_says_why_not(name: str, own: OwnRun) -> None:
    one = INTERVENTIONS[name]
    why = {
        "hold-learning-rate": "the planned learning rate never rises",
        "adamw": "without weight decay Adam and AdamW are the same",
        "stable-adamw": "here it is the same as update-clipping",
        **dict.fromkeys(RESTORING, "in newllm train nothing but the optimizer changes weights and moments"),
    }
    assert why_not(name, own) == why.get(name, "")
    if name in why:
        return
    (_, null), (_, changed) = replay(own, start=4, updates=8), replay(own, name, start=4, updates=8)
    assert changed.batches == null.batches
    assert changed.loss[0] == null.loss[0]
    if one.aims_at != "gradient_norm_clipped":  # whose norm stays below what is clipped, in so small a model
        moved = mean_log(changed, one.aims_at) - mean_log(null, one.aims_at)
        assert one.direction in (0, math.copysign(1, moved))
        assert moved != 0


def changed_once(part: str) -> Loop:
    """Return the training with code of its own that changes its weights or moments once, before update 10."""
    plain = loop()

    def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:
        model, optimizer = plain.build(seed)
        updates = 0

        def change(*_: object) -> None:
            nonlocal updates
            updates += int(model.training)
            if model.training and updates == 11:
                with torch.no_grad():
                    tensors: list[torch.Tensor] = [*model.parameters()] if part == "weights" else moments(optimizer)
                    torch._foreach_mul_(tensors, 3.0)

        model.register_forward_pre_hook(change)
        return model, optimizer

    return Loop(build, plain.batch, plain.loss, steps=100, seed=3)


def moments(optimizer: torch.optim.Optimizer) -> list[torch.Tensor]:
    return [value for state in optimizer.state.values() for value in state.values() if value.dim()]


@pytest.mark.parametrize("part", ["moments", "weights"])
def test_what_was_changed_is_put_back(part: str) -> None:
    name = f"restore-{part}"
    (_, plain), (_, untouched) = replay(loop()), replay(loop(), name)
    assert untouched.loss == plain.loss, "to the bit: there is nothing to put back"
    (_, damaged), (_, restored) = replay(changed_once(part)), replay(changed_once(part), name)
    assert damaged.loss != plain.loss
    assert restored.loss == plain.loss


def test_lost_moments_are_injected() -> None:
    (_, plain), (_, lost) = replay(loop()), replay(loop(), "restore-moments", inject=True)
    same = [one == other for one, other in zip(lost.loss, plain.loss, strict=True)]
    assert same.index(False) == OUTLIER + 1, "the update before has empty moments, and its weights show it"


@pytest.mark.parametrize(
    ("name", "subject", "why"),
    [
        ("beta2", lambda: SUBJECTS["sgd"](), "SGD has no second moment"),
        ("epsilon", lambda: SUBJECTS["sgd"](), "SGD has no second moment"),
        ("reset-moments", lambda: SUBJECTS["sgd"](), "SGD has no second moment"),
        ("update-clipping", lambda: SUBJECTS["sgd"](), "SGD has no second moment"),
        ("sgd", lambda: SUBJECTS["sgd"](), "SGD has no second moment"),
        ("beta2", lambda: loop(lambda p: adam(p, betas=(0.9, 0.9))), "beta2 is 0.9 already"),
        ("epsilon", lambda: loop(lambda p: adam(p, eps=1e-3)), "epsilon is 0.001 already"),
        ("adamw", lambda: loop(torch.optim.AdamW), "the optimizer is AdamW already"),
        ("adamw", lambda: loop(torch.optim.RMSprop), "RMSprop is neither Adam nor SGD"),
        ("stable-adamw", lambda: loop(torch.optim.AdamW), "the same as update-clipping"),
        ("clip-half", lambda: loop(clip=0.5), "the gradient is clipped at 0.5 already"),
        ("clip-tenth", lambda: loop(clip=0.05), "the gradient is clipped at 0.05 already"),
        ("hold-learning-rate", loop, "never changes"),
        ("hold-learning-rate", lambda: loop(rate=lambda step: 1 / (9 + step)), "never rises"),
    ],
)
def test_what_does_not_fit_says_why(name: str, subject: Callable[[], Loop], why: str) -> None:
    assert why in why_not(name, subject())


def test_asking_whether_it_fits_leaves_torchs_chance_alone() -> None:
    before = torch.get_rng_state()
    INTERVENTIONS["beta2"].misfit(loop())
    assert torch.equal(torch.get_rng_state(), before)


def test_the_rate_is_a_tenth() -> None:
    assert rates(prepared(loop(), "tenth-learning-rate"), 6, 2) == pytest.approx([1e-3, 1e-3])


@pytest.mark.parametrize("options", [{}, {"rate": lambda _: 1e-2}])
def test_the_warm_up_ends_where_the_spike_began(options: dict[str, Any]) -> None:
    subject = loop(**options)
    found = rates(prepared(subject, "warm-up", start=0), 0, 20)
    assert found == pytest.approx([1e-2 * min(1, (step + 1) / (OUTLIER + 1)) for step in range(20)])


def test_a_warm_up_leaves_rates_of_groups_apart() -> None:
    subject = loop(lambda p: torch.optim.Adam([{**group, "lr": 10.0**-n} for n, group in enumerate(p, 2)]))
    replica = prepared(subject, "warm-up")
    rates(replica, 6, 3)
    assert [group["lr"] for group in replica.optimizer.param_groups] == [1e-2, 1e-3]


def test_the_warm_up_of_a_run_is_what_is_injected_away(own: OwnRun) -> None:
    setup = own.setup(4, 0, 7, 8)
    assert setup.config is not None
    setup.config = replace(setup.config, optimizer=replace(setup.config.optimizer, warmup=6))
    assert rates(own.start(setup, state_at(own, 4)), 4, 1) == pytest.approx([1e-4 * 5 / 6])
    INTERVENTIONS["warm-up"].inject(setup)  # type: ignore[misc]
    replica = own.start(setup, state_at(own, 4))
    assert replica.optimizer.state == {}
    assert rates(replica, 4, 1) == [1e-4]


def test_a_schedule_that_starts_again_is_held_at_its_low() -> None:
    assert rates(prepared(SUBJECTS["restarted"](), "hold-learning-rate"), 6, 9) == pytest.approx([1e-3] * 9)


def test_a_rate_that_does_not_rise_here_is_said() -> None:
    subject, setup = SUBJECTS["restarted"](), Setup(6, 3, 9, 10)
    INTERVENTIONS["hold-learning-rate"].apply(setup)
    with pytest.raises(UserError, match="does not rise between the updates 6 and 9"):
        subject.start(setup, None)


def test_the_rise_of_the_schedule_can_be_injected_earlier() -> None:
    subject, setup = SUBJECTS["restarted"](), Setup(6, 3, 9, 11, suspect=range(9, 15))
    INTERVENTIONS["hold-learning-rate"].inject(setup)  # type: ignore[misc]
    assert rates(subject.start(setup, None), 6, 4) == pytest.approx([1e-3, 1e-3, 1e-2, 1e-2])


def test_another_beta2_scales_no_update() -> None:
    """The bias-corrected second moment is what it was; without that every update would be 3 times as long."""
    subject = loop()
    before, replica = state_at(subject, 6).optimizer, prepared(subject, "beta2")
    assert [group["betas"] for group in replica.optimizer.param_groups] == [(0.9, 0.95)] * 2
    after = replica.state().optimizer
    for name in (name for name in before if name.endswith("exp_avg_sq")):
        torch.testing.assert_close(after[name] / (1 - 0.95**6), before[name] / (1 - 0.999**6))


@pytest.mark.parametrize(("before", "after"), [(0.95, 0.999), (0.999, 0.9999)])
def test_a_longer_memory_is_injected(before: float, after: float) -> None:
    replica, _ = replay(loop(lambda p: adam(p, betas=(0.9, before))), "beta2", inject=True, updates=1)
    assert {group["betas"] for group in replica.optimizer.param_groups} == {(0.9, after)}


def test_epsilon_is_raised_and_injected_as_many_orders_below() -> None:
    assert {group["eps"] for group in prepared(loop(), "epsilon").optimizer.param_groups} == {1e-4}
    replica, _ = replay(loop(), "epsilon", inject=True, updates=1)
    assert replica.optimizer.param_groups[0]["eps"] == pytest.approx(1e-12)


def test_moments_are_gone_and_the_rate_warms_up_until_half_of_the_way() -> None:
    replica = prepared(loop(), "reset-moments", start=2)
    assert replica.state().optimizer == {}
    assert rates(replica, 2, 8) == pytest.approx([1e-2 * min(1, (n + 1) / 6) for n in range(8)])


def test_from_step_0_there_are_no_moments_to_reset() -> None:
    assert rates(prepared(loop(), "reset-moments", start=0), 0, 3) == [1e-2] * 3


def test_stable_adamw_is_the_algorithm_of_the_paper() -> None:
    """Wortsman et al. 2023, algorithm 2, written out, beside ours over updates of which some are clipped."""
    subject = loop(lambda p: adam(p, weight_decay=0.1, eps=1e-6))
    replica = prepared(subject, "stable-adamw", start=0)
    own = [p.detach().clone().double() for p in replica.model.parameters()]
    moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in own]
    clipped = 0
    for step in range(UPDATES):
        replica.update(step)
        for index, parameter in enumerate(replica.model.parameters()):
            assert parameter.grad is not None
            g, (v, u) = parameter.grad.double(), moments[index]
            v.mul_(0.9).add_(0.1 * g)
            u.mul_(0.999).add_(0.001 * g**2)
            v_hat, u_hat = v / (1 - 0.9 ** (step + 1)), u / (1 - 0.999 ** (step + 1))
            rms = (g**2 / u_hat.clamp_min(1e-12)).mean().sqrt()
            rate = 1e-2 / max(1.0, float(rms))
            clipped += float(rms) > 1.5
            own[index] += -rate * 0.1 * own[index] - rate * v_hat / (u_hat.sqrt() + 1e-6)
            torch.testing.assert_close(parameter.detach().double(), own[index], rtol=1e-4, atol=1e-5)
    assert clipped >= 3


def test_updates_that_are_not_too_long_keep_their_bits() -> None:
    subject = loop(lambda p: adam(p, betas=(0.9, 0.5)))  # a second moment that cannot lag by much

    def weights(attach: Callable[[Replica], None]) -> list[torch.Tensor]:
        replica = subject.start(subject.setup(0, 0, 9, 10), None)
        attach(replica)
        replica.update(0)  # g^2 / v is 1
        return list(replica.model.parameters())

    pairs = zip(weights(lambda _: None), weights(lambda replica: clip_updates(replica)), strict=True)
    assert all(torch.allclose(one, other, rtol=0, atol=1e-7) for one, other in pairs)


def test_adamw_goes_on_with_adams_moments_and_groups() -> None:
    subject = SUBJECTS["adam with decay"]()
    before, replica = state_at(subject, 6), prepared(subject, "adamw")
    assert isinstance(replica.optimizer, torch.optim.AdamW)
    assert [(group["lr"], group["weight_decay"]) for group in replica.optimizer.param_groups] == [(1e-2, 0.1)] * 2
    after = replica.state().optimizer
    assert after.keys() == before.optimizer.keys()
    assert all(torch.equal(after[name], before.optimizer[name]) for name in after)
    length = [float(p.detach().norm()) for p in replica.model.parameters()]
    assert replica.update(6).finite
    assert length != [float(p.detach().norm()) for p in replica.model.parameters()]


@pytest.mark.parametrize(("name", "subject"), [("sgd", "adam"), ("adamw", "sgd"), ("stable-adamw", "sgd")])
@pytest.mark.parametrize("start", [0, 6])
def test_another_kind_of_optimizer_does_updates_of_about_the_same_length(name: str, subject: str, start: int) -> None:
    """Once momentum has gathered; from step 0 that takes some updates."""
    (_, null), (_, changed) = (replay(SUBJECTS[subject](), one, start=start, updates=10) for one in ("", name))
    assert abs(mean_log(changed, "update_ratio", last=4) - mean_log(null, "update_ratio", last=4)) < math.log(2.5)


def test_sgd_goes_on_with_adams_first_moment() -> None:
    subject = loop()
    before, replica = state_at(subject, 6).optimizer, prepared(subject, "sgd")
    after = replica.state().optimizer
    torch.testing.assert_close(after["0.weight/momentum_buffer"] * 0.1, before["0.weight/exp_avg"] / (1 - 0.9**6))


def test_decay_beside_the_gradient_takes_the_same_share_of_the_weights_under_sgd() -> None:
    replica = prepared(loop(lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1)), "sgd")
    (rate,) = rates(replica, 6, 1)
    assert rate * replica.optimizer.param_groups[0]["weight_decay"] / (1 - 0.9) == pytest.approx(1e-2 * 0.1)


def test_sgd_has_the_founding_studys_rate_in_a_run_of_ours(own: OwnRun) -> None:
    replica = prepared(own, "sgd", start=4)
    assert isinstance(replica.optimizer, torch.optim.SGD)
    assert replica.optimizer.param_groups[0]["momentum"] == 0.9
    assert rates(replica, 4, 2) == pytest.approx([0.3, 0.3])


@pytest.mark.parametrize(("name", "norm"), [("clip-half", 0.5), ("clip-tenth", 0.1)])
def test_a_clip_takes_the_place_of_the_runs_own(name: str, norm: float) -> None:
    subject = loop(clip=2.0)
    _, changed = replay(subject, name)
    found = [value for value in changed.updates["gradient_norm_clipped"] if value]
    assert found == pytest.approx([norm] * UPDATES, rel=1e-4)
    _, injected = replay(subject, name, inject=True)
    assert max(value for value in injected.updates["gradient_norm_clipped"] if value) > 2.0


@pytest.mark.parametrize("name", ["z-clip", "adagc"])
def test_an_adaptive_clip_cuts_the_outlier_and_hardly_anything_else(name: str) -> None:
    subject = loop()
    (_, null), (_, changed) = replay(subject), replay(subject, name)
    shares = np.array(changed.updates["gradient_norm_clipped"]) / np.array(changed.gradient_norm)
    assert shares[OUTLIER] < 0.2
    assert np.all(shares[: OUTLIER - 2] == pytest.approx(1.0))
    assert changed.loss[: OUTLIER - 2] == null.loss[: OUTLIER - 2]  # it is still learning what is usual

"""Settings that a training's own code changes: seen in the original, held, and injected elsewhere."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.settings import settings_of
from newllm.replays.session.candidates import candidates
from newllm.replays.session.starts import Start
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.original import record_original
from newllm.replays.watcher import Watcher

_TRUE = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))
WRONG = range(120, 126)  # updates with another setting
SETTINGS: dict[str, Callable[[nn.Module, torch.optim.Optimizer, bool], None]] = {
    "hold-own-rate": lambda _, optimizer, wrong: optimizer.param_groups[1].update(lr=1.0 if wrong else 1e-2),
    "hold-weight-decay": lambda _, optimizer, wrong: optimizer.param_groups[0].update(
        weight_decay=90.0 if wrong else 0.0
    ),
    "hold-momentum": lambda _, optimizer, wrong: optimizer.param_groups[0].update(betas=(0.1 if wrong else 0.9, 0.999)),
    "hold-dropout": lambda model, _, wrong: setattr(model.get_submodule("2"), "p", 0.95 if wrong else 0.0),
}
KINDS = {
    "hold-own-rate": ("learning_rate", "1/lr", 1.0),
    "hold-weight-decay": ("weight_decay", "0/weight_decay", 90.0),
    "hold-momentum": ("momentum", "0/beta1", 0.1),
    "hold-dropout": ("dropout", "2.p", 0.95),
}


def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001 (torch is seeded from it)
    model = nn.Sequential(nn.Linear(6, 32), nn.Tanh(), nn.Dropout(0.0), nn.Linear(32, 3))
    groups = [{"params": list(model[0].parameters())}, {"params": list(model[3].parameters())}]
    return model, torch.optim.AdamW(groups, 1e-2, weight_decay=0.0)


def batch(step: int) -> tuple[Tensor, Tensor]:
    x = torch.randn(64, 6, generator=torch.Generator().manual_seed(step))
    return x, (x @ _TRUE).argmax(-1)


def loss(model: nn.Module, given: Any) -> Tensor:
    return nn.functional.cross_entropy(model(given[0]), given[1])


def training(name: str) -> Loop:
    change = SETTINGS[name]
    return Loop(build, batch, loss, 170, before_update=lambda model, it, step: change(model, it, step in WRONG))


def in_force(replica: Replica, kind: str, place: str) -> list[float]:
    """Return a setting as each of 130 updates has it."""
    seen: list[float] = []
    replica.optimizer.register_step_post_hook(
        lambda *_: seen.append(settings_of(replica.model, replica.optimizer)[kind][place])
    )
    for step in range(130):
        replica.update(step)
    return seen


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_held_and_what_it_was_changed_to_is_injected(
    name: str, replica_with: Callable[..., Replica]
) -> None:
    kind, place, wrong = KINDS[name]
    loop = training(name)
    own = replica_with(loop, start=0, onset=WRONG.start + 1)
    held = replica_with(loop, name, start=0, onset=WRONG.start + 1)
    right = settings_of(own.model, own.optimizer)[kind][place]
    setup = loop.setup(0, 0, 20, 24)
    setup.suspect_settings = {place: wrong}
    inject = INTERVENTIONS[name].inject
    assert inject is not None
    inject(setup)
    seen = {which: in_force(it, kind, place) for which, it in (("own", own), ("held", held))}
    seen["injected"] = in_force(loop.start(setup, None), kind, place)
    assert seen["own"] == [wrong if step in WRONG else right for step in range(130)]
    assert seen["held"] == [right] * 130
    assert seen["injected"] == [wrong if step >= 19 else right for step in range(130)]


def test_what_the_code_changed_before_the_onset_is_tried_and_nothing_else() -> None:
    original = record_original(training("hold-weight-decay"))
    onset = original.spikes[original.most_serious or 0].onset
    changed = original.changed_settings(WRONG.start - 8, onset)
    assert changed == {"weight_decay": {"0/weight_decay": 90.0, "1/weight_decay": 0.0}}
    assert original.changed_settings(60, WRONG.start) == {}
    late = Start(WRONG.start - 8, onset, onset, onset + 10)
    found, not_tried = candidates(training("hold-weight-decay"), (late,), (), changed=changed.keys())
    names = {one.name for one in found}
    assert "hold-weight-decay" in names
    assert not names & {"hold-own-rate", "hold-momentum", "hold-dropout"}
    assert "did not change this setting" in str(not_tried["hold-dropout"])


def test_a_planned_rate_is_not_a_setting_of_the_codes_own() -> None:
    loop = training("hold-weight-decay")
    loop.rate = lambda step: 1e-2 if step < WRONG.start else 2e-2
    original = record_original(loop)
    assert "learning_rate" not in original.settings


@pytest.mark.slow
def test_a_weight_decay_that_was_raised_is_the_cause() -> None:
    verdict = newllm.replay(training("hold-weight-decay"), budget=120, watcher=Watcher())
    assert verdict.cause is not None
    assert (verdict.cause["name"], verdict.cause["intervention"]) == ("weight-decay", "hold-weight-decay")

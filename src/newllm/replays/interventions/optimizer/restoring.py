"""Weights and moments that something else than the optimizer changed between two updates, put back before the next.

Tried only where the recorder's ledger saw such a change in the original (`Intervention.evidence`).
"""

from torch import Tensor, nn
from torch.optim import Optimizer

from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizer.moments import reset_moments
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject


def _keep_moments(replica: Replica) -> None:
    kept: dict[Tensor, dict[str, object]] = {}

    def put_back(optimizer: Optimizer, *_: object) -> None:
        optimizer.state.update(kept)  # `remember` copies anew after the update

    def remember(optimizer: Optimizer, *_: object) -> None:
        for parameter, state in optimizer.state.items():
            kept[parameter] = {key: _copied(value) for key, value in state.items()}

    replica.optimizer.register_step_pre_hook(put_back)
    replica.optimizer.register_step_post_hook(remember)


def _keep_weights(replica: Replica) -> None:
    kept: dict[nn.Parameter, Tensor] = {}

    def put_back(*_: object) -> None:
        for parameter, value in kept.items():
            parameter.data.copy_(value)

    def remember(*_: object) -> None:
        kept.update((parameter, parameter.detach().clone()) for parameter in replica.model.parameters())

    replica.model.register_forward_pre_hook(put_back)  # before the loss that would show the change
    replica.optimizer.register_step_post_hook(remember)


def _copied(value: object) -> object:
    return value.clone() if isinstance(value, Tensor) else value


def _lose_moments(setup: Setup) -> None:
    """Empty the optimizer's state before the update that leads to the onset."""
    setup.at_step.setdefault(max(setup.start, setup.onset - 1), []).append(reset_moments)


def _change_again(setup: Setup) -> None:
    """Do before the update that leads to the onset what the training's code did before that of the original's."""
    again = setup.suspect_onset // setup.per_update
    setup.at_step.setdefault(max(setup.start, setup.onset - 1), []).append(lambda replica: replica.prepare(again))


def _only_its_optimizer(subject: Subject) -> Message | None:
    return message("misfit-only_its_optimizer") if subject.is_ours else None


RESTORE_MOMENTS = Intervention(
    name="restore-moments",
    kind="optimizer",
    causes=("moments-lost", "changed-state"),
    aims_at="state",
    direction=0,
    apply=lambda setup: setup.at_start.append(_keep_moments),
    misfit=_only_its_optimizer,
    inject=_lose_moments,
    restores=True,
    evidence="moments",
)

RESTORE_WEIGHTS = Intervention(
    name="restore-weights",
    kind="optimizer",
    causes=("changed-state",),
    aims_at="state",
    direction=0,
    apply=lambda setup: setup.at_start.append(_keep_weights),
    misfit=_only_its_optimizer,
    inject=_change_again,
    restores=True,
    evidence="weights",
)

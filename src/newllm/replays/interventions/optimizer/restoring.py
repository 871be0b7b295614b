"""What something else than the optimizer changed, put back before the next update: weights, moments, settings.

Tried only where the original shows such a change (`Intervention.evidence`): in the recorder's ledger, or its settings.
"""

from torch import Tensor, nn
from torch.optim import Optimizer

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizer.moments import reset_moments
from newllm.replays.interventions.settings import held, only_its_optimizer
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Setup


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


RESTORE_MOMENTS = Intervention(
    name="restore-moments",
    kind="optimizer",
    causes=("moments-lost", "changed-state"),
    aims_at="state",
    direction=0,
    apply=lambda setup: setup.at_start.append(_keep_moments),
    misfit=only_its_optimizer,
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
    misfit=only_its_optimizer,
    inject=_change_again,
    restores=True,
    evidence="weights",
)

HOLD_OWN_RATE = held("hold-own-rate", "optimizer", "learning_rate", "learning-rate")
HOLD_WEIGHT_DECAY = held("hold-weight-decay", "optimizer", "weight_decay", "weight-decay")
HOLD_MOMENTUM = held("hold-momentum", "optimizer", "momentum", "optimizer")

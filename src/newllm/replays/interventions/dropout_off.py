"""Dropout off, for any model. In evaluation mode the function is the same."""

from newllm.messages import Message, message
from newllm.replays.interventions.anatomy import anatomy, dropouts
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import change_model
from newllm.replays.replica import Replica
from newllm.replays.setup import Setup
from newllm.replays.subject import Subject

_HIGHEST = 0.9


def _times(setup: Setup, factor: float) -> None:
    if setup.config is not None:
        change_model(setup, dropout=min(_HIGHEST, factor * setup.config.model.dropout))
    else:
        setup.attach.append(lambda replica: _in_modules(replica, factor))


def _in_modules(replica: Replica, factor: float) -> None:
    for module, name in dropouts(replica.model):
        setattr(module, name, min(_HIGHEST, factor * getattr(module, name)))


def _misfit(subject: Subject) -> Message | None:
    return None if anatomy(subject).has_dropout else message("misfit-no_dropout")


DROPOUT_OFF = Intervention(
    name="dropout-off",
    kind="model",
    causes=("dropout",),
    aims_at="dropout",  # no signal measures it
    direction=-1,
    apply=lambda setup: _times(setup, 0.0),
    misfit=_misfit,
    plant=lambda setup: _times(setup, 2.0),
)

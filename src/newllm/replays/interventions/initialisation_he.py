"""Weights drawn as He et al. (2015) did, N(0, 2/fan-in): behind a ReLU the signal keeps its size."""

from newllm.messages import Message
from newllm.replays.interventions.intervention import Intervention, not_ours
from newllm.replays.interventions.own_model import already, change_model, model_of
from newllm.replays.subject import Subject


def _misfit(subject: Subject) -> Message | None:
    model = model_of(subject)
    if model is None:
        return not_ours(subject)
    return already("model.initialisation", "he", model.initialisation)


INITIALISATION_HE = Intervention(
    name="initialisation-he",
    kind="start",
    causes=("initialisation",),
    aims_at="activation_rms",
    direction=1,
    apply=lambda setup: change_model(setup, initialisation="he"),
    from_start=True,
    misfit=_misfit,
)

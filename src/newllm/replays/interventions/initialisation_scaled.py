"""Weights drawn from N(0, 1/fan-in), the outputs of residual branches smaller by depth: our scheme "scaled" (GPT-2)."""

from newllm.messages import Message
from newllm.replays.interventions.intervention import Intervention, not_ours
from newllm.replays.interventions.own_model import already, change_model, model_of
from newllm.replays.subject import Subject


def _misfit(subject: Subject) -> Message | None:
    model = model_of(subject)
    if model is None:
        return not_ours(subject)
    return already("model.initialisation", "scaled", model.initialisation)


INITIALISATION_SCALED = Intervention(
    name="initialisation-scaled",
    kind="start",
    causes=("initialisation",),
    aims_at="activation_rms",
    direction=0,
    apply=lambda setup: change_model(setup, initialisation="scaled"),
    from_start=True,
    misfit=_misfit,
)

"""Weights drawn from N(0, 1/fan-in), the outputs of residual branches smaller by depth: our scheme "scaled" (GPT-2)."""

from newllm.replays.interventions.intervention import Intervention, ours
from newllm.replays.interventions.own_model import change_model, model_of
from newllm.replays.subject import Subject


def _fits(subject: Subject) -> str:
    model = model_of(subject)
    if model is None:
        return ours(subject)
    return "model.initialisation is 'scaled' already" if model.initialisation == "scaled" else ""


INITIALISATION_SCALED = Intervention(
    name="initialisation-scaled",
    kind="start",
    change="weights drawn from N(0, 1/fan-in)",
    hypothesis="The weights had the wrong size at the start.",
    price="The run starts anew.",
    causes=("initialisation",),
    aims_at="activation_rms",
    direction=0,
    apply=lambda setup: change_model(setup, initialisation="scaled"),
    from_start=True,
    fits=_fits,
)

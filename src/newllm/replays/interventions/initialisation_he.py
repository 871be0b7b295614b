"""Weights drawn as He et al. (2015) did, N(0, 2/fan-in): behind a ReLU the signal keeps its size."""

from newllm.replays.interventions.intervention import Intervention, ours
from newllm.replays.interventions.own_model import change_model, model_of
from newllm.replays.subject import Subject


def _fits(subject: Subject) -> str:
    model = model_of(subject)
    if model is None:
        return ours(subject)
    return "model.initialisation is 'he' already" if model.initialisation == "he" else ""


INITIALISATION_HE = Intervention(
    name="initialisation-he",
    kind="start",
    change="weights drawn from N(0, 2/fan-in)",
    hypothesis="The weights were too small at the start, and the signal died on its way.",
    price="The run starts anew.",
    causes=("initialisation",),
    aims_at="activation_rms",
    direction=1,
    apply=lambda setup: change_model(setup, initialisation="he"),
    from_start=True,
    fits=_fits,
)

"""Residual connections and norms in the cell's FNN (model.fnn=residual): what removed the founding spikes in our study.

The founding document's FNN is layer upon layer without either: at its initialisation the signal all but dies on its
way, and while it learns to get through it grows by each layer's factor.
"""

from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import already, change_model, model_of
from newllm.replays.subject import Subject


def _misfit(subject: Subject) -> Message | None:
    model = model_of(subject)
    if model is None or model.body != "cell":
        return message("misfit-not_a_cell")
    if model.fnn == "residual":
        return already("model.fnn", "residual", model.fnn)
    return None if model.layers > 1 else message("misfit-no_branch")


RESIDUAL_FNN = Intervention(
    name="residual-fnn",
    kind="model",
    causes=("plain-depth",),
    aims_at="activation_rms",
    direction=0,  # the signal neither dies nor explodes: more before a spike, less in it
    apply=lambda setup: change_model(setup, fnn="residual"),
    from_start=True,
    misfit=_misfit,
    plant=lambda setup: change_model(setup, fnn="plain"),
    # Healthy, and not this run: the context has the LSTM's gates, so that no additive context can be to blame.
    stable=lambda setup: change_model(setup, fnn="residual", rule="lstm"),
)

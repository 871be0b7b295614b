"""Residual connections and norms in the cell's FNN (model.fnn=residual): what removed the founding spikes in our study.

The founding document's FNN is layer upon layer without either: at its initialisation the signal all but dies on its
way, and while it learns to get through it grows by each layer's factor.
"""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import change_model, model_of
from newllm.replays.subject import Subject


def _fits(subject: Subject) -> str:
    model = model_of(subject)
    if model is None or model.body != "cell":
        return "it changes the FNN of our body cell"
    if model.fnn == "residual":
        return "model.fnn is 'residual' already"
    return "" if model.layers > 1 else "with one layer there is no branch"


RESIDUAL_FNN = Intervention(
    name="residual-fnn",
    kind="model",
    change="residual connections and norms in the FNN",
    hypothesis="Layer upon layer without residual connections, the signal died and then exploded.",
    price="A norm a layer; the cell runs layer by layer, which takes about twice the time.",
    causes=("plain-depth",),
    aims_at="activation_rms",
    direction=0,  # the signal neither dies nor explodes: more before a spike, less in it
    apply=lambda setup: change_model(setup, fnn="residual"),
    from_start=True,
    fits=_fits,
    plant=lambda setup: change_model(setup, fnn="plain"),
    # Healthy, and not this run: the context has the LSTM's gates, so that no additive context can be to blame.
    stable=lambda setup: change_model(setup, fnn="residual", rule="lstm"),
)

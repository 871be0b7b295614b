"""LayerNorm on the context as it is read; what is kept stays as the recurrence left it."""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import change_model, model_of, no_context
from newllm.replays.subject import Subject


def _fits(subject: Subject) -> str:
    model = model_of(subject)
    return no_context(subject) or ("model.norm is 'read' already" if model and model.norm == "read" else "")


NORM_ON_READ = Intervention(
    name="norm-on-read",
    kind="model",
    change="LayerNorm on the context as it is read",
    hypothesis="The rest of the model could not bear what the context had grown to.",
    price="Two weights a channel, and the length of the context is not seen.",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="activation_rms",
    direction=0,  # what is read has size 1, which may be more than it was
    apply=lambda setup: change_model(setup, norm="read"),
    from_start=True,
    fits=_fits,
    slowness=1.5,
)

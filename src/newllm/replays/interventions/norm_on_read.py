"""LayerNorm on the context as it is read; what is kept stays as the recurrence left it."""

from newllm.messages import Message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import already, change_model, model_of, no_context
from newllm.replays.subject import Subject


def _misfit(subject: Subject) -> Message | None:
    model = model_of(subject)
    return no_context(subject) or already("model.norm", "read", model.norm if model else None)


NORM_ON_READ = Intervention(
    name="norm-on-read",
    kind="model",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="activation_rms",
    direction=0,  # what is read has size 1, which may be more than it was
    apply=lambda setup: change_model(setup, norm="read"),
    from_start=True,
    misfit=_misfit,
    slowness=1.5,
)

"""LayerNorm on the context as it is written: the founding document's first remedy (section 6)."""

from newllm.messages import Message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import already, change_model, model_of, no_context
from newllm.replays.subject import Subject


def _misfit(subject: Subject) -> Message | None:
    model = model_of(subject)
    return no_context(subject) or already("model.norm", "write", model.norm if model else None)


NORM_ON_WRITE = Intervention(
    name="norm-on-write",
    kind="model",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="context_norm",
    direction=0,  # it is held at the root of its width, which may be more than it was
    apply=lambda setup: change_model(setup, norm="write"),
    from_start=True,
    misfit=_misfit,
    slowness=2.0,
)

"""LayerNorm on the context as it is written: the founding document's first remedy (section 6)."""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import change_model, model_of, no_context
from newllm.replays.subject import Subject


def _fits(subject: Subject) -> str:
    model = model_of(subject)
    return no_context(subject) or ("model.norm is 'write' already" if model and model.norm == "write" else "")


NORM_ON_WRITE = Intervention(
    name="norm-on-write",
    kind="model",
    change="LayerNorm on the context as it is written",
    hypothesis="The context grew without bound.",
    price="The recurrence is no longer linear: a stack runs position after position.",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="context_norm",
    direction=0,  # it is held at the root of its width, which may be more than it was
    apply=lambda setup: change_model(setup, norm="write"),
    from_start=True,
    fits=_fits,
    slowness=2.0,
)

"""The context cut off: the control bodies zero-cell and zero-stack, which see the present token only.

The parameters are the same; the function is not, for what was learnt with a context does not do without.
"""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import change_model, no_context
from newllm.replays.setup import Setup


def _cut(setup: Setup) -> None:
    assert setup.config is not None, "a setup of ours has a configuration"
    change_model(setup, body=f"zero-{setup.config.model.body}")


CONTEXT_CUT_OFF = Intervention(
    name="context-cut-off",
    kind="model",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="context_norm",
    direction=0,  # nothing that comes of it is read: it is no longer held small, nor fed back
    apply=_cut,
    from_start=True,
    misfit=no_context,
    slowness=2.0,
)

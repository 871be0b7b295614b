"""An update gate in place of the additive rule: the founding document's remedy (section 6)."""

from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import change_model, no_additive_part

GATE = Intervention(
    name="gate",
    kind="model",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="context_norm",
    direction=-1,
    apply=lambda setup: change_model(setup, rule="gated", learn_decay=False),
    from_start=True,
    misfit=no_additive_part,
    slowness=1.5,
)

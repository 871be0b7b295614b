"""The gradient clipped at a norm of 0.1, as in studies/founding: a stronger dose of the document's remedy."""

from newllm.replays.interventions.clip_half import CAUSES, clipped_at, clipped_tighter, unclipped
from newllm.replays.interventions.intervention import Intervention

NORM = 0.1

CLIP_TENTH = Intervention(
    name="clip-tenth",
    kind="optimizer",
    values={"value": NORM},
    causes=CAUSES,
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=lambda setup: clipped_at(setup, NORM),
    misfit=lambda subject: clipped_tighter(NORM, subject),
    plant=unclipped,
    slowness=1.5,
)

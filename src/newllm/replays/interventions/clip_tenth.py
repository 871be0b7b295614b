"""The gradient clipped at a norm of 0.1, as in studies/founding: a stronger dose of the document's remedy."""

from newllm.replays.interventions.clip_half import CAUSES, HYPOTHESIS, clipped_at, looser_than, unclipped
from newllm.replays.interventions.intervention import Intervention

NORM = 0.1

CLIP_TENTH = Intervention(
    name="clip-tenth",
    kind="optimizer",
    change=f"the gradient clipped at {NORM}",
    hypothesis=HYPOTHESIS,
    price="Most gradients are cut to one length: with SGD that is a smaller learning rate too.",
    causes=CAUSES,
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=lambda setup: clipped_at(setup, NORM),
    fits=lambda subject: looser_than(NORM, subject),
    plant=unclipped,
    slowness=1.5,
)

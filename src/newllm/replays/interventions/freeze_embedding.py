"""The embedding, frozen.

GLM-130B (Zeng et al. 2022, section 3) found its spikes led by the embedding's gradient, and shrank that to a tenth.
Adam divides such a factor out again; nothing is what it cannot.
"""

from newllm.messages import Message, message
from newllm.replays.interventions.anatomy import anatomy, embeddings
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.replica import Replica
from newllm.replays.subject import Subject


def _freeze(replica: Replica) -> None:
    for module in embeddings(replica.model).values():
        module.weight.requires_grad_(False)


def _misfit(subject: Subject) -> Message | None:
    return None if anatomy(subject).embeddings else message("misfit-no_embedding")


FREEZE_EMBEDDING = Intervention(
    name="freeze-embedding",
    kind="model",
    causes=("exploding-embedding",),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.attach.append(_freeze),
    misfit=_misfit,
    slowness=1.5,
)

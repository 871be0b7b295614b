"""The embedding, frozen.

GLM-130B (Zeng et al. 2022, section 3) found its spikes led by the embedding's gradient, and shrank that to a tenth.
Adam divides such a factor out again; nothing is what it cannot.
"""

from newllm.replays.interventions.anatomy import anatomy, embeddings
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.replica import Replica
from newllm.replays.subject import Subject


def _freeze(replica: Replica) -> None:
    for module in embeddings(replica.model).values():
        module.weight.requires_grad_(False)


def _fits(subject: Subject) -> str:
    return "" if anatomy(subject).embeddings else "its model has no nn.Embedding with a weight of its own"


FREEZE_EMBEDDING = Intervention(
    name="freeze-embedding",
    kind="model",
    change="the embedding frozen",
    hypothesis="Updates of the embedding ran away.",
    price="The embedding learns nothing more; it may be let go again when the danger is over.",
    causes=("exploding-embedding",),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.attach.append(_freeze),
    fits=_fits,
    slowness=1.5,
)

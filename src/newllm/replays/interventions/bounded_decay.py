"""The decay of the context, bounded: what is 0.9 or more becomes 0.9, so that a context forgets within some ten tokens.

The rule and its parameters stay; the function does not. Planted, the decay grows to 1/0.9 of what it is, update by
update until the onset, so that no jump of the function can pass for a spike.
"""

from collections.abc import Callable

from torch import Tensor

from newllm.messages import Message, message
from newllm.recurrence import Rule, change_decay
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.own_model import model_of, no_context
from newllm.replays.replica import Replica, Update
from newllm.replays.setup import Setup
from newllm.replays.subject import Subject

HIGHEST = 0.9


def _change(replica: Replica, change: Callable[[Tensor], Tensor]) -> None:
    for module in replica.model.modules():
        if isinstance(module, Rule):
            change_decay(module, change)


def _grow(replica: Replica, setup: Setup) -> None:
    own, factor = replica.update, 1.0

    def update(step: int) -> Update:
        nonlocal factor
        share = (step + 1 - setup.start) / max(1, setup.onset - setup.start)
        factor = 1 + (1 / HIGHEST - 1) * min(1.0, share)
        return own(step)

    _change(replica, lambda decay: decay * factor)
    replica.update = update  # type: ignore[method-assign]


def _misfit(subject: Subject) -> Message | None:
    model, why = model_of(subject), no_context(subject)
    if model is None or why:
        return why
    is_low = (model.body, model.rule, model.learn_decay) == ("cell", "ema", False)
    return message("misfit-decay_already", decay=HIGHEST) if is_low else None


BOUNDED_DECAY = Intervention(
    name="bounded-decay",
    kind="model",
    values={"value": HIGHEST},
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="context_norm",
    direction=-1,
    apply=lambda setup: setup.attach.append(lambda replica: _change(replica, lambda decay: decay.clamp(max=HIGHEST))),
    from_start=True,
    misfit=_misfit,
    plant=lambda setup: setup.attach.append(lambda replica: _grow(replica, setup)),
    slowness=1.5,
)

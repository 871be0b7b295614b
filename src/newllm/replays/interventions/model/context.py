"""Interventions on the context of our own models: whether it is used, what holds it, and its gradient through time."""

from collections.abc import Callable

from torch import Tensor

from newllm.messages import Message, message
from newllm.model.bodies.cell import Cell
from newllm.model.bodies.matrix_mixer import MatrixMixer
from newllm.model.bodies.stack import ContextMixer
from newllm.recurrence import MatrixRule, Rule, change_decay
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.model.own_model import (
    change_model,
    forget_by,
    model_of,
    no_additive_part,
    no_context,
    no_vector,
    set_already,
)
from newllm.replays.replica.replica import Replica, Update
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject

# context-cut-off: the context cut off: the control bodies zero-cell and zero-stack, which see the present token only.
#
# The parameters are the same; the function is not, for what was learnt with a context does not do without.


def _cut_context(setup: Setup) -> None:
    assert setup.config is not None, "a setup of ours has a configuration"
    change_model(setup, body=f"zero-{setup.config.model.body}")


CONTEXT_CUT_OFF = Intervention(
    name="context-cut-off",
    kind="model",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="context_norm",
    direction=0,  # nothing that comes of it is read: it is no longer held small, nor fed back
    apply=_cut_context,
    from_start=True,
    misfit=no_context,
    slowness=2.0,
)


# norm-on-write: LayerNorm on the context as it is written: the founding document's first remedy (section 6).


NORM_ON_WRITE = Intervention(
    name="norm-on-write",
    kind="model",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="context_norm",
    direction=0,  # it is held at the root of its width, which may be more than it was
    apply=lambda setup: change_model(setup, norm="write"),
    from_start=True,
    misfit=set_already("norm", "write", no_vector),
    slowness=2.0,
)


# norm-on-read: LayerNorm on the context as it is read; what is kept stays as the recurrence left it.


NORM_ON_READ = Intervention(
    name="norm-on-read",
    kind="model",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="activation_rms",
    direction=0,  # what is read has size 1, which may be more than it was
    apply=lambda setup: change_model(setup, norm="read"),
    from_start=True,
    misfit=set_already("norm", "read", no_vector),
    slowness=1.5,
)


# bounded-decay: the decay of the context, bounded: what is 0.9 or more becomes 0.9, so that a context forgets within
# some ten tokens.
#
# The rule and its parameters stay; the function does not. Injected, the decay grows to 1/0.9 of what it is, update by
# update until the onset, so that no jump of the function can pass for a spike.

HIGHEST_DECAY = 0.9


def _change_decays(replica: Replica, change: Callable[[Tensor], Tensor]) -> None:
    for module in replica.model.modules():
        if isinstance(module, Rule | MatrixRule):
            change_decay(module, change)


def _grow_decays(replica: Replica, setup: Setup) -> None:
    own, factor = replica.update, 1.0

    def update(step: int) -> Update:
        nonlocal factor
        share = (step + 1 - setup.start) / max(1, setup.onset - setup.start)
        factor = 1 + (1 / HIGHEST_DECAY - 1) * min(1.0, share)
        return own(step)

    _change_decays(replica, lambda decay: decay * factor)
    replica.update = update  # type: ignore[method-assign]


def _decay_is_bounded(subject: Subject) -> Message | None:
    model, why = model_of(subject), no_context(subject)
    if model is None or why:
        return why
    is_low = (model.body, model.rule, model.learn_decay) == ("cell", "ema", False)
    return message("misfit-decay_already", decay=HIGHEST_DECAY) if is_low else None


BOUNDED_DECAY = Intervention(
    name="bounded-decay",
    kind="model",
    values={"value": HIGHEST_DECAY},
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="context_norm",
    direction=-1,
    apply=lambda setup: setup.at_start.append(
        lambda replica: _change_decays(replica, lambda decay: decay.clamp(max=HIGHEST_DECAY))
    ),
    from_start=True,
    misfit=_decay_is_bounded,
    inject=lambda setup: setup.at_start.append(lambda replica: _grow_decays(replica, setup)),
    slowness=1.5,
)


# gate: an update gate in place of the additive rule: the founding document's remedy (section 6).

GATE = Intervention(
    name="gate",
    kind="model",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="context_norm",
    direction=-1,
    apply=lambda setup: forget_by(setup, "gated"),
    from_start=True,
    misfit=no_additive_part,
    slowness=1.5,
)


# ema: an exponential moving average in place of the additive rule: the founding document's remedy (section 6).

EMA = Intervention(
    name="ema",
    kind="model",
    causes=("unbounded-recurrence", "additive-context"),
    aims_at="context_norm",
    direction=-1,
    apply=lambda setup: forget_by(setup, "ema"),
    from_start=True,
    misfit=no_additive_part,
    slowness=1.5,
)


# cut-gradient-through-time: the gradient through time, cut: it goes back to the update that made the context that is
# read, and no further.
#
# Truncated backpropagation (Williams and Peng 1990) over one update. Nothing at all through time would be another
# change: a cell's rule would have no gradient whatever. The function stays, so that any snapshot will do.


def _cut_gradient(replica: Replica) -> None:
    for module in replica.model.modules():
        if isinstance(module, Cell | ContextMixer | MatrixMixer):
            module.through_time = False


CUT_GRADIENT_THROUGH_TIME = Intervention(
    name="cut-gradient-through-time",
    kind="model",
    causes=("gradient-through-time", "unbounded-recurrence"),
    aims_at="gradient_norm_clipped",
    direction=-1,
    apply=lambda setup: setup.at_start.append(_cut_gradient),
    misfit=no_context,
    slowness=1.5,
)

"""Interventions on the optimizer: its moments, its updates, and another one in its place."""

import torch

from newllm.messages import Message, message
from newllm.replays.interventions.intervention import Intervention
from newllm.replays.interventions.optimizer.exchange import exchange_for_adamw, exchange_for_sgd
from newllm.replays.interventions.optimizer.moments import longer_memory, reset_moments, set_beta2
from newllm.replays.interventions.optimizer.optimization import no_second_moment, optimization_of
from newllm.replays.interventions.optimizer.rate import follow_rate, ramp
from newllm.replays.interventions.optimizer.update_clip import clip_updates
from newllm.replays.replica.replica import Replica
from newllm.replays.replica.setup import Setup
from newllm.replays.replica.subject import Subject

# beta2: Adam's second moment, made to forget 50 times faster: beta2 = 0.95, as in studies/founding.

BETA2_VALUE = 0.95


def _beta2_is_lower(subject: Subject) -> Message | None:
    if why := no_second_moment(subject):
        return why
    highest = max(group["betas"][1] for group in optimization_of(subject).groups)
    return None if highest > BETA2_VALUE else message("misfit-already", setting="beta2", value=highest)


BETA2 = Intervention(
    name="beta2",
    kind="optimizer",
    values={"value": BETA2_VALUE},
    causes=("beta2",),
    aims_at="second_moment_mismatch",
    direction=0,  # nearer to 1: down where gradients grow, up where they shrink
    apply=lambda setup: setup.at_start.append(lambda replica: set_beta2(replica, BETA2_VALUE)),
    misfit=_beta2_is_lower,
    inject=lambda setup: setup.at_start.append(longer_memory),
)


# epsilon: Adam's epsilon, raised to 1e-4: in studies/founding the size of the plateau's gradients, element by element.
#
# Where gradients are smaller an update is then in proportion to them, as with SGD, and no longer of full length.

EPSILON_VALUE = 1e-4


def _raise_epsilon(replica: Replica) -> None:
    for group in replica.optimizer.param_groups:
        group["eps"] = max(group["eps"], EPSILON_VALUE)


def _lower_epsilon(replica: Replica) -> None:
    """Lower it by as many orders as it would have been raised."""
    for group in replica.optimizer.param_groups:
        group["eps"] *= min(1.0, group["eps"] / EPSILON_VALUE)


def _epsilon_is_higher(subject: Subject) -> Message | None:
    if why := no_second_moment(subject):
        return why
    lowest = min(group.get("eps", EPSILON_VALUE) for group in optimization_of(subject).groups)
    return None if lowest < EPSILON_VALUE else message("misfit-already", setting="epsilon", value=lowest)


EPSILON = Intervention(
    name="epsilon",
    kind="optimizer",
    values={"value": EPSILON_VALUE},
    causes=("beta2", "learning-rate"),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.at_start.append(_raise_epsilon),
    misfit=_epsilon_is_higher,
    inject=lambda setup: setup.at_start.append(_lower_epsilon),
    slowness=3.0,
)


# reset-moments: Adam's moments, thrown away at the start of the replay, and a short warm-up while they are gathered
# again.
#
# From step 0 there is nothing to throw away: then nothing is changed.

_LEAST_WARM_UP, _MOST_WARM_UP = 5, 50  # updates


def _begin_anew(setup: Setup) -> None:
    # Over before the window, so that there the learning rate is the run's own.
    updates = min(_MOST_WARM_UP, max(_LEAST_WARM_UP, (setup.onset - setup.start) // 2))

    def attach(replica: Replica) -> None:
        if not replica.optimizer.state:
            return
        reset_moments(replica)
        follow_rate(replica, ramp(setup.start, updates))

    setup.at_start.append(attach)


RESET_MOMENTS = Intervention(
    name="reset-moments",
    kind="optimizer",
    causes=("beta2", "moments-lost"),
    aims_at="second_moment_mismatch",
    direction=0,  # nearer to 1: down where gradients grow, up where they shrink
    apply=_begin_anew,
    misfit=no_second_moment,
    inject=lambda setup: setup.at_start.append(longer_memory),
    slowness=1.3,
)


# update-clipping: updates clipped where the gradient outgrew the second moment; the optimizer stays (see
# `optimizers.update_clip`).

UPDATE_CLIPPING = Intervention(
    name="update-clipping",
    kind="optimizer",
    causes=("beta2",),
    aims_at="update_ratio",
    direction=-1,
    apply=lambda setup: setup.at_start.append(clip_updates),
    misfit=no_second_moment,
    inject=lambda setup: setup.at_start.append(longer_memory),
    slowness=1.2,
)


# adamw: AdamW in the optimizer's place: weight decay beside the gradient (Loshchilov and Hutter 2019, arXiv
# 1711.05101).


def not_for_adamw(subject: Subject) -> Message | None:
    """Return why AdamW would be no change, or cannot be put in the optimizer's place; None where it can."""
    found = optimization_of(subject)
    if found.is_sgd:
        return None
    if issubclass(found.kind, torch.optim.AdamW):
        return message("misfit-adamw_already")
    if not issubclass(found.kind, torch.optim.Adam):
        return message("misfit-neither_adam_nor_sgd", optimizer=found.name)
    return None if found.has_decay else message("misfit-no_decay")


ADAMW = Intervention(
    name="adamw",
    kind="optimizer",
    causes=("optimizer",),
    aims_at="update_ratio",
    direction=0,
    apply=lambda setup: setup.at_start.append(exchange_for_adamw),
    misfit=not_for_adamw,
    slowness=2.0,
)


# stable-adamw: StableAdamW in the optimizer's place: AdamW that clips updates (Wortsman et al. 2023, arXiv 2304.13013).


def _exchange_and_clip(replica: Replica) -> None:
    exchange_for_adamw(replica)
    clip_updates(replica)


def _not_for_stable_adamw(subject: Subject) -> Message | None:
    why = not_for_adamw(subject)
    return message("misfit-same_as_update_clipping") if why and optimization_of(subject).has_second_moment else why


STABLE_ADAMW = Intervention(
    name="stable-adamw",
    kind="optimizer",
    causes=("beta2", "optimizer"),
    aims_at="update_ratio",
    direction=0,
    apply=lambda setup: setup.at_start.append(_exchange_and_clip),
    misfit=_not_for_stable_adamw,
    slowness=2.0,
)


# sgd: SGD with momentum in Adam's place: no second moment.
#
# A run of ours gets the learning rate 0.3 at the top of its schedule, which studies/founding found to learn; anyone's
# training gets a rate at which updates are about as long as Adam's (see `optimizers.exchange`).

SGD_RATE = 0.3


def _take_sgd(setup: Setup) -> None:
    factor = None if setup.config is None else SGD_RATE / setup.config.optimizer.learning_rate
    setup.at_start.append(lambda replica: exchange_for_sgd(replica, factor))


SGD = Intervention(
    name="sgd",
    kind="optimizer",
    causes=("beta2",),
    aims_at="update_ratio",
    direction=0,
    apply=_take_sgd,
    misfit=no_second_moment,
    slowness=4.0,
)

"""What a training came to that a sound one did not: its losses and measures, and what is seen inside the model."""

import re
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from newllm.diagnosis.against.difference import Difference, said_of
from newllm.diagnosis.against.parting import Parting, ends_beyond, level_parting
from newllm.diagnosis.losses import finite, is_validation, names_a_loss
from newllm.diagnosis.quality import is_quality
from newllm.diagnosis.roles import is_layered, role_of
from newllm.messages import catalogue
from newllm.trace import Trace

LEAST = 0.15  # natural logarithms, or shares of the range, beyond all that another seed may explain
FAR = 0.7  # likewise, twice: so far an evaluation alone hardly becomes better
INSIDE = 0.7  # likewise, of a layer, and of what measures no progress
_MEASURES = (
    "loss", "accuracy", "perplexity", "targets_right", "latent_kl", "reconstruction_loss", "validation_loss",
    "validation_accuracy", "validation_perplexity", "validation_bits_per_byte",
)  # fmt: skip
"""Signals of the recorder's own."""
NARROW, NO_SHARE = 0.01, 0.05  # of the sound run's level, and of units: next to nothing inside of a model
LEAST_SHARE = 0.1  # of the targets
_FEWEST, _ROUNDED = 6, 1e-3  # steps at which two signals are equal, and how nearly, if they are one
_BEFORE, _RISEN = 5, 0.5  # points before what is apart; of how far it is apart
_A_TIME = re.compile(r"(^|[^a-z])(time|sec|secs|seconds|ms|minutes|hours|eta|elapsed|runtime)($|[^a-z])", re.IGNORECASE)
_OF_THE_MACHINE = frozenset({"memory", "throughput"})
_INNER = (
    "gradient_norm", "activation_rms", "activation_zero", "attention_entropy", "attention_logit", "gate_saturation",
    "weight_norm", "update_ratio", "outputs_apart", "log_z", "logit_max", "logit_min", "output_min", "output_max",
    "context_norm", "context_growth", "target_mean", "target_std", "later_tokens_seen", "own_token_seen",
    "later_inputs_seen",
)  # fmt: skip


def reached_differences(
    here: Trace, there: Trace, *, progress: bool, roles: Mapping[str, str]
) -> tuple[list[Difference], int]:
    """Return the losses and measures that part, the earliest first, and how many were held against each other.

    Args:
        here: of the run.
        there: of the sound one.
        progress: whether the loss measures any; that of a policy or of a game differs more from seed to seed.
        roles: of columns, as a person gave them.
    """
    measures = {column for role, column in roles.items() if role not in _OF_THE_MACHINE}
    names = [name for name in here.signals if name in there.signals and (_is_reached(name) or name in measures)]
    found = list(_parted(names, here, there, LEAST if progress else INSIDE, inner=False))
    found = [one for one in found if not any(_is_copy(one, other, here, there) for other in found if other is not one)]
    return sorted(found, key=lambda one: (one.step, -one.size)), len(names)


def _is_copy(one: Difference, other: Difference, here: Trace, there: Trace) -> bool:
    """Whether a signal is another one, logged again: that of the recorder stays, else the first by its name."""
    first, second = str(one.signal), str(other.signal)
    if (first in _MEASURES, second) >= (second in _MEASURES, first):
        return False
    for trace in (here, there):
        own, its = finite(trace.series(first)), finite(trace.series(second))
        _, at, its_at = np.intersect1d(own.step, its.step, return_indices=True)
        if len(at) < _FEWEST or not np.allclose(own.value[at], its.value[its_at], rtol=_ROUNDED, atol=0.0):
            return False
    return True


def only_validates_better(found: Sequence[Difference]) -> bool:
    """Whether all that parts are measures of a validation, and better than in the sound run: a seed may bring that.

    A training loss that is lower than there is no such thing: a task may have become an easier one.
    """
    return bool(found) and all(one.signal is not None and _is_better(one.signal, one) for one in found)


def is_too_good(found: Sequence[Difference], here: Trace, there: Trace) -> bool:
    """Whether an evaluation is far better to the end, and nothing else parts, the training loss among it.

    What a person changes so that a model does better on new data (regularisation, more data) shows in training too.
    """
    far = [one for one in found if one.last is None and one.size >= FAR]
    compared = all(len(finite(one.series("loss")).value) for one in (here, there))
    return bool(far) and only_validates_better(found) and compared


def _is_better(name: str, one: Difference) -> bool:
    return is_validation(name) and _is_higher(one) == is_quality(name)


def comes_to_less(found: Sequence[Difference], here: Trace, there: Trace, *, progress: bool) -> bool:
    """Whether a measure is worse to the end than in the sound run: a loss higher, an accuracy or a reward lower.

    Where the loss measures no progress, as that of a policy or of a game, it does not count. Where both were evaluated
    their evaluations count alone: what makes training harder (an augmentation, dropout) raises its loss on purpose.
    """
    evaluated = any(_is_reached(name) and is_validation(name) for name in here.signals if name in there.signals)
    counted = [one for one in found if one.signal and one.last is None and is_validation(one.signal) >= evaluated]
    return any(_is_worse(str(one.signal), one, progress) for one in counted)


def _is_worse(name: str, one: Difference, progress: bool) -> bool:
    if _grows(name):
        return not _is_higher(one)
    return progress and _is_higher(one) and (names_a_loss(name) or is_validation(name) or name == "perplexity")


def _grows(name: str) -> bool:
    """Whether a measure is the better the higher it is."""
    return is_quality(name) or name == "targets_right" or role_of(name) in ("reward", "return")


def _is_higher(one: Difference) -> bool:
    return float(one.said.parameters["here"]) > float(one.said.parameters["there"])


def on_the_way(found: Sequence[Difference], here: Trace, there: Trace) -> str | None:
    """Return how runs that come together differ on the way: one learns "later" or "earlier", or "way"; None if not so.

    They end alike, or the slower one ends where the other was long before: it is "behind", or this one "ahead". A loss
    that rose and came back was lower before: that is not learnt later.
    """
    if not found or any(one.last is None or one.signal is None for one in found):
        return None
    later = [_side(str(one.signal), one) for one in found]
    slower = here if later[0] == 1 else there
    if not later[0] or len(set(later)) > 1 or any(_has_risen(one, slower) for one in found):
        return "way"
    faster = there if slower is here else here
    if any(_is_behind(name, slower, faster) for name in slower.signals if name in faster.signals and _is_reached(name)):
        return "behind" if slower is here else "ahead"
    return "later" if slower is here else "earlier"


def _is_behind(name: str, slower: Trace, faster: Trace) -> bool:
    """Whether a measure of a run ends worse than all that another one had in its last stretch."""
    is_known = names_a_loss(name) or is_validation(name) or _grows(name) or name == "perplexity"
    return is_known and ends_beyond(slower.series(name), faster.series(name), -1 if _grows(name) else 1)


def _side(name: str, one: Difference) -> int:
    """Return 1 where a measure is worse than in the sound run, -1 where it is better, 0 where that is not known."""
    worse_if_higher = names_a_loss(name) or (is_validation(name) and not _grows(name)) or name == "perplexity"
    if not worse_if_higher and not _grows(name):
        return 0
    return 1 if _is_higher(one) != _grows(name) else -1


def _has_risen(one: Difference, trace: Trace) -> bool:
    """Whether a measure of a run was better before it was apart than it is then."""
    series, name = finite(trace.series(str(one.signal))), str(one.signal)
    before = series.value[series.step < one.step][-_BEFORE:]
    inside = series.value[(series.step >= one.step) & (series.step <= (one.last or np.inf))]
    if not len(before) or not len(inside):
        return False
    apart = abs(float(one.said.parameters["here"]) - float(one.said.parameters["there"]))
    rise = float(np.median(inside)) - float(np.median(before))
    return (-rise if _grows(name) else rise) > _RISEN * apart


def inner_differences(here: Trace, there: Trace) -> list[Difference]:
    """Return the signals of layers and outputs that part, the earliest first, of those the farthest."""
    names = [name for name in here.signals if name in there.signals and name.partition("/")[0] in _INNER]
    length = min(here.last_step, there.last_step) or 1.0
    found = _parted(names, here, there, INSIDE, inner=True)
    return sorted(found, key=lambda one: (round(12 * one.step / length), -one.size))


def _parted(names: list[str], here: Trace, there: Trace, least: float, *, inner: bool) -> Iterator[Difference]:
    for name in names:
        own, other = here.series(name), finite(there.series(name))
        if not len(other.step):
            continue
        floor = max(NARROW * float(np.median(other.value)), NO_SHARE if _is_share(name) else 0.0) if inner else None
        evaluated = not inner and is_validation(name)
        if (parting := level_parting(own, other, least, floor, evaluated=evaluated)) and not _is_small(name, parting):
            yield said_of(name, parting, here.axis, level=True)


def _is_share(name: str) -> bool:
    return name.partition("/")[0] in ("activation_zero", "gate_saturation", "outputs_apart")


def _is_small(name: str, parting: Parting) -> bool:
    """Whether two accuracies are near each other, however small both are."""
    apart = abs(parting.here - parting.there)
    is_right = is_quality(name) or name == "targets_right"
    return is_right and max(parting.here, parting.there) <= 1 and apart < LEAST_SHARE


def is_level(name: str) -> bool:
    """Whether a signal was held against the sound run's as what a training comes to, or as seen inside of a model."""
    return _is_reached(name) or name.partition("/")[0] in _INNER


def _is_reached(name: str) -> bool:
    """Whether a signal measures what a training comes to: a loss, an accuracy, or a column of the user's that does."""
    if is_layered(name) or role_of(name) in _OF_THE_MACHINE or _A_TIME.search(name):
        return False
    if catalogue("en").get(f"signal-{name.partition('/')[0]}"):  # a recorder's own
        return name in _MEASURES
    return names_a_loss(name) or is_validation(name) or role_of(name) is not None

"""What the losses of runs are measured in: numbers of different units are no one measure, and share no chart.

Nats per token of bytes and of words differ, and so do the losses of a classifier and of a diffusion, and those of
choices among 256 and among 1,024. What nobody knows (of a log without a configuration) is taken to be as the others'.
"""

import json
from collections.abc import Mapping, Sequence

from newllm.diagnosis.training_kind import training_kind
from newllm.report.several.arms import Arm, Member
from newllm.report.source import Source

_OF_TOKENS = ("language-model", "fine-tune")  # kinds of training whose unit is that of their tokenizer
_LOSSES = frozenset({"loss", "validation_loss", "perplexity", "validation_perplexity"})


def unit_of(source: Source) -> str | None:
    """Return what tells the unit of a run's loss from others: its tokenizer, or its kind; None where nothing does."""
    if "tokenizer" in source.data:
        return json.dumps(identity(source.data["tokenizer"]), sort_keys=True, default=str)
    kind = training_kind(source.trace, source.facts).name
    return None if kind in _OF_TOKENS else kind


def identity(facts: object) -> object:
    """Return what tells a tokenizer, or texts, from others: not where they lay."""
    parts = facts if isinstance(facts, list) else [facts]
    return [one.get("sha256", one) if isinstance(one, Mapping) else one for one in parts]


def is_in_units(signal: str) -> bool:
    """Whether a signal means something else in another unit."""
    return signal.partition("/")[0] in _LOSSES


def comparable(member: Member, control: Member) -> bool:
    """Whether the losses of two runs are measured in the same, as far as is known."""
    known = ((member.unit, control.unit), (member.vocabulary, control.vocabulary))
    return all(None in pair or pair[0] == pair[1] for pair in known)


def one_unit(arms: Sequence[Arm]) -> bool:
    """Whether the losses of all arms are measured in the same."""
    return all(comparable(arm.members[0], arms[0].members[0]) for arm in arms)

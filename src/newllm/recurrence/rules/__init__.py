"""Update rules, one file each: small modules `features -> (decay, input)`.

"The document" is the founding document: the report that this project began with (studies/founding/README.md). Its
section 2 describes the additive rule; section 6 proposes the update gate and the moving average as remedies.
"""

from newllm.errors import unknown_name
from newllm.recurrence.rules.additive import Additive
from newllm.recurrence.rules.dual import Dual
from newllm.recurrence.rules.ema import ExponentialMovingAverage
from newllm.recurrence.rules.gated import Gated
from newllm.recurrence.rules.lstm import LSTMGates
from newllm.recurrence.rules.rule import Gate, Rule, full_precision

RULES: dict[str, type[Rule]] = {
    rule.name: rule for rule in (Additive, ExponentialMovingAverage, Gated, LSTMGates, Dual)
}

__all__ = [
    "RULES",
    "Additive",
    "Dual",
    "ExponentialMovingAverage",
    "Gate",
    "Gated",
    "LSTMGates",
    "Rule",
    "build_rule",
    "full_precision",
]


def build_rule(name: str, features: int, source: int, channels: int, *, learn_decay: bool = False) -> Rule:
    """Build a rule by name.

    Args:
        name: a key of `RULES`.
        features: width of the features that form the delta.
        source: width of what the gates look at.
        channels: width of the context.
        learn_decay: train the decay of the rules that have a constant one (ema, dual).

    Raises:
        UserError: no rule has this name, or it has no constant decay to learn.
    """
    if name not in RULES:
        raise unknown_name("rule", name, RULES)
    return RULES[name](features, source, channels, learn_decay=learn_decay)

"""The norm that a training clips its gradients to, as a log says it among its settings."""

import re

from newllm.trace.readers.naming import words

# A "grad_clip" may be a flag, a "clip_value" one for each element.
_NAMES = frozenset({"max grad norm", "max gradient norm", "grad clip norm", "gradient clip norm", "clip grad norm"})
# In a line of its own, with dots between, among the options of a command, or in a print of the arguments.
_SAID = re.compile(
    r"(?<![\w.])-{0,2}(max[ _-]grad(?:ient)?[ _-]norm|(?:grad|gradient)[ _-]clip[ _-]norm|clip[ _-]grad[ _-]norm)['\"]?"
    r"(?: *[:=] *| +\.{2,} *| +)(\d+\.?\d*(?:e[-+]?\d+)?|\.\d+)(?![\w.]*\w)",
    re.IGNORECASE,
)


def is_clip_limit(name: str) -> bool:
    """Whether a column is the norm that gradients are clipped to."""
    return " ".join(words(name)[-3:]) in _NAMES


def clip_limit_of(line: str) -> list[tuple[str, float]]:
    """Return the limit that a line among the settings says, with a name that columns have; nothing without one."""
    said = _SAID.search(line) if "norm" in line.lower() else None
    return [("max_grad_norm", float(said[2]))] if said else []

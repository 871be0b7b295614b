"""Names of the code and of a log in the words of a page; what a table of words lacks keeps its own name."""

from newllm.report.language import Words
from newllm.report.plain import plain

_LONGEST = 80


def signal_label(words: Words, name: str) -> str:
    """Return what a signal is called: "training loss"; one of a layer or class with that in brackets."""
    known = words.texts.get(f"signal.{name}")
    if known is not None:
        return known
    statistic, slash, target = name.partition("/")
    known = words.texts.get(f"signal.{statistic}") if slash else None
    if known is None:
        return plain(name, _LONGEST)
    return words("signal_of", signal=known, part=target_label(words, target))


def target_label(words: Words, target: str) -> str:
    """Return what a class of tokens or a position is called; a layer keeps its name."""
    if target.startswith("position-"):
        return words("position", number=plain(target.removeprefix("position-"), _LONGEST))
    return words.texts.get(f"class.{target}") or plain(target, _LONGEST)


def kind_label(words: Words, kind: str) -> str:
    """Return what a kind of finding is called: "spike", "worse than uniform"."""
    return words.texts.get(f"kind.{kind}") or plain(kind, _LONGEST).replace("-", " ")


def axis_label(words: Words, axis: str) -> str:
    """Return what the steps of a trace count."""
    return words.texts.get(f"axis.{axis}") or plain(axis, _LONGEST)


def evidence_label(words: Words, name: str) -> str:
    """Return what a piece of evidence is called: "loss at peak"."""
    return words.texts.get(f"evidence.{name}") or plain(name, _LONGEST).replace("_", " ")


def cause_label(words: Words, cause: str) -> str:
    """Return the name of a cause, with a term beside it where the page is in another language than the name."""
    term = words.term(cause)
    name = plain(cause, _LONGEST)
    return name if words.lang == "en" or term == cause.replace("-", " ") else words("signal_of", signal=name, part=term)

"""Names of the code and of a log in the words of a page; what the catalogue lacks keeps its own name."""

from newllm.messages import Catalogue
from newllm.words.plain import plain

_LONGEST = 80


def signal_label(words: Catalogue, name: str) -> str:
    """Return what a signal is called: "training loss"; one of a layer or class with that in brackets."""
    return plain(words.signal(name), _LONGEST)


def target_label(words: Catalogue, target: str) -> str:
    """Return what a class of tokens or a position is called; a layer keeps its name."""
    return plain(words.target(target), _LONGEST)


def kind_label(words: Catalogue, kind: str) -> str:
    """Return what a kind of finding is called: "spike", "worse than uniform"."""
    return words.get(f"term-{kind}") or plain(kind, _LONGEST).replace("-", " ")


def kind_name(words: Catalogue, kind: str) -> str:
    """Return a kind of finding by the name that it has in data, in another language than English in words before it."""
    name = plain(kind)
    return name if words.lang == "en" else words("signal_of", signal=kind_label(words, kind), part=name)


def axis_label(words: Catalogue, axis: str) -> str:
    """Return what the steps of a trace count."""
    return words.get(f"axis-{axis}") or plain(axis, _LONGEST)


def evidence_label(words: Catalogue, name: str) -> str:
    """Return what a piece of evidence is called: "loss at peak"."""
    return words.get(f"evidence-{name}") or plain(name, _LONGEST).replace("_", " ")


def term(words: Catalogue, name: str) -> str:
    """Return a name of the code (a kind, a cause, a status) in words; one without a term with spaces for its dashes."""
    return words.get(f"term-{name}") or name.replace("-", " ").replace("_", " ")


def cause_label(words: Catalogue, cause: str) -> str:
    """Return the name of a cause, with a term beside it where the page is in another language than the name."""
    name, known = plain(cause, _LONGEST), term(words, cause)
    same = words.lang == "en" or known == cause.replace("-", " ")
    return name if same else words("signal_of", signal=name, part=known)

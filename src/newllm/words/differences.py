"""What differs from a sound run, a line each, where a sentence lists several."""

from collections.abc import Iterator

from newllm.messages import Catalogue, Message


def differences_of(sentence: Message) -> list[Message]:
    """Return the differences that a sentence lists, each a message; of any other sentence none."""
    return [*_each(listed)] if isinstance(listed := sentence.parameters.get("differences"), Message) else []


def in_lines(words: Catalogue, sentence: Message) -> tuple[str, list[str]]:
    """Return a sentence that lists several differences as its beginning and a line for each; any other one alone."""
    listed = differences_of(sentence)
    lead = f"against-lead-{sentence.id.removeprefix('finding-').removesuffix('.sentence')}"
    if len(listed) < 2 or lead not in words:
        return words.text(sentence), []
    lines = [words.text(one) for one in listed]
    if more := sentence.parameters.get("more"):
        lines.append(words("against-further", count=more))
    known = {name: value for name, value in sentence.parameters.items() if name not in ("differences", "more")}
    return words(lead, **known), lines


def _each(listed: Message) -> Iterator[Message]:
    while listed.id == "against-and":
        yield listed.parameters["first"]
        listed = listed.parameters["rest"]
    yield listed

"""What differs from a sound run, a line each, where a sentence lists several."""

from collections.abc import Iterator

from newllm.messages import Catalogue, Message


def in_lines(words: Catalogue, sentence: Message) -> tuple[str, list[str]]:
    """Return a sentence that lists differences as its beginning and a line for each; any other one as it is, alone."""
    listed = sentence.parameters.get("differences")
    kind = sentence.id.removeprefix("finding-").removesuffix(".sentence")
    if not isinstance(listed, Message) or listed.id != "against-and" or f"against-lead-{kind}" not in words:
        return words.text(sentence), []
    lines = [words.text(one) for one in _each(listed)]
    if more := sentence.parameters.get("more"):
        lines.append(words("against-further", count=more))
    return words(
        f"against-lead-{kind}",
        **{name: value for name, value in sentence.parameters.items() if name not in ("differences", "more")},
    ), lines


def _each(listed: Message) -> Iterator[Message]:
    while listed.id == "against-and":
        yield listed.parameters["first"]
        listed = listed.parameters["rest"]
    yield listed

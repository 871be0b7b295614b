"""A message catalogue: the sentences of one language, by name, in Fluent's format (https://projectfluent.org).

A language is a folder of `.ftl` files beside this one: a further language is one more folder and no Python. A file is
cut into its messages when it is first asked for, and a message is parsed when it is first used, since Fluent's parser
takes half a millisecond for each.

Functions that a message may call, of a number: `G(x, digits: 4)` writes it in so many significant digits, as Python's
"g"; `FIXED(x, digits: 1)` with so many after the point, `SIGNED` so with its sign too; `E(x, digits: 1)` as 1.2e-05;
`EXACT(x)` with all its digits; `PERCENT(x)` a share in whole percent without its sign; `COUNT(x)` a whole number with
thousands apart; `AMOUNT(x, $signal, digits: 4)` what a signal of that name is, as `COUNT` does if it counts things and
as `G` does if not; `NUMBER` and plurals are Fluent's own. A word in the place of a number stays as it is.

Of a text: `SIGNAL(x)` writes what a signal is called; `NAMED(x, kind: "term")` what the message "term-x" calls it, and
x itself where there is none; `CAPITAL(x)` with a large first letter, `LOWER(x)` with a small one; `CLAUSE(x)` so too,
and without its full stop.

What stands in a message may be a message itself, or a list: "a, b and c", by the messages `list` and `list-last`.
"""

import functools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from newllm.errors import unknown_name

FOLDER = Path(__file__).parent
_EARLIER_ENGLISH = Path(__file__).with_name("earlier_english.ftl")
# A message, or a term, begins where a line begins with its name; comments and blank lines belong to nothing.
_BEGINS = re.compile(r"^(-?[a-zA-Z][\w-]*) *=", re.MULTILINE)
_PARAMETER = re.compile(r"\$([a-zA-Z][\w-]*)")
_REFERENCE = re.compile(r"\{\s*([a-zA-Z][\w-]*)(?:\.[\w-]+)?\s*\}")
_TIME = re.compile(r"^## .*\n", re.MULTILINE)  # of the earlier English
_COMMENT = re.compile(r"^#.*\n?", re.MULTILINE)
_LONGEST = 2400  # characters of a text that stands in a message: Fluent takes no more than 2,500


@runtime_checkable
class Sentence(Protocol):
    """What `text` puts into words: a `Message`."""

    @property
    def id(self) -> str:
        """Its name in the catalogues."""
        ...

    @property
    def parameters(self) -> dict[str, Any]:
        """What stands in it by name."""
        ...


class Catalogue:
    """The messages of one language.

    Args:
        lang: its code, as HTML's `lang` has it.
        folder: holds its `.ftl` files.
        instead: the text of further files, whose messages stand in the place of those of the same name; the last holds.
    """

    def __init__(self, lang: str, folder: Path, instead: str = "") -> None:
        self.lang = lang
        self._source: dict[str, str] = {}
        for file in sorted(folder.glob("*.ftl")):
            for name, text in _entries(file.read_text("utf-8")):
                if name in self._source:
                    raise ValueError(f"{file.name}: the message '{name}' is there twice")
                self._source[name] = text
        self._source |= dict(_entries(instead)) if instead else {}
        from fluent.runtime import FluentBundle  # not before a text is wanted: it takes a tenth of a second

        functions: dict[str, Any] = {**_FUNCTIONS, "NAMED": self._named, "SIGNAL": self.signal}
        self._bundle = FluentBundle([lang], functions=functions, use_isolating=False)
        for name in self._source:
            if name.startswith("-"):
                self._add(name)

    def __contains__(self, id: str) -> bool:
        return self._pattern(id) is not None

    def get(self, id: str) -> str | None:
        """Return a text without parameters, None where there is none of that name, which may come from a log."""
        return self(id) if id in self else None

    @property
    def names(self) -> list[str]:
        """The names of its messages, without their attributes."""
        return [name for name in self._source if not name.startswith("-")]

    def attributes(self, name: str) -> list[str]:
        """Return the names of a message's attributes."""
        return list(self._message(name).attributes)

    def __call__(self, id: str, /, **parameters: Any) -> str:
        """Return a text, plain: whoever puts it on a page escapes it.

        Args:
            id: "name", or "name.attribute"; a space stands for a dash.
            **parameters: what stands in it. Whole numbers are written as they are, without a mark between thousands.

        Raises:
            KeyError: there is no such message.
            ValueError: a parameter is missing, or not what the message expects.
        """
        pattern = self._pattern(id)
        if pattern is None:
            raise KeyError(f"'{id}' is not in the messages of '{self.lang}'")
        arguments = {key: self._argument(value) for key, value in parameters.items()}
        text, errors = self._bundle.format_pattern(pattern, arguments)
        if errors:
            raise ValueError(f"message '{id}' with {parameters}: {errors[0]!r}")
        return str(text)

    def template(self, id: str) -> str:
        """Return a text whose parameters stand in it as "{name}", for a script of a page to fill in."""
        names = _PARAMETER.findall(self._source[id.partition(".")[0]])
        return self(id, **{name: f"{{{name}}}" for name in names})

    def signal(self, name: str) -> str:
        """Return what a signal is called: "training loss"; one of a layer or class with that in brackets."""
        if known := self.get(f"signal-{name}"):
            return known
        statistic, slash, target = name.partition("/")
        known = self.get(f"signal-{statistic}") if slash else None
        return name if known is None else self("signal_of", signal=known, part=self.target(target))

    def target(self, name: str) -> str:
        """Return what a class of tokens or a position is called; a layer keeps its name."""
        if name.startswith("position-"):
            return self("position", number=name.removeprefix("position-"))
        return self.get(f"class-{name}") or name

    def about(self, *, text: bool) -> "Catalogue":
        """Return the words for a run that reads text, or for one that does not (images, tables, sounds)."""
        return self if text else _without_text(self)

    def text(self, message: Sentence) -> str:
        """Return a message in words."""
        return self(message.id, **message.parameters)

    def _argument(self, value: Any) -> Any:
        if isinstance(value, Sentence):
            return self.text(value)
        if not isinstance(value, list | tuple):
            return _argument(value)
        *before, last = [str(self._argument(one)) for one in value] or [""]
        return self("list").join(before) + self("list-last") + last if before else last

    def _named(self, value: Any, *, kind: str) -> str:
        return self.get(f"{kind}-{value}") or str(value)

    def _pattern(self, id: str) -> Any:
        name, dot, attribute = id.replace(" ", "-").partition(".")
        if name not in self._source:
            return None
        found = self._message(name)
        return found.attributes.get(attribute) if dot else found.value

    def _message(self, name: str) -> Any:
        if not self._bundle.has_message(name):
            self._add(name)
        return self._bundle.get_message(name)

    def _add(self, name: str) -> None:
        from fluent.runtime import FluentResource

        source = self._source[name]
        self._bundle.add_resource(FluentResource(source))
        for other in _REFERENCE.findall(source):  # a message that stands in this one
            if not self._bundle.has_message(other):
                self._add(other)


@functools.cache
def catalogue(lang: str) -> Catalogue:
    """Return the messages of a language.

    Raises:
        UserError: there is no such language.
    """
    if lang not in LANGUAGES:
        raise unknown_name("language", lang, LANGUAGES)
    return Catalogue(lang, FOLDER / lang)


@functools.cache
def earlier_english() -> tuple[Catalogue, ...]:
    """Return English as earlier newllms wrote it into files, the latest first; what has not changed is today's."""
    texts = _TIME.split(_EARLIER_ENGLISH.read_text("utf-8"))[1:]
    return tuple(Catalogue("en", FOLDER / "en", "".join(texts[: n + 1])) for n in range(len(texts)))


@functools.cache
def _without_text(words: Catalogue) -> Catalogue:
    """Return the same language with other sentences where its own speak of tokens, vocabularies and documents."""
    file = FOLDER / f"{words.lang}-without-text.ftl"
    return Catalogue(words.lang, FOLDER / words.lang, file.read_text("utf-8")) if file.is_file() else words


def _languages() -> tuple[str, ...]:
    found = sorted(path.name for path in FOLDER.iterdir() if any(path.glob("*.ftl")))
    return ("en", *(lang for lang in found if lang != "en"))


LANGUAGES = _languages()


def _entries(text: str) -> Iterator[tuple[str, str]]:
    """Return the messages of a file with their text, as they stand there."""
    text = _COMMENT.sub("", text.replace("\r\n", "\n"))
    begins = list(_BEGINS.finditer(text))
    for begin, following in zip(begins, [*begins[1:], None], strict=True):
        yield begin[1], text[begin.start() : following.start() if following else None]


def _argument(value: Any) -> Any:
    """Return a parameter as Fluent takes it: a bool as "yes" or "no", whole numbers with no mark between thousands."""
    from fluent.runtime.types import fluent_number

    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None:
        return "none"
    if isinstance(value, int):
        return fluent_number(value, useGrouping=False)
    if isinstance(value, float):
        return fluent_number(value)
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]}...{text[-_LONGEST // 2 :]}"


def _written(value: Any, form: str) -> str:
    return value if isinstance(value, str) else format(float(value), form)


_COUNTS = frozenset({
    "choices", "count", "loss_targets", "row_numbers", "rows", "rows_distinct", "target_classes", "target_classes_seen",
    "targets", "targets_again", "tensors_with_gradient", "texts", "tokens", "tokens_read", "tokens_unread",
    "validation_choices", "validation_classes", "validation_correct", "validation_count", "validation_rows",
})  # fmt: skip
"""Signals that count things: three digits of a thousand of them are no number of things."""
_THOUSAND = 1000
_FUNCTIONS: dict[str, Any] = {
    "G": lambda value, *, digits=4: _written(value, f".{int(digits)}g"),
    "FIXED": lambda value, *, digits=0: _written(value, f".{int(digits)}f"),
    "EXACT": lambda value: value if isinstance(value, str) else repr(float(value)),
    "PERCENT": lambda value, *, digits=0: _written(
        value if isinstance(value, str) else 100 * value, f".{int(digits)}f"
    ),
    "E": lambda value, *, digits=1: _written(value, f".{int(digits)}e"),
    "SIGNED": lambda value, *, digits=0: _written(value, f"+.{int(digits)}f"),
    "COUNT": lambda value: (
        value if isinstance(value, str) else f"{value:,}" if isinstance(value, int) else f"{value:,.0f}"
    ),
    "AMOUNT": lambda value, signal, *, digits=4: (
        f"{value:,.0f}"
        if not isinstance(value, str) and str(signal) in _COUNTS and abs(value) >= _THOUSAND
        else _written(value, f".{int(digits)}g")
    ),
    "CAPITAL": lambda text: text[:1].upper() + text[1:],
    "LOWER": lambda text: text[:1].lower() + text[1:],
    "CLAUSE": lambda text: (text[:1].lower() + text[1:]).rstrip("."),
}

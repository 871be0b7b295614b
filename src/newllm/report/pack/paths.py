"""Paths of a machine, taken out of what others get to read: of each its last part stays.

A path tells who a person is, for whom they work and how their machine is laid out. What is a path is known in two ways:
by the configuration, which names the texts, and by its form, from the root, the home directory or a drive.
"""

import contextlib
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from newllm.checksum import KEY, opened, sealed
from newllm.files import parse_toml, to_json

_NAMED = re.compile(r"\w{2,}:")  # "hf:NAME", "bundled:NAME": no path of this machine
_SEPARATOR = re.compile(r"[/\\]+")
# Not within a word, a relative path or an address: "bits/byte", "runs/a", "https://host/place".
_WITHIN = re.compile(r"(?<![\w.~:/\\-])(?:file://)?(?:~|[A-Za-z]:)?(?:[/\\][\w.@+~%=-]+){2,}[/\\]?")
_WHOLE = re.compile(r"(?:file://)?(?:~|[A-Za-z]:)?[/\\][^\s/\\][^\n]*[/\\][^\n]*")
_LITERAL = re.compile(r'"(?:[^"\\\n]|\\.)*"' + r"|'[^'\n]*'|#[^\n]*")  # or a comment
_STRANGE = (ValueError, TypeError, AttributeError, RecursionError)


class Paths:
    """Takes paths out.

    Args:
        known: paths as a run writes them, of its texts; a name that is no path stays.
    """

    def __init__(self, known: Iterable[str] = ()) -> None:
        paths = {name for name in known if _SEPARATOR.search(name) and not _NAMED.match(name)}
        self._known = sorted(paths, key=len, reverse=True)

    def text(self, text: str) -> str:
        """Return a text with the last part of each path."""
        for path in self._known:
            text = text.replace(path, last_part(path))
        if _WHOLE.fullmatch(text):
            return last_part(text)
        return _WITHIN.sub(lambda match: last_part(match[0]), text)

    def data(self, value: Any) -> Any:
        """Return plain data with the last part of each path in its texts."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {key: self.data(item) for key, item in value.items()}
        return [self.data(item) for item in value] if isinstance(value, list) else value

    def json(self, content: str) -> str:
        """Return a JSON file's text without paths, with its checksum where it has one; a damaged one stays damaged."""
        try:
            before = opened(content)
            after = self.data(before)
        except (ValueError, RecursionError):
            return self.text(content)
        if after == before:
            return content
        return sealed(after, indent=2).decode() if KEY in json.loads(content) else to_json(after, indent=2) + "\n"

    def toml(self, content: str) -> str:
        """Return a TOML file's text without paths: what else stands in it stays as it is."""
        return _LITERAL.sub(self._literal, content)

    def _literal(self, match: re.Match[str]) -> str:
        written = match[0]
        if written.startswith("#"):
            return self.text(written)
        try:
            text = json.loads(written) if written.startswith('"') else written[1:-1]
        except ValueError:  # an escape that TOML has and JSON has not
            return self.text(written)
        after = self.text(text)
        return written if after == text else json.dumps(after, ensure_ascii=False)


def last_part(path: str) -> str:
    """Return the last part of a path of any system."""
    parts = [part for part in _SEPARATOR.split(path) if part]
    return parts[-1] if parts else path


def texts_of(config: str, data: str) -> list[str]:
    """Return the texts that a run names in config.toml and data.json, as they are written there."""
    names: list[Any] = [str(Path.home())]
    # Of a damaged file nothing is known: the form of a path tells it all the same.
    with contextlib.suppress(*_STRANGE):
        section = parse_toml(config).get("data", {})
        names += [name for key in ("texts", "validation") for name in section.get(key, [])]
    with contextlib.suppress(*_STRANGE):
        names += [source.get("name") for source in opened(data).get("sources", [])]
    return [name for name in names if isinstance(name, str)]

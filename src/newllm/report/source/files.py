"""The files of one run, read so that no bad one stops the others: bounded, never through a link, each problem told."""

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from newllm.checksum import opened
from newllm.files import parse_toml
from newllm.reruns.result import RERUN, Rerun
from newllm.trace.check import CHECK, LARGEST_CHECK, KeptCheck, read_check
from newllm.trace.remark import Remark, left_out
from newllm.words.plain import plain

LARGEST = 64 * 2**20  # bytes of a file
_KNOWN_SCHEMA = 1
_MOST_PROBLEMS = 40


class RunFiles:
    """Reads files of one directory.

    Args:
        run: the directory.

    Attributes:
        problems: a remark on each file that could not be read, or only in part.
    """

    def __init__(self, run: Path) -> None:
        self.run = run
        self.problems: list[Remark] = []

    def say(self, id: str, /, **parameters: Any) -> None:
        """Add a problem; past a bound they are not listed any more."""
        problem = left_out(id, **parameters)
        if len(self.problems) < _MOST_PROBLEMS and problem not in self.problems:
            self.problems.append(problem)

    def sound(self, name: str, largest: int = LARGEST) -> bool:
        """Whether there is such a file, a plain one and not too large. If it is there and is not, a problem says so."""
        try:
            about = os.lstat(self.run / name)
        except FileNotFoundError:
            return False
        except (OSError, ValueError) as error:
            self.say("problem-unread", file=plain(name), reason=reason(error))
            return False
        if stat.S_ISLNK(about.st_mode):
            self.say("problem-link", file=plain(name))
        elif not stat.S_ISREG(about.st_mode):
            self.say("problem-no-file", file=plain(name))
        elif about.st_size > largest:
            self.say("problem-large-file", file=plain(name), mebibytes=largest >> 20)
        else:
            return True
        return False

    def text(self, name: str, largest: int = LARGEST) -> str:
        """Return the text of a file, empty where there is none; what is no UTF-8 in it is replaced."""
        if not self.sound(name, largest):
            return ""
        try:
            content = (self.run / name).read_bytes()
        except OSError as error:
            self.say("problem-unread", file=plain(name), reason=reason(error))
            return ""
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError:
            self.say("problem-no-text", file=plain(name))
            return content.decode(errors="replace")

    def table(self, name: str, largest: int = LARGEST) -> Mapping[str, Any]:
        """Return the content of a JSON or TOML file, empty where there is none that can be understood."""
        text = self.text(name, largest)
        if not text and not self._is_empty_file(name):
            return {}
        return self.understood(name, text)

    def understood(self, name: str, text: str) -> Mapping[str, Any]:
        """Return what the text of a JSON or TOML file says, empty where it cannot be understood."""
        try:
            content = parse_toml(text) if name.endswith(".toml") else opened(text)
        except (ValueError, RecursionError) as error:
            self.say("problem-damaged", file=plain(name), reason=reason(error))
            return {}
        schema = content.get("schema", _KNOWN_SCHEMA)
        if schema != _KNOWN_SCHEMA:
            self.say("problem-newer-schema", file=plain(name), schema=plain(schema, 40), known=_KNOWN_SCHEMA)
        return content

    def check(self) -> KeptCheck | None:
        """Return the check before the training, None where none was kept or the file says nothing of the kind."""
        content = self.table(CHECK, LARGEST_CHECK)
        try:
            return read_check(content) if content else None
        except ValueError as error:
            self.say("problem-damaged", file=CHECK, reason=reason(error))
            return None

    def rerun(self) -> Rerun | None:
        """Return what came of running the recording's program again, None where nobody has, or it is damaged."""
        content = self.table(RERUN)
        try:
            return Rerun.from_dict(content) if content else None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            self.say("problem-damaged", file=RERUN, reason=reason(error))
            return None

    def names(self, folder: str, most: int) -> list[str]:
        """Return the names in a folder of the run, sorted, at most so many; a link to a folder is none."""
        place = self.run / folder
        if place.is_symlink():
            self.say("problem-link", file=plain(folder))
            return []
        try:
            found = sorted(entry.name for entry in os.scandir(place))
        except FileNotFoundError:
            return []
        except OSError as error:
            self.say("problem-unread", file=plain(folder), reason=reason(error))
            return []
        return found[:most]

    def _is_empty_file(self, name: str) -> bool:
        place = self.run / name
        return place.is_file() and not place.is_symlink() and place.stat().st_size == 0


def reason(error: Exception) -> str:
    """Return why something could not be read, in a few words without the place."""
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, RecursionError):
        return "nested too deep"
    return plain((str(error).splitlines() or [type(error).__name__])[0], 120)

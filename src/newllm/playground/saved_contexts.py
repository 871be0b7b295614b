"""The contexts that a page saved: RUN/contexts/NAME.context, by name."""

import re
from pathlib import Path
from typing import Any

from newllm.errors import UserError
from newllm.files import make_directory
from newllm.generation import Memory, load_context, save_context
from newllm.model.language_model import LanguageModel

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_ENDING = ".context"


def check_name(name: Any, kind: str) -> str:
    """Return a name that may stand in a path.

    Raises:
        UserError: it has anything but A-Z, a-z, 0-9, - and _, or too many of them.
    """
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        shown = repr(name)[:80]
        raise UserError(f"{kind} {shown}: a name has 1 to 64 of A-Z, a-z, 0-9, - and _")
    return name


class SavedContexts:
    """The directory of a run's saved contexts.

    Args:
        run: the run directory.
    """

    def __init__(self, run: Path) -> None:
        self._directory = run / "contexts"

    def names(self) -> list[dict[str, Any]]:
        """Return `name`, `bytes` and `saved` (seconds since 1970) of each, the newest first."""
        found = []
        for path in self._directory.glob(f"*{_ENDING}"):
            try:
                status = path.stat()
            except OSError:  # taken away just now, or a link that leads nowhere
                continue
            if _NAME.fullmatch(path.stem) and path.is_file():
                found.append({"name": path.stem, "bytes": status.st_size, "saved": status.st_mtime})
        return sorted(found, key=lambda entry: (-entry["saved"], entry["name"]))

    def save(self, name: str, memory: Memory, mark: str, *, replace: bool) -> None:
        """Write a memory under a name.

        Raises:
            UserError: the name is none or taken, or the place cannot be written.
        """
        path = self._path(name)
        if path.exists() and not replace:
            raise UserError(f"there is a context '{name}' already: choose another name, or replace it")
        make_directory(self._directory)
        save_context(path, memory, mark)

    def load(self, name: str, model: LanguageModel, mark: str) -> Memory:
        """Read the memory of a name.

        Raises:
            UserError: there is none, or it is damaged or another model's.
        """
        path = self._path(name)
        if not path.is_file():
            known = ", ".join(entry["name"] for entry in self.names()[:8]) or "none is saved yet"
            raise UserError(f"there is no context '{name}'; known: {known}")
        return load_context(path, model, mark)

    def _path(self, name: str) -> Path:
        return self._directory / f"{check_name(name, 'context')}{_ENDING}"

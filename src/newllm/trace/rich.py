"""What an object shows of itself in a notebook, where a cell ends with it.

Data stand below what draws them: a package above says what does (`drawn_by`), or a class there says it itself (`show`).
"""

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, Self

from newllm.errors import UserError


class Rich:
    """An object that a notebook shows as a page; everywhere else it is told by its `repr`."""

    _draw: Callable[[Any, str], "Shown"] | None = None

    @classmethod
    def drawn_by(cls, draw: Callable[[Self, str], "Shown"]) -> None:
        """Say what draws objects of this class: it is given one, and the code of a language."""
        cls._draw = staticmethod(draw)

    def show(self, lang: str = "en") -> "Shown":
        """Return what a notebook shows of it.

        Args:
            lang: the language, "en" or "ja".

        Raises:
            UserError: there is no such language, or what it stands for cannot be read any more.
        """
        if self._draw is None:
            raise UserError(f"nothing draws a {type(self).__name__} here: import newllm.api, which says what does")
        return self._draw(self, lang)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        """Return both at once: what has to be read of a run is read once. A notebook picks what it can show."""
        del include, exclude
        try:
            shown = self.show()
        except UserError:
            return {}
        return {"text/plain": shown.text, "text/html": shown.html}

    def _repr_html_(self) -> str | None:
        try:
            return self.show().html
        except UserError:  # its run has gone: the text is shown then
            return None


class Shown(Rich):
    """What is shown, in a language that was chosen: it shows itself."""

    @property
    @abstractmethod
    def text(self) -> str:
        """Lines for a terminal."""

    @property
    @abstractmethod
    def html(self) -> str:
        """The same as a page within the notebook's."""

    def show(self, lang: str = "en") -> "Shown":
        """Return itself."""
        del lang
        return self

    def __repr__(self) -> str:
        """Return the text: what a terminal shows."""
        return self.text

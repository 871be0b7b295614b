r"""Text from someone else's file, made harmless before it reaches a terminal or a page.

A terminal obeys control characters: an escape sequence in a signal's name could move the cursor, set the
window's title or hide what follows. What cannot be printed is therefore shown as an escape (`\x1b`, `\u202e`).
"""

import unicodedata

LONGEST = 400


def plain(text: object, longest: int = LONGEST) -> str:
    """Return text in one line without a control character, a direction mark or a lone surrogate.

    Args:
        text: anything; its `str` is taken.
        longest: in characters; of a longer text the middle is left out.
    """
    shown = "".join(map(_harmless, _shortened(str(text), longest)))
    return _shortened(shown, longest)


def plain_lines(text: str) -> str:
    """Return text with its line ends, tabs and wide blanks, and nothing else that a terminal would obey.

    Character by character, so that text may come in pieces. For what a model wrote.
    """
    return "".join(one if one in "\n\t" or unicodedata.category(one) == "Zs" else _harmless(one) for one in text)


def _harmless(character: str) -> str:
    if character.isprintable():
        return character
    if character in "\t\n\r" or unicodedata.category(character) in ("Zs", "Zl", "Zp"):
        return " "
    return character.encode("unicode_escape").decode()


def _shortened(text: str, longest: int) -> str:
    if len(text) <= longest:
        return text
    half = (longest - 3) // 2
    return f"{text[:half]}...{text[len(text) - half :]}"

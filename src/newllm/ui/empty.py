"""What a page says that has nothing to show yet: what to do, with the command to copy, and that there is a demo."""

import shlex
from pathlib import Path

from newllm.report.markup import safe
from newllm.ui.texts import Texts
from newllm.words.plain import plain

SCRIPTS = ("report.js", "copy_commands.js")
"""Of a page that holds it."""


def empty(texts: Texts, key: str, command: str) -> str:
    """Return it as HTML.

    Args:
        texts: of the page's language.
        key: of the heading; `key_how` says what the command does.
        command: that fills the page.
    """
    return (
        f'<div class="empty"><h2>{safe(texts(key))}</h2><p>{safe(texts(f"{key}_how"))}</p>'
        f"<pre><code>{safe(command)}</code></pre>"
        f"<p>{safe(texts('see_demo'))}</p><pre><code>newllm ui --demo</code></pre></div>"
    )


def train_into(root: Path) -> str:
    """Return the command that trains a run below a directory."""
    return plain(f"newllm train --seconds 120 --out {shlex.quote(str(root / 'my-run'))}")


def study_into(root: Path) -> str:
    """Return the command that runs a study below a directory."""
    return plain(f"newllm study founding --quick --out {shlex.quote(str(root / 'founding-quick'))}")

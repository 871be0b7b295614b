"""The scripts and the stylesheet of a report and of the local page, and the policy that lets a page run just these.

A report carries them inline, named by their hashes; the local page serves them as files. Nothing comes from anywhere
else: whatever a log smuggles into a page is neither run nor obeyed.
"""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.resources import files

from newllm.messages import Catalogue
from newllm.report.colours import PAGE_TOKENS

SCRIPTS = (
    "uplot.js", "newllm.js", "numbers.js", "unpack.js", "colours.js", "columns.js", "buckets.js", "view.js",
    "stage.js", "gestures.js", "keys.js", "marks.js", "legend.js", "running_median.js", "curve_smoothing.js",
    "curve_options.js", "curve_extras.js", "curve_reading.js", "finer.js", "charts.js", "ramp.js", "grid.js",
    "heat_drawing.js", "heat.js", "spark.js", "copy.js", "samples.js", "sections.js", "fold.js", "hydrate.js",
)  # fmt: skip
"""In the order they run in."""

_OWN = "browser-"
_COMMENT = re.compile(r"/\*.*?\*/\n*", re.DOTALL)
_SCRIPT_COMMENT = re.compile(r"^[ ]*(?://[^\n]*|/\*\*.*?\*/)\n", re.DOTALL | re.MULTILINE)  # one with lines of its own

FRAME_SCRIPT, FRAME_STYLE, NOTEBOOK_SCRIPT = "frame.js", "frame.css", "notebook.js"
"""What a page in a frame of a notebook has beside them, and what runs in the notebook around it."""

STYLES = ("uplot.css", "page.css", "report.css", "several.css")


@cache
def file(name: str) -> str:
    """Return one of the files by its name; the colours stand at the top of page.css.

    Args:
        name: one of `SCRIPTS` or `STYLES`, or one of a notebook's.

    Raises:
        KeyError: no such file.
    """
    if name not in (*SCRIPTS, *STYLES, FRAME_SCRIPT, FRAME_STYLE, NOTEBOOK_SCRIPT):
        raise KeyError(name)
    text = files("newllm.report").joinpath("web", name).read_text(encoding="utf-8")
    # Comments are for who changes a file: every page would carry them. uPlot's one is its licence.
    if name in STYLES:
        text = _COMMENT.sub("", text)
    elif name != "uplot.js":
        text = _SCRIPT_COMMENT.sub("", text)
    return PAGE_TOKENS + text if name == "page.css" else text


def script() -> str:
    """Return all scripts as one, fit for a `<script>` element."""
    return "".join(f"{file(name)}\n" for name in SCRIPTS)


def style() -> str:
    """Return the whole stylesheet, fit for a `<style>` element."""
    return "".join(f"{file(name)}\n" for name in STYLES)


def words_block(words: Catalogue) -> str:
    """Return a data block with the words that the scripts show by themselves; it stands before them."""
    own = {name.removeprefix(_OWN): words.template(name) for name in words.names if name.startswith(_OWN)}
    text = json.dumps(own, ensure_ascii=False).replace("<", "\\u003c")
    return f'<script type="application/json" id="words">{text}</script>'


def policy(scripts: Sequence[str], styles: Sequence[str]) -> str:
    """Return the Content-Security-Policy of a page that runs these inline scripts and obeys these styles, no others.

    Args:
        scripts: content of each `<script>` element to be run; data blocks (`application/json`) need no entry.
        styles: content of each `<style>` element.
    """
    return (
        f"default-src 'none'; script-src {hashes(scripts)}; style-src {hashes(styles)}; "
        "base-uri 'none'; form-action 'none'"
    )


def hashes(texts: Sequence[str]) -> str:
    """Return what a Content-Security-Policy calls these elements by, `'none'` where there is none."""
    digests = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts)
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"

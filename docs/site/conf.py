"""Sphinx' settings for the site that make_site.py makes; the language comes from its command line."""

import sys
from pathlib import Path

from sphinx.search import languages

from newllm.version import VERSION

sys.path.append(str(Path(__file__).parent))

from japanese_search import PairsOfLetters

project, release, version = "newllm", VERSION, VERSION
author = "The founders of newllm"
copyright = ""  # noqa: A001 (Sphinx' name)
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
myst_heading_anchors = 4
myst_enable_extensions = ["deflist"]
suppress_warnings = ["myst.header"]  # pages begin their list of links at any level
nitpicky = False

smartquotes = False  # `--kind` in a sentence must stay what is typed
html_theme = "furo"
html_title = "newllm"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sphinx = html_show_copyright = False
html_copy_source = False
html_theme_options = {"navigation_with_keys": True}
templates_path = ["_templates"]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
highlight_language = "none"  # blocks that name none are commands and what they print
napoleon_use_ivar = True
pygments_style, pygments_dark_style = "friendly", "monokai"
html_sidebars = {
    "**": [
        "sidebar/brand.html",
        "sidebar/search.html",
        "sidebar/language.html",
        "sidebar/scroll-start.html",
        "sidebar/navigation.html",
        "sidebar/scroll-end.html",
    ]
}

default_role = "code"  # docstrings are Markdown's: `x` is code, and what is indented below a paragraph is too


def _as_code(_app, _what, _name, _object, _options, lines):
    """Turn paragraphs that a docstring indents, before its sections, into blocks of code."""
    ends = next(
        (at for at, line in enumerate(lines) if line.startswith(("Args:", "Attributes:", "Returns:", "Raises:", ":"))),
        len(lines),
    )
    for at in range(ends - 1, 0, -1):
        if lines[at].startswith("    ") and not lines[at - 1].strip():
            lines[at:at] = ["::", ""]


def setup(app):
    """Add what is ours; the hook runs before napoleon's."""
    languages["ja"] = PairsOfLetters
    app.connect("autodoc-process-docstring", _as_code, priority=400)

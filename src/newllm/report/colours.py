"""Colours of every page by what they stand for, light and dark; the hues are those of the figures (`plotting.colours`).

Each keeps the contrast that WCAG asks for on paper and card: 4.5 for text, 3 for lines and signs.
"""

from newllm.plotting import colours

LIGHT = f"""\
  --paper: {colours.PAPER}; --card: #f8f9fa; --ink: {colours.INK}; --muted: #59616d; --line: #d9dde2;
  --grid: {colours.GRID}; --training: {colours.TRAINING}; --validation: #b87400; --context: {colours.CONTEXT};
  --learning-rate: #b0588a; --fault: #b94a00; --warning: #946000; --note: #2a75a8; --good: #00785a;"""

DARK = f"""\
    --paper: #14171a; --card: #1c2024; --ink: #e6e8eb; --muted: #9aa3ad; --line: #343a41; --grid: #272c31;
    --training: {colours.SKY}; --validation: {colours.VALIDATION}; --context: #2bc198;
    --learning-rate: {colours.LEARNING_RATE}; --fault: #ff8a4c; --warning: {colours.VALIDATION};
    --note: {colours.SKY}; --good: #2bc198;"""

TOKENS = f"""
:root {{
  color-scheme: light dark;
{LIGHT}
}}
@media (prefers-color-scheme: dark) {{
  :root {{
{DARK}
  }}
}}
"""
"""For a page without a script."""

MORE_LIGHT = """\
  --dark: 0; --sky: #2b8fd0; --spike: #d55e00; --focus: #0b62c4; --hollow: #eceef1; --edge: #87909b;
  --link: #0b5cad; --action: #0b5cad; --on-action: #ffffff; --note-ink: #1f6ea3; --planned: #59616d;"""
MORE_DARK = """\
  --dark: 1; --sky: #8f9dff; --spike: #ff8a4c; --focus: #8ec7ff; --hollow: #262c32; --edge: #6b747e;
  --link: #8ec7ff; --action: #8ec7ff; --on-action: #10161c; --note-ink: #56b4e9; --planned: #9aa3ad;"""

PAGE_TOKENS = f"""{TOKENS}:root {{
{MORE_LIGHT}
}}
@media (prefers-color-scheme: dark) {{
  :root {{
{MORE_DARK}
  }}
}}
:root.on-paper {{
  color-scheme: light;
{LIGHT}
{MORE_LIGHT}
}}
@media print {{
  :root {{
  color-scheme: light;
{LIGHT}
{MORE_LIGHT}
  }}
}}
"""
"""For a page with charts; on paper it is light, also while a script prepares for printing (`on-paper`)."""

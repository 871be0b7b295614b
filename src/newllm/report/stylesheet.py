"""The stylesheet of a page without a script, light and dark, and the policy that lets a page load nothing else.

The policy names the stylesheet by its hash: not even a style that a log smuggled in would be obeyed.
"""

import base64
import hashlib

from newllm.report.colours import TOKENS

STYLE = f"""{TOKENS}\
* {{ box-sizing: border-box; }}
body {{
  margin: 0 auto; padding: 2.5rem 1.25rem 4rem; max-width: 58rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif;
}}
h1 {{ margin: 0; font-size: 1.5rem; line-height: 1.3; overflow-wrap: anywhere; }}
h2 {{ margin: 0; font-size: 1.1rem; line-height: 1.35; }}
p {{ margin: .4rem 0; overflow-wrap: anywhere; }}
.muted, .where {{ color: var(--muted); }}
.verdict {{ margin: 1.4rem 0; font-size: 1.2rem; font-weight: 600; }}
.verdict.fault, .severity.fault {{ color: var(--fault); }}
.verdict.warning, .severity.warning {{ color: var(--warning); }}
.severity.note {{ color: var(--note); }}
.verdict.good {{ color: var(--good); }}
article {{
  margin: 1.2rem 0; padding: 1.1rem 1.3rem; background: var(--card); border: 1px solid var(--line);
  border-left: 4px solid var(--note); border-radius: 6px; break-inside: avoid;
}}
article.fault {{ border-left-color: var(--fault); }}
article.warning {{ border-left-color: var(--warning); }}
.severity {{ font-weight: 600; }}
.where {{ font-size: .95rem; font-weight: 400; }}
figure {{ margin: .9rem 0; }}
figcaption {{ font-size: .88rem; color: var(--muted); overflow-wrap: anywhere; }}
svg {{ display: block; width: 100%; height: auto; overflow: visible; }}
svg text {{ font-size: 12px; fill: var(--muted); }}
.curve {{ fill: none; stroke-width: 1.8; stroke-linejoin: round; }}
.curve.training {{ stroke: var(--training); }} circle.training {{ fill: var(--training); }}
.curve.behind {{ stroke: var(--muted); opacity: 0.6; }}
.curve.validation {{ stroke: var(--validation); }} circle.validation {{ fill: var(--validation); }}
.curve.context {{ stroke: var(--context); }} circle.context {{ fill: var(--context); }}
.curve.learning-rate {{ stroke: var(--learning-rate); }} circle.learning-rate {{ fill: var(--learning-rate); }}
.region {{ fill: var(--fault); opacity: .17; }}
.gap {{ fill: var(--muted); opacity: .3; }}
.axis {{ stroke: var(--muted); fill: none; }}
.grid {{ stroke: var(--grid); fill: none; }}
dl {{
  display: grid; grid-template-columns: repeat(auto-fill, minmax(11rem, 1fr)); gap: .5rem 1.2rem; margin: .9rem 0;
}}
dt {{ font-size: .85rem; color: var(--muted); overflow-wrap: anywhere; }}
dd {{ margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }}
h3 {{ margin: .8rem 0 0; font-size: .95rem; }}
ul {{ margin: .2rem 0; padding-left: 1.2rem; }}
li {{ margin: .25rem 0; overflow-wrap: anywhere; }}
summary {{ cursor: pointer; color: var(--muted); }}
@media (max-width: 40rem) {{ svg text {{ font-size: 20px; }} article {{ padding: .9rem; }} }}
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; style-src 'sha256-{_HASH}'; base-uri 'none'; form-action 'none'"

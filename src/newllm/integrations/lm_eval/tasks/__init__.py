"""Tasks of lm-evaluation-harness that need no network: a YAML file each, and their data beside them."""

from pathlib import Path

FOLDER = Path(__file__).parent

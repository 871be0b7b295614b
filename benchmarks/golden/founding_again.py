"""Writes the founding study's tables and pages again from DIR/results.json.

python founding_again.py DIR
"""

import sys
from pathlib import Path

from newllm.study import load_results, load_study
from newllm.study.run import write_results

folder = Path(sys.argv[1])
write_results(load_study("founding"), folder, load_results(folder / "results.json"))

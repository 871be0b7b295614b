"""Makes the scripts of benchmarks/ importable, behind everything else."""

import sys
from pathlib import Path

_BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
for _folder in (
    "shared",
    "mutations",
    "training_time",
    "training_speed",
    "result_pages",
    "serving",
    "silent",
    "included_models",
):
    sys.path.append(str(_BENCHMARKS / _folder))

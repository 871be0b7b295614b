"""Makes the scripts of benchmarks/ importable, behind everything else."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[3] / "benchmarks"))

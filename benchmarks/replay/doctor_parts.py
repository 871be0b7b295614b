"""What is taken from benchmarks/doctor: its four tasks and its small models, the same ones."""

import sys
from pathlib import Path

# Behind this directory: both have a run.py.
sys.path.append(str(Path(__file__).resolve().parent.parent / "doctor"))

from datasets import CLASSES, Dataset, dataset
from models import build_model, logits

__all__ = ["CLASSES", "Dataset", "build_model", "dataset", "logits"]

"""The folder of a set: third, fourth, fifth or sixth. Its runs and programs are found from there."""

import argparse
import importlib
import sys
from pathlib import Path

STRANGERS = Path(__file__).parents[1]
SOURCE = STRANGERS.parents[1] / "src"
SETS = ("third", "fourth", "fifth", "sixth")


def add_set(parser: argparse.ArgumentParser, sets=SETS):
    """Add the name of the set, the first argument."""
    parser.add_argument("set", choices=sets)


def runs_of(name):
    """Return the runs of a set; from then on its programs are found too."""
    folder = STRANGERS / name
    sys.path[:0] = [str(folder), str(folder / "programs"), str(SOURCE)]
    return importlib.import_module("runs").RUNS

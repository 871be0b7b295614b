"""The option that says where runs and replays are computed."""

import argparse


def add_engine(parser: argparse.ArgumentParser) -> None:
    """Declare --engine."""
    parser.add_argument(
        "--engine", default="local", metavar="E", help="where they run: local (processes of this machine), ray or slurm"
    )

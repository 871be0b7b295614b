"""Look for mistakes in a training before it runs: one batch, some seconds, everything put back as it was.

TARGET is a Python file and the name of a function in it that returns model, optimizer, loss(model, batch) and a batch;
or a dictionary of these and of what else newllm.check takes (loader, step and others); or a newllm.Loop, a Trainer of
transformers or a LightningModule. The file is run. Exit code: 0 nothing is wrong, 1 something is.

  newllm check train.py:parts
  newllm check train.py:parts --seconds 60
  newllm check train.py:parts --out runs/mine
  newllm check train.py:trainer --lang ja
"""

import argparse
import contextlib
import json
import sys
from pathlib import Path
from typing import Any

from newllm.cli.parser import language_of
from newllm.errors import UserError

_PARTS = ("model", "optimizer", "loss", "batch", "loader", "tokenizer", "step", "evaluate", "scheduler", "steps")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("target", metavar="FILE.py:FUNCTION", help="what gives model, optimizer, loss and batch")
    parser.add_argument("--seconds", type=float, default=10.0, metavar="S", help="that it may take (default: 10)")
    parser.add_argument("--out", type=Path, metavar="RUN", help="run directory that is to show what was found")


def run(arguments: argparse.Namespace) -> int:
    """Check, and show what was found."""
    path, colon, name = arguments.target.rpartition(":")
    if not colon or not path or not name:
        raise UserError(f"'{arguments.target}' names no function: write it as train.py:parts")

    words = language_of(arguments)
    from newllm.checks import check
    from newllm.checks.keeping import not_kept
    from newllm.checks.sources import objects

    out = arguments.out
    if out is not None and (why := not_kept(out)):
        print(f"newllm: {words('remark_line-note', remark=words.text(why))}", file=sys.stderr)
        out = None
    sys.path.insert(0, str(Path(path).resolve().parent))  # as python does: a script imports its neighbours
    # What the file prints is no part of the object that --json promises.
    with contextlib.redirect_stdout(sys.stderr) if arguments.json else contextlib.nullcontext():
        report = check(**_parts(objects(path, name), arguments.target), seconds=arguments.seconds, out=out)
    if arguments.json:
        print(json.dumps(report.as_dict(), allow_nan=False))
    else:
        from newllm.cli.check_page import check_page
        from newllm.cli.paper import PageConsole

        console = PageConsole(sys.stdout, words)
        console.show(check_page(report, console.paper, brief=arguments.quiet))
    return 1 if report.wrong else 0


def _parts(given: Any, target: str) -> dict[str, Any]:
    """Return what is handed to the check, by name: four parts, more of them, or one thing that holds them."""
    if isinstance(given, dict):
        if unknown := [name for name in given if name not in _PARTS]:
            raise UserError(f"'{target}' gives '{unknown[0]}': the check takes {', '.join(_PARTS)}")
        return {"model": None, **given}  # the check says what is missing
    if not isinstance(given, tuple | list):
        return {"model": given}
    if len(given) != 4:
        raise UserError(f"'{target}' gives {len(given)} things: return {', '.join(_PARTS[:4])}")
    return dict(zip(_PARTS, given, strict=False))

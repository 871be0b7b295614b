"""Measure a trained model on texts: nats per token, perplexity, bits per byte.

Each document is read in fp32 from its first token to its last, with the context carried through. The first token
is predicted too, from the begin token; the end of a document is not counted (in a run on sentences every line is a
document, and its end is counted).

  newllm eval runs/moby-dick held-out.txt
"""

import argparse
import sys
import time

from newllm.cli.parser import language_of, run_named
from newllm.cli.time_left import TimeLeft, duration
from newllm.files import to_json
from newllm.messages import Catalogue

PLAIN_SECONDS = 10.0  # between two lines of how far it is


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_directory", type=run_named, metavar="RUN", help="a run directory that newllm train made")
    parser.add_argument("texts", nargs="+", metavar="TEXT", help="files, directories, globs or -")
    parser.add_argument("--snapshot", default="best", metavar="best|last|STEP", help="which weights (default best)")
    parser.add_argument("--device", default="auto", metavar="D", help="auto (default), cpu, cuda, mps")
    parser.add_argument("--errors", metavar="HOW", help="invalid UTF-8: strict or replace (default: as in training)")
    parser.add_argument(
        "--field", metavar="NAME", help="name of the text field in JSON lines (default: as in training)"
    )


def run(arguments: argparse.Namespace) -> int:
    """Evaluate and print the numbers."""
    from newllm import api

    words = language_of(arguments)
    loaded = api.load(arguments.run_directory, arguments.snapshot, arguments.device)
    progress = _Progress(words, quiet=arguments.quiet)
    result = loaded.evaluate(*arguments.texts, errors=arguments.errors, field=arguments.field, progress=progress)
    numbers = {
        "schema": 1,
        "tokens": result.tokens,
        "bytes": result.bytes,
        "nats": result.nats,
        "nats_per_token": result.loss,
        "perplexity": result.perplexity,
        "bits_per_byte": result.bits_per_byte,
    }
    if arguments.json:
        print(to_json(numbers))
        return 0
    print(words("eval-size", tokens=result.tokens, bytes=result.bytes, nats=f"{result.nats:,.1f}"))
    print(words("eval-loss", loss=result.loss, perplexity=result.perplexity, bits=result.bits_per_byte))
    return 0


class _Progress:
    """Says now and then how far the reading is."""

    def __init__(self, words: Catalogue, *, quiet: bool) -> None:
        self._words, self._quiet, self._spoke = words, quiet, time.monotonic()
        self._time_left: TimeLeft | None = None

    def __call__(self, done: int, total: int) -> None:
        """Take in how many bytes have been read, and of how many."""
        self._time_left = self._time_left or TimeLeft(total)
        seconds = self._time_left.at(done)
        if not self._quiet and time.monotonic() - self._spoke >= PLAIN_SECONDS:
            self._spoke = time.monotonic()
            left = None if seconds is None else self._words("about-left", time=duration(self._words, seconds))
            print(self._words("eval-read", done=done, total=total, left=left), file=sys.stderr, flush=True)

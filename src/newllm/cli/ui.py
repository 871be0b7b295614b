"""Open a local page to watch, compare, replay and play with the runs below a directory.

It shows every run that newllm wrote, live while it trains, compares runs, and can start and stop doctor and replay.
With --demo it shows packaged runs, read-only: nothing needs to be trained before.
It accepts connections from this machine only; with --host it also requires the token in the printed address. Ctrl-C
ends it and everything that it started.

  newllm ui --demo
  newllm ui
  newllm ui runs --open
  newllm ui studies --port 9000
"""

import argparse
import json
import secrets
import sys
from pathlib import Path

from newllm.cli.ending import until_ended
from newllm.cli.parser import language_of
from newllm.demo import demo_set
from newllm.errors import UserError
from newllm.messages import Catalogue

_PORT = 8321
SCHEMA = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "dir", nargs="?", type=Path, metavar="DIR", help="directory of the runs (default: runs if it exists, else .)"
    )
    parser.add_argument("--demo", action="store_true", help="show packaged runs, read-only, in place of your own")
    parser.add_argument("--host", default="127.0.0.1", metavar="ADDRESS", help="address to bind to (default 127.0.0.1)")
    parser.add_argument(
        "--port",
        type=int,
        default=_PORT,
        metavar="N",
        help=f"port (default {_PORT}); if it is in use, the next free one",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")


def run(arguments: argparse.Namespace) -> int:
    """Serve until Ctrl-C."""
    root = _root(arguments)
    if not root.is_dir():
        raise UserError(f"'{root}' is no directory: name the one that holds your runs")
    if not 0 <= arguments.port <= 65535:
        raise UserError(f"--port {arguments.port}: a port is a number from 0 (any free one) to 65535")
    from newllm.ui import serve

    words = language_of(arguments)
    about = "" if arguments.dir else f"  {words(_about(arguments.demo, root))}"

    def ready(address: str) -> None:
        if arguments.lang:
            address += f"{'&' if '?' in address else '?'}lang={arguments.lang}"
        if arguments.json:
            print(json.dumps({"schema": SCHEMA, "url": address}), flush=True)
        elif not arguments.quiet or "?token=" in address:  # without the token nobody could open it
            print(f"newllm ui: {address}{'' if arguments.quiet else about}", flush=True)
        if arguments.open:
            _open(address, words)

    with until_ended() as ending:
        token = secrets.token_urlsafe(24)
        serve(root, host=arguments.host, port=arguments.port, token=token, ready=ready, demo=arguments.demo)
    return ending.code or 0


def _root(arguments: argparse.Namespace) -> Path:
    if not arguments.demo:
        return arguments.dir or (Path("runs") if Path("runs").is_dir() else Path())
    if arguments.dir is not None:
        raise UserError(f"--demo shows packaged runs: drop it, or '{arguments.dir}'")
    return demo_set()


def _about(demo: bool, root: Path) -> str:
    """Return the message that says which runs are shown where nobody named any."""
    return "page-demo" if demo else "page-runs_below" if root != Path() else "page-no_runs"


def _open(address: str, words: Catalogue) -> None:
    import webbrowser

    if not webbrowser.open(address):
        print(f"newllm: {words('remark_line-note', remark=words('page-no_browser'))}", file=sys.stderr)

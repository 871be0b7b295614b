"""`newllm`: finds the command, runs it, and turns its end into an exit code.

0 done; 1 a finding or a failure that the command exists to tell; 2 a mistake in the call or the input; 130 after
Ctrl-C, 143 after SIGTERM.
"""

import argparse
import atexit
import errno
import gc
import importlib
import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import NoReturn

from newllm.cli.ending import ending_on_sigterm, exit_code
from newllm.cli.parser import Parser
from newllm.errors import TerminatedError, UserError, unknown_name
from newllm.extras import missing_package
from newllm.launcher import SaidError, launched_rank, of_rank
from newllm.messages import LANGUAGES, catalogue

COMMANDS = {
    "train": "train a model on a text",
    "generate": "generate text with a trained model",
    "eval": "measure a trained model on a text",
    "bench": "ask small models what a context recalls, copies and tracks",
    "check": "look for mistakes in a training before it runs",
    "doctor": "diagnose a run, or the log of any training",
    "bisect": "find which change of a program made its training go wrong, by running it again",
    "replay": "replay a run with one thing changed at a time, to find what removes its loss spike",
    "study": "run a study: arms, seeds, controls, and a verdict on each claim",
    "report": "write one HTML page that shows a run, or compares several",
    "export": "write a trained model for another framework",
    "import": "make a run of an exported model",
    "cache": "show and clear the caches: tokenised texts, states of replays",
    "ui": "open a local page: watch, compare, replay and play with runs",
    "serve": "serve models over HTTP, in the formats of OpenAI's API",
    "demo": "show on packaged runs what newllm finds out; nothing is trained",
    "schema": "print the JSON Schema of what a command prints with --json",
    "mcp": "serve doctor, check, replay and report to an agent or an editor that speaks MCP",
    "completion": "print what bash, zsh or fish complete commands and options by",
}
_MODULES = {"eval": "evaluate", "import": "importing"}  # where a command's name cannot be a module's
# What pathlib raises when asked whether something is there: a place that is closed to us, a name that is too long.
_CLOSED = {errno.EACCES, errno.EPERM, errno.ENAMETOOLONG}
atexit.register(gc.freeze)  # a last look for cycles in all that was imported would take a second, for nothing
_BUSIEST = 20.0  # times as long as it works does a process take to start, at most
_FIRST_SAYS = 3.0  # seconds
_ABOUT = """\
Diagnoses training runs, tests what causes a loss spike, and trains recurrent language models.

  newllm demo
  newllm train my-text.txt --seconds 120
  newllm generate runs/my-text --prompt "Once"
  newllm eval runs/my-text held-out.txt
  newllm check train.py:parts
  newllm doctor anyones-log.csv
  newllm bisect runs/today --against runs/yesterday
  newllm replay runs/my-text
  newllm report runs/my-text
  newllm ui
  newllm serve runs/my-text
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    began = time.monotonic() - (_age() if arguments is None else 0.0)
    arguments = sys.argv[1:] if arguments is None else arguments
    # Before torch is imported: threads that spin for long at every barrier make a step ten times slower as
    # soon as another program wants the same cores. A short spin costs next to nothing alone (docs/LOG.md).
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    # torch tells a lost connection as a warning with its C++ call stack, beside our line.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    lang = "en"
    try:
        with ending_on_sigterm():
            parsed = _parsed(arguments)
            if parsed is None:
                return 0
            lang, parsed.began = parsed.lang or lang, began  # a person's seconds run from before torch is loaded
            return _module(parsed.command).run(parsed)
    except SaidError:
        return 2
    except UserError as error:
        return _refused(str(error), _rank(arguments))
    except ModuleNotFoundError as error:
        return _refused(str(missing_package(error)))
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does: not an error of ours.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        if error.errno not in _CLOSED or error.filename is None:
            raise
        return _refused(f"cannot read '{error.filename}' ({error.strerror}): name a place that you may read")
    except KeyboardInterrupt as ending:
        if _rank(arguments) == 0:
            by_launcher = isinstance(ending, TerminatedError) and "TORCHELASTIC_RUN_ID" in os.environ
            print(f"newllm: {catalogue(lang)('stopped-by_launcher' if by_launcher else 'stopped')}", file=sys.stderr)
        return exit_code(ending)


def _rank(arguments: list[str]) -> int:
    """Return which of the processes of a training this is, 0 for the first and for every other command."""
    try:
        return launched_rank() if arguments[:1] == ["train"] else 0
    except UserError:
        return 0  # it is what is refused


def _refused(why: str, rank: int = 0) -> int:
    from newllm.words.plain import plain

    if rank:
        time.sleep(_FIRST_SAYS)  # it is refused the same, mostly, and then the launcher ends this one
        why = of_rank(rank, why)
    print(f"newllm: {plain(' '.join(why.splitlines()), 2000)}", file=sys.stderr)  # whatever it quotes
    return 2


def _parsed(arguments: list[str]) -> argparse.Namespace | None:
    """Return what the arguments say; None where they name no command, which the help is printed for."""
    whole = parser()
    parsed = whole.parse_strictly(arguments)
    if parsed.command is None:
        whole.print_help()
        return None
    if parsed.lang not in (None, *LANGUAGES):
        raise unknown_name("language", parsed.lang, LANGUAGES)
    return parsed


def parser() -> Parser:
    """Return the parser of all commands."""
    whole = Parser(prog="newllm", description=_ABOUT)
    whole.add_argument("--version", action=_Version, nargs=0, help="say what is installed, and exit")
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
    for name, purpose in COMMANDS.items():
        module = _module(name)
        command = commands.add_parser(name, help=purpose, description=module.__doc__)
        module.add_arguments(command)
        command.add_argument(
            "--json", action="store_true", help="print one JSON object on standard output, and nothing else"
        )
        command.add_argument("--quiet", action="store_true", help="print no progress and no comments")
        known = " or ".join(LANGUAGES)
        command.add_argument("--lang", metavar="LANG", help=f"language of what is written: {known} (default: en)")
    return whole


class _Version(argparse.Action):
    def __call__(self, *_: object) -> NoReturn:
        from newllm.cli.installed import installed

        print(installed())
        sys.exit(0)


def _age() -> float:
    """Return the seconds since Python was started in this process, where the system tells: its own start took them.

    A shell that turns into the last of its commands hands its age on, with all the commands before. That one has
    waited far longer than it has worked; then the work alone counts.
    """
    worked = time.process_time()
    try:
        started = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - started
    except (OSError, ValueError, IndexError, AttributeError):
        return worked
    return age if worked <= age <= _BUSIEST * worked else worked


def _module(command: str) -> ModuleType:
    return importlib.import_module(f"newllm.cli.{_MODULES.get(command, command)}")


if __name__ == "__main__":
    sys.exit(main())

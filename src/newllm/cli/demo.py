"""Show what newllm finds out, on packaged runs: a diagnosis, a tested cause, and a small model that writes.

Each part is a command, shown with what it prints. Nothing is trained and nothing is written; it takes a few seconds.
Without torch the model is left out.

  newllm demo
  newllm demo --lang ja
"""

import argparse
import shlex
import sys

from newllm.cli.parser import language_of
from newllm.demo import demo_set
from newllm.extras import lacked_for_training
from newllm.files import to_json

_PARTS = {
    "demo-doctor": ("doctor", "demo:learning-rate-doubled"),
    "demo-verdict": ("replay", "demo:founding-baseline", "--show", "--quiet"),
    "demo-writes": ("generate", "demo:moby-dick", "--prompt", "The captain", "--tokens", "80"),
}
_NEXT = {
    "demo-next_page": ("ui", "--demo"),
    "demo-next_log": ("doctor", "LOG"),
    "demo-next_train": ("train", "--seconds", "120"),
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare no argument beside those of every command."""
    del parser


def run(arguments: argparse.Namespace) -> int:
    """Run the commands one after another, then say how to go on."""
    from rich.text import Text

    from newllm.cli.main import main
    from newllm.cli.paper import PageConsole

    demo_set()
    if arguments.json:
        print(to_json({"schema": 1, "commands": list(map(_typed, _PARTS.values()))}))
        return 0
    words = language_of(arguments)
    lang = ["--lang", arguments.lang] if arguments.lang else []
    console = PageConsole(sys.stdout, words)
    for heading, command in _PARTS.items():
        console.show(Text(words(heading), style="bold"))
        lacked = lacked_for_training() if command[0] == "generate" else None
        if lacked is not None:
            print(f"\n{words('demo-no_model', package=lacked)}\n")
            continue
        print(f"\n$ {_typed([*command, *lang])}\n", flush=True)
        code = main([*command, *lang])
        if code > 1:  # 1 is a finding
            return code
        print("\n", flush=True)
    if not arguments.quiet:
        print(words("demo-next"))
        for purpose, command in _NEXT.items():
            print(f"  {_typed(command):<32}{words(purpose)}")
    return 0


def _typed(command: list[str] | tuple[str, ...]) -> str:
    return shlex.join(["newllm", *command])

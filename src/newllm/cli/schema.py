"""Print the JSON Schema (draft 2020-12) of what a command prints with --json.

newllm schema doctor
newllm schema replay > replay.schema.json
"""

import argparse
import functools
import json
from pathlib import Path
from typing import Any

import newllm
from newllm.errors import unknown_name

_FOLDER = Path(newllm.__file__).parent / "schemas"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("of", metavar="COMMAND", help=f"one of {', '.join(described())}")


def run(arguments: argparse.Namespace) -> int:
    """Print the schema, which is JSON in any case."""
    print(json.dumps(schema_of(arguments.of), indent=None if arguments.json else 2))
    return 0


@functools.cache  # every command's parser asks
def described() -> tuple[str, ...]:
    """Return the commands that have a schema."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def schema_of(command: str) -> dict[str, Any]:
    """Return the schema of what a command prints with --json.

    Raises:
        UserError: there is no such command, or it prints no JSON.
    """
    if command not in described():
        raise unknown_name("command", command, described())
    return json.loads((_FOLDER / f"{command}.json").read_text(encoding="utf-8"))

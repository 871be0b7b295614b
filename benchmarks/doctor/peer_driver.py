"""Runs another tool's own command on many logs in one process, inside that tool's environment. Standard library only.

    PYTHON peer_driver.py TOOL FILE ...

Prints one JSON object a line: the file, and what the tool's command printed as JSON (or why there is nothing).
"""

import contextlib
import importlib
import io
import json
import sys

COMMANDS = {
    "losslint": ["check", "--format", "json"],
    "runmedic": ["diagnose", "--json"],
    "trainproof": ["epoch", "--json", "--format", "csv"],
    "trainspotter": ["analyze", "--output", "json"],
}


def main() -> None:
    tool, *files = sys.argv[1:]
    command = importlib.import_module(f"{tool}.cli").main
    for file in files:
        answer: dict[str, object] = {"file": file}
        output, errors = io.StringIO(), io.StringIO()
        try:
            sys.argv = [tool, *COMMANDS[tool], file]
            with (
                contextlib.redirect_stdout(output),
                contextlib.redirect_stderr(errors),
                contextlib.suppress(SystemExit),
            ):
                command()
            answer["said"] = json.loads(output.getvalue())
        except Exception as error:  # whatever the tool does, the next file is next
            answer["failed"] = f"{type(error).__name__}: {error} {errors.getvalue()[-200:]}".strip()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()

"""Shows a run's log above its twin's.

python benchmarks/strangers/sets/look.py SET LOGS TWINS NAME ... [--lines N]
"""

import argparse
import json
import re
from pathlib import Path

from set_folder import add_set, runs_of


def lines_of(path):
    """A log as lines that can be read."""
    text = path.read_text(errors="replace")
    if path.name == "trainer_state.json":
        return [json.dumps(row) for row in json.loads(text)["log_history"]]
    return [line for line in re.split(r"[\r\n]+", text) if line.strip()]


def some(lines, count):
    """Evenly drawn lines, the first and last among them."""
    if len(lines) <= count:
        return lines
    return [lines[round(i * (len(lines) - 1) / (count - 1))] for i in range(count)]


def main():
    """Prints."""
    parser = argparse.ArgumentParser()
    add_set(parser)
    parser.add_argument("logs", type=Path)
    parser.add_argument("twins", type=Path)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--lines", type=int, default=14)
    parser.add_argument("--width", type=int, default=170)
    given = parser.parse_args()
    for run in runs_of(given.set):
        if given.names and run.name not in given.names and run.program not in given.names:
            continue
        print(f"##### {run.name} {run.fault or 'HEALTHY'} {'rec ' if run.record else ''}{run.options}")
        for folder in (given.logs, given.twins):
            path = folder / run.name / run.log
            if path.exists():
                kept = lines_of(path)
                print(f"--- {folder.name} ({len(kept)} lines)")
                print("\n".join(line[: given.width] for line in some(kept, given.lines)))


if __name__ == "__main__":
    main()

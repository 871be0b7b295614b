"""What could not be read of a run, said beside the file that a command writes of it."""

import sys
from collections.abc import Iterable

from newllm.messages import Catalogue, Message


def print_problems(run: object, problems: Iterable[Message], words: Catalogue) -> None:
    """Say what of a run could not be read."""
    from newllm.words.plain import plain

    for problem in problems:
        remark = f"{plain(run)}{words('terminal-colon')}{plain(words.text(problem), 2000)}"
        print(f"newllm: {words('remark_line-note', remark=remark)}", file=sys.stderr)

r"""The worker of a playground: one process that holds one loaded model and speaks JSON lines.

    python -m newllm.playground RUN [--snapshot best|last|STEP] [--idle SECONDS]

A request is one line `{"id": 1, "verb": "read", "branch": "main", "text": "Call me"}`; its events are lines with the
same id and an `event`, the last of them "done" or "error". Nothing else comes on standard output. The first line of
all is the model's own: "ready" with what `about` tells, or "error" where it cannot be loaded, and then the process
ends with 2. It ends with its input, and when nothing has been asked for a while.

    about                                        the model: layers, channels, sizes, limits
    branch   {name, [from]}                      an empty text, or a second name for what a branch remembers
    read     {branch, text}                      progress and tokens events
    write    {branch, [tokens, seed, temperature, top_k, top_p, min_p, repetition_penalty, head]}   tokens events
    recall   {branch, place, [head]}             which earlier writes the read of the token at that place found
    stop     {of}                                end request `of` where it is; what was read and written stays
    drop     {branch}
    save     {branch, name, [replace]}           RUN/contexts/NAME.context
    restore  {branch, name}
    contexts                                     names of the saved ones
    surprise {text}                              bits of each token, and of the whole
"""

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from newllm.errors import UserError
from newllm.extras import check_training

if TYPE_CHECKING:
    from newllm.api.loaded import LoadedRun
    from newllm.playground.player import Player
    from newllm.playground.task import Task

IDLE = 600.0


def main(arguments: list[str] | None = None) -> int:
    """Load the run and answer requests until there are no more."""
    # As the command line does, before torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    parser = argparse.ArgumentParser(prog="python -m newllm.playground", description="one model, JSON lines")
    parser.add_argument("run_directory", metavar="RUN", type=Path)
    parser.add_argument("--snapshot", default="best")
    parser.add_argument("--idle", type=float, default=IDLE, metavar="SECONDS")
    parsed = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which ends us
    from newllm.playground.requests import Requests, private_output

    requests = Requests(sys.stdin.buffer, private_output())
    try:
        player, told = _load(parsed.run_directory, parsed.snapshot)
    except UserError as error:
        requests.send(None, "error", {"error": " ".join(str(error).split())})
        return 2
    requests.send(None, "ready", told)

    def about(task: "Task") -> dict[str, Any]:
        task.check_all_taken()
        return told

    requests.answer_all({"about": about, **player.verbs}, parsed.idle)
    return 0


def _load(path: Path, snapshot: str) -> "tuple[Player, dict[str, Any]]":
    check_training()
    from newllm.api.loaded import load
    from newllm.playground.player import Player

    loaded = load(path, snapshot)
    player = Player(loaded)
    return player, _about(loaded, player)


def _about(loaded: "LoadedRun", player: "Player") -> dict[str, Any]:
    """Return what a page says of a model before anything is read."""
    from newllm.playground.motion import OCTAVES, QUANTILES, rows
    from newllm.playground.player import MOST_BRANCHES, MOST_TOKENS, SHOWN
    from newllm.playground.surprisal_of_text import DESCRIBED
    from newllm.playground.task import LONGEST_TEXT

    model, tokenizer, view = loaded.config.model, loaded.tokenizer, player.view
    return {
        "schema": 1, "step": loaded.step, "body": model.body, "rule": model.rule, "norm": model.norm,
        "parameters": sum(parameter.numel() for parameter in loaded.model.parameters()),
        "tokenizer": {"name": tokenizer.name, "vocabulary": tokenizer.vocab_size, "lossless": tokenizer.lossless},
        "format": loaded.config.data.format, "positions": model.positions, "device": str(loaded.model.device),
        "layers": list(view.layers), "channels": view.channels, "rows": rows(view.channels),
        "matrix_numbers": view.matrix_numbers, "heads": list(view.heads),
        "quantiles": QUANTILES, "octaves": OCTAVES,
        "limits": {
            "text_bytes": LONGEST_TEXT, "tokens": MOST_TOKENS,
            "shown": SHOWN, "described": DESCRIBED,
            "branches": MOST_BRANCHES,
        },
    }  # fmt: skip


if __name__ == "__main__":
    # Not sys.exit: the thread that waits for input holds a lock without which the interpreter cannot end.
    os._exit(main())

r"""Generate text from a prompt with a trained model. Memory and time per token do not grow.

--context-out saves the context, which is all that the model remembers, to a file, also when Ctrl-C or a closed pipe
ends the text; --context-in continues from it, as if the whole text before had just been read. --tokens 0 reads the
prompt and writes nothing but the context. --weights bf16 and int8 are faster: the weights are rounded to 16 and 8
bits, so the text is that of a slightly different model.

On a terminal, control characters in the text are shown as escapes (\x1b), because a terminal would obey them. A file
or a pipe gets the text unchanged, and --json escapes it.

  newllm generate runs/moby-dick --prompt "The whale" --tokens 500
  newllm generate runs/moby-dick --prompt "Chapter one" --context-out chapter.context
  newllm generate runs/moby-dick --context-in chapter.context --seed 3
  newllm generate runs/moby-dick --prompt "The sea" --tokens 5000 --weights int8
  newllm generate runs/moby-dick --prompt - --tokens 0 --context-out book.context < book.txt
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from newllm.cli.parser import language_of, run_named
from newllm.errors import UserError

_SAMPLING = ("temperature", "top_k", "top_p", "min_p", "repetition_penalty")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("run_directory", type=run_named, metavar="RUN", help="a run directory that newllm train made")
    parser.add_argument("--prompt", default="", metavar="TEXT", help="text to continue (- for standard input)")
    parser.add_argument("--tokens", type=int, default=200, metavar="N", help="maximum number of tokens (default 200)")
    parser.add_argument(
        "--temperature", type=float, metavar="F", help="0 always takes the most likely token (default 0.8)"
    )
    parser.add_argument("--top-k", type=int, metavar="N", help="sample among the N most likely tokens (default 0: all)")
    parser.add_argument(
        "--top-p",
        type=float,
        metavar="F",
        help="nucleus sampling: the smallest set of tokens with total probability F (default 1)",
    )
    parser.add_argument(
        "--min-p",
        type=float,
        metavar="F",
        help="drop tokens below F times the probability of the most likely one (default 0)",
    )
    parser.add_argument(
        "--repetition-penalty", type=float, metavar="F", help="above 1 discourages repetition (default 1)"
    )
    parser.add_argument(
        "--stop", action="append", default=[], metavar="TEXT", help="stop before this text; may be given several times"
    )
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="random seed of the sampling (default 0)")
    parser.add_argument("--snapshot", default="best", metavar="best|last|STEP", help="which weights (default best)")
    parser.add_argument(
        "--weights", default="fp32", metavar="fp32|bf16|int8", help="precision of the weights (default fp32)"
    )
    parser.add_argument("--device", default="auto", metavar="D", help="auto (default), cpu, cuda, mps")
    parser.add_argument("--context-in", metavar="F", help="continue from this context file")
    parser.add_argument("--context-out", metavar="F", help="save the context after the last token to this file")


def run(arguments: argparse.Namespace) -> int:
    """Stream the continuation to standard output."""
    from newllm import api
    from newllm.generation import Engine, Sampling, check_writable, fingerprint, load_context, save_context

    given = {name: getattr(arguments, name) for name in _SAMPLING if getattr(arguments, name) is not None}
    sampling = Sampling(**given)
    sampling.check()
    if arguments.tokens < 0:
        raise UserError(f"--tokens {arguments.tokens}: it must be 0 or more")
    if arguments.context_out:
        check_writable(Path(arguments.context_out))  # before the work, not after it
    loaded = api.load(arguments.run_directory, arguments.snapshot, arguments.device)
    engine = Engine(loaded.model, loaded.tokenizer, arguments.weights)
    mark = fingerprint(engine.model)
    memory = load_context(Path(arguments.context_in), engine.model, mark) if arguments.context_in else engine.start()
    memory = engine.read(memory, _prompt(arguments.prompt))
    stream = engine.stream(memory, arguments.tokens, sampling, arguments.seed, arguments.stop)
    try:
        _write(stream, arguments)
    finally:  # Ctrl-C and a closed pipe end the writing, not what has been read
        if arguments.context_out:
            save_context(Path(arguments.context_out), stream.memory, mark)
    result = stream.result()
    if arguments.json:
        # In ASCII: what a model wrote must not reach a terminal as a control character of eight bits.
        print(json.dumps({"schema": 1, **vars(result)}))
    elif result.stopped_by == "positions" and not arguments.quiet:
        words = language_of(arguments)
        print(words("generate-positions", positions=loaded.config.model.positions), file=sys.stderr)
    return 0


def _prompt(given: str) -> str:
    if given != "-":
        return given
    try:
        return sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"standard input ('-') is not UTF-8 at byte {error.start}: convert it first") from error


def _write(stream: Any, arguments: argparse.Namespace) -> None:
    """Write prompt and continuation as they come; with --json only read the stream to its end."""
    if arguments.json or not arguments.tokens:
        stream.result()
        return
    from newllm.cli.model_text import model_text

    write = model_text(sys.stdout)
    if not arguments.quiet and arguments.prompt != "-":
        write(arguments.prompt)
    for piece in stream:
        write(piece)
    write("\n")

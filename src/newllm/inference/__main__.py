r"""The worker behind `newllm serve`: one process that holds one loaded model and speaks in frames (`newllm.frames`).

    python -m newllm.inference RUN [--snapshot best|last|STEP] [--weights fp32|bf16|int8]

It keeps no session: a request brings the state that it goes on from as its frame's blob, and the answer brings the one
after it. Nothing but frames comes on standard output. It ends with its input. Requests (`request.py` has the fields):

    generate  {id, text | tokens, max_tokens, temperature ..., seed, n, stop, logprobs, echo, keep, flow}    + a state
    cancel    {id}           nothing more is said of that request

What it says:

    ready     {run, snapshot_step, fingerprint, vocabulary, parameters, state_bytes, weights, compiled, positions,
               begin, end}
    failed    {error}        it cannot load the run, or what it was sent is no frame, and ends with 2
    events    {events: [{id, choice, text, tokens, [logprobs], [echo]}]}    one frame a step; `text` is sure to stay
    done      {id, choice, finish, prompt_tokens, cached_tokens, completion_tokens, last}    + the state, with `keep`
    error     {id, error, kind: request | state | internal}    the request has ended
    stats     {rows, waiting, steps, tokens_read, tokens_written}    about once a second, and when all is done

`finish` is "length", "stop" (a stop string), "end" (the end token) or "positions" (the end of learned positions).
prompt_tokens are all before the first chosen one, cached_tokens those of them that the state had read; neither has the
begin token. A logprob is the natural logarithm of the model's own probability, before temperature and filters, among
the tokens that may be chosen at all; null for one that may not, as an unknown word of a prompt.
"""

import argparse
import contextlib
import fcntl
import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from newllm.extras import check_training
from newllm.frames import encode_frame, write_frame

if TYPE_CHECKING:
    from newllm.inference.worker import Output, Worker

_PIPE = 1 << 20  # bytes that may wait for the reader of our output: some hundred steps


def main(arguments: list[str] | None = None) -> int:
    """Load the run and answer requests until there are no more."""
    # As the command line does, before torch is imported.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    parser = argparse.ArgumentParser(prog="python -m newllm.inference", description="one model, many texts, frames")
    parser.add_argument("run_directory", metavar="RUN", type=Path)
    parser.add_argument("--snapshot", default="best")
    parser.add_argument("--weights", default="fp32")
    parsed = parser.parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's, which ends us
    stream = _private_output()
    try:
        worker, output, told = _load(parsed.run_directory, parsed.snapshot, parsed.weights, stream)
        output.send(encode_frame({"op": "ready", **told}))
        gc.collect()
        gc.freeze()  # what is loaded stays: to look through it again takes as long as ten steps
        output.flush()
        worker.run()
    except BrokenPipeError:  # nobody listens any more
        return 0
    except ValueError as error:  # a UserError, or what is no frame
        with contextlib.suppress(OSError):
            write_frame(stream, {"op": "failed", "error": " ".join(str(error).split())})
        return 2
    return 0


def _private_output() -> BinaryIO:
    """Return standard output for frames alone: whatever else prints goes to standard error from now on."""
    frames = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    with contextlib.suppress(OSError, AttributeError):  # no pipe, or not on Linux
        fcntl.fcntl(frames.fileno(), fcntl.F_SETPIPE_SZ, _PIPE)
    return frames


def _load(run: Path, snapshot: str, weights: str, stream: BinaryIO) -> "tuple[Worker, Output, dict[str, Any]]":
    check_training()
    from newllm.api.loaded import load
    from newllm.inference.serving import serving
    from newllm.inference.worker import Output, Worker

    loaded, output = load(run, snapshot), Output(stream)
    intake, batch, told = serving(loaded.model, loaded.tokenizer, weights, output.send)
    told = {"run": str(run), "snapshot_step": loaded.step, **told}
    return Worker(sys.stdin.buffer, output, intake, batch), output, told


if __name__ == "__main__":
    # Not sys.exit: the thread that waits for input holds a lock without which the interpreter cannot end.
    os._exit(main())

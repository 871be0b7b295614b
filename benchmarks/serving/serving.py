"""What does serving cost beside the bare decoder, and what does a server of newllm hold? Preset small.

    python benchmarks/serving/serving.py [--quick] [--out FILE] [--run RUN] [--only NAME ...] [--peers DIR]

- bare: tokens a second of `Decoder.read` with 64 rows in a loop (greedy), and of 64 clients that are streamed to at
  once, in turns; counted while all 64 are being written. Goal: 85 %.
- load: 40 requests a second of 64 + 64 tokens on a fixed schedule; times are from when a request was due. Goal: all of
  them, on one core.
- gap: 64 streams while a prompt of 2,000 tokens arrives every half second. Goal: p99 of at most 3 bare steps.
- sessions: bytes of memory a stored response, extrapolated to a GiB. Goal: 50,000.
- turns: a conversation of 1,000 turns by previous_response_id, 16 + 16 tokens each; its last turns in turn with the
  first ones of another. Goal: as fast.
- many: 1,000 streams at once. Goal: no error.
- peers: 64 requests at once, one alone and the load from other servers at as many parameters (`peer_servers.py`), where
  --peers names the folder that they were installed in.

In the first three the bare decoder has the first core; so has all of the server ("one core"), or only what holds the
model, while HTTP is spoken on the clients' core. The next three have all cores. Clients are one process on the last
core (`clients.py`), which tells what it takes itself: two cores are needed, and a quiet machine. The model was trained
for a few steps on Moby Dick: its tokens are bytes, and its greedy text is ASCII, so that each token is an event.
Where others use the machine, by_bare_for_each_processor_second says most: tokens of whole requests, their prompts of 16
tokens read in the same time, for each second that the server's processes had a processor, beside the decoder's.
"""

import argparse
import importlib.metadata
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[1] / "shared"))
sys.path.append(str(Path(__file__).parent))

import machine
from answers import give
from lines import CORES, LineProcess
from peer_servers import GPT2, against_peers
from served import Served, served
from sessions import arithmetic, idle_sessions, long_conversation
from streams import CLIENT_CORE, QUICK, SERVER_CORE, Extent, bare, beside_bare, clients, gaps, load, many

GOALS = {
    "bare": "served_by_bare at least 0.85", "load": "40 finished a second on one core, no error",
    "gap": "p99 of at most 3 bare steps", "sessions": "50,000 a GiB", "turns": "last_by_first_in_turn near 1",
    "many": "no error",
}  # fmt: skip
_STATE = 16_392
"""Bytes of preset small's state, with its count of positions."""


def trained(folder: Path) -> Path:
    """Return a run of preset small that was trained for some steps: enough to write letters."""
    run = folder / "small"
    options = ["--preset", "small", "--steps", "10", "--quiet"]
    options += ["--set", "data.validation_blocks=1", "--set", "model.ngram_rows=0"]
    command = [sys.executable, "-m", "newllm.cli.main", "train", "bundled:moby-dick", *options, "--out", str(run)]
    subprocess.run(command, check=True)
    return run


def _load(asking: LineProcess, decoding: LineProcess, server: Served, extent: Extent) -> dict[str, Any]:  # noqa: ARG001
    return load(asking, server, extent.load_seconds)


FRONTS = {"one core": None, "front on the clients' core": CLIENT_CORE}
"""Where HTTP is spoken, when the model has the first core."""
BESIDE: dict[str, Callable[[LineProcess, LineProcess, Served, Extent], dict[str, Any]]] = {
    "bare": beside_bare, "load": _load, "gap": gaps,
}  # fmt: skip
ALONE: dict[str, Callable[[Served, Extent], dict[str, Any]]] = {
    "sessions": idle_sessions, "turns": long_conversation, "many": many,
}  # fmt: skip
"""All of the server on all cores."""


def measured(run: Path, extent: Extent, names: list[str], peers: Path | None) -> dict[str, Any]:
    """Return the answer to each question, or what went wrong."""
    found: dict[str, dict[str, Any]] = {name: {"goal": GOALS.get(name)} for name in names}
    if set(names) & set(BESIDE):
        for place, front in FRONTS.items():
            with clients() as asking, bare(run) as decoding, served(run, SERVER_CORE, front=front) as server:
                for name, ask in BESIDE.items():
                    if name in names:
                        found[name][place] = _told(f"{name}, {place}", ask, asking, decoding, server, extent)
    if set(names) & set(ALONE):
        with served(run, None) as server:
            for name, ask in ALONE.items():
                if name in names:
                    found[name] |= _told(name, ask, server, extent)
    if "peers" in names:
        found["peers"] |= _told("peers", against_peers, run, peers, extent)
    return found


def _told(name: str, ask: Callable[..., dict[str, Any]], *given: Any) -> dict[str, Any]:
    """Return an answer or why there is none, and say it on standard error."""
    began = time.monotonic()
    try:
        answer = ask(*given)
    except (RuntimeError, OSError, subprocess.SubprocessError) as error:
        answer = {"failed": f"{type(error).__name__}: {error}"[:300]}
    found = {**answer, "took_seconds": round(time.monotonic() - began)}
    print(f"{name}: {json.dumps(found)}", file=sys.stderr, flush=True)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two minutes: that it runs")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--run", type=Path, help="a run of preset small; without it one is trained")
    parser.add_argument("--only", nargs="+", choices=[*GOALS, "peers"], help="these questions")
    parser.add_argument("--peers", type=Path, help="the folder of peers.py --install")
    arguments = parser.parse_args()
    names = arguments.only or [*GOALS, *(["peers"] if arguments.peers else [])]
    if len(CORES) < 2:
        parser.error("this machine has one core: the server needs one and its clients another")
    machine.warn_if_busy()
    started = os.getloadavg()
    with tempfile.TemporaryDirectory() as folder:
        run = arguments.run or trained(Path(folder))
        found = measured(run, QUICK if arguments.quick else Extent(), names, arguments.peers)
    give(
        {
            "question": "what serving costs beside the bare decoder, and what a server holds; preset small",
            "quick": arguments.quick,
            "machine": machine.describe(),
            "cores_of_server_and_clients": [SERVER_CORE, CLIENT_CORE],
            "versions": {name: importlib.metadata.version(name) for name in ("starlette", "uvicorn", "h11", "numba")},
            "load_average_at_start_and_end": [round(one[0], 1) for one in (started, os.getloadavg())],
            **found,
            "arithmetic": arithmetic(
                _STATE, layers=GPT2["layers"], width=GPT2["width"], key_heads=1, heads=GPT2["heads"]
            ),
        },
        arguments.out,
    )


if __name__ == "__main__":
    main()

"""Child of decoding.py: some peers at one context, token after token or reading a prompt, in turn.

With one peer it also watches memory and keeps to the cap.
"""

import sys
import time
from pathlib import Path
from typing import Any

import torch

sys.path.append(str(Path(__file__).parents[1] / "shared"))

import children
from contenders.decoded import PEERS
from contenders.decoding import Decoding, bytes_of, prompt
from memory import Peak, limit
from timing import WARM_UP

BLOCK, BEFORE = 16, 4
"""Tokens at least that a peer reads in its turn, and untimed ones before them. Then what has grown is put back."""
BLOCK_SECONDS, BEFORE_SECONDS = 0.01, 0.005
"""Both go on for so long at least: others had the processor and its caches, and until weights lie there again and a
second thread has come, a quick step is not what it is in a text."""
LEAST, MOST = 9, 40
"""Rounds that are timed, whatever the budget: a Transformer's at 65,536 tokens of context takes 14 s."""
PAUSE = 0.01
"""Seconds before a turn: torch's threads spin for some milliseconds after their last work, and another's second thread
would find no core."""
_TOKEN = 101
_ROUNDING = 0.1
"""Of the largest logit; bf16 and int8 weights round, and a wrong cache is far beyond."""


def alone(name: str, context: int, cap: float, *, reads: bool) -> dict[str, Any]:
    """Run one peer by itself; ends the process where a block, or a prompt, takes longer than the cap."""
    # A few tokens first: imports, the fitted width, compiled kernels. They are no part of decoding.
    difference = _difference(PEERS[name].build(8))
    peak, _ = Peak(), limit(0.8)
    with children.memory_errors(), children.Capped(cap):
        peer = PEERS[name].build(context)
        seconds = _prompt_seconds(peer, context) if reads else _block_seconds(peer, context)
    return {
        "parameters": peer.parameters,
        "weight_bytes": bytes_of(peer.weights),
        "memory_bytes": bytes_of(peer.memory()),
        "peak_mebibytes": round(peak.mebibytes(), 1),
        "step_by_prompt": difference,
        "seconds": seconds,
    }


def _difference(peer: Decoding) -> float:
    """Return how far a step after a prompt is from the prompt with that token in it: it must be rounding.

    Raises:
        RuntimeError: it is more: the peer is not used as it should be.
    """
    whole, part = prompt(65), prompt(65)[:-1]
    expected = peer.read(whole).float().flatten()
    peer.read(part)
    got = peer.step(int(whole[-1])).float().flatten()
    difference = float((got - expected).abs().max() / expected.abs().max())
    if not difference < _ROUNDING:
        raise RuntimeError(f"a step after a prompt is {difference:.2g} from the prompt with it: it must be the same")
    return difference


def _block_seconds(peer: Decoding, context: int) -> float:
    peer.fill(context)
    _turn(peer)
    return _turn(peer)


def _prompt_seconds(peer: Decoding, length: int) -> float:
    peer.read(prompt(64))
    start = time.perf_counter()
    peer.read(prompt(length))
    return time.perf_counter() - start


def _turn(peer: Decoding) -> float:
    """Read a block and return the seconds of a token; what has grown is put back."""
    before, _ = _read(peer, BEFORE, BEFORE_SECONDS)
    tokens, seconds = _read(peer, BLOCK, BLOCK_SECONDS)
    peer.rewind(before + tokens)
    return seconds / tokens


def _read(peer: Decoding, least: int, budget: float) -> tuple[int, float]:
    """Read so many tokens and for so many seconds at least; return how many and how long."""
    tokens, begun, passed = 0, time.perf_counter(), 0.0
    while tokens < least or passed < budget:
        peer.step(_TOKEN + tokens % BLOCK)
        tokens += 1
        passed = time.perf_counter() - begun
    return tokens, passed


def stepping(names: list[str], context: int, budget: float) -> dict[str, list[float]]:
    """Return seconds a token by name and round."""
    peers = {name: PEERS[name].build(context) for name in names}
    for peer in peers.values():
        peer.fill(context)
    seconds: dict[str, list[float]] = {name: [] for name in peers}
    begun, turn = time.perf_counter(), 0
    while turn < WARM_UP + LEAST or (time.perf_counter() - begun < budget and turn < WARM_UP + MOST):
        for name, peer in peers.items():
            time.sleep(PAUSE)
            seconds[name].append(_turn(peer))
        turn += 1
    return {name: times[WARM_UP:] for name, times in seconds.items()}


def prompting(names: list[str], length: int) -> dict[str, list[float]]:
    """Return seconds from a prompt to the logits after it, by name and round."""
    tokens_T, peers = prompt(length), {name: PEERS[name].build(length) for name in names}
    for peer in peers.values():
        peer.read(prompt(64))  # short: the first call of everything
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(3):
        for name, peer in peers.items():
            time.sleep(PAUSE)
            start = time.perf_counter()
            peer.read(tokens_T)
            seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    task = children.task()
    with torch.inference_mode():
        if "alone" in task:
            children.answer(alone(task["alone"], task["context"], task["cap"], reads=task["reads"]))
        elif task["reads"]:
            children.answer({"seconds": prompting(task["together"], task["context"])})
        else:
            children.answer({"seconds": stepping(task["together"], task["context"], task["budget"])})


if __name__ == "__main__":
    main()

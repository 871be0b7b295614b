"""The questions about streams: speed beside the bare decoder, a load, gaps while prompts arrive, a thousand at once."""

import dataclasses
import sys
from pathlib import Path
from typing import Any

from lines import CORES, LineProcess
from prompts import Prompts
from ranges import ratios, spread
from served import Served

_HERE = Path(__file__).parent
SERVER_CORE, CLIENT_CORE = CORES[0], CORES[-1]
ROWS = 64


@dataclasses.dataclass(frozen=True)
class Extent:
    """How much is measured.

    Attributes:
        rounds: in turn of the bare decoder and the server.
        block: seconds of the bare decoder in each.
        tokens: of each of 64 streams in a round.
        load_seconds: of the load.
        gap_tokens: of each of 64 streams while prompts arrive.
        prompts: of 2,000 tokens that arrive meanwhile, one every half second.
        many: streams at once.
        sessions: stored responses.
        turns: of a conversation.
        peer_rounds: of each peer.
        peer_seconds: of the load of each.
    """

    rounds: int = 7
    block: float = 4.0
    tokens: int = 768
    load_seconds: float = 30.0
    gap_tokens: int = 1024
    prompts: int = 16
    many: int = 1000
    sessions: int = 20_000
    turns: int = 1000
    peer_rounds: int = 3
    peer_seconds: float = 10.0


QUICK = Extent(2, 0.5, 64, 3.0, 96, 3, 1000, 600, 40, 1, 2.0)


def clients() -> LineProcess:
    """Start the clients, on the last core."""
    return LineProcess([sys.executable, str(_HERE / "clients.py")], CLIENT_CORE)


def bare(run: Path) -> LineProcess:
    """Start the bare decoder, on the first core."""
    return LineProcess([sys.executable, str(_HERE / "bare.py"), str(run), str(ROWS)], SERVER_CORE)


def beside_bare(asking: LineProcess, decoding: LineProcess, server: Served, extent: Extent) -> dict[str, Any]:
    """Return the decoder's and the server's speed with 64 rows, in turns."""
    decoded, heard = list[dict[str, Any]](), list[dict[str, Any]]()
    used, prompts = list[list[float]](), Prompts()
    for at in range(extent.rounds + 1):
        one = decoding.ask(extent.block)
        before = server.spent()
        answer = asking.ask(server.task(prompts.streams(server, ROWS, 16, extent.tokens)))
        took = [after - start for start, after in zip(before, server.spent(), strict=True)]
        if at:  # the first round is to warm up
            decoded.append(one)
            heard.append(answer)
            used.append(took)
    streams = [one["kinds"]["stream"] for one in heard]
    by_bare = [one["tokens_a_second"] for one in decoded]
    by_http = [one["tokens_a_second"] for one in streams]
    by_processor = [one["tokens_a_processor_second"] for one in decoded]
    told = list(zip(streams, used, strict=True))
    shares = [[seconds / one["seconds"] for seconds in took] for one, took in zip(heard, used, strict=True)]
    return {
        "bare_tokens_a_second": spread(by_bare),
        "bare_step_ms": spread([1e3 * one["step"] for one in decoded]),
        "threads": decoded[0]["threads"],
        "compiled": decoded[0]["compiled"],
        "served_tokens_a_second": spread(by_http),
        "served_by_bare": ratios(by_http, by_bare),
        "whole_requests_by_bare": ratios([one["tokens"] / one["span"] for one in streams], by_bare),
        "by_bare_for_each_processor_second": {
            "server": ratios([one["tokens"] / sum(took) for one, took in told], by_processor),
            "worker": ratios([one["tokens"] / sum(took[1:]) for one, took in told], by_processor),
        },
        "seconds_of_64_together": spread([one["together"] for one in streams]),
        "gap_p99_in_bare_steps": spread(_in_steps(streams, decoded)),
        "slowest_by_fastest_stream": spread([one["whole"]["most"] / one["whole"]["p50"] for one in streams]),
        "shares_of_a_core": {
            "front": spread([one[0] for one in shares]),
            "worker": spread([sum(one[1:]) for one in shares]),
            "clients": spread([one["client_share_of_its_core"] for one in heard]),
        },
        "errors": _errors(streams),
    }


def _in_steps(streams: list[dict[str, Any]], decoded: list[dict[str, Any]]) -> list[float]:
    return [stream["gap"]["p99"] / (1e3 * one["step"]) for stream, one in zip(streams, decoded, strict=True)]


def _errors(streams: list[dict[str, Any]]) -> dict[str, int]:
    names = {error for one in streams for error in one["errors"]}
    return {error: sum(one["errors"].get(error, 0) for one in streams) for error in sorted(names)}


def load(asking: LineProcess, server: Served, seconds: float, rate: int = 40) -> dict[str, Any]:
    """Return what comes of so many requests a second, 64 tokens read and 64 written each, on a schedule.

    What is finished a second is taken between the first end and the last: a server that falls behind is late with it.
    """
    prompts = Prompts(1)
    asking.ask(server.task(prompts.streams(server, 40, 64, 16)))  # to warm up
    before = server.spent()
    plan = prompts.streams(server, int(rate * seconds), 64, 64, every=1 / rate)
    answer = asking.ask(server.task(plan, patience=30.0))
    took = [after - start for start, after in zip(before, server.spent(), strict=True)]
    found = answer["kinds"]["stream"]
    return {
        "asked_a_second": rate,
        "seconds": seconds,
        "requests": found["requests"],
        "finished": found["finished"],
        "finished_a_second": round(found["finishing_rate"], 2),
        "tokens_a_second": round(found["tokens"] / max(1, found["finished"]) * found["finishing_rate"]),
        "finished_a_processor_second": round(found["finished"] / max(0.01, sum(took)), 2),
        "first_token_ms": found["first_token"],
        "gap_ms": found["gap"],
        "whole_ms": found["whole"],
        "begun_late_ms": round(1e3 * found["late_begin"], 2),
        "shares_of_a_core": {
            "front": round(took[0] / answer["seconds"], 3),
            "worker": round(sum(took[1:]) / answer["seconds"], 3),
            "clients": answer["client_share_of_its_core"],
        },
        "errors": found["errors"],
    }


def gaps(asking: LineProcess, decoding: LineProcess, server: Served, extent: Extent) -> dict[str, Any]:
    """Return the gaps of 64 streams without and with long prompts that arrive, beside the bare decode step."""
    prompts, found = Prompts(2), dict[str, Any]()
    asking.ask(server.task(prompts.streams(server, ROWS, 16, 16)))
    asking.ask(server.task(prompts.streams(server, 1, 2000, 4)))
    for name, count in (("without prompts", 0), ("with prompts", extent.prompts)):
        decoded = decoding.ask(extent.block)
        step = 1e3 * decoded["step"]
        plan = prompts.streams(server, ROWS, 16, extent.gap_tokens)
        plan += prompts.streams(server, count, 2000, 4, every=0.5, kind="prompt", start=0.3)
        answer = asking.ask(server.task(plan))["kinds"]
        gap = answer["stream"]["gap"]
        found[name] = {
            "bare_step_ms": round(step, 3),
            "bare_step_p99_ms": round(1e3 * decoded["step_p99"], 3),
            "gap_ms": gap,
            "gap_in_bare_steps": {name: round(value / step, 2) for name, value in gap.items()},
            "errors": _errors(list(answer.values())),
        }
        if count:
            found[name]["first_token_of_a_prompt_ms"] = answer["prompt"]["first_token"]
    return found


def many(server: Served, extent: Extent) -> dict[str, Any]:
    """Return what comes of very many streams at once."""
    with clients() as asking:
        asking.ask(server.task(Prompts(4).streams(server, ROWS, 16, 8)))
        before = server.resident()
        answer = asking.ask(server.task(Prompts(3).streams(server, extent.many, 16, 32), patience=120.0))
        after = server.resident()
    found = answer["kinds"]["stream"]
    return {
        "streams": extent.many,
        "finished": found["finished"],
        "tokens_a_second": round(found["tokens"] / found["span"]),
        "first_token_ms": found["first_token"],
        "gap_ms": found["gap"],
        "whole_ms": found["whole"],
        "grown_MB": [round((late - early) / 1e6, 1) for early, late in zip(before, after, strict=True)],
        "errors": found["errors"],
    }

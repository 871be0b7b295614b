"""The questions about sessions: how many a GiB holds, whether the thousandth turn costs as much as the first.

And the arithmetic of what a key-value cache would take for as many.
"""

import http.client
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from prompts import Prompts
from ranges import ratios, spread
from served import Served
from streams import Extent

GIB = 1 << 30
_ASKING = 16
_TURNS = 10
"""That are compared at either end."""


class Client:
    """A connection that is kept.

    Args:
        server: whose.
    """

    def __init__(self, server: Served) -> None:
        self._model = server.model
        self._connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)

    def respond(self, text: str, tokens: int, before: str | None = None) -> dict[str, Any]:
        """Return a response that is stored."""
        body = {"model": self._model, "input": text, "max_output_tokens": tokens, "temperature": 0}
        content = json.dumps({**body, "previous_response_id": before})
        self._connection.request("POST", "/v1/responses", content, {"Content-Type": "application/json"})
        answer = self._connection.getresponse()
        found = json.loads(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"{answer.status}: {found}")
        return found

    def knows(self, response: str) -> bool:
        """Return whether a response is still stored."""
        self._connection.request("GET", f"/v1/responses/{response}")
        answer = self._connection.getresponse()
        answer.read()
        return answer.status == 200


def idle_sessions(server: Served, extent: Extent) -> dict[str, Any]:
    """Return what stored responses take of the server's memory: each a session that waits for its next turn."""
    texts, count = Prompts(4), extent.sessions

    def fill(each: int) -> list[str]:
        client = Client(server)
        return [client.respond(texts.text(16), 1)["id"] for _ in range(each)]

    with ThreadPoolExecutor(_ASKING) as pool:
        list(pool.map(fill, [max(1, count // 10 // _ASKING)] * _ASKING))  # buffers and pools have their size then
        before, began = server.resident(), time.perf_counter()
        ids = [one for some in pool.map(fill, [count // _ASKING] * _ASKING) for one in some]
        took, after = time.perf_counter() - began, server.resident()
    client = Client(server)
    grown = [late - early for early, late in zip(before, after, strict=True)]
    each = sum(grown) / len(ids)
    return {
        "stored": len(ids),
        "seconds": round(took, 2),
        "bytes_a_session": round(each),
        "of_which_by_process": [round(one / len(ids)) for one in grown],
        "sessions_a_GiB": round(GIB / each) if each > 0 else None,
        "extrapolated_from_GiB": round(sum(grown) / GIB, 4),
        "all_still_there": all(client.knows(one) for one in ids[:: max(1, len(ids) // 100)]),
        "state_bytes": server.get("/v1/models")["data"][0]["state_bytes"],
    }


def long_conversation(server: Served, extent: Extent) -> dict[str, Any]:
    """Return the seconds of the last turns of a long conversation, in turn with the first ones of new conversations."""
    client, texts, turns = Client(server), Prompts(5), extent.turns

    def turn(before: str | None) -> tuple[float, str]:
        text, began = texts.text(16), time.perf_counter()
        response = client.respond(text, 16, before)
        return 1e3 * (time.perf_counter() - began), response["id"]

    old: str | None = None
    for _ in range(3):  # to warm up
        turn(None)
    first = list[float]()
    for at in range(turns - _TURNS):
        took, old = turn(old)
        if at < _TURNS:
            first.append(took)
    late, early, new = list[float](), list[float](), None
    for _ in range(_TURNS):
        took, old = turn(old)
        late.append(took)
        took, new = turn(new)
        early.append(took)
    return {
        "turns": turns,
        "first_ms": spread(first),
        "last_ms": spread(late),
        "first_of_another_in_turn_ms": spread(early),
        "last_by_first_in_turn": ratios(late, early),
        "last_by_first": round(spread(late)["median"] / spread(first)["median"], 3),
        "cached_tokens_of_the_last": client.respond("a", 1, old)["usage"]["input_tokens_details"]["cached_tokens"],
    }


def arithmetic(state: int, *, layers: int, width: int, key_heads: int, heads: int) -> dict[str, Any]:
    """Return bytes of a session beside those of a key-value cache, computed and not measured.

    Args:
        state: bytes of a session of ours, whatever its length.
        layers: of the model with attention.
        width: of its residual stream.
        key_heads: of a Llama that shares keys and values among heads.
        heads: of both.
    """
    lengths = (1024, 8192, 131_072)
    gpt2 = {length: 2 * layers * width * 4 * length for length in lengths}
    shared = {length: size * key_heads // heads for length, size in gpt2.items()}
    sessions = 10**9
    return {
        "what": f"bytes of a session; a cache has 2 x {layers} layers x {width} x 4 bytes (float32) a token",
        "newllm": state,
        "gpt2_float32": gpt2,
        "gpt2_float16": {length: size // 2 for length, size in gpt2.items()},
        f"llama_{key_heads}_of_{heads}_key_heads_float16": {length: size // 2 for length, size in shared.items()},
        "a_billion_sessions_TB": {
            "newllm": round(sessions * state / 1e12, 1),
            "gpt2_float16_at_8192": round(sessions * gpt2[8192] / 2 / 1e12, 1),
        },
        "sessions_a_GiB_at_8192": {"newllm": GIB // state, "gpt2_float16": GIB // (gpt2[8192] // 2)},
    }

"""Two servers of one store, one of which is killed in the middle of its work."""

import http.client
import json
import signal
import threading
from pathlib import Path
from typing import Any

import pytest


def respond(served: Any, **fields: Any) -> dict[str, Any]:
    answer = served.ask("/v1/responses", {"max_output_tokens": 6, "seed": 3, **fields})
    assert answer.status == 200, answer.body
    return answer.json()


def begin_a_long_one(served: Any, begun: threading.Event) -> None:
    """Ask for a long response until the server is gone."""
    connection = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    asked = {"input": "long", "max_output_tokens": 100_000, "stream": True}
    try:
        connection.request("POST", "/v1/responses", json.dumps(asked), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        while answer.readline():
            begun.set()
    except (OSError, http.client.HTTPException):
        pass
    finally:
        connection.close()


@pytest.mark.slow
def test_a_conversation_goes_on_at_the_other_server(serving: Any, run: Path, tmp_path: Path) -> None:
    store, begun = tmp_path / "store", threading.Event()
    with serving(run, "--store", store) as one, serving(run, "--store", store) as other:
        first = respond(one, input="the whale")
        second = respond(other, input=" of", previous_response_id=first["id"])
        asking = threading.Thread(target=begin_a_long_one, args=(one, begun))
        asking.start()
        assert begun.wait(60)
        one.process.send_signal(signal.SIGKILL)
        one.process.wait()
        asking.join()
        third = respond(other, input=" sea", previous_response_id=second["id"])
        again = respond(other, input=" of", previous_response_id=first["id"])
        assert third["usage"]["input_tokens_details"]["cached_tokens"] == second["usage"]["total_tokens"] - 1
        assert again["output"][0]["content"] == second["output"][0]["content"]
        kept = {first["id"], second["id"], third["id"], again["id"]}
        assert {path.stem for path in store.glob("*/*.safetensors")} == kept, "of what was in flight nothing is left"
        with serving(run, "--store", store) as back:
            assert respond(back, input="", previous_response_id=third["id"])["previous_response_id"] == third["id"]
            assert other.ask(f"/v1/responses/{third['id']}", method="DELETE").status == 200
            assert back.ask(f"/v1/responses/{third['id']}").status == 404, "it is in nobody's memory"

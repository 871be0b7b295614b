"""Where a response cannot be stored the answer is given all the same, and says so."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def served(serving: Any, tmp_path: Path) -> Iterator[Any]:
    with serving(tmp_path / "stub", "--store", tmp_path / "store", "--store-bytes", 3000, stub=True) as served:
        yield served


def test_a_response_that_finds_no_room(served: Any) -> None:
    asked = {"input": "a" * 4000, "max_output_tokens": 4}
    answer = served.ask("/v1/responses", asked)
    assert (answer.status, answer.json()["store"]) == (200, False)
    assert answer.json()["output"][0]["content"][0]["text"] == "aaaa"
    assert answer.headers["x-newllm-not-stored"] == "the store is full"
    assert served.ask(f"/v1/responses/{answer.json()['id']}").status == 404
    streamed = served.ask("/v1/responses", asked | {"stream": True})
    last = json.loads([line for line in streamed.body.splitlines() if line.startswith(b"data: ")][-1][6:])
    assert (last["type"], last["response"]["store"]) == ("response.incomplete", False)
    assert all("bytes" in line["stored"] for line in served.log if line["event"] == "request" and line["status"] == 200)
    assert served.ask("/v1/responses", {"input": "a", "max_output_tokens": 1}).json()["store"] is True


def test_a_response_that_was_damaged(served: Any, tmp_path: Path) -> None:
    first = served.ask("/v1/responses", {"input": "a", "max_output_tokens": 1}).json()["id"]
    (file,) = [path for path in (tmp_path / "store").rglob("*") if path.is_file() and first in path.name]
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    damaged = served.ask("/v1/responses", {"input": "b", "previous_response_id": first})
    assert (damaged.status, damaged.json()["error"]["code"]) == (410, "damaged_response")
    assert "is damaged" in damaged.error
    assert served.ask(f"/v1/responses/{first}", method="DELETE").json()["deleted"] is True
    shutil.rmtree(tmp_path / "store")
    assert served.ask("/v1/responses", {"input": "a", "max_output_tokens": 1}).status == 200

"""What a server is sent that nobody should send, and clients that do not behave. Each answer is one line."""

import base64
import contextlib
import http.client
import json
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HEAD = b"POST /v1/completions HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"


@pytest.mark.parametrize(
    ("fields", "line"),
    [
        ({"temperature": -0.1}, "temperature is -0.1: it must be a number from 0 upwards"),
        ({"temperature": "1"}, "temperature is '1': it must be a number from 0 upwards"),
        ({"temperature": 10**400}, "temperature is 1000"),
        ({"temperature": True}, "temperature is True: it must be a number"),
        ({"top_p": 0}, "top_p is 0: it must be a number above 0 to 1"),
        ({"top_p": 1.1}, "top_p is 1.1: it must be a number above 0 to 1"),
        ({"top_k": -1}, "top_k is -1: it must be a whole number from 0 upwards"),
        ({"min_p": 2}, "min_p is 2: it must be a number from 0 to 1"),
        ({"repetition_penalty": 0}, "repetition_penalty is 0"),
        ({"max_tokens": -1}, "max_tokens is -1: it must be a whole number from 0 to 1,000,000"),
        ({"max_tokens": 1.5}, "max_tokens is 1.5"),
        ({"max_tokens": 10**7}, "max_tokens is 10000000"),
        ({"n": 0}, "n is 0: it must be a whole number from 1 to 128"),
        ({"n": 129}, "n is 129"),
        ({"n": 128, "prompt": ["a"] * 9}, "n is 128: it must be so small that there are at most 1,024 texts in all"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**63}, "seed is 9223372036854775808"),
        ({"seed": 2**63 - 1, "n": 2}, "seed is 9223372036854775807: it must be at most 9223372036854775806"),
        ({"stop": ""}, "stop is '': it must be a text of 1 to 1,024 characters, or a list of at most 16 of them"),
        ({"stop": ["a"] * 17}, "stop is ['a',"),
        ({"stop": ["a", 1]}, "stop is ['a', 1]"),
        ({"stop": "a" * 1025}, "stop is 'aaa"),
        ({"logprobs": 21}, "logprobs is 21: it must be a whole number from 0 to 20"),
        ({"logprobs": True}, "logprobs is True"),
        ({"echo": 1}, "echo is 1: it must be true or false"),
        ({"stream": "yes"}, "stream is 'yes': it must be true or false"),
        ({"stream_options": True}, "stream_options is True: it must be an object"),
        ({"model": 3}, "model is 3: it must be a text"),
        ({"prompt": 3}, "prompt is 3: it must be a text, a list of texts"),
        ({"prompt": []}, "prompt is []"),
        ({"prompt": ["a", 1]}, "prompt is ['a', 1]"),
        ({"prompt": [1, "a"]}, "prompt is [1, 'a']"),
        ({"prompt": [[1], ["a"]]}, "prompt is ['a']"),
        ({"prompt": [5, True]}, "prompt is [5, True]"),
        ({"prompt": [1, 256]}, "prompt has token 256 at place 1: the model has tokens 0 to 255"),
        ({"prompt": [-1]}, "prompt has token -1 at place 0"),
        ({"prompt": ["a"] * 1025}, "prompt has 1,025 prompts: at most 1,024 at once"),
        ({"prompt": "a\ud83d"}, "prompt has half a character at position 1 ('\\ud83d'): send whole characters"),
        ({"prompt": {"a": "b" * 1000}}, "prompt is {'a': 'bbb"),
        ({"state": "%"}, "state is no base64"),
        ({"state": 1}, "state is 1: it must be a text"),
        ({"user": ["a"]}, "user is ['a']: it must be a text"),
    ],
    ids=lambda value: None if isinstance(value, str) else str(value)[:40],
)  # fmt: skip
def test_a_wrong_field_is_quoted(stub: Any, fields: dict[str, Any], line: str) -> None:
    answer = stub.ask("/v1/completions", {"prompt": "a", **fields})
    assert answer.status == 400
    assert answer.error.startswith(line)
    assert len(answer.error) < 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize(
    ("path", "fields", "line"),
    [
        ("/v1/chat/completions", {}, "messages is None: it must be a list of 1 to 10,000 messages"),
        ("/v1/chat/completions", {"messages": []}, "messages is []"),
        ("/v1/chat/completions", {"messages": ["a"]}, "messages[0] is 'a': it must be a message"),
        ("/v1/chat/completions", {"messages": [{"role": "tool", "content": ""}]}, "messages[0].role is 'tool'"),
        ("/v1/chat/completions", {"messages": [{"role": "user"}]}, "messages[0].content is None: it must be a text"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
         "messages[0].content is {'type': 'image_url'}: it must be a part of type text"),
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "a"}], "top_logprobs": 30}, "top_log"),
        ("/v1/responses", {"input": 3}, "input is 3: it must be a list of 1 to 10,000 messages"),
        ("/v1/responses", {"input": "a\udc00"}, "input[0].content has half a character at position 1"),
        ("/v1/responses", {"input": "a", "instructions": 1}, "instructions is 1: it must be a text"),
        ("/v1/responses", {"input": "a", "previous_response_id": "x"}, "there is no response 'x' (any more)"),
        ("/v1/responses", {"input": "a", "previous_response_id": "../../etc/passwd"}, "there is no response '../"),
        ("/v1/responses", {"input": "a", "store": "no"}, "store is 'no': it must be true or false"),
        ("/v1/responses", {"input": "a", "max_output_tokens": -5}, "max_output_tokens is -5"),
        ("/v1/responses", {"input": "a", "metadata": {"a": 1}}, "metadata is 1: it must be a text"),
        ("/v1/responses", {"input": "a", "metadata": []}, "metadata is []"),
        ("/v1/responses", {"input": "a", "include": "b"}, "include is 'b': it must be a list"),
    ],
)  # fmt: skip
def test_a_wrong_message_is_quoted(stub: Any, path: str, fields: dict[str, Any], line: str) -> None:
    answer = stub.ask(path, fields)
    assert answer.status == 400, answer.body
    assert answer.error.startswith(line)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        (b"", "the body is no JSON at character 0 (Expecting value)"),
        (b"{", "the body is no JSON at character 1"),
        (b"[1]", "the body is [1]: send one JSON object"),
        (b"null", "the body is None: send one JSON object"),
        (b'{"prompt": "a", "temperature": NaN}', "the body has the number NaN, which JSON does not know"),
        (b'{"prompt": "a", "temperature": -Infinity}', "the body has the number -Infinity"),
        (b'{"prompt": "a", "temperature": 1e999}', "temperature is inf: it must be a number from 0 upwards"),
        (b'{"prompt": "\xc3"}', "the body is not UTF-8 at byte 12 (b'\\xc3'): send whole characters"),
        (b"\xff\xfe{}", "the body is not UTF-8 at byte 0"),
        (b'{"a":' * 100_000, "the body is nested too deep"),
        (b'{"seed": ' + b"9" * 5000 + b"}", "the body is no JSON that can be read"),
    ],
    ids=lambda value: value[:20].decode(errors="replace") if isinstance(value, bytes) else None,
)
def test_a_body_that_is_no_json_is_one_line(stub: Any, body: bytes, line: str) -> None:
    answer = stub.ask("/v1/completions", body)
    assert answer.status == 400
    assert answer.error.startswith(line)
    assert len(answer.error) < 400


def test_what_is_not_there(stub: Any) -> None:
    assert stub.ask("/v1/other").status == 404
    assert "there are /v1/models" in stub.ask("/v1/other").error
    assert stub.ask("/v1/completions").status == 405
    assert stub.complete("a", model="other").status == 404
    assert stub.ask("/v1/responses/resp_0").status == 404
    assert stub.ask("/v1/responses/resp_0", method="DELETE").status == 404
    assert stub.ask("/v1/completions", b"{}", Content_Type="text/plain").status == 415
    assert stub.complete("refuse").error == "it is refused: ask for less"


def test_pages_of_others_and_other_names_are_refused(stub: Any) -> None:
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "@127.0.0.1", ""):
        assert stub.ask("/v1/models", Host=host).status == 403, host
    assert stub.ask("/v1/models", Host="LOCALHOST:99").status == 200
    refused = stub.ask("/v1/models", Origin="https://evil.example")
    assert (refused.status, "--cors" in refused.error) == (403, True)
    assert stub.ask("/v1/models", Host="localhost:1", Origin="http://localhost:1").status == 200
    assert "access-control-allow-origin" not in stub.ask("/v1/models").headers


def test_a_page_that_was_allowed(serving: Any, tmp_path: Path) -> None:
    page = "https://page.example"
    with serving(tmp_path / "stub", "--cors", page, stub=True) as served:
        asked = {"Origin": page, "Access-Control-Request-Method": "POST"}
        assert served.ask("/v1/completions", method="OPTIONS", **asked).headers["access-control-allow-origin"] == page
        answer = served.ask("/v1/completions", {"prompt": "a", "z": 1}, Origin=page)
        assert (answer.status, answer.headers["access-control-allow-origin"]) == (200, page)
        assert "x-newllm-ignored" in answer.headers["access-control-expose-headers"]
        assert served.ask("/v1/models", Origin="https://evil.example").status == 403


def test_a_prompt_of_a_hundred_megabytes_is_not_read(stub: Any) -> None:
    answer = stub.ask("/v1/completions", b'{"prompt": "' + b"a" * 100_000_000 + b'"}')
    assert answer.status == 413
    assert answer.error.startswith("a request of 100,000,014 bytes: at most 16,777,216 are read")
    memory = int(Path(f"/proc/{stub.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert memory < 300_000_000
    with socket.create_connection(("127.0.0.1", stub.port)) as connection:
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(17):
            connection.sendall(b"100000\r\n" + b"a" * 0x100000 + b"\r\n")
        assert connection.recv(20).startswith(b"HTTP/1.1 413")
    assert stub.complete("a").status == 200


def test_no_text_is_logged(stub: Any, wait_for: Any) -> None:
    secret = "do-not-tell"
    stub.complete(secret)
    stub.complete(secret, state=secret)
    stub.complete([secret, 1])
    stub.ask("/v1/responses", {"input": secret, "metadata": {"a": secret}})
    stub.ask("/v1/responses", {"input": [secret]})
    stub.ask("/v1/completions", f'{{"prompt": "{secret}'.encode())
    identity = stub.complete(secret).headers["x-request-id"]
    (line,) = wait_for(lambda: [line for line in stub.log if line.get("id") == identity])
    assert {**line, "time": 0, "seconds": 0} == {
        "time": 0, "event": "request", "endpoint": "/v1/completions", "status": 200, "seconds": 0, "id": identity,
        "model": "stub", "prompt_tokens": len(secret), "completion_tokens": 16,
    }  # fmt: skip
    assert secret not in str(stub.log) + str(stub.said)


def test_a_client_that_vanishes_is_written_for_no_more(stub: Any) -> None:
    for stream in (True, False):
        before = len([line for line in stub.log if line["event"] == "worker"])
        connection = http.client.HTTPConnection("127.0.0.1", stub.port)
        body = json.dumps({"prompt": "slow", "max_tokens": 1000, "n": 2, "stream": stream})
        connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
        if stream:
            connection.getresponse().readline()
        else:
            time.sleep(0.3)
        connection.close()
        if connection.sock:
            connection.sock.close()
        line = stub.logged("worker", before + 1)
        assert line["line"].startswith("cancelled ")
    gone = [line for line in stub.log if line.get("error") == "the client went away"]
    assert len(gone) == 2
    assert stub.metric("newllm_requests_in_progress") == 0


def test_a_worker_that_dies_ends_its_requests_and_no_others(stub: Any, wait_for: Any) -> None:
    for prompt in ("die", "garbage"):
        answer = stub.complete(prompt)
        assert answer.status == 503
        assert answer.error.startswith("the process of model 'stub' ended (")
        assert answer.headers["retry-after"] == "1"
        wait_for(lambda: stub.ask("/health").status == 200)
    assert stub.complete("a").status == 200


def test_what_is_no_http(stub: Any) -> None:
    for content in (b"hello\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", b"\x16\x03\x01" * 100):
        with socket.create_connection(("127.0.0.1", stub.port)) as connection:
            connection.sendall(content)
            assert connection.recv(12) in (b"HTTP/1.1 400", b"HTTP/1.1 403")


@pytest.fixture(scope="module")
def hasty(serving: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A server that waits for no client longer than a second."""
    with serving(tmp_path_factory.mktemp("hasty") / "stub", stub=True, environment={"STUB_SECONDS": "1"}) as served:
        yield served


def test_who_says_nothing_is_not_waited_for(hasty: Any) -> None:
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=20) as connection:
        for byte in b"POST /v1/completions HTTP":
            try:
                connection.sendall(bytes([byte]))
                time.sleep(0.1)
            except OSError:
                return
        assert connection.recv(1) == b""


def test_a_body_that_comes_a_byte_at_a_time_is_not_waited_for(hasty: Any) -> None:
    with socket.create_connection(("127.0.0.1", hasty.port), timeout=20) as connection:
        connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
        connection.setblocking(False)
        answer, ends = b"", time.monotonic() + 20
        while not answer and time.monotonic() < ends:
            time.sleep(0.1)
            try:
                connection.sendall(b"a")
                answer = connection.recv(100)
            except BlockingIOError:
                continue
        assert answer.startswith(b"HTTP/1.1 408")


def test_who_does_not_read_is_dropped_and_written_for_no_more(hasty: Any) -> None:
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", hasty.port))
        body = json.dumps({"prompt": "ab", "max_tokens": 1_000_000, "stream": True}).encode()
        connection.sendall(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert hasty.logged("worker")["line"].startswith("cancelled ")
    assert hasty.metric("newllm_requests_in_progress") == 0
    assert hasty.complete("a").status == 200


@pytest.mark.parametrize("reads", [True, False])
def test_who_reads_a_long_answer_slowly_gets_all_of_it_and_who_stops_is_dropped(
    hasty: Any, ask_slowly: Any, reads: bool
) -> None:
    before = len([line for line in hasty.log if line["event"] == "request"])
    with ask_slowly(hasty) as (total, read):
        if reads:
            assert read(3_000_000) == total
        line = hasty.logged("request", before + 1)
    assert (line["status"], line.get("error")) == (200, None if reads else "cut before the client had read all of it")


def test_too_many_at_once(serving: Any, tmp_path: Path, wait_for: Any) -> None:
    with serving(tmp_path / "stub", "--streams", 3, stub=True) as served:
        answer = served.complete("a", n=4)  # it would wait for ever
        assert (answer.status, answer.error[:40]) == (400, "the request asks for 4 texts at once: at")
        assert served.complete("a", n=3).status == 200
        assert served.complete("a", n=3).status == 200
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", served.port)) as other:
            other.request(
                "POST", "/v1/completions", json.dumps({"prompt": "hang"}), {"Content-Type": "application/json"}
            )
            wait_for(lambda: served.metric("newllm_requests_in_progress"))
            answer = served.complete("a", n=3)
        assert (answer.status, answer.json()["error"]["type"]) == (429, "rate_limit_error")
        assert int(answer.headers["retry-after"]) >= 1


def test_what_one_request_may_have_in_memory_is_bounded(stub: Any) -> None:
    state = base64.b64encode(b"state:" + bytes(2 << 20)).decode()
    asked: list[dict[str, Any]] = [
        {"prompt": ["a"] * 400, "state": state},  # 800 MB of copies
        {"max_tokens": 1_000_000, "logprobs": 20},
        {"prompt": "a" * 1_000_000, "echo": True, "logprobs": 5, "max_tokens": 0},
    ]
    for fields in asked:
        answer = stub.complete(**fields)
        assert answer.status == 400, fields
        assert "bytes of texts, states and log probabilities: at most 536,870,912 are held" in answer.error
    assert stub.complete("ab", max_tokens=1000, logprobs=20, n=16).status == 200
    assert stub.metric("newllm_requests_in_progress") == 0


@pytest.mark.parametrize("body", [
    b'{"prompt": [' + b"[]," * (1 << 20) + b"[],[]]}",
    b'{"prompt": [' + b"1," * (1 << 20) + b"1,1]}",
    b"{" + b",".join(b'"k%d":1' % i for i in range(100_001)) + b"}",
], ids=["lists", "tokens", "fields"])  # fmt: skip
def test_a_body_that_would_be_read_for_seconds_is_not(stub: Any, body: bytes) -> None:
    answer = stub.ask("/v1/completions", body)
    assert answer.status == 413, answer.body
    assert "are read; send texts in place of tokens" in answer.error


def test_marks_inside_of_texts_are_no_values(stub: Any) -> None:
    for text in ("a, b: " * 400_000, '\\",:' * 200_000):
        assert stub.complete(text, max_tokens=0).status == 200
    assert stub.ask("/v1/completions", b'{"prompt": "' + b'\\"' * 1_000_000).status == 400  # without an end


def test_who_waits_for_a_turn_hears_that_the_server_is_there(hasty: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", hasty.port, timeout=20)
    body = json.dumps({"prompt": "hang", "stream": True})
    connection.request("POST", "/v1/completions", body, {"Content-Type": "application/json"})
    answer = connection.getresponse()
    assert answer.status == 200
    assert [answer.readline() for _ in range(4)] == [b": waiting\n", b"\n"] * 2
    answer.close()
    connection.close()


def test_a_client_of_an_older_http_gets_no_chunks(stub: Any) -> None:
    for prompt in ("ab", "slow"):
        with socket.create_connection(("127.0.0.1", stub.port), timeout=20) as connection:
            body = json.dumps({"prompt": prompt, "max_tokens": 5, "stream": True}).encode()
            head = HEAD.replace(b"HTTP/1.1", b"HTTP/1.0")
            connection.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            answer = b""
            while more := connection.recv(1 << 16):
                answer += more
        events = answer.partition(b"\r\n\r\n")[2]
        assert b"\r" not in events
        assert events.count(b"data: {") == 6
        assert events.endswith(b"data: [DONE]\n\n")


def test_a_name_that_is_a_format(serving: Any, tmp_path: Path) -> None:
    name = '100%d "\u65e5\u672c"'
    with serving(tmp_path / name, stub=True) as served:
        assert served.ask("/v1/models").json()["data"][0]["id"] == name
        answer = served.complete("ab", max_tokens=3, stream=True, model=name)
        events = [json.loads(line[6:]) for line in answer.body.splitlines() if line.startswith(b"data: {")]
        assert {event["model"] for event in events} == {name}
        assert "".join(event["choices"][0]["text"] for event in events) == "aba"

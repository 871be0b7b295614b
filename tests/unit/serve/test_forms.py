"""Parts of responses, and what is counted."""

import asyncio
import io
import json
import socket

import pytest
from prometheus_client.parser import text_string_to_metric_families

from newllm.serve.accounting import endpoint_of
from newllm.serve.log import Entry, Log
from newllm.serve.metrics import Metrics
from newllm.serve.openai.logprobs import CompletionLogprobs, chat_form
from newllm.servers.listening import bind

TOKENS = [
    {"token": "a", "bytes": [97], "id": 1, "logprob": None, "top": None},
    {"token": "\ufffd", "bytes": [226], "id": 2, "logprob": -1.5, "top": [["\ufffd", [226], -1.5], ["b", [98], -2.0]]},
]


def test_logprobs_of_a_completion() -> None:
    form = CompletionLogprobs()
    assert form.form(TOKENS) == {
        "tokens": ["a", "bytes:\\xe2"], "token_logprobs": [None, -1.5], "text_offset": [0, 1],
        "top_logprobs": [None, {"bytes:\\xe2": -1.5, "b": -2.0}],
    }  # fmt: skip
    assert form.form(TOKENS)["text_offset"] == [2, 3]  # what is no character is shown as U+FFFD


def test_places_of_tokens_are_counted_in_characters() -> None:
    tokens = [{"token": "\ufffd", "bytes": [byte], "logprob": -1.0, "top": []} for byte in "\u00e9!\u732b".encode()]
    assert CompletionLogprobs().form(tokens)["text_offset"] == [0, 0, 1, 2, 2, 2]


def test_logprobs_of_a_chat() -> None:
    first, second = chat_form(TOKENS)
    assert first == {"token": "a", "bytes": [97], "logprob": -9999.0, "top_logprobs": []}
    assert second["top_logprobs"][1] == {"token": "b", "bytes": [98], "logprob": -2.0}


def test_a_piece_of_a_stream_does_not_wait_for_the_one_before() -> None:
    async def nodelay() -> int:
        with bind("127.0.0.1", 0, waiting=4) as bound:
            told = asyncio.get_running_loop().create_future()
            serving = await asyncio.start_server(lambda _, writer: told.set_result(writer), sock=bound)
            _, ours = await asyncio.open_connection(*bound.getsockname())
            theirs = await told
            found = theirs.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
            theirs.close()
            ours.close()
            serving.close()
            return found

    assert asyncio.run(nodelay())


def test_metrics_are_what_prometheus_reads() -> None:
    metrics = Metrics()
    model = metrics.model("talker")
    for seconds in (0.0015, 0.5, 100.0):
        model.gap.add(seconds)
    model.finished(prompt=10, cached=4)
    model.wrote(7)
    model.stats({"rows": 3, "waiting": 2, "steps": 9})
    metrics.request("/v1/completions", 200)
    metrics.watch(lambda: {"store_bytes": 5.0})
    families = {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}
    gaps = {sample.labels.get("le"): sample.value for sample in families["newllm_token_gap_seconds"].samples}
    assert (gaps["0.001"], gaps["0.002"], gaps["0.512"], gaps["64.0"], gaps["+Inf"]) == (0, 1, 2, 2, 3)
    assert families["newllm_token_gap_seconds"].type == "histogram"
    tokens = {sample.labels["kind"]: sample.value for sample in families["newllm_tokens"].samples}
    assert tokens == {"read": 6, "cached": 4, "written": 7}
    single = {name: family.samples[0].value for name, family in families.items() if family.samples}
    assert (single["newllm_rows"], single["newllm_waiting"], single["newllm_store_bytes"]) == (3, 2, 5)
    assert families["newllm_requests"].samples[0].labels == {"endpoint": "/v1/completions", "status": "200"}


@pytest.mark.parametrize(
    ("path", "counted"),
    [
        ("/v1/models", "/v1/models"), ("/v1/models/a/b", "/v1/models/{id}"), ("/health", "/health"),
        ("/v1/responses/resp_1", "/v1/responses/{id}"), ("/" + "a" * 999, "other"), ("/v1/chat", "other"),
    ],
)  # fmt: skip
def test_paths_are_counted_by_what_they_are(path: str, counted: str) -> None:
    assert endpoint_of(path) == counted


def test_a_log_that_nobody_reads_is_no_reason_to_stop() -> None:
    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    log = Log(Closed())
    log.event("a")
    log.event("b")
    kept = io.StringIO()
    Log(kept).event("request", **Entry("req_1", model="m\n").fields())
    assert kept.getvalue().count("\n") == 1
    assert json.loads(kept.getvalue())["model"] == "m\n"
    Log(None).event("a")

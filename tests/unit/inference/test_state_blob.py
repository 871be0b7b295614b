"""States as bytes: whole they come back, and whatever else comes is refused."""

import hashlib
import json
import random
from collections.abc import Callable
from typing import Any

import pytest
import torch

from newllm.errors import UserError
from newllm.inference.preparing import at_once
from newllm.inference.state_blob import StateBlobs, StateError, served_fingerprint

MAGIC, SHA = b"newllm state 1\n", 32
LARGEST = b"\xff\xff\x7f\x7f"
"""The largest number that is finite."""


def signed(content: bytes) -> bytes:
    return content + hashlib.sha256(content).digest()


def parts(blob: bytes) -> tuple[dict[str, Any], bytes]:
    """The header of a blob, and what stands between it and the sum."""
    start = len(MAGIC) + 4
    end = start + int.from_bytes(blob[start - 4 : start], "little")
    return json.loads(blob[start:end]), blob[end:-SHA]


def forged(blob: bytes, body: bytes | None = None, **changes: Any) -> bytes:
    """A blob with another header or body, and the right sum."""
    header, own_body = parts(blob)
    text = json.dumps({**header, **changes}).encode()
    return signed(MAGIC + len(text).to_bytes(4, "little") + text + (own_body if body is None else body))


@pytest.fixture(scope="module", params=["stack", "attention", "lstm"])
def served(request: pytest.FixtureRequest, serve: Callable[..., Any]) -> Any:
    return serve(body=request.param)


def test_a_snapshot_comes_back_whole(served: Any) -> None:
    blobs = served.intake._blobs
    for text, tokens in (("", 0), ("the cat", 5), ("x" * 1500, 3)):
        blob = served.answer(text=text, max_tokens=tokens).blob
        snapshot = blobs.unpack(blob)
        assert blobs.pack(snapshot) == blob
        assert len(snapshot.recent) <= 1024
        assert {name: value.dtype for name, value in snapshot.state.items()} == {
            name: value.dtype for name, value in served.twin.start.memory.state.items()
        }


def test_it_is_little_more_than_the_state(served: Any) -> None:
    answer = served.answer(text="the cat", max_tokens=5)
    state = served.intake._blobs.unpack(answer.blob).state
    assert len(answer.blob) < sum(value.numel() * value.element_size() for value in state.values()) + 400


def test_no_flipped_bit_and_no_cut_is_taken(served: Any) -> None:
    blob, chance = served.answer(text="the cat", max_tokens=5).blob, random.Random(0)
    flips = [bytearray(blob) for _ in range(200)]
    for flipped in flips:
        flipped[chance.randrange(len(blob))] ^= 1 << chance.randrange(8)
    cuts = [blob[: chance.randrange(len(blob))] for _ in range(100)]
    for wrong in [*map(bytes, flips), *cuts, blob + b"\0", b"\0", MAGIC, MAGIC + bytes(36)]:
        if wrong:
            with pytest.raises(StateError, match="the state is damaged") as caught:
                at_once(served.intake.request({"op": "generate", "id": 1}, wrong))
            assert "\n" not in str(caught.value)


def test_another_models_is_refused(served: Any, serve: Callable[..., Any]) -> None:
    blob = served.answer(text="the cat", max_tokens=5).blob
    config = served.engine.model.config
    for other in (
        serve(seed=1, body=config.body),
        serve(weights="bf16", body=config.body),
        serve("bpe", vocabulary=300),
    ):
        with pytest.raises(StateError, match=r"written by another model \([0-9a-f]{12}, this one is [0-9a-f]{12}\)"):
            at_once(other.intake.request({"op": "generate", "id": 1}, blob))


def test_the_mark_is_of_weights_tokenizer_and_precision(serve: Callable[..., Any]) -> None:
    model = serve(vocabulary=300).engine.model
    tokenizers = [serve(name, vocabulary=300).engine.vocabulary._tokenizer for name in ("bytes", "bpe")]
    marks = {served_fingerprint(model, one, weights) for one in tokenizers for weights in ("fp32", "int8")}
    assert len(marks) == 4
    with torch.no_grad():
        model.head.bias[0] += 1
    assert served_fingerprint(model, tokenizers[0], "fp32") not in marks


WRONG: list[dict[str, Any]] = [
    {"tokens_read": -1}, {"tokens_read": 1.5}, {"tokens_read": None}, {"tokens_read": 2**70}, {"tokens_read": True},
    {"tokens_read": 2}, {"recent": 2000}, {"recent": -3}, {"pending": 0}, {"pending": 10**9}, {"together": 1},
    {"together": None}, {"undecoded": "aabbccdd"}, {"undecoded": "x"}, {"undecoded": 5}, {"rest": "00" * 5000},
    {"rest": None}, {"grown": -1}, {"grown": 10**6}, {"grown": 2**62}, {"model": None}, {"model": ["a"]}, {"more": 1},
]  # fmt: skip


@pytest.mark.parametrize("changes", WRONG, ids=str)
def test_a_header_with_the_right_sum_is_checked_all_the_same(served: Any, changes: dict[str, Any]) -> None:
    blob = served.answer(text="the cat", max_tokens=5).blob
    with pytest.raises(StateError):
        served.intake._blobs.unpack(forged(blob, **changes))
    header, _ = parts(blob)
    served.intake._blobs.unpack(forged(blob, tokens_read=header["tokens_read"]))


@pytest.mark.parametrize("header", [b"", b"[]", b"{", b"[" * 60_000, b'{"model": 1}', b"\xff"])
def test_what_is_no_header_is_refused(served: Any, header: bytes) -> None:
    for length in (len(header), 2**32 - 1, 0):
        with pytest.raises(StateError, match="damaged"):
            served.intake._blobs.unpack(signed(MAGIC + length.to_bytes(4, "little") + header + bytes(900)))


def test_tokens_and_sizes_are_checked(served: Any) -> None:
    blob = served.answer(text="the cat", max_tokens=5).blob
    _, body = parts(blob)
    with pytest.raises(StateError, match="tokens that its model has not"):
        served.intake._blobs.unpack(forged(blob, b"\xff\xff" + body[2:]))
    for wrong in (body[:-1], body + b"\0", b"", body[: len(body) // 2]):
        with pytest.raises(StateError, match="its size"):
            served.intake._blobs.unpack(forged(blob, wrong))


@pytest.mark.parametrize("token", [-(2**63), -1, 0, 257, 258, 2**62])
def test_tokens_that_ngrams_are_looked_up_by_are_checked(serve: Callable[..., Any], token: int) -> None:
    """Rows are found by them: another number would be read from somewhere else in memory."""
    served = serve(ngram_rows=9)
    blob = served.answer(text="the cat", max_tokens=5).blob
    assert served.intake._blobs.pack(served.intake._blobs.unpack(blob)) == blob
    _, body = parts(blob)
    wrong = forged(blob, body[:-8] + token.to_bytes(8, "little", signed=True))
    if 0 <= token <= served.engine.model.config.vocabulary:
        assert served.answer(wrong, text="x", max_tokens=3).done["finish"]
    else:
        with pytest.raises(StateError, match="tokens that its model has not"):
            served.intake._blobs.unpack(wrong)


def test_numbers_that_are_forged_harm_that_text_alone(served: Any) -> None:
    blob = served.answer(text="the cat", max_tokens=5).blob
    header, body = parts(blob)
    ids = 2 * (header["recent"] + header["pending"])
    wrong = forged(blob, body[:ids] + LARGEST * ((len(body) - ids) // 4))
    expected = served.answer(text="the", max_tokens=5).text
    bad, good = served.ask(wrong, max_tokens=5, n=2), served.ask(text="the", max_tokens=5)
    served.run()
    if served.engine.model.config.body == "lstm":  # whose gates make a small number of any
        assert bad not in served.errors
    else:
        assert served.errors[bad]["kind"] == "state"
        assert "the model predicts nan after the state of this request" in served.errors[bad]["error"]
        assert not any(answer.done for (number, _), answer in served.answers.items() if number == bad)
    assert served.answers[good, 0].text == expected


@pytest.mark.parametrize(("number", "shown"), [(b"\0\0\xc0\x7f", "nan"), (b"\0\0\x80\xff", "-inf")])
def test_numbers_that_are_not_finite_are_refused(served: Any, number: bytes, shown: str) -> None:
    blob = served.answer(text="the cat", max_tokens=5).blob
    _, body = parts(blob)
    with pytest.raises(StateError, match=rf"\(its '.+' has the number {shown}\)"):
        served.intake._blobs.unpack(forged(blob, body[:-4] + number))


def test_a_rest_that_no_token_can_be_is_refused(serve: Callable[..., Any]) -> None:
    for tokenizer in ("bytes", "bpe", "word"):
        served = serve(tokenizer)
        blob = served.answer(text="the cat", max_tokens=5).blob
        for rest in ("ff", "c3", "61e78c62"):
            wrong = forged(blob, rest=rest)
            if tokenizer == "word":
                with pytest.raises(StateError, match=f"its model has no tokens for the bytes '{rest}' of its rest"):
                    served.ask(wrong, text="x")
            else:
                assert served.answer(wrong, text="x", max_tokens=3).done["finish"]
        # "é", whole: a stop string may cut a longer word behind it.
        assert served.answer(forged(blob, rest="c3a9"), text="x", max_tokens=3).done["finish"]


def test_positions_bound_what_a_state_may_have(serve: Callable[..., Any]) -> None:
    served = serve(body="founding-transformer", positions=20)
    blob = served.answer(text="the cat", max_tokens=5).blob
    assert served.answer(blob, max_tokens=50).done["finish"] == "positions"
    header, body = parts(blob)
    for changes in ({"tokens_read": 20}, {"tokens_read": 19, "pending": 2, "recent": header["recent"] - 1}):
        with pytest.raises(StateError):
            served.intake._blobs.unpack(forged(blob, body, **changes))
    with pytest.raises(UserError, match="the prompt has 8 tokens, with the 13 before it 21: this model has 20 learned"):
        served.ask(blob, text="12345678")


def test_large_vocabularies_have_wider_ids(serve: Callable[..., Any]) -> None:
    served = serve(vocabulary=70_000)
    answer = served.answer(text="the cat", max_tokens=2)
    blobs = served.intake._blobs
    assert isinstance(blobs, StateBlobs)
    assert blobs.pack(blobs.unpack(answer.blob)) == answer.blob
    assert answer.done["finish"] in ("length", "end")

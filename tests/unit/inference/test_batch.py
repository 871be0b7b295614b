"""What a request asks for beside its text: choices, echo, logprobs, fair turns, and errors that harm no other."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest
import torch

from newllm import frames
from newllm.errors import UserError
from newllm.generation import Decoder, Sampling
from newllm.generation.batch_sampling import DIVERGED, BatchSampling
from newllm.inference import echo, events
from newllm.inference import request as limits


@pytest.fixture(scope="module", params=["bytes", "bpe", "word"])
def served(request: pytest.FixtureRequest, serve: Callable[..., Any]) -> Any:
    return serve(request.param)


def log_softmax(served: Any, logits_V: torch.Tensor) -> torch.Tensor:
    values_V = logits_V.double().masked_fill(~served.engine.vocabulary.allowed_V, -math.inf)
    return values_V.log_softmax(0)


def test_choices_share_one_reading_of_the_prompt(served: Any) -> None:
    before = served.batch.counts.tokens_read
    number = served.ask(text="the cat sat on", max_tokens=1, n=4, seed=7)
    served.run()
    prompt = served.answers[number, 0].done["prompt_tokens"]
    assert served.batch.counts.tokens_read - before == prompt + 1
    dones = [served.answers[number, index].done for index in range(4)]
    assert [done["last"] for done in dones].count(True) == 1
    number = served.ask(text="the cat sat on", max_tokens=8, n=4, seed=7)
    served.run()
    for index in range(4):
        text, _, _, node = served.twin.answer(served.twin.start, "the cat sat on", 8, Sampling(), 7 + index, ())
        assert served.answers[number, index].text == text
        served.check_same(served.answers[number, index].blob, node)


def test_what_is_done_is_counted(serve: Callable[..., Any]) -> None:
    served = serve("bytes")
    served.answer(text="the cat", max_tokens=3, temperature=0.0)
    counts = served.batch.counts
    assert (counts.steps, counts.tokens_read, counts.tokens_written) == (3, 1 + 7 + 2, 3)
    served.answer(text="the", max_tokens=0, echo=True, logprobs=1)
    assert (counts.steps, counts.tokens_read, counts.tokens_written) == (5, 10 + 1 + 3, 3)


def test_no_state_comes_back_that_nobody_wants(served: Any) -> None:
    assert served.answer(text="the", max_tokens=3, keep=False).blob == b""


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_logprobs_are_the_models_own(served: Any, temperature: float) -> None:
    fields = {"text": "the cat", "max_tokens": 9, "temperature": temperature, "top_k": 5, "seed": 2}
    plain = served.answer(**fields)
    answer = served.answer(logprobs=3, **fields)
    assert answer.text == plain.text
    assert len(answer.logprobs) == answer.tokens == plain.tokens
    memory = served.engine.read(served.engine.start(), "the cat")
    for entry in answer.logprobs:
        expected_V = log_softmax(served, memory.logits_V)
        assert entry["logprob"] == pytest.approx(expected_V[entry["id"]].item(), abs=1e-12)
        best = expected_V.topk(3)
        assert [top[2] for top in entry["top"]] == pytest.approx(best.values.tolist(), abs=1e-12)
        assert bytes(entry["bytes"]) == served.engine.vocabulary.token_bytes(entry["id"], first=False)
        assert entry["token"] == bytes(entry["bytes"]).decode("utf-8", "replace")
        memory = served.engine.read_token(memory, entry["id"])
    assert not any(entry["top"] for entry in served.answer(logprobs=0, **fields).logprobs)


@pytest.mark.parametrize("as_tokens", [False, True])
def test_echo_tells_the_prompt_and_what_was_expected_of_it(served: Any, as_tokens: bool) -> None:
    text = "the dog lay by the door " * 30 + "猫"
    ids = served.engine.vocabulary.encode(text).tolist()
    given = {"tokens": ids} if as_tokens else {"text": text}
    plain = served.answer(max_tokens=4, **given)
    answer = served.answer(max_tokens=4, echo=True, logprobs=1, **given)
    echoed = served.engine.vocabulary._tokenizer.decode(ids).decode() if as_tokens else text
    assert answer.text == echoed + plain.text
    assert answer.tokens == plain.tokens
    assert answer.blob == plain.blob
    assert [entry["id"] for entry in answer.logprobs[: len(ids)]] == ids
    memory = served.engine.start()
    first_V = log_softmax(served, memory.logits_V)
    logits_TV, _ = served.engine._prepared().read_all(ids[:64], memory.state)
    expected = [first_V, *(log_softmax(served, logits_V) for logits_V in logits_TV[:-1])]
    for entry, expected_V, token in zip(answer.logprobs, expected, ids, strict=False):
        wanted = expected_V[token].item()
        assert entry["logprob"] == (pytest.approx(wanted, abs=1e-4) if math.isfinite(wanted) else None)
    assert served.answer(max_tokens=4, echo=True, **given).text == echoed + plain.text
    assert served.answer(max_tokens=0, echo=True, **given).text == echoed


def test_an_echo_goes_on_where_the_text_ended(served: Any) -> None:
    first = served.answer(text="the", max_tokens=3, temperature=0.0)
    number = served.ask(first.blob, text=" cat", max_tokens=2, echo=True, n=2)
    served.run()
    for index in range(2):
        assert served.answers[number, index].text.startswith(" cat")
    assert served.answer(first.blob, text="", max_tokens=0, echo=True).text == ""


@pytest.mark.parametrize("as_tokens", [False, True])
@pytest.mark.parametrize("more", [{}, {"logprobs": 3}], ids=["plain", "logprobs"])
def test_an_echo_that_is_more_than_a_frame_comes_in_several(
    served: Any, monkeypatch: pytest.MonkeyPatch, as_tokens: bool, more: dict[str, int]
) -> None:
    text = "the dog lay by the door 猫 " * 20
    given = {"tokens": served.engine.vocabulary.encode(text).tolist()} if as_tokens else {"text": text}
    fields = {"max_tokens": 0, "echo": True, **given, **more}
    expected = served.answer(**fields)
    monkeypatch.setattr(events, "_FULL", 1 << 12)
    monkeypatch.setattr(frames, "LONGEST_HEADER", 1 << 15)
    other, number, before = served.ask(text="the", max_tokens=5), served.ask(n=100, **fields), len(served.frames)
    served.run()
    assert served.answers[other, 0].done["finish"]
    assert [frame["op"] for frame in served.frames[before:]].count("events") > 3
    answers = [served.answers[number, index] for index in range(100)]
    assert all((answer.text, answer.logprobs) == (expected.text, expected.logprobs) for answer in answers)


def test_a_long_text_is_told_in_pieces(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "the dog lay by the door 猫" * 9
    expected = served.answer(text=text, max_tokens=2, echo=True, logprobs=1)
    monkeypatch.setattr(echo, "_PIECE", 7)
    before = len(served.frames)
    answer = served.answer(text=text, max_tokens=2, echo=True, logprobs=1)
    assert (answer.text, answer.logprobs) == (expected.text, expected.logprobs)
    told = [said["text"] for frame in served.frames[before:] for said in frame.get("events", []) if said.get("echo")]
    assert max(map(len, told)) == 7


def test_an_echo_that_is_too_long_in_all_is_refused(served: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LONGEST_ECHO", 70)
    served.answer(text="the cat", n=10, echo=True)
    served.answer(text="the cat", n=11)
    why = "a prompt of 7 characters with each of 11 choices: at most 70 are told in all; ask for fewer choices"
    with pytest.raises(UserError, match=why):
        served.ask(text="the cat", n=11, echo=True)
    ids = served.engine.vocabulary.encode("the cat").tolist()
    served.answer(tokens=ids, n=7, echo=True)
    with pytest.raises(UserError, match="with each of 11 choices"):
        served.ask(tokens=ids, n=11, echo=True)


def test_nothing_is_told_of_a_stop_string(serve: Callable[..., Any]) -> None:
    served = serve("bytes")
    fields = {"text": "a", "max_tokens": 200, "temperature": 1.5, "seed": 5, "logprobs": 0}
    whole = served.answer(**fields)
    at = next(
        at for at, letter in enumerate(whole.text) if at > 20 and letter.isascii() and whole.text.find(letter) == at
    )
    answer = served.answer(stop=[whole.text[at : at + 2]], **fields)
    assert answer.done["finish"] == "stop"
    assert answer.text == whole.text[:at]
    shown = b"".join(bytes(entry["bytes"]) for entry in answer.logprobs).decode("utf-8", "replace")
    assert shown == answer.text
    assert answer.done["completion_tokens"] > len(answer.logprobs)


def test_a_client_may_write_the_stop_string_himself(serve: Callable[..., Any]) -> None:
    """BPE: a stop string inside a token leaves the token's beginning to be read in front of the next text."""
    served, cut = serve("bpe"), 0
    for seed in range(40):
        fields = {"text": "the", "max_tokens": 30, "temperature": 0.7, "seed": seed}
        whole = served.answer(**fields).text
        for at in range(1, len(whole) - 1):
            if whole.find(whole[at]) != at or whole[at] == "\ufffd":
                continue
            answer = served.answer(stop=[whole[at]], **fields)
            rest = served.intake._blobs.unpack(answer.blob).rest
            cut += bool(rest)
            assert whole[:at].encode().endswith(rest) or "\ufffd" in whole[:at]
            ids = served.engine.vocabulary.encode(whole[at]).tolist()
            assert served.answer(answer.blob, tokens=ids, max_tokens=0, echo=True).text == whole[at]
            more = served.answer(answer.blob, text=whole[at], max_tokens=0)
            twin = served.twin
            _, _, _, node = twin.answer(twin.start, "the", 30, Sampling(0.7), seed, [whole[at]])
            served.check_same(more.blob, twin.answer(node, whole[at], 0, Sampling(), 0, ())[3])
    assert cut > 5


def test_text_between_requests_may_end_inside_a_character(serve: Callable[..., Any]) -> None:
    served = serve("bytes")
    for text in ("猫", "🐈", "é"):
        ids = list(text.encode())
        for at in range(1, len(ids)):
            first = served.answer(tokens=ids[:at], max_tokens=0, echo=True)
            assert first.text == ""
            second = served.answer(first.blob, tokens=ids[at:], max_tokens=0, echo=True)
            assert second.text == text


def test_an_ended_text_ends_at_once_until_more_is_read(serve: Callable[..., Any]) -> None:
    served = serve("bytes")
    with torch.no_grad():
        served.engine.model.head.bias[served.told["end"]] += 4.0
    served = type(served)(served.engine, served.engine.vocabulary._tokenizer, served.engine.model, "fp32")
    answer = served.answer(text="the", max_tokens=200, seed=1)
    assert answer.done["finish"] == "end"
    again = served.answer(answer.blob, max_tokens=200, seed=1)
    assert (again.done["finish"], again.text, again.done["completion_tokens"]) == ("end", "", 0)
    assert again.blob == answer.blob
    assert served.answer(answer.blob, text=" cat", max_tokens=200, seed=1).done["cached_tokens"] > 0


class Watched:
    """A decoder that notes what it is asked, and fails where it is told to."""

    chunk, most_tokens, is_compiled = 4, 6, True

    def __init__(self, decoder: Decoder) -> None:
        self._decoder, self.calls, self.poison, self.falls = decoder, list[list[list[int]]](), -1, False

    def read_all(self, text: Sequence[int], state: Any) -> Any:
        if self.poison in text:
            raise MemoryError("no room\nfor it")
        return self._decoder.read_all(text, state)

    def read(self, texts: Sequence[Sequence[int]], states: Sequence[Any]) -> Any:
        self.calls.append([list(text) for text in texts])
        if self.falls or any(self.poison in text for text in texts):
            self.falls = False
            raise RuntimeError("the machine\nbreaks")
        return self._decoder.read(texts, states)


@pytest.fixture
def watched(serve: Callable[..., Any]) -> Any:
    served = serve("bytes")
    served.batch._decoder = Watched(served.batch._decoder)
    return served


def test_a_step_reads_each_text_that_is_written_and_one_chunk(watched: Any) -> None:
    for _ in range(3):
        watched.ask(text="a", max_tokens=60, temperature=0.0)
    while watched.batch.rows < 3:
        watched.step()
    watched.ask(text="the dog lay by the door", max_tokens=1)
    calls = watched.batch._decoder.calls
    calls.clear()
    while watched.batch.waiting:
        watched.step()
    assert all([len(text) for text in call[:3]] == [1, 1, 1] for call in calls)
    assert [len(text) for call in calls for text in call[3:]] == [4, 4, 4, 4, 4, 4]


def test_short_prompts_share_a_chunk(watched: Any) -> None:
    for _ in range(4):
        watched.ask(text="a", max_tokens=1)
    watched.step()
    assert [len(text) for text in watched.batch._decoder.calls[0]] == [2, 2]  # each with its begin token


def test_flows_take_turns(watched: Any) -> None:
    for letter in "abc":  # a prompt of each of one flow's requests is long
        watched.ask(text=letter * 200, max_tokens=1, flow="greedy")
    patient = watched.ask(text="z" * 19, max_tokens=1, flow="patient")
    steps = 0
    while not watched.answers[patient, 0].done:
        watched.step()
        steps += 1
    assert steps == 2 * 5


def test_within_a_flow_a_long_prompt_lets_others_in(watched: Any) -> None:
    watched.ask(text="a" * 400, max_tokens=1)
    short = watched.ask(text="z" * 7, max_tokens=1)
    steps = 0
    while not watched.answers[short, 0].done:
        watched.step()
        steps += 1
    assert steps == 16 + 2


def test_prompts_that_wait_have_memory_of_their_own(serve: Callable[..., Any]) -> None:
    served = serve("bytes")
    for seed in range(5):
        served.ask(text="a", max_tokens=100, temperature=0.0, seed=seed)
    while served.batch.waiting:
        served.step()
    for flow in "abc":
        served.ask(text="z" * 300, max_tokens=1, flow=flow)
    for _ in range(4):
        served.step()
    waiting = [reading for readings in served.batch._prompts._flows.values() for reading in readings]
    sizes = [{value.untyped_storage().nbytes() for value in reading.state.values()} for reading in waiting]
    own = {value.numel() * value.element_size() for value in served.engine.model.initial_state(1).values()}
    assert len(waiting) == 3
    assert all(size <= own for size in sizes)


def test_rows_take_turns_where_there_are_too_many(watched: Any) -> None:
    many = [watched.ask(text="a", max_tokens=40, seed=seed, flow="many") for seed in range(20)]
    one = watched.ask(text="a", max_tokens=40, seed=3, flow="one")
    while watched.batch.rows < 20 or not watched.answers[one, 0].tokens:
        watched.step()
    before = {number: watched.answers[number, 0].tokens for number in (one, *many)}
    for _ in range(20):
        watched.step()
        assert len(watched.batch._decoder.calls[-1]) <= 7
    gained = {number: watched.answers[number, 0].tokens - before[number] for number in (one, *many)}
    assert gained[one] >= 18
    running = [gained[number] for number in many if not watched.answers[number, 0].done]
    assert max(running) - min(running) <= 3
    watched.run()
    for seed, number in enumerate(many):
        text = watched.twin.answer(watched.twin.start, "a", 40, Sampling(), seed, ())[0]
        assert watched.answers[number, 0].text == text


def test_a_text_that_breaks_the_decoder_ends_alone(watched: Any) -> None:
    expected = watched.answer(text="the cat", max_tokens=9).text
    good = watched.ask(text="the cat", max_tokens=9)
    watched.batch._decoder.poison = ord("!")
    bad = watched.ask(text="!", max_tokens=9, n=2)
    watched.run()
    assert watched.errors[bad]["error"] == "defect of newllm: RuntimeError: the machine breaks"
    assert watched.errors[bad]["kind"] == "internal"
    assert watched.answers[good, 0].text == expected


@pytest.mark.parametrize("chunks", [0, 1, 2])
def test_a_prompt_whose_predictions_cannot_be_read_ends_alone(watched: Any, chunks: int) -> None:
    expected = watched.answer(text="the cat", max_tokens=30).text
    echoed = watched.answer(text="the dog lay by", max_tokens=3, echo=True, logprobs=1)
    good = watched.ask(text="the cat", max_tokens=30)
    while not watched.answers[good, 0].tokens:
        watched.step()
    watched.batch._decoder.poison = ord("!")
    same = [watched.ask(text="the dog lay by", max_tokens=3, echo=True, logprobs=1, flow=flow) for flow in "ab"]
    bad = watched.ask(text="abcd" * chunks + "!" * 9, max_tokens=9, n=2, echo=True, logprobs=1, flow="c")
    watched.run()
    assert set(watched.errors) == {bad}
    assert watched.errors[bad]["error"] == "defect of newllm: MemoryError: no room for it"
    assert len(watched.answers[bad, 0].logprobs) == 4 * chunks  # what was told before
    assert watched.answers[good, 0].text == expected
    for number in same:
        assert watched.answers[number, 0].text == echoed.text
        assert watched.answers[number, 0].logprobs == echoed.logprobs


def test_a_step_that_fails_leaves_prompts_that_are_read_alone_where_they_were(watched: Any) -> None:
    echoed = watched.answer(text="the dog lay by", max_tokens=3, echo=True, logprobs=1)
    watched.batch._decoder.poison = ord("!")
    number = watched.ask(text="the dog lay by", max_tokens=3, echo=True, logprobs=1)
    bad = watched.ask(text="!", max_tokens=9, flow="b")  # in the same step
    for _ in range(12):
        watched.step()
    assert set(watched.errors) == {bad}
    assert (watched.answers[number, 0].text, watched.answers[number, 0].logprobs) == (echoed.text, echoed.logprobs)


def test_a_state_that_no_frame_can_hold_ends_its_request_alone(watched: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = watched.answer(text="the cat", max_tokens=9, keep=False).text
    monkeypatch.setattr(frames, "LONGEST_BLOB", 100)
    bad = watched.ask(text="the", max_tokens=3, n=2)
    good = watched.ask(text="the cat", max_tokens=9, keep=False)
    watched.run()
    assert set(watched.errors) == {bad}
    assert "a frame's blob of" in watched.errors[bad]["error"]
    assert watched.answers[good, 0].text == expected


def test_a_step_that_fails_without_a_culprit_ends_all_of_it(watched: Any) -> None:
    numbers = [watched.ask(text="the cat", max_tokens=9) for _ in range(2)]
    while watched.batch.waiting:
        watched.step()
    watched.batch._decoder.falls = True
    watched.run()
    assert set(watched.errors) == set(numbers)


def test_a_prompt_of_too_many_tokens_is_refused(serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    served = serve("bytes")
    monkeypatch.setattr(limits, "MOST_TOKENS", 10)
    served.ask(text="0123456789")
    with pytest.raises(UserError, match="the prompt has 11 tokens: at most 10"):
        served.ask(text="0123456789a")
    with pytest.raises(UserError, match="the prompt has 11 tokens: at most 10"):
        served.ask(tokens=[1] * 11)
    monkeypatch.setattr(limits, "LONGEST_TEXT", 5)
    with pytest.raises(UserError, match="the prompt has 6 characters: at most 5"):
        served.ask(text="012345")


def test_the_first_and_the_last_piece_of_a_text_are_told_at_once_and_the_others_when_it_is_time(
    serve: Callable[..., Any],
) -> None:
    served = serve("word")
    number = served.ask(text="the cat", max_tokens=5, temperature=0.0)
    told = []
    while served.batch.is_busy:
        served.batch.step()
        told.append(served.answers[number, 0].tokens)
    assert told == [1, 1, 1, 1, 5]
    number = served.ask(text="the cat", max_tokens=5, temperature=0.0)
    served.batch.step()
    served.batch.step()
    served.batch.tell_in_time()  # nothing has been told of for long
    assert served.answers[number, 0].tokens == 2


@pytest.mark.parametrize("step", [1, 3])
def test_nothing_is_told_of_a_request_behind_its_error(
    serve: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    served = serve("word")
    number = served.ask(text="the cat", max_tokens=3, n=2, temperature=0.0)
    choose, calls = BatchSampling.choose, list[int]()

    def diverging(*given: Any) -> list[int]:
        calls.append(1)
        tokens = choose(*given)
        return [*tokens[:-1], DIVERGED] if len(calls) == step else tokens

    monkeypatch.setattr(BatchSampling, "choose", diverging)
    while served.batch.is_busy:
        served.batch.step()
    served.batch.tell()
    ops = [frame["op"] for frame in served.frames]
    assert ops.index("error") == len(ops) - 1
    assert served.errors[number]["kind"] == "internal"
    # What was written before is told; of a request that fails with its first step, nothing.
    assert served.answers[number, 0].tokens == (0 if step == 1 else step)

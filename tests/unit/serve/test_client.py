"""The real client, unchanged, against the real server with a real model."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from newllm import api
from newllm.generation import Engine, Sampling

openai = pytest.importorskip("openai", reason="the client of OpenAI is of the extra dev")


@pytest.fixture(scope="module")
def served(serving: Any, run: Path, template: Path) -> Iterator[Any]:
    with serving(run, "--chat-template", template) as server:
        yield server


@pytest.fixture(scope="module")
def client(served: Any) -> Iterator[Any]:
    with openai.OpenAI(base_url=served.address, api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def written(run: Path) -> Callable[..., str]:
    """What `newllm generate` writes."""
    loaded = api.load(str(run), "best", "cpu")
    engine = Engine(loaded.model, loaded.tokenizer)

    def write(prompt: str, tokens: int, seed: int, stop: tuple[str, ...] = (), **sampling: Any) -> str:
        memory = engine.read(engine.start(), prompt)
        return (
            engine.stream(
                memory, tokens, Sampling(temperature=sampling.pop("temperature", 1.0), **sampling), seed, stop
            )
            .result()
            .text
        )

    return write


def test_what_the_page_on_serving_shows(served: Any, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[3] / "docs/serving.md").read_text("utf-8")
    (block,) = re.findall(r"^```python\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    here = block.replace("http://127.0.0.1:8000/v1", served.address).replace("my-text", "talker")
    names = dict[str, Any]()
    exec(compile(here, "docs/serving.md", "exec"), names)
    names["client"].close()
    assert names["second"].previous_response_id == names["other"].previous_response_id == names["first"].id
    assert capsys.readouterr().out.endswith(f" {names['first'].usage.total_tokens - 1}\n")


def test_models(client: Any) -> None:
    (model,) = client.models.list().data
    assert (model.id, model.object, model.vocabulary, model.step) == ("talker", "model", 257, 3)
    assert client.models.retrieve("talker").fingerprint == model.fingerprint
    with pytest.raises(openai.NotFoundError, match="no model 'walker': known: talker"):
        client.models.retrieve("walker")


def test_a_completion_is_what_generate_writes(client: Any, written: Callable[..., str]) -> None:
    answer = client.completions.create(model="talker", prompt="the whale", max_tokens=20, seed=3)
    assert answer.choices[0].text == written("the whale", 20, 3)
    assert (answer.choices[0].finish_reason, answer.seed) == ("length", 3)
    usage = answer.usage
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (9, 20, 29)
    assert usage.prompt_tokens_details.cached_tokens == 0


def test_sampling_and_defaults(client: Any, written: Callable[..., str]) -> None:
    given = {"top_k": 5, "min_p": 0.1, "repetition_penalty": 1.3}
    answer = client.completions.create(
        model="talker", prompt="sea", max_tokens=9, seed=1, temperature=0.7, top_p=0.9, extra_body=given
    )
    assert answer.choices[0].text == written("sea", 9, 1, temperature=0.7, top_p=0.9, **given)
    # A seed of its own: the model may draw an end, which makes it shorter than the 16 tokens of the default.
    answers = (client.completions.create(model="talker", prompt="sea") for _ in range(20))
    drawn = next(one for one in answers if one.choices[0].finish_reason == "length")
    assert drawn.usage.completion_tokens == 16
    assert drawn.choices[0].text == written("sea", 16, drawn.seed)
    assert client.completions.create(model="talker", prompt="sea").seed != drawn.seed


def test_many_prompts_and_choices_in_their_order(client: Any, written: Callable[..., str]) -> None:
    answer = client.completions.create(model="talker", prompt=["the", "sea"], n=2, max_tokens=6, seed=5)
    wanted = [written(prompt, 6, seed) for prompt in ("the", "sea") for seed in (5, 6)]
    assert [choice.text for choice in answer.choices] == wanted
    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (6, 24)
    tokens = client.completions.create(model="talker", prompt=[list(b"the"), list(b"sea")], n=2, max_tokens=6, seed=5)
    assert [choice.text for choice in tokens.choices] == wanted
    one = client.completions.create(model="talker", prompt=list(b"sea"), max_tokens=6, seed=5)
    assert one.choices[0].text == wanted[2]


def test_a_stream_is_the_whole_in_pieces(client: Any, written: Callable[..., str]) -> None:
    asked = {"model": "talker", "prompt": "ship", "n": 2, "max_tokens": 30, "seed": 8}
    pieces = list(client.completions.create(**asked, stream=True, stream_options={"include_usage": True}))
    texts, finishes = ["", ""], ["", ""]
    for piece in pieces[:-1]:
        (choice,) = piece.choices
        texts[choice.index] += choice.text
        finishes[choice.index] += choice.finish_reason or ""
        assert piece.usage is None
    assert texts == [written("ship", 30, 8), written("ship", 30, 9)]
    assert finishes == ["length", "length"]
    assert pieces[-1].choices == []
    assert pieces[-1].usage.completion_tokens == 60
    assert all(piece.usage is None for piece in client.completions.create(**asked, stream=True))


def test_stop_strings(client: Any, written: Callable[..., str]) -> None:
    whole = written("the", 40, 2)
    stop = next(character for character in whole[3:] if character not in whole[:3])
    answer = client.completions.create(model="talker", prompt="the", max_tokens=40, seed=2, stop=[stop, "never there"])
    assert answer.choices[0].text == whole.partition(stop)[0]
    assert answer.choices[0].finish_reason == "stop"


def test_logprobs_and_echo(client: Any) -> None:
    asked = {"model": "talker", "prompt": "whale", "max_tokens": 3, "seed": 0, "logprobs": 2, "echo": True}
    choice = client.completions.create(**asked).choices[0]
    assert choice.text.startswith("whale")
    found = choice.logprobs
    assert found.tokens[:5] == list("whale")
    assert len(found.tokens) == len(found.token_logprobs) == len(found.top_logprobs) == len(found.text_offset) == 8
    assert found.text_offset[:6] == [0, 1, 2, 3, 4, 5]
    assert all(value < 0 for value in found.token_logprobs)
    assert all(len(top) == 2 for top in found.top_logprobs)
    pieces = [piece.choices[0] for piece in client.completions.create(**asked, stream=True)]
    assert "".join(piece.text for piece in pieces) == choice.text
    streamed = [piece.logprobs for piece in pieces if piece.logprobs]
    assert [token for one in streamed for token in one.tokens] == found.tokens
    assert [value for one in streamed for value in one.token_logprobs] == found.token_logprobs
    assert [value for one in streamed for value in one.text_offset] == found.text_offset
    scored = client.completions.create(**{**asked, "max_tokens": 0}).choices[0]  # as lm-evaluation-harness asks
    assert scored.text == "whale"
    assert scored.logprobs.token_logprobs == found.token_logprobs[:5]


def test_a_conversation_costs_its_new_tokens_only(client: Any) -> None:
    def turn(text: str, before: str | None, **fields: Any) -> Any:
        return client.responses.create(
            model="talker",
            input=text,
            previous_response_id=before,
            max_output_tokens=8,
            extra_body={"seed": 1},
            **fields,
        )

    first = turn("the whale", None)
    assert (first.status, first.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    second, branch = turn("the sea", first.id), turn("the sea", first.id)
    assert second.output_text == branch.output_text
    assert second.id != branch.id
    assert second.previous_response_id == first.id
    usage = second.usage
    assert usage.input_tokens_details.cached_tokens == first.usage.total_tokens - 1  # the last is read with the next
    whole = f"User: the whale\nAssistant: {first.output_text}\nUser: the sea\nAssistant: "
    if "\ufffd" not in first.output_text:
        assert usage.input_tokens == len(whole.encode())
    assert client.responses.retrieve(second.id).output_text == second.output_text
    client.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError, match="no response 'resp_") as refused:
        turn("more", first.id)
    assert refused.value.code == "previous_response_not_found"
    assert turn("more", second.id).output_text  # it is whole without the first
    kept = turn("more", second.id, store=False)
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(kept.id)


def test_a_response_in_a_stream(client: Any) -> None:
    asked = {"model": "talker", "input": "the whale", "max_output_tokens": 12, "extra_body": {"seed": 4}}
    events = list(client.responses.create(**asked, stream=True))
    names = [event.type for event in events]
    assert names[:4] == ["response.created", "response.in_progress", "response.output_item.added",
                         "response.content_part.added"]  # fmt: skip
    assert names[-4:] == ["response.output_text.done", "response.content_part.done", "response.output_item.done",
                          "response.incomplete"]  # fmt: skip
    assert set(names[4:-4]) == {"response.output_text.delta"}
    assert [event.sequence_number for event in events] == list(range(len(events)))
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    last = events[-1].response
    assert text == last.output_text == events[-4].text == client.responses.create(**asked).output_text
    assert client.responses.retrieve(last.id).output_text == text  # stored before its end was told
    assert last.usage.output_tokens == 12


def test_a_response_that_is_deleted_while_it_is_written_is_not_stored(stub: Any) -> None:
    with openai.OpenAI(base_url=stub.address, api_key="none", max_retries=0) as client:
        asked = client.responses.create(model="stub", input="slow", max_output_tokens=20, stream=True)
        own = next(one.response.id for one in asked if one.type == "response.created")
        client.responses.delete(own)
        assert [one.response.store for one in asked if one.type == "response.incomplete"] == [False]
        with pytest.raises(openai.NotFoundError):
            client.responses.retrieve(own)


def test_parts_of_fields_that_mean_nothing_are_named(client: Any) -> None:
    answer = client.responses.with_raw_response.create(
        model="talker",
        input="the",
        instructions="Be brief.",
        max_output_tokens=1,
        include=["reasoning.encrypted_content"],
    )
    assert answer.headers["x-newllm-ignored"] == "include.reasoning.encrypted_content"
    assert answer.parse().instructions == "Be brief."
    with pytest.raises(openai.BadRequestError, match=r"metadata is .*at most 64 characters"):
        client.responses.create(model="talker", input="the", metadata={"a" * 65: "b"})


def test_logprobs_of_a_response(client: Any) -> None:
    include = ["message.output_text.logprobs"]
    answer = client.responses.create(
        model="talker", input="a", max_output_tokens=4, include=include, top_logprobs=2, extra_body={"seed": 4}
    )
    logprobs = answer.output[0].content[0].logprobs
    assert len(logprobs) == 4
    assert all(len(one.top_logprobs) == 2 for one in logprobs)
    events = client.responses.create(
        model="talker", input="a", max_output_tokens=4, include=include, extra_body={"seed": 4}, stream=True
    )
    streamed = [one for event in events if event.type == "response.output_text.delta" for one in event.logprobs]
    assert [one.logprob for one in streamed] == [one.logprob for one in logprobs]


def test_a_chat(client: Any, written: Callable[..., str]) -> None:
    messages = [
        {"role": "developer", "content": "be short"},
        {"role": "user", "content": [{"type": "text", "text": "a"}]},
    ]
    asked = {"model": "talker", "messages": messages, "max_completion_tokens": 12, "seed": 2}
    answer = client.chat.completions.create(**asked, logprobs=True, top_logprobs=1)
    choice = answer.choices[0]
    assert choice.message.content == written("System: be short\nUser: a\nAssistant: ", 12, 2, ("\nUser:",))
    assert len(choice.logprobs.content) == 12
    assert choice.logprobs.content[0].bytes
    pieces = list(client.chat.completions.create(**asked, stream=True))
    assert pieces[0].choices[0].delta.role == "assistant"
    assert "".join(piece.choices[0].delta.content or "" for piece in pieces) == choice.message.content
    assert pieces[-1].choices[0].finish_reason == "length"


@pytest.mark.parametrize("stream", [False, True])
def test_a_chat_that_is_sent_again_is_not_read_again(client: Any, written: Callable[..., str], stream: bool) -> None:
    messages = [{"role": "user", "content": f"once {stream}"}]
    text, cached = f"User: once {stream}\nAssistant: ", 0
    for turn in range(3):
        replies = {seed: written(text, 5, seed, ("\nUser:",)) for seed in range(300)}
        seed = next(seed for seed, reply in replies.items() if len(reply) == 5 and "\ufffd" not in reply)
        asked = {"model": "talker", "messages": messages, "max_tokens": 5, "seed": seed, "stream": stream}
        answer = client.chat.completions.create(
            **asked, **({"stream_options": {"include_usage": True}} if stream else {})
        )
        if stream:
            *pieces, last = answer
            reply = "".join(piece.choices[0].delta.content or "" for piece in pieces)
            usage = last.usage
        else:
            reply, usage = answer.choices[0].message.content, answer.usage
        assert reply == replies[seed]
        assert usage.prompt_tokens == len(text)
        assert usage.prompt_tokens_details.cached_tokens == cached
        cached = len(text) + len(reply) - 1  # the last token is read with what follows
        messages += [{"role": "assistant", "content": reply}, {"role": "user", "content": f"and {turn}"}]
        text += f"{reply}\nUser: and {turn}\nAssistant: "


def test_a_state_that_the_client_keeps(client: Any) -> None:
    keep = {"return_state": True, "seed": 3}
    first = client.completions.create(model="talker", prompt="the whale", max_tokens=5, extra_body=keep)
    state = first.choices[0].state
    after = client.completions.create(model="talker", prompt=" of", max_tokens=6, seed=3, extra_body={"state": state})
    assert after.usage.prompt_tokens == 17
    assert after.usage.prompt_tokens_details.cached_tokens == 13
    pieces = client.completions.create(model="talker", prompt="the whale", max_tokens=5, extra_body=keep, stream=True)
    assert [piece.choices[0].state for piece in pieces if piece.choices[0].finish_reason] == [state]
    response = client.responses.create(model="talker", input="a", max_output_tokens=3, extra_body=keep)
    assert client.responses.create(model="talker", input="b", max_output_tokens=3, extra_body={"state": response.state})
    assert not hasattr(client.responses.retrieve(response.id), "state")
    flipped = state[:400] + ("A" if state[400] != "A" else "B") + state[401:]
    for bad in (flipped, state[:200], "AAAA", "?"):
        with pytest.raises(openai.BadRequestError) as refused:
            client.completions.create(model="talker", prompt="", extra_body={"state": bad})
        assert refused.value.code == "invalid_state", bad


def test_what_is_ignored_is_named(client: Any) -> None:
    answer = client.completions.with_raw_response.create(
        model="talker",
        prompt="a",
        presence_penalty=0.5,
        frequency_penalty=0,
        user="me",
        extra_body={"colour\n": 1, "x": None, "stream_options": {"include_usage": False, "tempo": 2}},
    )
    assert answer.headers["x-newllm-ignored"] == "?, presence_penalty, stream_options.tempo"
    assert answer.headers["x-request-id"].startswith("req_")


async def _several(address: str) -> list[str]:
    import asyncio

    async with openai.AsyncOpenAI(base_url=address, api_key="none", max_retries=0) as client:
        asked = [
            client.completions.create(model="talker", prompt="the", max_tokens=25, seed=seed) for seed in range(40)
        ]
        return [answer.choices[0].text for answer in await asyncio.gather(*asked)]


def test_forty_at_once_write_what_each_writes_alone(served: Any, written: Callable[..., str]) -> None:
    import asyncio

    assert asyncio.run(_several(served.address)) == [written("the", 25, seed) for seed in range(40)]

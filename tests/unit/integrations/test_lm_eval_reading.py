"""Shared prefixes, scores and continuations of many rows against the model that reads one row; needs no lm_eval."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from newllm.data import train_tokenizer
from newllm.errors import UserError
from newllm.generation import Engine, Sampling, Vocabulary
from newllm.integrations.lm_eval import prefixes, reading
from newllm.integrations.lm_eval.generation import Request, write_on
from newllm.integrations.lm_eval.prefixes import prefix_tree
from newllm.integrations.lm_eval.reading import advance, read_contexts, score
from newllm.model.config import BODY_NAMES, ModelConfig
from newllm.model.language_model import LanguageModel

BODIES = [body for body in BODY_NAMES if body != "founding-transformer"]  # which has positions, and one row a batch
LENGTHS = (1, 30, 4, 4, 17)


def model_of(body: str = "stack") -> LanguageModel:
    shape = ModelConfig(body=body, vocabulary=257, width=8, layers=2, hidden=12, context=10, heads=2, window=6)
    model = LanguageModel(shape, seed=1).eval()
    with torch.no_grad():
        model.embedding.weight.mul_(30)
    return model


def rows_of(*lengths: int) -> list[np.ndarray]:
    return [np.random.default_rng(length).integers(0, 257, length) for length in lengths]


def close(one, other):
    torch.testing.assert_close(one, other, atol=1e-5, rtol=0)


def read(model, ids):
    return model(torch.tensor([[int(token) for token in ids]]))


@torch.inference_mode()
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("together", [3, 1024])
def test_rows_of_different_lengths_have_the_state_and_logits_of_each(monkeypatch, body, together):
    monkeypatch.setattr(reading, "_together", lambda _: together)
    model, rows = model_of(body), rows_of(*LENGTHS)
    state, logits = advance(model, rows, model.initial_state(len(rows)))
    more = rows_of(3, 9, 1, 2, 5)
    after, _ = advance(model, more, state)
    for row, ids in enumerate(rows):
        own_logits, _ = read(model, ids)
        close(logits[row], own_logits[0, -1])
        _, own = read(model, [*ids, *more[row]])
        assert after.keys() == own.keys()
        for name, value in own.items():
            here = after[name][row : row + 1]
            close(here[:, here.shape[1] - value.shape[1] :] if value.dim() == 4 else here, value)


@torch.inference_mode()
@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("together", [3, 1024])
def test_scores_are_those_of_rows_read_alone(monkeypatch, body, together):
    monkeypatch.setattr(reading, "_together", lambda _: together)
    monkeypatch.setattr(reading, "_LOGITS", 257 * 5)
    model, contexts = model_of(body), rows_of(2, 11, 5, 3, 8)
    following = [*rows_of(6, 19, 1), np.zeros(0, dtype=np.int64)]
    likeliest = int(read(model, contexts[4])[0][0, -1].argmax())
    following.append(np.array([likeliest]))
    state, logits = advance(model, contexts, model.initial_state(len(contexts)))
    scores = score(model, following, state, logits)
    for context, ids, (nats, greedy) in zip(contexts, following, scores, strict=True):
        own = read(model, [*context, *ids])[0][0, len(context) - 1 : -1 if len(ids) else 0].log_softmax(-1)
        assert nats == pytest.approx(sum(float(own[place, token]) for place, token in enumerate(ids)), abs=1e-4)
        assert greedy == bool((own.argmax(-1) == torch.tensor(ids)).all())
    assert scores[3] == (0.0, True)
    assert scores[4][1]


@torch.inference_mode()
@settings(deadline=None, max_examples=40)
@given(
    contexts=st.lists(st.lists(st.integers(0, 2), max_size=12).map(lambda ids: [0, *ids]), min_size=1, max_size=12),
    batch=st.integers(1, 5),
    fewest=st.integers(1, 6),
)
def test_every_context_is_read_whatever_they_share(contexts, batch, fewest):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefixes, "FEWEST_SHARED", fewest)
        model, found = model_of(), {}
        for numbers, state, logits in read_contexts(model, contexts, batch):
            for row, number in enumerate(numbers):
                assert number not in found
                found[number] = logits[row]
                assert int(state["position"][row]) == len(contexts[number])
        assert sorted(found) == list(range(len(contexts)))
        for number, logits in found.items():
            close(logits, read(model, contexts[number])[0][0, -1])


@torch.inference_mode()
def test_what_contexts_share_is_read_once(monkeypatch):
    model, tokens = model_of(), []
    shared, tails = list(range(100)), [[200 + tail] * 20 for tail in range(4)]
    contexts = [[*shared, *tail] for tail in tails for _ in range(3)] + [shared]
    own = model.read
    monkeypatch.setattr(model, "read", lambda x, state: tokens.append(x.shape[0] * x.shape[1]) or own(x, state))
    read_contexts_of = list(read_contexts(model, contexts, 64))
    assert sum(len(numbers) for numbers, _, _ in read_contexts_of) == 13
    assert sum(tokens) == 100 + 4 * 20


def test_few_shared_tokens_make_no_node():
    few, many = [1] * 10, [1] * 40
    assert len(prefix_tree([[*few, 2], [*few, 3]])) == 2
    (root,) = prefix_tree([[*many, 2], [*many, 3], [*many, 3]])
    assert [len(child.ids) for child in root.children] == [1, 1]
    assert sorted(child.requests for child in root.children) == [[0], [1, 2]]


@torch.inference_mode()
@pytest.mark.parametrize("body", ["stack", "cell", "attention"])
def test_greedy_texts_are_those_of_the_engine(body):
    model, tokenizer = model_of(body), train_tokenizer("bytes", [], 257)
    engine, vocabulary = Engine(model, tokenizer), Vocabulary(tokenizer, 257)
    prompts, requests = ["a cat", "", "the whale, the whale"], [Request((), n, Sampling(0.0)) for n in (12, 5, 1)]
    contexts = [[256, *prompt.encode()] for prompt in prompts]
    state, logits = advance(model, [np.array(ids) for ids in contexts], model.initial_state(3))
    texts = write_on(model, vocabulary, state, logits, requests, contexts, [0, 1, 2], seed=0)
    for prompt, request, text in zip(prompts, requests, texts, strict=True):
        memory = engine.read(engine.start(), prompt)
        assert text.rstrip("\ufffd") == engine.stream(memory, request.tokens, request.sampling).result().text.rstrip(
            "\ufffd"
        )


@torch.inference_mode()
def test_a_stop_string_ends_a_text_and_each_request_has_its_own_chance():
    model, tokenizer = model_of(), train_tokenizer("bytes", [], 257)
    vocabulary, context = Vocabulary(tokenizer, 257), [256, *b"a cat"]
    state, logits = advance(model, [np.array(context)] * 3, model.initial_state(3))

    def texts(request, seed=0):
        return write_on(model, vocabulary, state, logits, [request] * 3, [context] * 3, [0, 1, 2], seed)

    whole = texts(Request((), 30, Sampling(1.0)))
    assert whole == texts(Request((), 30, Sampling(1.0)))
    assert len(set(whole)) == 3
    assert whole != texts(Request((), 30, Sampling(1.0)), seed=1)
    stop = whole[0][4:6]
    ended = texts(Request((stop,), 30, Sampling(1.0)))
    assert [stop in text for text in ended] == [False] * 3
    assert ended[0] == whole[0][: whole[0].index(stop)]


@torch.inference_mode()
def test_a_text_ends_with_the_learned_positions():
    model = LanguageModel(ModelConfig(body="cell", vocabulary=257, width=8, hidden=12, context=10, positions=8)).eval()
    engine, vocabulary = Engine(model, tokenizer := train_tokenizer("bytes", [], 257)), Vocabulary(tokenizer, 257)
    context = [256, *b"a cat"]
    state, logits = advance(model, [np.array(context)], model.initial_state(1))
    (text,) = write_on(model, vocabulary, state, logits, [Request((), 30, Sampling(1.0))], [context], [0], seed=0)
    result = engine.stream(engine.read(engine.start(), "a cat"), 30, Sampling(1.0)).result()
    assert (result.stopped_by, result.tokens) == ("positions", 2)
    assert len(text) <= 2


def test_what_a_task_asks_of_a_continuation():
    greedy = Request.of({"until": "\n", "max_gen_toks": 7, "temperature": 0.7, "do_sample": False})
    assert greedy == Request(("\n",), 7, Sampling(0.0))
    assert Request.of({}) == Request((), 256, Sampling(0.0))
    sampled = Request.of({"until": ["a", ""], "max_new_tokens": 3, "temperature": 0.5, "top_k": 4})
    assert sampled == Request(("a",), 3, Sampling(0.5, top_k=4))
    for wrong in ({"num_beams": 4}, {"do_sample": True}, {"temperature": -1.0}):
        with pytest.raises(UserError):
            Request.of(wrong)


def test_what_is_no_number_in_gen_kwargs_is_one_line():
    wrong = (
        ({"temperature": "abc"}, "temperature='abc' in gen_kwargs: give a number"),
        ({"temperature": [1.0]}, "temperature=[1.0] in gen_kwargs: give a number"),
        ({"top_k": "x"}, "top_k='x' in gen_kwargs: give a number"),
        ({"top_p": True}, "top_p=True in gen_kwargs: give a number"),
        ({"min_p": None}, "min_p=None in gen_kwargs: give a number"),
        ({"max_gen_toks": "many"}, "max_gen_toks='many' in gen_kwargs: give a number"),
        ({"max_new_tokens": 2.5}, "max_new_tokens=2.5 in gen_kwargs: it must be a whole number of tokens"),
        ({"max_tokens": -1}, "max_tokens=-1 in gen_kwargs: it must be a whole number of tokens"),
        ({"max_tokens": "inf"}, "max_tokens='inf' in gen_kwargs: it must be a whole number of tokens"),
        ({"do_sample": "maybe"}, "do_sample='maybe' in gen_kwargs: it must be true or false"),
        ({"until": 5}, "until=5 in gen_kwargs: give a string or a list of strings"),
        ({"until": ["a", 5]}, "in gen_kwargs: give a string or a list of strings"),
        ({"temperature": "nan"}, "temperature is nan: it must be"),
        ({"temperature": 1.0, "top_k": "2.5"}, "top_k is 2.5: it must be a whole number"),
    )
    for given_, said in wrong:
        with pytest.raises(UserError) as refused:
            Request.of(given_)
        assert said in str(refused.value)
        assert "\n" not in str(refused.value)
    assert Request.of({"temperature": "0.5", "top_k": "4", "max_gen_toks": "7"}) == Request(
        (), 7, Sampling(0.5, top_k=4)
    )
    assert Request.of({"temperature": 0.5, "do_sample": 0}) == Request((), 256, Sampling(0.0))
    assert Request.of({"until": ""}) == Request.of({"until": None}) == Request((), 256, Sampling(0.0))

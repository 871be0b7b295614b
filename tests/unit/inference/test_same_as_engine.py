"""Any load, any order of requests: every text, count and state is the one that `Engine` has alone."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from newllm.errors import UserError
from newllm.generation import Sampling

PROMPTS = ("", "", "the", " cat sat", "猫", "é 🐈", "a b\nc", "the dog lay by the door " * 12, "x" * 70, " ")
SAMPLINGS: tuple[dict[str, Any], ...] = (
    {}, {"temperature": 0.0}, {"temperature": 0.3, "top_k": 3}, {"temperature": 1.0, "top_p": 0.4},
    {"temperature": 1.5, "min_p": 0.1}, {"temperature": 0.2, "repetition_penalty": 1.3, "repetition_window": 9},
    {"temperature": 0.0, "repetition_penalty": 1.1},
)  # fmt: skip


class Load:
    """Requests by chance, each with what its twin answers."""

    def __init__(self, served: Any, seed: int) -> None:
        self.served, self.chance = served, random.Random(seed)
        self.nodes: list[tuple[bytes, Any]] = [(b"", served.twin.start)]
        self.wanted: dict[int, list[tuple[str, str, int, Any]]] = {}
        self.finishes: dict[str, int] = {}
        self._known: dict[Any, Any] = {}

    def expected(self, place: int, *asked: Any) -> tuple[str, str, int, Any]:
        key = (place, *asked)
        if key not in self._known:
            self._known[key] = self.served.twin.answer(self.nodes[place][1], *asked)
        return self._known[key]

    def request(self) -> None:
        chance = self.chance
        place = chance.choice([0, chance.randrange(len(self.nodes))])
        text, tokens, seed = chance.choice(PROMPTS), chance.choice([0, 1, 2, 5, 12, 30]), chance.randrange(3)
        fields = chance.choice(SAMPLINGS)
        sampling, choices = Sampling(**fields), chance.choice([1, 1, 1, 1, 3])
        request = {
            "text": text,
            "max_tokens": tokens,
            "seed": seed,
            "n": choices,
            "flow": chance.choice("abc"),
            **fields,
        }
        try:
            plain = self.expected(place, text, tokens, sampling, seed, ())[0]
        except UserError:
            with pytest.raises(UserError, match="learned positions"):
                self.served.ask(self.nodes[place][0], **request)
            self.finishes["refused"] = self.finishes.get("refused", 0) + 1
            return
        stop: tuple[str, ...] = ()
        if len(plain) > 1 and chance.random() < 0.5:
            cuts = [sorted(chance.sample(range(len(plain) + 1), 2)) for _ in range(chance.choice([1, 1, 2]))]
            stop = tuple(plain[first:last][: chance.choice([1, 2, 3, 30])] for first, last in cuts)
            # What never comes, and is held back again and again.
            stop = (*stop, *([plain[0] + "never"] if chance.random() < 0.3 else ()))
        number = self.served.ask(self.nodes[place][0], stop=list(stop), **request)
        self.wanted[number] = [
            self.expected(place, text, tokens, sampling, seed + index, stop) for index in range(choices)
        ]

    def check(self, number: int, index: int) -> None:
        text, finish, tokens, node = self.wanted[number][index]
        answer = self.served.answers.pop((number, index))
        assert (answer.text, answer.done["finish"]) == (text, finish)
        assert answer.tokens == answer.done["completion_tokens"] == tokens
        self.served.check_same(answer.blob, node)
        self.finishes[finish] = self.finishes.get(finish, 0) + 1
        if len(self.nodes) < 150 or self.chance.random() < 0.1:
            self.nodes.append((answer.blob, node))

    def run(self, requests: int) -> None:
        sent, batch = 0, self.served.batch
        while sent < requests or batch.is_busy:
            for _ in range(self.chance.choice([0, 0, 1, 3, 20]) if sent < requests else 0):
                self.request()
                sent += 1
            if self.wanted and self.chance.random() < 0.05:
                number = self.chance.choice(list(self.wanted))
                batch.cancel(number)
                for index in range(len(self.wanted.pop(number))):
                    self.served.answers.pop((number, index), None)
            if batch.is_busy:
                batch.step()
                if self.chance.random() < 0.3:
                    batch.tell()
            ended = [key for key, answer in self.served.answers.items() if answer.done]
            last = [number for number, index in ended if self.served.answers[number, index].done["last"]]
            for number, index in ended:
                self.check(number, index)
            for number in last:
                del self.wanted[number]
            self.served.frames.clear()
        assert not self.wanted
        assert not self.served.answers
        assert not self.served.errors


MODELS: dict[str, dict[str, Any]] = {
    "bytes": {},
    "bpe": {"tokenizer": "bpe"},
    "word": {"tokenizer": "word"},
    "int8": {"tokenizer": "bpe", "weights": "int8"},
    "attention": {"body": "attention", "tokenizer": "bpe"},
    "matrices": {"rule": "delta", "head_width": 4},
    "lstm": {"body": "lstm"},
    "positions": {"body": "founding-transformer", "positions": 90},
}


OFTEN = ("bpe", "matrices")
"""Kinds of model that every run of the tests tries."""


@pytest.mark.parametrize("model", [pytest.param(one, marks=() if one in OFTEN else pytest.mark.slow) for one in MODELS])
def test_every_text_and_state_is_that_of_the_engine(serve: Callable[..., Any], model: str) -> None:
    load = Load(serve(**MODELS[model]), seed=1)
    load.run(120)
    assert {"length", "stop"} <= load.finishes.keys()
    assert ("refused" in load.finishes) == ("positions" in load.finishes) == (model == "positions")


@pytest.mark.slow
@pytest.mark.parametrize("model", ["bytes", "bpe", "word"])
def test_ten_thousand_requests(serve: Callable[..., Any], model: str) -> None:
    load = Load(serve(**MODELS[model]), seed=2)
    load.run(10_000)
    assert min(load.finishes[finish] for finish in ("length", "stop", "end")) > 50

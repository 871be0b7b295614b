"""What a worker answers, asked within this process: reading and writing are those of `generate` and `eval`."""

import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import newllm
from newllm.errors import UserError
from newllm.generation import Sampling
from newllm.playground.player import MOST_BRANCHES, SHOWN, Player
from newllm.playground.task import LONGEST_TEXT, Task

BODIES = ("stack", "cell", "lstm", "attention")
Trained = Callable[..., Path]
Told = tuple[dict[str, Any], list[dict[str, Any]]]


class Asked:
    """A player, asked with keywords; stops after `tokens` events of tokens."""

    def __init__(self, run: Path, stop_after: int | None = None) -> None:
        self.loaded = newllm.load(run, device="cpu")
        self.player, self.stop_after = Player(self.loaded), stop_after

    def __call__(self, verb: str, **fields: Any) -> Told:
        events: list[dict[str, Any]] = []
        seen = lambda: sum(event["event"] == "tokens" for event in events)  # noqa: E731
        stopped = lambda: self.stop_after is not None and seen() >= self.stop_after  # noqa: E731
        task = Task(fields, lambda event, more: events.append({"event": event, **more}), stopped)
        return self.player.verbs[verb](task), events

    def tokens(self, verb: str, **fields: Any) -> list[dict[str, Any]]:
        return [token for event in self(verb, **fields)[1] if event["event"] == "tokens" for token in event["tokens"]]

    def memory(self, branch: str = "main") -> Any:
        return self.player._branches[branch].memory


def begun(run: Path, text: str = "the whale", **more: Any) -> Asked:
    asked = Asked(run, **more)
    asked("branch", name="main")
    asked("read", branch="main", text=text)
    return asked


def text_of(tokens: list[dict[str, Any]]) -> str:
    return "".join(token["piece"] for token in tokens)


@pytest.mark.parametrize("body", BODIES)
def test_what_is_written_is_what_generate_writes(trained: Trained, body: str) -> None:
    asked = begun(trained(body))
    tokens = asked.tokens("write", branch="main", tokens=150, seed=5, temperature=1.1)  # past where a decoder is made
    wanted = asked.loaded.generate("the whale", 150, sampling=Sampling(temperature=1.1), seed=5)
    assert text_of(tokens) == wanted.text
    assert len(tokens) == wanted.tokens > 40
    memory = asked.player.engine.read(asked.player.engine.start(), "the whale")
    stream = asked.player.engine.stream(memory, 150, Sampling(temperature=1.1), 5)
    stream.result()
    assert all(torch.equal(asked.memory().state[name], value) for name, value in stream.memory.state.items())


@pytest.mark.parametrize("body", ["stack", "cell", "lstm"])
def test_what_is_told_of_each_token_is_what_the_model_stepped_token_by_token_did(trained: Trained, body: str) -> None:
    asked = begun(trained(body))
    _, events = asked("read", branch="main", text=" of a sea")
    _, more = asked("write", branch="main", tokens=5, seed=1)
    told = [event for event in events + more if event["event"] == "tokens"]
    tokens = [token for event in told for token in event["tokens"]]
    view, memory = asked.player.view, begun(trained(body)).memory()
    at = 0
    for event in told:
        rows = np.frombuffer(base64.b64decode(event["channels"]["data"]), "<f2").astype(float)
        columns = rows.reshape(len(event["tokens"]), len(view.layers), event["channels"]["rows"])
        for column in columns:
            token, before = tokens[at], torch.stack(view.contexts(memory.state)).double()
            share = torch.softmax(memory.logits_V.double(), dim=-1)
            assert token["bits"] == pytest.approx(-np.log2(float(share[token["id"]])), abs=1e-3)
            assert [p for _, p in token["rivals"]] == pytest.approx(share.topk(5).values.tolist(), abs=1e-4)
            memory = asked.player.engine.read_token(memory, token["id"])
            after = torch.stack(view.contexts(memory.state)).double()
            np.testing.assert_allclose(column, after.numpy(), rtol=2e-3, atol=1e-4)
            assert token["norm"] == pytest.approx(after.norm(dim=-1).tolist(), rel=1e-3)
            assert token["change"] == pytest.approx((after - before).norm(dim=-1).tolist(), rel=1e-3, abs=1e-5)
            at += 1
    assert at == len(tokens) == 9 + 5


def test_attention_is_told_without_contexts(trained: Trained) -> None:
    asked = begun(trained("attention"))
    done, events = asked("write", branch="main", tokens=3)
    assert done["norm"] == []
    assert "channels" not in events[0]
    assert events[0]["tokens"][0].keys() == {"place", "id", "piece", "bits", "rivals"}


def test_a_branch_goes_its_own_way_and_both_repeat_themselves(trained: Trained) -> None:
    asked = begun(trained())
    asked("branch", **{"from": "main", "name": "other"})
    first = asked.tokens("write", branch="main", tokens=40, seed=1)
    assert text_of(asked.tokens("write", branch="other", tokens=40, seed=1)) == text_of(first)
    assert text_of(asked.tokens("write", branch="other", tokens=40, seed=2)) != text_of(first)
    assert asked.memory("main").tokens_read == 50


def test_a_restored_context_writes_what_the_branch_would_have(trained: Trained) -> None:
    asked = begun(trained("stack"), "the whale was")
    asked("save", branch="main", name="before_the-sea")
    wanted = text_of(asked.tokens("write", branch="main", tokens=140, seed=3))
    anew = Asked(trained("stack"))
    assert "before_the-sea" in [entry["name"] for entry in anew("contexts")[0]["contexts"]]
    done, _ = anew("restore", branch="again", name="before_the-sea")
    assert (done["tokens_read"], done["tail"], done["tail_tokens"]) == (14, "the whale was", 13)
    assert text_of(anew.tokens("write", branch="again", tokens=140, seed=3)) == wanted
    with pytest.raises(UserError, match="already: choose another name, or replace it"):
        anew("save", branch="again", name="before_the-sea")
    assert anew("save", branch="again", name="before_the-sea", replace=True)
    other = Asked(trained("cell"))
    (other.loaded.path / "contexts").mkdir(exist_ok=True)
    source = trained("stack") / "contexts" / "before_the-sea.context"
    (other.loaded.path / "contexts" / "stolen.context").write_bytes(source.read_bytes())
    with pytest.raises(UserError, match="written by another model"):
        other("restore", branch="main", name="stolen")


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a.b", "ä", "a" * 65, "a\n", 7, None])
def test_no_name_leads_out_of_the_directory(trained: Trained, name: Any) -> None:
    asked = begun(trained())
    for verb, fields in (("save", {"branch": "main"}), ("restore", {"branch": "main"}), ("branch", {})):
        with pytest.raises(UserError):
            asked(verb, name=name, **fields)
    assert not list(trained().parent.glob("*.context"))


def test_characters_of_several_tokens_come_whole(trained: Trained) -> None:
    asked = begun(trained(), "海")
    tokens = asked.tokens("read", branch="main", text="a日é")
    assert [(token["piece"], token.get("raw")) for token in tokens] == [
        ("a", None), ("", "e6"), ("", "97"), ("日", None), ("", "c3"), ("é", None)
    ]  # fmt: skip
    assert [token["place"] for token in tokens] == [3, 4, 5, 6, 7, 8]


def test_a_long_text_is_read_whole_and_only_its_end_is_told(trained: Trained) -> None:
    asked, text = begun(trained(), ""), "the sea 海 " * 400
    done, events = asked("read", branch="main", text=text)
    tokens = [token for event in events if event["event"] == "tokens" for token in event["tokens"]]
    count = len(text.encode())
    assert done["tokens"] == done["of"] == count
    assert len(tokens) == SHOWN
    assert [token["place"] for token in tokens] == list(range(count - SHOWN, count))
    assert text_of(tokens) == text.encode()[-SHOWN:].decode(errors="ignore")
    progress = [event["tokens"] for event in events if event["event"] == "progress"]
    assert progress[-1] == count
    assert len(progress) > 3
    assert done["bits"] == pytest.approx(asked("surprise", text=text)[0]["bits"])


def test_reading_stops_between_chunks_and_keeps_what_was_read(trained: Trained) -> None:
    asked = begun(trained(), "", stop_after=1)
    done, _ = asked("read", branch="main", text="海" * 1000)
    assert 0 < done["tokens"] < done["of"] == 3000
    assert asked.memory().tokens_read == done["tokens"] + 1
    assert asked.memory().undecoded == "海".encode()[: done["tokens"] % 3]


def test_what_is_stopped_once_is_stopped(trained: Trained) -> None:
    asked = begun(trained(), "")
    answers = [False, True]  # and never again: reading and writing must not ask another time and go on
    for verb, fields in (("read", {"text": "海" * 1000}), ("write", {"tokens": 9})):
        left = list(answers)
        task = Task({"branch": "main", **fields}, lambda *_: None, lambda left=left: left.pop(0) if left else False)
        done = asked.player.verbs[verb](task)
        assert left == []
        assert 0 < done["tokens"] < (3000 if verb == "read" else 9)


def test_places_go_on_from_what_was_read_to_what_is_written(trained: Trained) -> None:
    asked = begun(trained(), "海")
    assert [token["place"] for token in asked.tokens("write", branch="main", tokens=4)] == [3, 4, 5, 6]


def test_writing_stops_and_keeps_what_was_written(trained: Trained) -> None:
    asked = begun(trained(), stop_after=4)
    done, events = asked("write", branch="main", tokens=50, seed=2)
    assert (done["tokens"], done["stopped_by"]) == (4, "stop")
    rest = Asked(trained())
    rest.player._branches["main"] = asked.player._branches["main"]
    whole = begun(trained()).tokens("write", branch="main", tokens=50, seed=2)
    assert text_of(events[-1]["tokens"]) == whole[3]["piece"]
    assert text_of(rest.tokens("write", branch="main", tokens=46, seed=2)) == text_of(whole[4:])


@pytest.mark.parametrize("body", BODIES)
def test_surprise_adds_up_to_what_eval_measures(trained: Trained, tmp_path: Path, body: str) -> None:
    text = "the captain of the white boat, 海.\n" * 40
    (tmp_path / "held-out.txt").write_text(text)
    asked = Asked(trained(body))
    done, events = asked("surprise", text=text)
    wanted = asked.loaded.evaluate(str(tmp_path / "held-out.txt"))
    assert done["bits_per_byte"] == pytest.approx(wanted.bits_per_byte, rel=1e-5)
    assert (done["tokens"], done["bytes"]) == (wanted.tokens, len(text.encode()))
    tokens = [token for event in events if event["event"] == "tokens" for token in event["tokens"]]
    assert sum(token["bits"] for token in tokens) == pytest.approx(done["bits"], rel=1e-4)
    assert text_of(tokens) == text


def test_sentences_are_measured_one_by_one_with_their_ends(tmp_path: Path) -> None:
    run = newllm.train(preset="seed-baseline", out=tmp_path / "run", settings=("training.steps=2",)).path
    text = "the cat the\n\n the cat zzz \n"
    (tmp_path / "held-out.txt").write_text(text)
    asked = Asked(run)
    done, events = asked("surprise", text=text)
    wanted = asked.loaded.evaluate(str(tmp_path / "held-out.txt"))
    assert done["bits_per_token"] == pytest.approx(wanted.nats / wanted.tokens / np.log(2), rel=1e-5)
    assert (done["tokens"], done["lines"], done["bits_per_byte"]) == (8, 2, None)
    tokens = [token for event in events if event["event"] == "tokens" for token in event["tokens"]]
    assert [token.get("what") for token in tokens] == [None, None, None, "end", None, None, "unknown", "end"]
    with pytest.raises(UserError, match="32 learned positions"):
        asked("surprise", text="cat " * 40)


@pytest.mark.parametrize(
    ("verb", "fields", "says"),
    [
        ("read", {"branch": "nobody", "text": "a"}, "there is no branch 'nobody'; known: main"),
        ("read", {"branch": "main"}, "'text' is None: give a text"),
        ("read", {"branch": "main", "text": ["a"]}, "give a text"),
        ("read", {"branch": "main", "text": "a" * (LONGEST_TEXT + 1)}, "has more than 800,000 bytes"),
        ("read", {"branch": "main", "text": "海" * (LONGEST_TEXT // 2)}, "has more than 800,000 bytes"),
        ("read", {"branch": "main", "text": "a\ud800"}, "character 1 is '\\\\ud800'"),
        ("read", {"branch": "main", "text": "a", "txet": 1}, "unknown field 'txet'"),
        ("write", {"branch": "main", "tokens": -1}, "'tokens' is -1: give a whole number from 0 to 2000"),
        ("write", {"branch": "main", "tokens": 10**9}, "'tokens' is 1000000000"),
        ("write", {"branch": "main", "tokens": True}, "'tokens' is True"),
        ("write", {"branch": "main", "seed": 1.5}, "'seed' is 1.5: give a whole number"),
        ("write", {"branch": "main", "temperature": -1}, "temperature is -1: it must be 0"),
        ("write", {"branch": "main", "temperature": "hot"}, "'temperature' is 'hot': give a number"),
        ("write", {"branch": "main", "temperature": 10**400}, "give a number"),
        ("write", {"branch": "main", "top_p": float("nan")}, "top_p is nan"),
        ("surprise", {"text": ""}, "nothing to predict"),
        ("restore", {"branch": "main", "name": "nowhere"}, "there is no context 'nowhere'"),
        ("drop", {"branch": "nobody"}, "there is no branch"),
    ],
)
def test_a_mistake_is_told_in_one_line(trained: Trained, verb: str, fields: dict[str, Any], says: str) -> None:
    asked = begun(trained())
    with pytest.raises(UserError, match=says) as caught:
        asked(verb, **fields)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 400
    assert asked.memory().tokens_read == 10


def test_branches_are_bounded_and_dropped(trained: Trained) -> None:
    asked = begun(trained())
    for number in range(MOST_BRANCHES - 1):
        asked("branch", name=f"b{number}")
    with pytest.raises(UserError, match="one too many"):
        asked("branch", name="more")
    asked("branch", name="b0")  # its own name may be given anew
    asked("drop", branch="b0")
    assert asked("branch", name="more")

"""Which tokens the first output depends on, by its gradient."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import newllm
from newllm.diagnosis import Facts, diagnose
from newllm.trace import Trace, read_trace

TOKENS, WIDTH, PADDING = 23, 16, 0


class Text(nn.Module):
    """A language model of one mixing layer."""

    def __init__(self, mix: Callable[[Tensor], Tensor], *parts: nn.Module) -> None:
        super().__init__()
        self.embedding, self.places = nn.Embedding(TOKENS, WIDTH), nn.Embedding(12, WIDTH)
        self.parts, self.head = nn.ModuleList(parts), nn.Linear(WIDTH, TOKENS)
        self.mix = mix

    def forward(self, tokens: Tensor) -> Tensor:
        places = torch.arange(tokens.shape[1]).expand(tokens.shape)
        return self.head(self.mix(self.embedding(tokens) + self.places(places)))


def attention(mask: Tensor | None) -> Text:
    layer = nn.TransformerEncoderLayer(WIDTH, 2, 32, batch_first=True)
    return Text(lambda x: layer(x, src_mask=mask), layer)


def convolution(left: int, right: int, norm: nn.Module | None = None) -> Text:
    layer = nn.Conv1d(WIDTH, WIDTH, 1 + left + right)
    after = norm or nn.Identity()

    def mix(x: Tensor) -> Tensor:
        return after(layer(F.pad(x.transpose(1, 2), (left, right)))).transpose(1, 2)

    return Text(mix, layer, after)


def recurrent(both: bool) -> Text:
    layer = nn.GRU(WIDTH, WIDTH // (1 + both), bidirectional=both, batch_first=True)
    return Text(lambda x: layer(x)[0], layer)


def future(diagonal: int) -> Tensor:
    return torch.ones(12, 12, dtype=torch.bool).triu(diagonal)


def train(out: Path, model: nn.Module, call: Callable[[nn.Module, Tensor], Tensor] | None = None) -> Trace:
    """Train for six updates, on the next token unless `call` returns a loss."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with newllm.record(model, optimizer, out, every=1) as recorder:
        for _ in range(6):
            tokens = torch.randint(1, TOKENS, (6, 13))
            loss = next_token(model, tokens) if call is None else call(model, tokens)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    return read_trace(out / "trace.jsonl")


def next_token(model: nn.Module, tokens: Tensor) -> Tensor:
    return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())


def first(trace: Trace, name: str) -> float:
    (value,) = trace.series(name).value
    return float(value)


@pytest.mark.parametrize(
    "build",
    [
        lambda: attention(future(1)),
        lambda: attention(torch.zeros(12, 12).masked_fill(future(1), -1e9)),
        lambda: convolution(2, 0),
        lambda: recurrent(both=False),
    ],
)
def test_what_is_masked_has_no_influence_at_all(tmp_path: Path, build: Callable[[], nn.Module]) -> None:
    trace = train(tmp_path / "run", build())
    assert first(trace, "later_tokens_seen") == 0
    assert "tokens_read" not in trace.signals


@pytest.mark.parametrize(
    "build",
    [
        lambda: attention(None),
        lambda: attention(future(2)),
        lambda: convolution(1, 1),
        lambda: recurrent(both=True),
    ],
)
def test_a_token_that_is_seen_before_its_time_has_influence(tmp_path: Path, build: Callable[[], nn.Module]) -> None:
    trace = train(tmp_path / "run", build())
    assert first(trace, "later_tokens_seen") > 1e-3
    findings = diagnose(trace, Facts(origin="record"))
    assert [one.name for each in findings if each.kind == "not-causal" for one in each.causes or ()] == ["target-leak"]


def test_statistics_of_a_batch_depend_on_all_of_it_and_say_nothing(tmp_path: Path) -> None:
    trace = train(tmp_path / "run", convolution(2, 0, nn.BatchNorm1d(WIDTH)))
    assert "later_tokens_seen" not in trace.signals


class Classifier(nn.Module):
    """A classifier of texts of different lengths."""

    def __init__(self, inverted: bool) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(TOKENS, WIDTH), nn.Linear(WIDTH, 2)
        self.attention = nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.inverted = inverted

    def forward(self, tokens: Tensor) -> Tensor:
        x, mask = self.embedding(tokens), (tokens != PADDING) if self.inverted else (tokens == PADDING)
        question = torch.ones(len(x), 1, WIDTH)
        return self.head(self.attention(question, x, x, key_padding_mask=mask)[0][:, 0])


@pytest.mark.parametrize("inverted", [False, True])
def test_a_mask_the_wrong_way_round_reads_padding_alone(tmp_path: Path, inverted: bool) -> None:
    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        length = torch.tensor([4, 5, 6, 7, 8, 9])
        padded = tokens.where(torch.arange(13) < length[:, None], torch.tensor(PADDING))
        return F.cross_entropy(model(padded), tokens[:, 0] % 2)

    trace = train(tmp_path / "run", Classifier(inverted), loss)
    read, unread = first(trace, "tokens_read"), first(trace, "tokens_unread")
    assert (read == 1, unread > 3) if inverted else (read > 3, unread == 1)
    found = {one.kind for one in diagnose(trace, Facts(origin="record"))}
    assert ("unread-tokens" in found) == inverted


class Doubles(torch.autograd.Function):
    """A function that may go back once only: it writes into what it saved."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        factor = torch.full_like(x, 2.0)
        ctx.save_for_backward(factor)
        return x * factor

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (factor,) = ctx.saved_tensors
        result = gradients[0] * factor
        factor.data.zero_()
        return result


def test_what_may_go_back_once_only_goes_back_once(tmp_path: Path) -> None:
    layer = nn.Linear(WIDTH, WIDTH)
    text = Text(lambda x: Doubles.apply(layer(x)), layer)
    assert "later_tokens_seen" not in train(tmp_path / "function", text).signals
    assert text.embedding.weight.grad is not None
    assert text.embedding.weight.grad.any()

    again = Text(lambda x: checkpoint(layer, x, use_reentrant=True), layer)
    assert "later_tokens_seen" not in train(tmp_path / "checkpoint", again).signals

    times: list[int] = []
    hooked = recurrent(both=False)
    hooked.head.register_full_backward_hook(lambda *_: times.append(1))
    train(tmp_path / "hooked", hooked)
    assert len(times) == 6


def test_a_source_beside_the_text_may_be_seen_whole(tmp_path: Path) -> None:
    class Translator(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = recurrent(both=False)
            self.source = nn.Embedding(TOKENS, WIDTH)

        def forward(self, source: Tensor, tokens: Tensor) -> Tensor:
            return self.inner(tokens) + self.inner.head(self.source(source).mean(1, keepdim=True))

    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        return F.cross_entropy(model(tokens[:, 1:], tokens[:, :-1]).flatten(0, 1), tokens[:, 1:].flatten())

    trace = train(tmp_path / "run", Translator(), loss)
    assert "later_tokens_seen" not in trace.signals
    assert first(trace, "tokens_read") > 3


@pytest.mark.parametrize("again", [False, True])
def test_a_segment_that_is_computed_again_draws_the_same(tmp_path: Path, again: bool) -> None:
    def trained(out: Path | None) -> list[Tensor]:
        torch.manual_seed(0)
        layer = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Dropout(0.3), nn.Linear(WIDTH, WIDTH))
        model = Text(lambda x: checkpoint(layer, x, use_reentrant=False) if again else layer(x), layer)
        torch.manual_seed(1)
        if out is not None:
            train(out, model)
        else:
            optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
            for _ in range(6):
                loss = next_token(model, torch.randint(1, TOKENS, (6, 13)))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
        return [each.detach() for each in model.parameters()]

    pairs = zip(trained(None), trained(tmp_path / "run"), strict=True)
    assert all(torch.equal(left, right) for left, right in pairs)
    assert first(read_trace(tmp_path / "run" / "trace.jsonl"), "later_tokens_seen") == 0

"""Which tokens the first output depends on, by its gradient."""

import contextlib
import gc
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

import newllm
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.recorder.influence import looks_again
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
    """Return the first of the looks, which say alike here."""
    value, *again = trace.series(name).value
    assert len(again) > 1
    assert {value > 0} == {one > 0 for one in again}
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
    found = read_trace(tmp_path / "run" / "trace.jsonl").series("later_tokens_seen").value
    assert len(found) == 0 if again else not found.any()  # a segment is not computed once more for this


def test_statistics_within_a_checkpoint_move_once_a_step(tmp_path: Path) -> None:
    def moved(out: Path | None) -> Tensor:
        torch.manual_seed(0)
        norm = nn.BatchNorm1d(WIDTH)
        layer = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.Flatten(0, 1), norm)
        model = Text(lambda x: checkpoint(layer, x, use_reentrant=False).unflatten(0, x.shape[:2]), layer)
        optimizer = torch.optim.SGD(model.parameters(), lr=0.01)
        with contextlib.nullcontext() if out is None else newllm.record(model, optimizer, out, every=1) as recorder:
            for _ in range(3):
                loss = next_token(model, torch.randint(1, TOKENS, (6, 13)))
                loss.backward()
                optimizer.step()
                if recorder is not None:
                    recorder.step(loss)
        assert norm.running_mean is not None
        return norm.running_mean

    assert torch.equal(moved(None), moved(tmp_path / "run"))


def test_a_hook_on_a_tensor_is_called_once_a_step(tmp_path: Path) -> None:
    layer, times = nn.GRU(WIDTH, WIDTH, batch_first=True), list[float]()

    def mix(x: Tensor) -> Tensor:
        output = layer(x)[0]
        output.register_hook(lambda gradient: times.append(float(gradient.norm())))
        return output

    trace = train(tmp_path / "run", Text(mix, layer))
    assert len(times) == 6
    assert "later_tokens_seen" not in trace.signals


def test_a_model_that_is_called_within_a_checkpoint_is_trained(tmp_path: Path) -> None:
    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        logits = checkpoint(model, tokens[:, :-1], use_reentrant=False)
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())

    assert len(train(tmp_path / "run", recurrent(both=False), loss).series("loss").value) == 6


def test_what_a_part_returned_is_not_kept_where_the_model_itself_is_not_called(tmp_path: Path) -> None:
    kept: list[weakref.ref[Tensor]] = []

    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        embedded = model.get_submodule("embedding")(tokens)
        kept.append(weakref.ref(embedded))
        return embedded.square().mean()

    text = recurrent(both=False)
    optimizer = torch.optim.SGD(text.parameters(), lr=0.01)
    with newllm.record(text, optimizer, tmp_path / "run", every=1) as recorder:
        for _ in range(4):
            value = loss(text, torch.randint(1, TOKENS, (6, 13)))
            value.backward()
            optimizer.step()
            recorder.step(value)
        gc.collect()
        assert [one() is not None for one in kept[:-1]] == [False] * 3


class Pair(nn.Module):
    """Two texts, each with a vector of its own; or one, whose branch is closed at first."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.gate = nn.Embedding(TOKENS, WIDTH), nn.Parameter(torch.zeros(()))

    def forward(self, tokens: Tensor, others: Tensor | None = None) -> Any:
        if others is not None:
            return self.embedding(tokens).mean(1), self.embedding(others).mean(1)
        x = self.embedding(tokens)
        return x[:, 0] + self.gate * x.mean(1)


def test_two_texts_with_an_output_each_are_both_read(tmp_path: Path) -> None:
    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        left, right = model(tokens, tokens.flip(0))
        return F.cross_entropy(left @ right.T, torch.arange(6))

    trace = train(tmp_path / "run", Pair(), loss)
    assert first(trace, "tokens_read") > 3
    assert set(trace.series("tokens_unread").value) == {0}


def test_a_branch_that_opens_with_the_first_update_is_no_mask(tmp_path: Path) -> None:
    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        same = torch.cat([torch.ones(len(tokens), 1, dtype=torch.long), tokens], dim=1)  # a token that all begin with
        return F.cross_entropy(model(same), tokens[:, 0] % WIDTH)

    trace = train(tmp_path / "run", Pair(), loss)
    assert trace.series("tokens_read").value[0] == 1
    assert trace.series("tokens_read").value[1] > 3
    assert "unread-tokens" not in {one.kind for one in diagnose(trace, Facts(origin="record"))}


def test_one_token_a_row_is_a_row_of_one_place(tmp_path: Path) -> None:
    class Bigram(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.table = nn.Embedding(TOKENS, TOKENS)

        def forward(self, token: Tensor) -> Tensor:
            return self.table(token)

    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        return F.cross_entropy(model(tokens[:, :-1].flatten()), tokens[:, 1:].flatten())

    trace = train(tmp_path / "run", Bigram(), loss)
    assert len(trace.series("target_classes").value) == 6


def test_a_step_to_look_at_again_is_known_by_its_number() -> None:
    assert [step for step in range(1, 700) if looks_again(step, 10)] == [40, 80, 160, 320, 480, 640]
    assert [step for step in range(1, 40) if looks_again(step, 1)] == [4, 8, 16, 32]


def heads_as_positions(x: Tensor) -> Tensor:
    """Attention that is given (batch, position, head, channel), and so runs over the heads of each position."""
    heads = x.unflatten(-1, (4, 4))
    return F.scaled_dot_product_attention(heads, heads, heads, is_causal=True).flatten(2)


@pytest.mark.parametrize(
    ("model", "is_told"),
    [
        (lambda: Text(heads_as_positions), True),
        (lambda: attention(future(1)), False),
        (lambda: recurrent(both=False), False),
        (lambda: convolution(2, 0), False),
    ],
)
def test_a_model_that_reads_the_latest_token_alone_is_told(
    tmp_path: Path, model: Callable[[], Text], is_told: bool
) -> None:
    torch.manual_seed(0)
    found = diagnose(train(tmp_path / "run", model()), Facts(origin="record"))
    assert any(one.kind == "no-context" for one in found) is is_told

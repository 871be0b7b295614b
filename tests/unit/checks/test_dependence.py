"""What an output depends on: leaks in any direction are found, and what only looks like one is not called wrong."""

from collections.abc import Callable

import pytest
import torch
from tests.unit.checks.asked import Loss, answer, asked
from tests.unit.checks.healthy import VOCABULARY, Reader, Transformer, next_token, tokens
from torch import Tensor, nn
from torch.nn import functional as F


class Among(nn.Module):
    """A classifier whose hidden values of all rows go through a function."""

    def __init__(self, mix: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.first, self.head, self.mix = nn.Linear(10, 16), nn.Linear(16, 3), mix

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.mix(torch.relu(self.first(x))))


def _reads(at: int, other: int) -> Callable[[Tensor], Tensor]:
    def mix(x: Tensor) -> Tensor:
        made = x.clone()
        made[at] += 0.01 * x[other]
        return made

    return mix


@pytest.mark.parametrize("rows", [2, 13, 16])
@pytest.mark.parametrize(
    "mix",
    [
        lambda x: x.cumsum(0),
        lambda x: x.flip(0).cumsum(0).flip(0),
        lambda x: x + x.roll(len(x) // 2, 0),  # two halves that stand in each other's place
        _reads(-1, 0),
        _reads(0, -1),
        _reads(-2, -1),
    ],
    ids=["sum of earlier", "sum of later", "halves", "last reads first", "first reads last", "neighbour"],
)
def test_rows_that_read_others_are_found(mix: Callable[[Tensor], Tensor], rows: int) -> None:
    torch.manual_seed(0)
    batch = torch.randn(rows, 10), torch.randint(0, 3, (rows,))
    loss: Loss = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    assert answer("rows", Among(mix), loss, batch) == "wrong"
    assert answer("rows", Among(lambda x: x), loss, batch) == "sound"


class Graph(nn.Module):
    """A graph network `[N, 10]` whose links `[N, N]` are given to it, or held by it; values go through a function."""

    def __init__(self, mix: Callable[[Tensor], Tensor] = torch.relu, links: Tensor | None = None) -> None:
        super().__init__()
        self.first, self.head, self.mix = nn.Linear(10, 16), nn.Linear(16, 3), mix
        self.register_buffer("links", links)

    def forward(self, x: Tensor, links: Tensor | None = None) -> Tensor:
        links = self.links if links is None else links
        assert links is not None
        if links.shape[0] == 2:  # the ends of edges
            links = torch.zeros(len(x), len(x)).index_put((links[1], links[0]), torch.ones(()))
        return links @ self.head(self.mix(links @ self.first(x)))


def _how(model: nn.Module, *given: Tensor) -> str:
    ids = torch.randint(0, 3, (len(given[0]),))
    found = asked("rows", model, lambda model, batch: F.cross_entropy(model(*batch[:-1]), batch[-1]), (*given, ids))
    return f"{found.sentence.id} {found.sentence.parameters.get('how')}"


def test_nodes_of_a_graph_are_not_independent_rows() -> None:
    torch.manual_seed(0)
    nodes, links = torch.randn(12, 10), (torch.rand(12, 12) < 0.4).float()
    edges = links.nonzero().T.flip(0)
    assert _how(Graph(), nodes, links) == "check-reason.linked along"
    assert _how(Graph(), nodes, links.to_sparse()) == "check-reason.linked unknown"
    assert _how(Graph(links=links), nodes) == _how(Graph(links=edges), nodes) == "check-reason.linked unknown"
    assert _how(Graph(), torch.eye(12)[:, :10].contiguous(), links) == "check-reason.linked along"
    assert _how(Graph(lambda x: x.softmax(0)), nodes, links) == "check-reason.linked beyond"
    assert _how(Graph(links=torch.eye(12)), nodes) == "check-rows.every None"


def test_a_mask_of_positions_links_no_rows() -> None:
    torch.manual_seed(0)
    series, mask, ids = torch.randn(9, 9, 10), torch.ones(9, 9).tril(), torch.randint(0, 3, (9,))
    loss: Loss = lambda model, batch: F.cross_entropy(model(batch[0]), batch[2])  # noqa: E731
    model = Last(batch_first=False)
    model.register_buffer("mask", mask)
    assert answer("rows", model, loss, (series, mask, ids)) == "wrong"


class Last(nn.Module):
    """A classifier of series `[B, T, 10]` by what a recurrent layer comes to at their end."""

    def __init__(self, batch_first: bool) -> None:
        super().__init__()
        self.layer, self.head = nn.GRU(10, 16, batch_first=batch_first), nn.Linear(16, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layer(x)[0][:, -1])


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_recurrent_layer_that_takes_rows_for_time_is_found(batch_first: bool) -> None:
    torch.manual_seed(0)
    expected = "sound" if batch_first else "wrong"
    assert answer("rows", Reader(batch_first=batch_first), next_token, tokens()) == expected
    series = torch.randn(6, 9, 10), torch.randint(0, 3, (6,))
    loss: Loss = lambda model, batch: F.cross_entropy(model(batch[0]), batch[1])  # noqa: E731
    assert answer("rows", Last(batch_first), loss, series) == expected


class ByHand(nn.Module):
    """A recurrence `[T, B]`, position by position, without a layer that says so."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.mix = nn.Embedding(VOCABULARY, 16), nn.Linear(32, 16)
        self.head = nn.Linear(16, VOCABULARY)

    def forward(self, tokens: Tensor) -> Tensor:
        states = [torch.zeros(tokens.shape[1], 16)]
        for x in self.embedding(tokens):
            states.append(torch.tanh(self.mix(torch.cat([x, states[-1]], -1))))
        return self.head(torch.stack(states[1:]))


def test_positions_on_the_first_axis_are_no_rows() -> None:
    torch.manual_seed(0)
    loss: Loss = lambda model, held: F.cross_entropy(model(held[:-1]).flatten(0, 1), held[1:].flatten())  # noqa: E731
    batch = tokens().T.contiguous()
    assert answer("rows", ByHand(), loss, batch) == "along-first"
    assert answer("rows", Reader(batch_first=False), loss, batch) == "along-first"


class Chunked(Transformer):
    """Attention within chunks and to all before them, in both directions within a chunk."""

    def __init__(self, size: int, prompt: int = 0) -> None:
        super().__init__(dropout=0.0)
        self.size, self.prompt = size, prompt

    def forward(self, tokens: Tensor, attention_mask: Tensor | None = None) -> Tensor:  # noqa: ARG002 (the parent's)
        at = torch.arange(tokens.shape[1])
        chunk = torch.where(at < self.prompt, 0, 1 + at // self.size)
        mask = chunk[None] > chunk[:, None]
        return self.head(self.block(self.embedding(tokens), src_mask=mask))


@pytest.mark.parametrize("rows", [1, 2, 8])
@pytest.mark.parametrize(("size", "expected"), [(1, "sound"), (2, "wrong"), (5, "wrong"), (10, "wrong")])
def test_a_leak_within_chunks_is_found_wherever_they_end(size: int, expected: str, rows: int) -> None:
    torch.manual_seed(0)
    batch = torch.randint(0, VOCABULARY, (rows, 21))
    assert answer("causality", Chunked(size), next_token, batch) == expected


def test_a_prompt_that_is_no_target_may_be_read_in_both_directions() -> None:
    def loss(model: nn.Module, tokens: Tensor) -> Tensor:
        targets = tokens[:, 1:].clone()
        targets[:, :13] = -100  # the first target is the token behind the prompt
        return F.cross_entropy(model(tokens[:, :-1]).flatten(0, 1), targets.flatten())

    torch.manual_seed(0)
    assert answer("causality", Chunked(1, prompt=14), loss, tokens()) == "sound"
    assert answer("causality", Chunked(1, prompt=15), loss, tokens()) == "wrong"


def test_rows_that_read_others_are_no_leak_of_later_tokens() -> None:
    """Positions are tried in several rows at once: what a row takes from another is not taken for one."""

    class Mixed(Reader):
        def forward(self, tokens: Tensor) -> Tensor:
            made = super().forward(tokens)
            return made + made.mean(0, keepdim=True)

    torch.manual_seed(0)
    assert answer("causality", Mixed(), next_token, tokens()) == "sound"
    assert answer("rows", Mixed(), next_token, tokens()) == "wrong"

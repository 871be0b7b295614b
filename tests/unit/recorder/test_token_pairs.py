"""How far the texts of an update are from those of the first ones."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tests.unit.recorder.test_asked import Tokens, tags
from torch import Tensor

import newllm
from newllm.recorder.pending import Row, read_rows
from newllm.recorder.token_pairs import TokenPairs, find_pairs
from newllm.trace import read_trace

TOKENS, LENGTH = 20, 24


def text(rows: int, draw: torch.Generator) -> Tensor:
    """Return texts in which a token is mostly followed by the next one."""
    tokens = [torch.randint(TOKENS, (rows,), generator=draw)]
    for _ in range(LENGTH):
        other = torch.randint(TOKENS, (rows,), generator=draw)
        tokens.append(torch.where(torch.rand(rows, generator=draw) < 0.8, (tokens[-1] + 1) % TOKENS, other))
    return torch.stack(tokens, 1)


def findings(out: Path, numbers: Sequence[Tensor]) -> dict[str, float | None]:
    """Train on texts whose tokens have these numbers, those of each third of the training; return what changed when."""
    torch.manual_seed(0)
    draw, model = torch.Generator().manual_seed(0), Tokens()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with newllm.record(model, optimizer, out=out) as recorder:
        for step in range(120):
            tokens = numbers[step * len(numbers) // 120][text(16, draw)]
            loss = tags(model(tokens[:, :-1]), tokens[:, 1:])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    found = newllm.doctor(out, against=()).findings
    return {one.kind: one.first_step for one in found if one.kind == "changed-inputs"}


def test_another_vocabulary_is_told(tmp_path: Path) -> None:
    """Each token is as frequent as before, so that neither their mean nor their shares change."""
    plain = torch.arange(TOKENS)
    other = torch.randperm(TOKENS, generator=torch.Generator().manual_seed(1))
    assert findings(tmp_path / "other", [plain, plain, other]) == {"changed-inputs": 81.0}
    assert not findings(tmp_path / "same", [plain])


def test_the_share_is_half_the_differences() -> None:
    some, others = torch.tensor([[1, 2, 3]] * 4), torch.tensor([[1, 2, 5]] * 4)
    pairs = TokenPairs()
    for _ in range(20):
        pairs.put([find_pairs(some)], Row())
    row = Row()
    pairs.put([find_pairs(others[:2]), find_pairs(others[2:])], row)
    assert read_rows([row])[0]["token_pairs_apart"] == pytest.approx(0.5)


def test_inputs_that_are_no_texts_have_none(tmp_path: Path) -> None:
    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), 0.1)
    with newllm.record(model, optimizer, out=tmp_path) as recorder:
        for _ in range(24):
            loss = model(torch.randn(8, 4)).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    assert "token_pairs_apart" not in read_trace(tmp_path / "trace.jsonl").signals


@pytest.mark.parametrize("same", [True, False])
def test_evaluations_in_another_vocabulary_are_told(tmp_path: Path, same: bool) -> None:
    """The validation texts have numbers of their own: its loss is the higher from the first one on."""
    torch.manual_seed(0)
    draw, model = torch.Generator().manual_seed(0), Tokens()
    other = torch.randperm(TOKENS, generator=torch.Generator().manual_seed(1))
    held_out = text(200, draw) if same else other[text(200, draw)]
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with newllm.record(model, optimizer, out=tmp_path) as recorder:
        for step in range(1, 121):
            tokens = text(16, draw)
            loss = tags(model(tokens[:, :-1]), tokens[:, 1:])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if step % 20 == 0:
                with torch.no_grad():
                    recorder.validation(tags(model.eval()(held_out[:, :-1]), held_out[:, 1:]))
                model.train()
    found = [one for one in newllm.doctor(tmp_path, against=()).findings if one.kind == "evaluation-inputs"]
    assert [one.severity for one in found] == ([] if same else ["fault"])
    assert all(one.supported_causes == ("evaluation-preparation",) for one in found)


@pytest.mark.parametrize("same", [True, False])
def test_of_an_evaluation_the_pairs_that_no_update_had_are_counted(tmp_path: Path, same: bool) -> None:
    """Words in order of their frequency have nearly the same frequent pairs in a vocabulary that is built anew."""
    draw, model = torch.Generator().manual_seed(0), Tokens()
    rare = torch.cat([torch.arange(4), 4 + torch.randperm(TOKENS - 4, generator=torch.Generator().manual_seed(1))])
    numbers = torch.arange(TOKENS) if same else rare
    chain = torch.softmax(3 * torch.randn(TOKENS, TOKENS, generator=draw), 1)
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)

    def texts(rows: int) -> Tensor:
        tokens = [torch.randint(TOKENS, (rows,), generator=draw)]
        for _ in range(LENGTH):
            tokens.append(torch.multinomial(chain[tokens[-1]], 1, generator=draw)[:, 0])
        return torch.stack(tokens, 1)

    with newllm.record(model, optimizer, out=tmp_path) as recorder:
        for _ in range(4):
            tokens = texts(2)
            loss = tags(model(tokens[:, :-1]), tokens[:, 1:])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
        with torch.no_grad():
            held_out = numbers[texts(100)]
            recorder.validation(tags(model.eval()(held_out[:, :-1]), held_out[:, 1:]))
        model.train()
    trace = read_trace(tmp_path / "trace.jsonl")
    before, at = trace.series("token_pairs_new").value, float(trace.series("validation_token_pairs_new").value[0])
    assert before[0] == 1
    assert (at < before[-1] + 0.1) == same


def test_what_fills_texts_up_is_no_new_pair() -> None:
    """And of several calls each pair counts once as new, in the update in which it comes first."""
    pairs, rows = TokenPairs(), [Row(), Row()]
    pairs.put([find_pairs(torch.tensor([[1, 2, 0, 0, 0]])), find_pairs(torch.tensor([[1, 3, 0, 0, 0]]))], rows[0])
    pairs.put([find_pairs(torch.tensor([[1, 2, 0, 0, 0]])), find_pairs(torch.tensor([[1, 4, 0, 0, 0]]))], rows[1])
    assert [one["token_pairs_new"] for one in read_rows(rows)] == [1.0, 0.5]

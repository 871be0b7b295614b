"""How far the texts of an update are from those of the first ones."""

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch
from tests.unit.recorder.test_asked import Tokens, tags
from torch import Tensor

import newllm
from newllm.recorder.pending import Row, read_rows
from newllm.recorder.token_pairs import TokenPairs, count_pairs
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
        pairs.put([count_pairs(some)], Row())
    row = Row()
    pairs.put([count_pairs(others[:2]), count_pairs(others[2:])], row)
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

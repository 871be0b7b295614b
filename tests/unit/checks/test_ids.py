"""Tokens and classes that no row of the loader's data holds are named, and are no mistake by themselves."""

import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset, WeightedRandomSampler

import newllm
from newllm.checks.outcome import Outcome
from newllm.checks.probes import ids

TOKENS, CLASSES, ROWS = 30, 5, 400


class Rows(Dataset[dict[str, Tensor]]):
    """Tokens below `tokens`, and a class below `classes` for each row."""

    def __init__(self, tokens: int = TOKENS, classes: int = CLASSES, seconds: float = 0.0) -> None:
        self.tokens, self.classes, self.seconds = tokens, classes, seconds

    def __len__(self) -> int:
        return ROWS

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        time.sleep(self.seconds)
        chance = torch.Generator().manual_seed(index)
        label = torch.randint(self.classes, (), generator=chance)
        return {
            "tokens": torch.randint(self.tokens, (8,), generator=chance),
            "label": label if index % 7 else torch.tensor(-100),  # some are left out of the loss
        }


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(TOKENS, 8), nn.Linear(8, CLASSES)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits."""
        return self.head(self.embedding(tokens).mean(1))


class Tokenizer:
    vocab_size = TOKENS

    def convert_ids_to_tokens(self, one: int) -> str:
        """Return a token's text."""
        return f"tok{one}"


def _checked(rows: Dataset[Any], *, tokenizer: Any = None, **options: Any) -> Outcome:
    torch.manual_seed(0)
    model = Classifier()

    def loss(model: nn.Module, batch: Any) -> Tensor:
        return nn.functional.cross_entropy(model(batch["tokens"]), batch["label"])

    options.setdefault("shuffle", True)
    loader: DataLoader[Any] = DataLoader(rows, 16, **options)
    report = newllm.check(model, torch.optim.Adam(model.parameters()), loss, loader=loader, tokenizer=tokenizer)
    (found,) = [outcome for outcome in report.outcomes if outcome.probe == "ids"]
    return found


def test_what_never_comes_is_counted_and_named() -> None:
    found = _checked(Rows(tokens=20, classes=3), tokenizer=Tokenizer())
    assert found.status == "sound"
    assert str(found.sentence) == (
        "of all 400 rows of the data 10 of 30 tokens (33 %) are never read by embedding: 20 'tok20', 23 'tok23', "
        "26 'tok26'; 2 of 5 classes (40 %) are never a target: 3, 4"
    )
    assert found.evidence["tokens"] == {"name": "embedding", "size": 30, "never": 10, "share": 10 / 30}


class Smaller(Tokenizer):
    def convert_ids_to_tokens(self, one: int) -> str:
        """Return a token's text, as sentencepiece does."""
        if one > 21:
            raise IndexError("piece id is out of range")
        return super().convert_ids_to_tokens(one)


def test_rows_that_the_tokenizer_has_no_token_for_are_named_by_their_ids() -> None:
    found = _checked(Rows(tokens=20), tokenizer=Smaller())
    assert "never read by embedding: 20 'tok20', 23, 26" in str(found.sentence)


def test_where_all_come_reading_ends_early() -> None:
    found = _checked(Rows())
    assert found.evidence["read"] < ROWS
    assert found.evidence["tokens"]["never"] == found.evidence["classes"]["never"] == 0
    assert str(found.sentence).startswith(f"of 400 rows the first {found.evidence['read']} that were read were enough:")


def test_rows_that_an_epoch_draws_are_not_all_of_the_data() -> None:
    found = _checked(Rows(), shuffle=None, sampler=WeightedRandomSampler([1.0] * ROWS, ROWS))
    rows, read = found.evidence["rows"], found.evidence["read"]
    assert rows < ROWS
    assert str(found.sentence).startswith(
        f"an epoch draws {rows} different rows of 400: of {rows} rows the first {read} that were read were enough:"
    )


def test_slow_data_are_read_for_a_limited_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_LONGEST", 0.1)
    found = _checked(Rows(tokens=20, seconds=0.002))
    assert 0 < found.evidence["read"] < ROWS
    assert str(found.sentence).startswith(f"of {found.evidence['read']} rows of 400, as many as time allowed, ")


def test_a_loader_without_tokens_or_classes_is_unchecked() -> None:
    model = nn.Linear(3, 1)
    loader: DataLoader[Any] = DataLoader(torch.randn(40, 3), 8)  # type: ignore[arg-type]
    report = newllm.check(
        model, torch.optim.SGD(model.parameters(), 0.1), lambda m, x: m(x).square().mean(), loader=loader
    )
    (found,) = [outcome for outcome in report.outcomes if outcome.probe == "ids"]
    assert found.status == "unchecked"


class Text(Dataset[Tensor]):
    """Rows of tokens: 1 begins each, 2 ends it, and 0 never comes."""

    def __len__(self) -> int:
        return 40

    def __getitem__(self, index: int) -> Tensor:
        middle = torch.arange(3, TOKENS).roll(index)[:10]
        return torch.cat([torch.tensor([1]), middle, torch.tensor([2])])


class Next(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(TOKENS, 8), nn.Linear(8, TOKENS)

    def forward(self, tokens: Tensor) -> Tensor:
        """Return logits."""
        return self.head(self.embedding(tokens))


def test_inputs_and_targets_that_are_cut_out_of_a_row_are_found() -> None:
    """The first token of every row is never a target, and the last is never read."""
    torch.manual_seed(0)
    model, loader = Next(), DataLoader(Text(), 8, shuffle=True)

    def loss(model: nn.Module, rows: Tensor) -> Tensor:
        return nn.functional.cross_entropy(model(rows[:, :-1]).flatten(0, 1), rows[:, 1:].flatten())

    report = newllm.check(model, torch.optim.AdamW(model.parameters(), 1e-2), loss, loader=loader, seconds=60)
    found = next(each for each in report.outcomes if each.probe == "ids")
    assert found.status == "sound"
    assert (found.evidence["tokens"]["never"], found.evidence["classes"]["never"]) == (2, 2)
    assert "0, 2" in str(found.sentence)
    assert "0, 1" in str(found.sentence)

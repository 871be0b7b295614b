"""What a batch shows: whether it is written into, padding, ends, answers among the inputs, the vocabulary."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.healthy import VOCABULARY, Transformer, classes, mlp, next_token, tokens
from torch import Tensor, nn
from torch.nn import functional as F

import newllm
from newllm.checks import PROBES, CheckReport

PAD, END = 0, 1


def checked(model: nn.Module, loss: Callable[[Any, Any], Tensor], batch: Any, **more: Any) -> CheckReport:
    return newllm.check(model, torch.optim.AdamW(model.parameters(), 1e-3), loss, batch, seconds=60, **more)


def status(report: CheckReport, probe: str) -> str:
    """Return what a probe says; nothing may be wrong beside it."""
    assert {outcome.probe for outcome in report.wrong} <= {probe}, str(report)
    return next(outcome.status for outcome in report.outcomes if outcome.probe == probe)


def sentence(report: CheckReport, probe: str) -> str:
    return next(str(outcome.sentence) for outcome in report.outcomes if outcome.probe == probe)


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)


def filled(filler: int, *, end: int | None = END, rows: int = 8, length: int = 21) -> Tensor:
    """Texts of several lengths, each with its end, filled up."""
    held = torch.randint(5, VOCABULARY, (rows, length))
    for row in range(rows):
        last = length - 1 - 2 * row
        held[row, last + 1 :] = filler
        if end is not None:
            held[row, last] = end
    return held


def ignoring(token: int) -> Callable[[nn.Module, Tensor], Tensor]:
    return lambda model, held: F.cross_entropy(
        model(held[:, :-1]).flatten(0, 1), held[:, 1:].flatten(), ignore_index=token
    )


def test_a_batch_that_is_written_into_is_found_and_one_that_is_marked_again_is_not() -> None:
    def centred(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0].sub_(5).div_(3)), batch[1])

    table = 5 + 3 * torch.randn(16, 10), torch.randint(0, 3, (16,))
    report = checked(mlp(), centred, table)
    assert status(report, "batch-kept") == "wrong"
    assert "writes into the batch ([0])" in sentence(report, "batch-kept")

    def marking(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
        targets = batch["labels"]
        targets[targets == PAD] = -100
        return F.cross_entropy(model(batch["ids"]).flatten(0, 1), targets.flatten())

    held = filled(PAD)
    report = checked(Transformer(), marking, {"ids": held[:, :-1], "labels": held[:, 1:].clone()})
    assert status(report, "batch-kept") == "sound"
    assert "(1 of its tensors)" in sentence(report, "batch-kept")
    assert status(checked(mlp(), classes, table), "batch-kept") == "sound"


@pytest.mark.parametrize(("ignored", "said"), [(-100, "wrong"), (PAD, "sound")])
def test_padding_that_is_learnt_is_found_without_a_mask(ignored: int, said: str) -> None:
    report = checked(Transformer(), ignoring(ignored), filled(PAD))
    assert status(report, "padding") == said
    if said == "sound":
        assert status(report, "ends") == "sound"
    else:
        assert "token 0 after token 0" in sentence(report, "padding")


def test_a_text_whose_last_token_also_fills_is_right_where_the_first_of_them_counts() -> None:
    """The end is the filler, and it alone is learnt: nothing may be wrong."""
    held = filled(END)
    targets = held[:, 1:].clone()
    after = (held[:, :-1] == END) & (targets == END)

    def loss(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return F.cross_entropy(model(batch[0]).flatten(0, 1), batch[1].flatten())

    assert status(checked(Transformer(), loss, (held[:, :-1], targets.masked_fill(after, -100))), "padding") == "sound"


def masked(model: nn.Module, batch: dict[str, Tensor]) -> Tensor:
    logits = model(batch["ids"], attention_mask=batch["attention_mask"])
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten())


@pytest.mark.parametrize(
    ("filler", "end", "said"), [(END, END, "wrong"), (PAD, END, "sound"), (PAD, None, "unchecked")]
)
def test_ends_that_are_left_out_with_the_padding_are_found(filler: int, end: int | None, said: str) -> None:
    held = filled(filler, end=end)
    lengths = torch.arange(21 - 2 * 7, 22, 2).flip(0)
    mask = (torch.arange(21) < lengths[:, None]).long()
    report = checked(
        Transformer(), masked, {"ids": held, "attention_mask": mask, "labels": held.masked_fill(held == filler, -100)}
    )
    assert status(report, "ends") == said
    if said == "unchecked":
        assert "after different tokens" in sentence(report, "ends")


class Bag(nn.Module):
    """The sum of a row's embeddings; padding is left out by its zeros, or by a mask."""

    def __init__(self, *, masks: bool = False) -> None:
        super().__init__()
        self.embedding, self.head = nn.Embedding(VOCABULARY, 16, padding_idx=PAD), nn.Linear(16, 3)
        self.embedding.weight.data *= 0.05
        self.masks = masks

    def forward(self, held: Tensor) -> Tensor:
        read = self.embedding(held)
        return self.head((read * (held != PAD)[..., None] if self.masks else read).sum(1))


@pytest.mark.parametrize(
    ("masks", "own", "said"), [(False, True, "wrong"), (False, False, "sound"), (True, True, "unchecked")]
)
def test_a_padding_row_that_counts_is_found(masks: bool, own: bool, said: str) -> None:
    model = Bag(masks=masks)
    if own:
        nn.init.normal_(model.embedding.weight, std=0.05)
    report = checked(model, classes, (filled(PAD), torch.randint(0, 3, (8,))))
    assert status(report, "padding-row") == said


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (lambda model, batch: (model(batch[0]) - batch[1]).square().mean(), "wrong"),
        (lambda model, batch: (model(batch[0]).squeeze(-1) - batch[1]).square().mean(), "sound"),
        (lambda model, batch: (model(batch[0]) - batch[1][:, None]).square().mean(), "sound"),
        (lambda model, batch: (model(batch[0]).mean() - batch[1].mean()).square(), "unchecked"),
        (
            lambda model, batch: (model(batch[0]).sort(0).values - batch[1][:, None].sort(0).values).square().mean(),
            "unchecked",
        ),
    ],
)
@pytest.mark.parametrize("fresh", [True, False])
def test_targets_that_broadcast_are_found(loss: Any, said: str, fresh: bool) -> None:
    model = mlp(1)
    if not fresh:  # all outputs alike: nothing may be said wrong
        nn.init.zeros_(model.get_parameter("2.weight"))
        said = said.replace("wrong", "unchecked")
    assert status(checked(model, loss, (torch.randn(16, 10), torch.randn(16))), "broadcast") == said


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_targets_among_the_inputs_are_found(kind: str) -> None:
    x = torch.randn(64, 10)
    y = torch.randint(0, 3, (64,)) if kind == "classes" else torch.randn(64)

    def squares(model: nn.Module, batch: tuple[Tensor, Tensor]) -> Tensor:
        return (model(batch[0]).squeeze(-1) - batch[1]).square().mean()

    def of(given: Tensor) -> CheckReport:
        return checked(mlp(3 if kind == "classes" else 1), classes if kind == "classes" else squares, (given, y))

    assert status(of(x), "answers") == "sound"
    x[:, 7] = y
    report = of(x)
    assert status(report, "answers") == "wrong"
    assert "column 7 of 10" in sentence(report, "answers")
    assert status(checked(mlp(), classes, (x[:8], torch.arange(8) % 3)), "answers") == "unchecked"  # too few to tell


class Words:
    """A tokenizer, as those of transformers are."""

    unk_token_id, pad_token_id = 3, 0

    def __init__(self, size: int) -> None:
        self.size = size

    def get_vocab(self) -> dict[str, int]:
        return {f"word {at}": at for at in range(self.size)}


@pytest.mark.parametrize(
    ("size", "said"),
    [(VOCABULARY, "sound"), (VOCABULARY - 2, "sound"), (VOCABULARY + 4, "4 tokens stop the training"), (30, "another")],
)
def test_a_tokenizer_that_does_not_fit_is_found(size: int, said: str) -> None:
    held = 5 + tokens() % 40
    held[:, -2:] = 0
    report = checked(Transformer(), next_token, held, tokenizer=Words(size))
    assert status(report, "vocabulary") == ("sound" if said == "sound" else "wrong")
    assert ("0 % of the batch are unknown to it, 5 % padding" if said == "sound" else said) in sentence(
        report, "vocabulary"
    )


def test_unknown_tokens_a_short_output_and_an_unknown_tokenizer_are_said() -> None:
    held = tokens()
    held[torch.rand(held.shape) < 0.4] = 3
    report = checked(Transformer(), next_token, held, tokenizer=Words(VOCABULARY))
    assert status(report, "vocabulary") == "wrong"
    assert "does not know" in sentence(report, "vocabulary")
    model = Transformer()
    model.head = nn.Linear(32, VOCABULARY - 5)
    report = checked(model, next_token, tokens() % (VOCABULARY - 5), tokenizer=Words(VOCABULARY))
    assert "5 tokens can never be predicted" in sentence(report, "vocabulary")
    report = checked(Transformer(), next_token, tokens(), tokenizer=object())
    assert status(report, "vocabulary") == "unchecked"


def test_a_token_without_a_row_is_named_where_the_loss_cannot_run() -> None:
    held = tokens()
    held[2, 3] = VOCABULARY + 7
    report = checked(Transformer(), next_token, held)
    assert {outcome.probe for outcome in report.wrong} == {"runs", "vocabulary"}
    assert [outcome.probe for outcome in report.outcomes] == ["runs", *PROBES]
    assert sentence(report, "vocabulary") == "the batch holds token 57, and embedding has 50 rows"

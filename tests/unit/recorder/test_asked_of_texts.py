"""What a loss asks for of the places of texts: where it is a softmax too many, and where texts are filled up."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from tests.unit.recorder.test_asked import Tokens, tags, train
from torch import Tensor

import newllm
from newllm.loss_form import NEAR, read_targets

TOKENS = 20


def predicted(z_BTV: Tensor, y_BT: Tensor, left_out: int = -100) -> Tensor:
    return F.cross_entropy(z_BTV.transpose(1, 2), y_BT, ignore_index=left_out)


def halved(place: int = 7) -> list[tuple[Tensor, Tensor]]:
    """Texts that end at one of two places, filled up with token 0, and the next tokens."""
    torch.manual_seed(0)
    batches = []
    for _ in range(6):
        tokens = torch.randint(1, 20, (16, 13))
        tokens[::2, place:] = 0
        batches.append((tokens[:, :-1], tokens[:, 1:]))
    return batches


@pytest.mark.parametrize("loss", [tags, predicted])
def test_padding_of_texts_of_two_lengths_is_counted(tmp_path: Path, loss: Callable[..., Tensor]) -> None:
    batches = halved()
    counted = train(tmp_path / "counted", Tokens(), batches, loss)["targets_padding"]
    assert list(counted.values()) == pytest.approx([5 / 24] * 6)
    assert "padding-counted" in {one.kind for one in newllm.doctor(tmp_path / "counted", against=()).findings}
    left_out = train(tmp_path / "out", Tokens(), batches, lambda z, y: loss(z, y, left_out=0))
    assert set(left_out["targets_padding"].values()) == {0.0}
    found = {one.kind for one in newllm.doctor(tmp_path / "out", against=()).findings}
    assert found == {"no-context"}  # these models read one token each


def test_blanks_at_which_answers_are_asked_for_are_no_padding(tmp_path: Path) -> None:
    """Two tasks in a batch: texts, and questions whose answers are to be given at the blanks behind them."""
    batches = [(x, torch.where(x == 0, torch.randint(1, 20, x.shape), y)) for x, y in halved()]
    assert "targets_padding" not in train(tmp_path / "tasks", Tokens(), batches, tags)
    ends = [torch.randint(1, 20, (16, 13)).index_fill(1, torch.tensor([11, 12]), 0) for _ in range(6)]
    for one in ends:
        one[::2, 10] = 0  # every text ends with two or three of the same token: none is as long as a row
    assert "targets_padding" not in train(tmp_path / "ends", Tokens(), [(x[:, :-1], x[:, 1:]) for x in ends], tags)


class ByClass(Tokens):
    """Logits [B, V, T], as `cross_entropy` takes them."""

    def forward(self, tokens_BT: Tensor) -> Tensor:
        return super().forward(tokens_BT).transpose(1, 2)


def test_logits_that_have_their_classes_first_are_read_too(tmp_path: Path) -> None:
    found = train(tmp_path / "run", ByClass(), halved(), F.cross_entropy)
    assert set(found["cross_entropy"].values()) == {1.0}
    assert set(found["target_is_next"].values()) == {1.0}
    assert list(found["targets_padding"].values()) == pytest.approx([5 / 24] * 6)
    assert found["loss_multiple"][1] == pytest.approx(1.0, rel=1e-3)
    twice = train(tmp_path / "twice", ByClass(), halved(), lambda z, y: F.cross_entropy(z.softmax(1), y))
    assert set(twice["softmax_twice"].values()) == {1.0}
    features = train(tmp_path / "features", ByClass(), halved(), lambda z, y: z.square().mean())  # noqa: ARG005
    assert "cross_entropy" not in features


@pytest.mark.parametrize("flattened", [True, False])
def test_a_softmax_too_many_is_told_of_a_text_that_is_learnt(tmp_path: Path, flattened: bool) -> None:
    """Sure of many places, of some of them wrongly: there the largest pull is no more at the target."""
    torch.manual_seed(0)
    following = torch.softmax(2 * torch.randn(TOKENS, TOKENS), 1)
    model = Tokens()

    def text() -> Tensor:
        x = torch.randint(TOKENS, (16, 1))
        for _ in range(16):
            x = torch.cat([x, torch.multinomial(following[x[:, -1]], 1)], 1)
        return x

    def twice(z: Tensor, y: Tensor) -> Tensor:
        p = z.softmax(-1)
        return F.cross_entropy(p.flatten(0, 1), y.flatten()) if flattened else F.cross_entropy(p.transpose(1, 2), y)

    texts = [text() for _ in range(60)]
    optimizer = torch.optim.Adam(model.parameters(), 0.05)
    with newllm.record(model, optimizer, tmp_path / "run") as recorder:
        for x in texts * 3:
            optimizer.zero_grad()
            loss = twice(model(x[:, :-1]), x[:, 1:])
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    found = [one for one in newllm.doctor(tmp_path / "run", against=()).findings if one.kind == "loss-form"]
    assert [one.evidence["form"] for one in found] == ["softmax-twice"]
    assert found[0].first_step == 1.0
    assert found[0].evidence["steps"] == 19  # each that was sampled


def sharpened(z: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(2 * z, y)


def smoothed(z: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(z, y, label_smoothing=0.1)


def focal(z: Tensor, y: Tensor) -> Tensor:
    each = F.cross_entropy(z, y, reduction="none")
    return ((1 - (-each).exp()) ** 2 * each).mean()


def brier(z: Tensor, y: Tensor) -> Tensor:
    return (z.softmax(-1) - F.one_hot(y, z.shape[-1])).square().sum(-1).mean()


def distilled(z: Tensor, y: Tensor) -> Tensor:
    teacher = (3 * torch.randn(z.shape, generator=torch.Generator().manual_seed(int(y.sum())))).softmax(-1)
    return F.cross_entropy(z, teacher)


def penalised(z: Tensor, y: Tensor) -> Tensor:
    p = z.softmax(-1)
    return F.cross_entropy(z, y) + 0.1 * (p * p.clamp(min=1e-12).log()).sum(-1).mean()


def robust(z: Tensor, y: Tensor) -> Tensor:
    return (1 - z.softmax(-1).gather(-1, y[:, None]).squeeze(-1) ** 0.7).mean() / 0.7


def contrasted(z: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(z, y) + 1e-4 * z.logsumexp(-1).square().mean()


def chosen(z: Tensor, y: Tensor) -> Tensor:
    """A policy's: what was done, by how good it was."""
    return -(z.softmax(-1).gather(-1, y[:, None]).squeeze(-1) * torch.linspace(-1, 1, len(z))).mean()


SOUND = (F.cross_entropy, sharpened, smoothed, focal, brier, distilled, penalised, robust, contrasted, chosen)


@pytest.mark.parametrize("loss", SOUND)
@pytest.mark.parametrize(
    ("classes", "dtype"),  # three numbers in bfloat16, of which one tells, do not tell a Brier score from it
    [(2, torch.float32), (3, torch.float32), (5, torch.float32), (40, torch.float32), (40, torch.bfloat16)],
)
def test_no_other_loss_is_taken_for_a_softmax_twice(
    loss: Callable[[Tensor, Tensor], Tensor], classes: int, dtype: torch.dtype
) -> None:
    for seed in range(24):
        torch.manual_seed(seed)
        # At nearly equal outputs, though not at equal ones, all forms are alike: that takes no weight of a first step.
        rows, scale = (1, 3, 16, 128)[seed % 4], (0.0, 0.1, 0.3, 1.0, 4.0, 30.0)[seed % 6]
        y = torch.randint(classes, (rows,))
        z = (scale * torch.randn(rows, classes) + 2 * scale * F.one_hot(y, classes)).to(dtype).requires_grad_()
        (gradient,) = torch.autograd.grad(loss(z.float(), y), z)
        if bool(gradient.any()):
            found = read_targets(z.detach().float(), gradient.float(), -1, NEAR[dtype])
            assert found is None or found.form != "softmax-twice", (seed, rows, scale)

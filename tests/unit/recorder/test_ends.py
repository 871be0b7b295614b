"""Whether a model of texts is asked for the token that ends one."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from tests.unit.recorder.test_asked import tags
from torch import Tensor, nn

import newllm

LEFT_OUT = -100
END = 0


class Generator(nn.Module):
    """Next tokens; its configuration names the one that ends a text, as that of a transformers model does."""

    def __init__(self, end: int | list[int] | None = END) -> None:
        super().__init__()
        self.config = SimpleNamespace(eos_token_id=end)
        self.embedding, self.head = nn.Embedding(24, 16), nn.Linear(16, 24)

    def forward(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> Tensor:  # noqa: ARG002 (as models have it)
        return self.head(self.embedding(input_ids))


def texts(padding: int = END, *, at_front: bool = False) -> tuple[Tensor, Tensor]:
    """Return texts of different lengths, each with an end, filled up; and which places are no padding."""
    tokens, mask = torch.full((16, 14), padding), torch.zeros(16, 14, dtype=torch.int64)
    for row in range(16):
        length = int(torch.randint(5, 12, ()))
        at = slice(-length - 1, None) if at_front else slice(0, length + 1)
        tokens[row, at] = torch.cat([torch.randint(2, 24, (length,)), torch.tensor([END])])
        mask[row, at] = 1
    return tokens, mask


def findings(
    out: Path, left_out: int | None, *, given: int = 1, padding: int = END, at_front: bool = False, end: object = END
) -> dict[str, str]:
    """Train, and return what the doctor says of the ends: kind and severity.

    Args:
        out: of the recording.
        left_out: the token that never is a target; None for what the mask leaves out.
        given: 0 where the model is called without a mask, 1 with the texts' own, 2 with one made of the tokens.
        padding: the token that fills texts up.
        at_front: fill them up there.
        end: what the configuration says.
    """
    torch.manual_seed(0)
    model = Generator(end)  # type: ignore[arg-type]
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with newllm.record(model, optimizer, out=out) as recorder:
        for _ in range(12):
            tokens, mask = texts(padding, at_front=at_front)
            targets = tokens.masked_fill(mask == 0 if left_out is None else tokens == left_out, LEFT_OUT)
            mask = mask if given == 1 else (tokens != padding).long()
            logits = model(tokens, **({"attention_mask": mask} if given else {}))
            loss = tags(logits[:, :-1], targets[:, 1:])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    found = newllm.doctor(out, against=()).findings
    return {one.kind: one.severity for one in found if one.kind == "unasked-end"}


@pytest.mark.parametrize("at_front", [False, True])
def test_an_end_that_padding_takes_with_it_is_told(tmp_path: Path, at_front: bool) -> None:
    assert findings(tmp_path / "run", END, at_front=at_front) == {"unasked-end": "warning"}


def test_without_a_mask_it_is_told_as_well(tmp_path: Path) -> None:
    assert findings(tmp_path / "run", END, given=0) == {"unasked-end": "warning"}


def test_ends_that_are_padding_by_the_mask_are_a_note(tmp_path: Path) -> None:
    assert findings(tmp_path / "run", END, given=2) == {"unasked-end": "note"}


@pytest.mark.parametrize("end", [[END, 1], 23])
def test_several_ends_and_a_token_that_is_none(tmp_path: Path, end: object) -> None:
    assert bool(findings(tmp_path / "run", END, end=end)) is (end != 23)


def test_an_end_that_is_asked_for_is_sound(tmp_path: Path) -> None:
    assert not findings(tmp_path / "mask", None)
    assert not findings(tmp_path / "own", 1, padding=1)
    assert not findings(tmp_path / "unknown", END, end=None)


def test_an_end_of_a_part_that_is_left_out_is_sound(tmp_path: Path) -> None:
    """Questions and answers: the questions, with their ends, count for nothing."""
    torch.manual_seed(0)
    model = Generator()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    with newllm.record(model, optimizer, out=tmp_path / "run") as recorder:
        for _ in range(12):
            tokens = torch.randint(2, 24, (16, 12))
            tokens[:, 5] = tokens[::2, 9] = END
            targets = tokens[:, 1:].clone()
            targets[:, :5] = LEFT_OUT
            targets[:8, 8] = LEFT_OUT  # some answers are cut: that is no end that is never asked for
            loss = F.cross_entropy(model(tokens)[:, :-1].flatten(0, 1), targets.flatten(), ignore_index=LEFT_OUT)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    assert "unasked-end" not in {one.kind for one in newllm.doctor(tmp_path / "run", against=()).findings}

"""A ranking that training learns among a few candidates, and that evaluations ask of all of them."""

from pathlib import Path

import torch
from torch import Tensor, nn

import newllm
from newllm.trace import Finding

PEOPLE, SONGS, FEW = 200, 240, 16
LIKED = torch.arange(PEOPLE) % SONGS


class Ranker(nn.Module):
    """Scores `[B, C]` of candidates `[B, C]`; in a bad evaluation those of other people."""

    def __init__(self) -> None:
        super().__init__()
        self.people, self.songs = nn.Embedding(PEOPLE, 24), nn.Embedding(SONGS, 24)

    def forward(self, who: Tensor, which: Tensor) -> Tensor:
        return (self.people(who)[:, None] * self.songs(which)).sum(-1) / 5


def gaps(out: Path, candidates: int, *, shifted: int = 0) -> list[Finding]:
    """Train among `FEW` candidates; evaluate among so many, on the targets of other people."""
    torch.manual_seed(0)
    model = Ranker()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.003)
    with newllm.record(model, optimizer, out, every=5) as recorder:
        for step in range(200):
            who = torch.randint(0, PEOPLE, (64,))
            which = torch.cat([LIKED[who, None], torch.randint(0, SONGS, (64, FEW - 1))], 1)
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(who, which), torch.zeros(64, dtype=torch.long))
            loss.backward()
            optimizer.step()
            recorder.step(loss)
            if step % 20 == 19:
                everyone = torch.arange(PEOPLE)
                liked = LIKED.roll(shifted)
                others = torch.stack([torch.randperm(SONGS)[: candidates - 1] for _ in everyone])
                with torch.no_grad():
                    scores = model(everyone, torch.cat([liked[:, None], others], 1))
                    recorder.validation(nn.functional.cross_entropy(scores, torch.zeros(PEOPLE, dtype=torch.long)))
    return [one for one in newllm.doctor(out, against=()).findings if one.kind == "validation-gap"]


def test_more_to_choose_from_is_a_note(tmp_path: Path) -> None:
    (found,) = gaps(tmp_path, 240)
    assert (found.severity, found.sentence.id) == ("note", "finding-validation-gap.chosen")
    assert f"among 240, training among {FEW}" in str(found.sentence)


def test_a_gap_that_the_number_does_not_explain_is_a_warning(tmp_path: Path) -> None:
    (found,) = gaps(tmp_path, FEW, shifted=1)
    assert found.severity == "warning"
    assert found.sentence.id != "finding-validation-gap.chosen"

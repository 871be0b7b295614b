"""Whether a decoder is fed the tokens that it is asked for, one position after another or all at once."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import newllm

WORDS, WIDTH, START = 13, 16, 0


class StepByStep(nn.Module):
    """A recurrent decoder that feeds itself what was to be said; texts are [T, B], or [B, T]."""

    def __init__(self, leak: bool, time_first: bool) -> None:
        super().__init__()
        self.leak, self.time = leak, 0 if time_first else 1
        self.read, self.say = nn.Embedding(WORDS, WIDTH), nn.Embedding(WORDS, WIDTH)
        self.encoder, self.cell = nn.GRU(WIDTH, WIDTH, batch_first=not time_first), nn.GRUCell(WIDTH, WIDTH)
        self.out = nn.Linear(WIDTH, WORDS)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        state = self.encoder(self.read(source))[1][0]
        token, outputs = torch.full_like(target.select(self.time, 0), START), []
        for place in range(target.shape[self.time]):
            token = target.select(self.time, place) if self.leak else token
            state = self.cell(self.say(token), state)
            outputs.append(self.out(state))
            token = target.select(self.time, place)
        return torch.stack(outputs, self.time)


class AtOnce(nn.Module):
    """A decoder with a causal mask, which is to shift what it is given."""

    def __init__(self, leak: bool, time_first: bool) -> None:
        super().__init__()
        assert not time_first
        self.leak, self.read = leak, nn.Embedding(WORDS, WIDTH)
        self.place = nn.Parameter(torch.randn(64, WIDTH))
        self.body = nn.Transformer(WIDTH, 2, 1, 1, WIDTH, dropout=0.0, batch_first=True)
        self.out = nn.Linear(WIDTH, WORDS)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        said, length = self.read(target), target.shape[1]
        if not self.leak:
            said = torch.cat([torch.zeros_like(said[:, :1]), said[:, :-1]], 1)
        mask = nn.Transformer.generate_square_subsequent_mask(length)
        inputs = self.read(source) + self.place[: source.shape[1]], said + self.place[:length]
        return self.out(self.body(*inputs, tgt_mask=mask))


@pytest.mark.parametrize("task", ["turned", "copied"])
@pytest.mark.parametrize(("kind", "time_first"), [(StepByStep, False), (StepByStep, True), (AtOnce, False)])
@pytest.mark.parametrize("leak", [False, True])
def test_a_decoder_that_is_told_what_it_is_asked_for(
    tmp_path: Path, kind: type[StepByStep | AtOnce], time_first: bool, task: str, leak: bool
) -> None:
    torch.manual_seed(0)
    model = kind(leak, time_first)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.03)
    with newllm.record(model, optimizer, tmp_path, every=4) as recorder:
        for _ in range(40):
            source = torch.randint(1, WORDS, (16, 6))
            target = source.flip(1) if task == "turned" else source.clone()
            if time_first:
                source, target = source.T.contiguous(), target.T.contiguous()
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(source, target).flatten(0, 1), target.flatten())
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    diagnosis = newllm.doctor(tmp_path, against=())
    assert bool(diagnosis.trace.series("own_token_seen").value.max() > 1e-3) is leak
    said = [(one.severity, one.supported_causes) for one in diagnosis.findings if one.kind == "target-shift"]
    assert said == ([("warning", ("target-leak",))] if leak else [])


class Tagger(nn.Module):
    """Is given its labels too, and has nothing from them but the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.read, self.out = nn.Embedding(WORDS, WIDTH), nn.Linear(WIDTH, WORDS)

    def forward(self, words: Tensor, tags: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.out(self.read(words))
        return logits, nn.functional.cross_entropy(logits.flatten(0, 1), tags.flatten())


def test_labels_that_are_only_held_against_the_outputs(tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = Tagger()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    with newllm.record(model, optimizer, tmp_path, every=4) as recorder:
        for _ in range(60):
            words = torch.randint(1, WORDS, (16, 6))
            optimizer.zero_grad()
            loss = model(words, words * 5 % WORDS)[1]
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    diagnosis = newllm.doctor(tmp_path, against=())
    assert not len(diagnosis.trace.series("own_token_seen").value)
    assert [one.kind for one in diagnosis.findings if one.severity != "note"] == []

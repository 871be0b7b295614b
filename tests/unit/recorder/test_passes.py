"""Gradients that the update of another network leaves in the weights on its way."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import newllm

KIND = "gradient-carried"


def train(out: Path, clear: str, *, joint: bool = False, detach: bool = True) -> set[str]:
    """Train a critic of what an actor does, and the actor by it; return what the doctor says of the critic's gradient.

    Args:
        out: of the recording, which is the critic's.
        clear: where the critic's gradient is cleared: "before" its own backward pass, or "behind" its step.
        joint: one backward pass and one optimizer for both losses.
        detach: whether the critic's loss is kept from the actor.
    """
    torch.manual_seed(0)
    actor, critic = (
        nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 2)),
        nn.Sequential(nn.Linear(2, 8), nn.Tanh()),
    )
    critic.append(nn.Linear(8, 1))
    of_actor, of_critic = (torch.optim.Adam(one.parameters(), 1e-2) for one in (actor, critic))
    with newllm.record(critic, of_critic, out=out) as recorder:
        for _ in range(12):
            seen = torch.randn(16, 3)
            action = actor(seen)
            if clear == "before":
                of_critic.zero_grad()
            loss = (critic(action.detach() if detach else action) - seen.sum(1, keepdim=True)).square().mean()
            wanted = -critic(actor(seen)).mean()
            if joint:
                (loss + wanted).backward()
            else:
                loss.backward()
            of_critic.step()
            if clear == "behind":
                of_critic.zero_grad()
            recorder.step(loss)
            of_actor.zero_grad()
            if not joint:
                (-critic(actor(seen)).mean()).backward()
            of_actor.step()
    return {one.kind for one in newllm.doctor(out, against=()).findings if one.kind == KIND}


@pytest.mark.parametrize("detach", [True, False])
def test_what_the_actors_pass_left_is_told(tmp_path: Path, detach: bool) -> None:
    assert train(tmp_path / "run", "behind", detach=detach) == {KIND}


@pytest.mark.parametrize(("clear", "joint"), [("before", False), ("before", True), ("behind", True)])
def test_what_is_cleared_or_meant_is_sound(tmp_path: Path, clear: str, joint: bool) -> None:
    assert not train(tmp_path / "run", clear, joint=joint)


class Decoder(nn.Module):
    """Reads what an encoder made, that is not recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.line = nn.Linear(4, 1)

    def forward(self, code: Tensor) -> Tensor:
        return self.line(code)


def test_several_passes_of_one_update_are_sound(tmp_path: Path) -> None:
    """Gradients are added up over parts of a batch, of which some come from another network and some do not."""
    torch.manual_seed(0)
    encoder, decoder = nn.Linear(3, 4), Decoder()
    optimizer = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-2)
    with newllm.record(decoder, optimizer, out=tmp_path / "run") as recorder:
        for _ in range(12):
            seen = torch.randn(16, 3)
            optimizer.zero_grad()
            losses = [decoder(encoder(seen)).square().mean(), decoder(torch.randn(16, 4)).square().mean()]
            for loss in losses:
                loss.backward()
            optimizer.step()
            recorder.step(sum(losses))
    assert KIND not in {one.kind for one in newllm.doctor(tmp_path / "run", against=()).findings}

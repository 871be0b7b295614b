"""With which weight a policy's entropy stands in its loss, read off the gradient while somebody trains."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.distributions import Categorical

import newllm
from newllm.recorder.policy_entropy import entropy_weight
from newllm.trace import read_trace

ROWS = 64


def policy_of(form: str, logits_NK: Tensor) -> tuple[Tensor, Categorical]:
    """What a model returns, and the distribution that a loop makes of it."""
    if form == "probabilities":
        returned = logits_NK.softmax(1).detach().requires_grad_()
        return returned, Categorical(probs=returned)
    returned = (logits_NK.log_softmax(1) if form == "log-probabilities" else logits_NK).detach().requires_grad_()
    return returned, Categorical(logits=returned)


@pytest.mark.parametrize("actions", [3, 4, 18])
@pytest.mark.parametrize("form", ["logits", "log-probabilities", "probabilities"])
@pytest.mark.parametrize("weight", [0.02, -0.02, 0.0])
def test_the_weight_is_found_whatever_the_policy_returns(actions: int, form: str, weight: float) -> None:
    torch.manual_seed(actions)
    returned, policy = policy_of(form, torch.randn(ROWS, actions))
    gains = policy.log_prob(policy.sample()) * torch.randn(ROWS)
    counts = torch.rand(ROWS) < 0.8  # steps behind the end of an episode have no part in the loss
    (-(gains * counts).sum() / counts.sum() + weight * (policy.entropy() * counts).sum() / counts.sum()).backward()
    assert returned.grad is not None
    found = entropy_weight(returned.detach().double(), returned.grad.double())
    assert found == (pytest.approx(weight, rel=1e-3) if weight else None)


@pytest.mark.parametrize("classes", [3, 10])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_classes_and_numbers_have_none(classes: int, smoothing: float) -> None:
    torch.manual_seed(0)
    logits = torch.randn(ROWS, classes).requires_grad_()
    target = torch.randint(0, classes, (ROWS,))
    (pull,) = torch.autograd.grad(nn.functional.cross_entropy(logits, target, label_smoothing=smoothing), logits)
    assert entropy_weight(logits.detach().double(), pull.double()) is None
    (pull,) = torch.autograd.grad(((logits - torch.randn(ROWS, classes)) ** 2).mean(), logits)
    assert entropy_weight(logits.detach().double(), pull.double()) is None


class ActorCritic(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.actor, self.critic = nn.Linear(4, 5), nn.Linear(4, 1)

    def forward(self, state: Tensor) -> tuple[Tensor, Tensor]:
        return self.actor(state), self.critic(state)


@pytest.mark.parametrize(("sign", "maximize"), [(1, False), (-1, False), (1, True)])
def test_a_bonus_of_the_wrong_sign_is_named(tmp_path: Path, sign: int, maximize: bool) -> None:
    torch.manual_seed(0)
    model = ActorCritic()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, maximize=maximize)
    with newllm.record(model, optimizer, tmp_path, every=1, kind="reinforcement") as recorder:
        for _ in range(6):
            optimizer.zero_grad()
            logits, value = model(torch.randn(ROWS, 4))
            policy, gains = Categorical(logits=logits), torch.randn(ROWS)
            loss = -(policy.log_prob(policy.sample()) * gains).mean() + sign * 0.05 * policy.entropy().mean()
            loss = loss + ((value[:, 0] - gains) ** 2).mean()
            loss.backward()
            optimizer.step()
            recorder.step(loss)
    weights = read_trace(tmp_path / "trace.jsonl").series("entropy_weight").value
    assert list(weights) == ([] if maximize else pytest.approx([sign * 0.05] * 6, rel=1e-2))
    causes = [
        one.supported_causes for one in newllm.doctor(tmp_path, against=()).findings if one.kind == "auxiliary-loss"
    ]
    assert causes == ([("auxiliary-loss",)] if sign > 0 and not maximize else [])

"""AdaGC against its formulas, and against the optimizer of the same name in `pytorch-optimizer`."""

import math

import pytest
import torch
from torch import nn

from newllm.replays.interventions.optimizer.adagc import AdaGC
from newllm.training.step import clip_norm


def with_gradient(*sizes: float) -> list[nn.Parameter]:
    """Return parameters of one number each, with these gradients."""
    parameters = [nn.Parameter(torch.zeros(1)) for _ in sizes]
    give(parameters, *sizes)
    return parameters


def give(parameters: list[nn.Parameter], *sizes: float) -> list[nn.Parameter]:
    for parameter, size in zip(parameters, sizes, strict=True):
        parameter.grad = torch.tensor([size])
    return parameters


def gradients(parameters: list[nn.Parameter]) -> list[float]:
    return [float(p.grad) for p in parameters if p.grad is not None]


def test_a_tensor_is_clipped_at_its_own_usual_norm_and_the_others_stay() -> None:
    adagc = AdaGC(clip_norm(0), warm_up=2)
    parameters = with_gradient(1.0, 10.0)
    adagc(parameters)
    adagc(give(parameters, 2.0, 8.0))  # the smallest of both count: 1 and 8
    assert adagc(give(parameters, 5.0, 8.1)) == pytest.approx(math.hypot(5.0, 8.1))
    assert gradients(parameters) == pytest.approx([1.05, 8.1])
    adagc(give(parameters, 5.0, 0.0))
    assert gradients(parameters) == pytest.approx([1.05 * (0.98 * 1.0 + 0.02 * 1.05), 0.0])


def test_the_own_clipping_goes_on_in_the_first_updates() -> None:
    adagc = AdaGC(clip_norm(1.0), warm_up=1)
    parameters = with_gradient(3.0, 4.0)
    assert adagc(parameters) == pytest.approx(5.0)
    assert gradients(parameters) == pytest.approx([0.6, 0.8], rel=1e-5)
    adagc(give(parameters, 3.0, 4.0))
    assert gradients(parameters) == pytest.approx([0.6 * 1.05, 0.8 * 1.05], rel=1e-5)


def test_a_gradient_that_is_not_finite_teaches_nothing() -> None:
    adagc = AdaGC(clip_norm(0), warm_up=1)
    parameters = with_gradient(1.0)
    adagc(parameters)
    assert math.isinf(adagc(give(parameters, math.inf)))
    adagc(give(parameters, 2.0))
    assert gradients(parameters) == pytest.approx([1.05])


@pytest.mark.slow
def test_adam_with_it_is_the_optimizer_of_pytorch_optimizer() -> None:
    import pytorch_optimizer as theirs  # a second to import

    one, other = (nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 1)) for _ in range(2))
    other.load_state_dict(one.state_dict())
    # Theirs counts from 1 and is done with the warm-up in the update whose number it is.
    adagc, their = AdaGC(clip_norm(1.0), warm_up=9), theirs.AdaGC(other.parameters(), lr=1e-2, warmup_steps=10)
    own = torch.optim.AdamW(one.parameters(), lr=1e-2, weight_decay=0.1)
    clipped = 0
    for step in range(40):
        torch.manual_seed(step)
        x = torch.randn(6, 4) * (20 if step % 7 == 6 else 1)
        for model, optimizer in ((one, own), (other, their)):
            optimizer.zero_grad()
            (model(x) - x.sum(1, keepdim=True)).square().mean().backward()
            if model is one:
                norm = adagc(one.parameters())
                left = float(torch.nn.utils.get_total_norm([p.grad for p in one.parameters() if p.grad is not None]))
                clipped += step >= 9 and left < 0.9 * norm
            optimizer.step()
        for mine, their_own in zip(one.parameters(), other.parameters(), strict=True):
            torch.testing.assert_close(mine, their_own, rtol=1e-4, atol=1e-5)
    assert clipped > 5

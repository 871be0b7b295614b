"""The residual FNN: what it adds to the plain one, and that its cell takes the loop."""

import torch

from newllm.model.config import ModelConfig
from newllm.model.fnn import FNN, ResidualFNN
from newllm.model.language_model import LanguageModel


def test_without_branches_it_is_the_first_layer_and_a_norm() -> None:
    fnn = ResidualFNN(6, 8, 3, 0.0).eval()
    for linear in fnn.linears[1:]:
        torch.nn.init.zeros_(linear.weight)
        torch.nn.init.zeros_(linear.bias)
    source = torch.randn(5, 6)
    expected = torch.nn.functional.layer_norm(torch.relu(fnn.linears[0](source)), (8,))
    torch.testing.assert_close(fnn(source), expected)


def test_the_gradient_reaches_the_first_layer_past_layers_that_pass_nothing() -> None:
    for kind, reached in ((FNN, False), (ResidualFNN, True)):
        fnn = kind(6, 8, 4, 0.0)
        for linear in fnn.linears[1:]:
            torch.nn.init.zeros_(linear.weight)
        (fnn(torch.randn(5, 6)) ** 3).sum().backward()
        gradient = fnn.linears[0].weight.grad
        assert gradient is not None
        assert bool(gradient.abs().sum() > 0) is reached


def test_its_cell_trains_with_dropout_and_depth_scaled_initialisation() -> None:
    config = ModelConfig(
        body="cell", fnn="residual", vocabulary=11, width=8, layers=4, hidden=16, context=8, dropout=0.1
    )
    model = LanguageModel(config, seed=0)
    scaled = dict(model.named_parameters())["body.fnn.3.weight"].std() * 16**0.5
    assert 0.2 < scaled.item() < 0.5  # (2 * 4) ** -0.5 is 0.35
    model(torch.randint(11, (3, 5)))[0].sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())

"""The models that need no package but torch: equal parameters, and the right mixing of positions."""

import numpy as np
import pytest
import torch
from torch import nn

from contenders import nano_gpt, ours, torch_recurrent
from contenders.fit import TARGET, fitted, parameters
from contenders.trained import logits_of
from memory import Peak
from search_space import LENGTHS, RATES, drawn

BUILDERS = [ours.stack, ours.attention, ours.plain_attention, nano_gpt.nano_gpt, torch_recurrent.lstm]


@pytest.mark.parametrize("build", BUILDERS)
def test_all_have_about_as_many_parameters(build) -> None:
    assert abs(parameters(build(16)) / TARGET - 1) < 0.01


def test_the_fit_is_the_nearest_width() -> None:
    def build(width: int) -> nn.Module:
        return nn.GRU(16, width)

    width = fitted(build, target=20_000)
    distances = {other: abs(parameters(build(other)) - 20_000) for other in range(8, 160, 8)}
    assert width == min(distances, key=distances.__getitem__)


@pytest.mark.parametrize("build", [ours.plain_attention, nano_gpt.nano_gpt])
def test_no_position_sees_what_comes(build) -> None:
    model, tokens = build(16), torch.randint(256, (2, 16))
    changed = tokens.clone()
    changed[:, -1] = (tokens[:, -1] + 1) % 256
    before, after = (logits_of(model(one)) for one in (tokens, changed))
    torch.testing.assert_close(before[:, :-1], after[:, :-1])
    assert not torch.allclose(before[:, -1], after[:, -1])


def test_without_its_convolution_attention_is_what_it_was_before_the_convolution_learnt() -> None:
    tokens = torch.randint(256, (2, 16))
    with_it, without = ours.attention(16), ours.plain_attention(16)
    torch.testing.assert_close(logits_of(with_it(tokens)), logits_of(without(tokens)))
    assert not [name for name, _ in without.named_parameters() if "convolution" in name]


def test_the_tied_head_is_saved_once() -> None:
    model = nano_gpt.nano_gpt(16)
    assert model.head.weight is model.embedding.weight
    assert "head.weight" not in model.state_dict()


def test_the_peak_is_what_was_touched() -> None:
    peak = Peak()
    np.ones(8_000_000)
    assert 55 < peak.mebibytes() < 90


def test_the_search_covers_every_eighth_of_the_rates() -> None:
    points = drawn()
    places = [np.log(point.learning_rate / RATES[0]) / np.log(RATES[1] / RATES[0]) for point in points]
    assert sorted(int(8 * place) for place in places) == list(range(8))
    assert {point.length for point in points} == set(LENGTHS)
    assert points == drawn()

"""Context signals: by hand on small tensors, and the recorder on our bodies."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import nn

from newllm.model.language_model import LanguageModel
from newllm.recorder import ContextRecorder, growth_per_step, norm_by_position, summarise

# Norms: row 0 is 5, 10, 13; row 1 is 1, then nan, which is padding.
CONTEXTS_BTC = torch.tensor([[[3.0, 4.0], [6.0, 8.0], [5.0, 12.0]], [[0.0, 1.0], [math.nan, 0.0], [math.nan, 0.0]]])
REAL_BT = torch.tensor([[True, True, True], [True, False, False]])
NOTHING_BT = torch.zeros(2, 3, dtype=torch.bool)


def test_norms_by_position_count_real_rows_only() -> None:
    assert norm_by_position(CONTEXTS_BTC, REAL_BT) == [3.0, 10.0, 13.0]
    assert norm_by_position(CONTEXTS_BTC, REAL_BT & torch.tensor([True, True, False])) == [3.0, 10.0, None]
    assert norm_by_position(CONTEXTS_BTC, NOTHING_BT) == [None, None, None]


def test_growth_is_the_mean_over_real_steps_from_zero() -> None:
    assert growth_per_step(CONTEXTS_BTC, REAL_BT) == pytest.approx((5 + 5 + 3 + 1) / 4)
    assert growth_per_step(CONTEXTS_BTC, NOTHING_BT) is None


def test_the_summary_is_of_each_rows_last_real_context() -> None:
    summary = summarise(CONTEXTS_BTC, REAL_BT)
    assert summary is not None
    assert summary.mean == pytest.approx(18 / 4)
    assert summary.std == pytest.approx(math.sqrt((25 + 144 + 0 + 1) / 4 - 4.5**2))
    assert summary.norm == pytest.approx((13 + 1) / 2)
    only_first = summarise(CONTEXTS_BTC, torch.tensor([[True, True, False], [False, False, False]]))
    assert only_first is not None
    assert (only_first.mean, only_first.std, only_first.norm) == (7.0, 1.0, 10.0)
    assert summarise(CONTEXTS_BTC, NOTHING_BT) is None


def test_a_context_that_broke_shows_where_it_is_real() -> None:
    everything_BT = torch.ones(2, 3, dtype=torch.bool)
    norms = norm_by_position(CONTEXTS_BTC, everything_BT)
    assert norms == [3.0, pytest.approx(math.nan, nan_ok=True), pytest.approx(math.nan, nan_ok=True)]
    assert math.isnan(growth_per_step(CONTEXTS_BTC, everything_BT) or 0.0)


def test_narrow_contexts_are_measured_wide() -> None:
    assert norm_by_position(torch.full((1, 1, 4), 6e4, dtype=torch.float16), REAL_BT[:1, :1]) == [
        pytest.approx(1.2e5, rel=1e-3)
    ]


@pytest.mark.parametrize(("body", "taps"), [("cell", ["body.tap"]), ("stack", ["0", "1"]), ("attention", [])])
def test_the_recorder_keeps_the_latest_pass_of_every_tap(
    build: Callable[..., LanguageModel], body: str, taps: list[str]
) -> None:
    model = build(body=body)
    with ContextRecorder(model) as recorder:
        for rows in (2, 3):
            _, state = model(torch.randint(11, (rows, 5)))
    assert len(recorder.contexts) == len(taps)
    assert all(name in path for name, path in zip(taps, recorder.contexts, strict=True))
    last = [value for name, value in state.items() if name.endswith("context")]
    for contexts_BTC, context_BC in zip(recorder.contexts.values(), last, strict=True):
        assert contexts_BTC.shape == (3, 5, 8)
        assert not contexts_BTC.requires_grad
        torch.testing.assert_close(contexts_BTC[:, -1], context_BC.detach())


def test_the_hooks_are_gone_after_exit_and_after_an_exception(build: Callable[..., LanguageModel]) -> None:
    model = build(body="cell")
    recorder = ContextRecorder(model)
    with pytest.raises(KeyError), recorder:
        raise KeyError
    model(torch.randint(11, (2, 5)))
    assert recorder.contexts == {}
    assert not any(module._forward_hooks for module in model.modules())


def test_a_model_without_contexts_has_none() -> None:
    with ContextRecorder(model := nn.Sequential(nn.Linear(2, 2))) as recorder:
        model(torch.ones(1, 2))
    assert recorder.contexts == {}

"""A clip that comes before the backward pass clips nothing; one that only measures, or is another model's, is none."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.unit.checks.healthy import classes, mlp, table
from torch import nn
from torch.nn.utils import clip_grad, clip_grad_norm_

import newllm

Step = Callable[[Any], None]


def _loop(
    before: float | None = None,
    after: float | None = None,
    *,
    keeps_zeros: bool = False,
    passes: int = 1,
    of: Any = None,
) -> tuple[nn.Module, torch.optim.Optimizer, Step]:
    model = mlp()
    optimizer = torch.optim.SGD(model.parameters(), 0.1)

    def step(batch: Any) -> None:
        optimizer.zero_grad(set_to_none=not keeps_zeros)
        for _ in range(passes):
            loss = classes(model, batch)
            if before is not None:
                clip_grad_norm_((of or model).parameters(), before)
            loss.backward()
        if after is not None:
            clip_grad_norm_(model.parameters(), after)
        optimizer.step()

    return model, optimizer, step


@pytest.mark.parametrize(
    ("options", "case"),
    [
        ({"after": 0.01}, "sound"),
        ({"before": 0.01}, "early"),
        ({"before": 0.01, "keeps_zeros": True}, "early"),
        ({"before": 0.01, "after": 0.01}, "sound"),
        ({"before": float("inf")}, "sound"),
        ({"before": 0.01, "passes": 2}, "sound"),  # it clips the gradient of the first of two
        ({"before": 0.01, "of": mlp()}, "sound"),
    ],
    ids=["behind", "before", "before, of zeros", "both", "measured", "between two passes", "of another model"],
)
def test_a_clip_before_the_backward_pass_is_found(options: dict[str, Any], case: str) -> None:
    torch.manual_seed(0)
    own = clip_grad._clip_grads_with_norm_
    model, optimizer, step = _loop(**options)
    report = newllm.check(model, optimizer, classes, table(), step=step, seconds=60)
    (outcome,) = [one for one in report.outcomes if one.probe == "step-order"]
    assert outcome.sentence.id == f"check-step-order.{case}"
    assert [one.probe for one in report.wrong] == (["step-order"] if case != "sound" else [])
    assert clip_grad._clip_grads_with_norm_ is own

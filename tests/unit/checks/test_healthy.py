"""A training in which nothing is wrong is never called wrong, whatever its kind."""

import pytest
import torch
from tests.unit.checks.healthy import HEALTHY

import newllm

CLASSIFIES = {
    "classifier", "convolutions", "recurrent", "recurrent, time first", "transformer", "padded", "masked", "graph",
    "low rank", "pixels", "smooth labels", "log-softmax", "class weights", "focal", "mixed precision",
    "bfloat16 at a rate that moves it",
}  # fmt: skip
NEXT_TOKEN = {"recurrent", "transformer", "padded"}


@pytest.mark.parametrize("name", HEALTHY)
def test_nothing_is_wrong(name: str) -> None:
    torch.manual_seed(0)
    model, loss, batch = HEALTHY[name]()
    optimizer = torch.optim.AdamW([each for each in model.parameters() if each.requires_grad], 1e-3)
    report = newllm.check(model, optimizer, loss, batch, seconds=60)
    assert report.wrong == []
    sound = {outcome.probe for outcome in report.of("sound")}
    assert {"finite", "repeatable", "optimizer-holds", "gradients", "moves", "learns"} <= sound
    assert ("loss-form" in sound) == (name in CLASSIFIES | {"pairs", "several labels"})
    assert ("autocast" in sound) == (name == "mixed precision")
    assert ({"shift", "causality"} <= sound) == (name in NEXT_TOKEN)
    assert ("padding" in sound) == (name == "padded")
    if name == "autoencoder":  # it samples in evaluation: that is no dropout
        assert "evaluation-mode" not in sound

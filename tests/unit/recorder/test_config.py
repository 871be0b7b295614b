"""The settings that a recording keeps: the optimizer's by itself, and what its owner gives."""

import argparse
import json
from pathlib import Path

import pytest
import torch

import newllm
from newllm.errors import UserError


def recorded(out: Path, optimizer_of=None, **options) -> dict:
    model = torch.nn.Linear(4, 2)
    optimizer = (optimizer_of or (lambda p: torch.optim.AdamW(p, lr=0.02, betas=(0.8, 0.9))))(model.parameters())
    with newllm.record(model, optimizer, out, **options) as recorder:
        loss = model(torch.ones(3, 4)).square().mean()
        loss.backward()
        optimizer.step()
        recorder.step(loss)
    return json.loads((out / "recording.json").read_text())


def test_the_optimizer_tells_its_numbers(tmp_path):
    found = recorded(tmp_path / "a")["optimizer_settings"]
    assert found["name"] == "AdamW"
    assert (found["learning_rate"], found["beta1"], found["beta2"], found["weight_decay"]) == (0.02, 0.8, 0.9, 0.01)


def test_the_rate_is_the_one_before_a_schedule(tmp_path):
    def warmed(parameters):
        optimizer = torch.optim.SGD(parameters, lr=0.5, momentum=0.9)
        torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: step / 10)
        assert optimizer.param_groups[0]["lr"] == 0
        return optimizer

    assert recorded(tmp_path / "a", warmed)["optimizer_settings"]["learning_rate"] == 0.5


def test_what_the_owner_gives_stands_beside_it(tmp_path):
    given = argparse.Namespace(
        optimizer="adamw", batch=8, path=Path("x"), rates=(1, 2.5), deep={"a": None, "dtype": torch.float32}, _own=1
    )
    found = recorded(tmp_path / "a", config=given)["config"]
    assert found == {
        "optimizer": "adamw", "batch": 8, "path": "x", "rates": [1, 2.5], "deep": {"a": None, "dtype": "torch.float32"},
    }  # fmt: skip


@pytest.mark.parametrize(("given", "said"), [([1], "config is \\[1\\]"), ({3: 4}, "names a setting 3")])
def test_what_is_no_mapping_is_refused(tmp_path, given, said):
    with pytest.raises(UserError, match=said):
        recorded(tmp_path / "a", config=given)
    assert not (tmp_path / "a").exists()


def test_a_setting_that_cannot_be_told_ends_nothing(tmp_path):
    class Strange:
        def __str__(self) -> str:
            raise RuntimeError

    loop: dict = {"a": 1}
    loop["itself"] = loop
    found = recorded(tmp_path / "a", config={"strange": Strange(), "loop": loop})["config"]
    assert found["strange"] == "Strange"
    assert found["loop"]["itself"]["a"] == 1

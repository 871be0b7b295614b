"""What the callbacks of all frameworks share, without any of them."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from newllm.integrations.recording import CallbackRecording
from newllm.messages import message

JUDGED = message("remark-judged-evaluation", name="eval_a_loss", names=["eval_a_loss", "eval_b_loss"])


def left_out(run: Path) -> Any:
    return json.loads((run / "recording.json").read_text())["left_out"]


@pytest.mark.filterwarnings("ignore")
def test_each_recording_says_for_itself_what_is_judged_and_that_no_layer_was_seen(tmp_path: Path) -> None:
    recording = CallbackRecording(tmp_path, 1, None, None)
    for trial in ("trial-1", "trial-2"):
        model = nn.Linear(4, 3)
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        recording.open(model, optimizer, resumed_at=None, out=tmp_path / trial)
        recording.remark_once(JUDGED)
        for _ in range(2):
            optimizer.zero_grad()
            loss = F.linear(torch.ones(2, 4), model.weight, model.bias).square().mean()  # the module is not called
            loss.backward()
            optimizer.step()
            recording.add_loss(loss)
            recording.end_step()
            recording.remark_once(JUDGED)
        recording.close()
        said = left_out(tmp_path / trial)
        assert said[0] == str(JUDGED)
        assert said[1].startswith("no layer could be observed")
        assert len(said) == 2

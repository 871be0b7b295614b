"""What the model of a recorded training wrote: kept by step, shown, and not twice after a resume."""

from pathlib import Path

import pytest
import torch
from torch import nn

import newllm
from newllm.messages import catalogue
from newllm.recorder import Recorder
from newllm.report.sections.samples import samples
from newllm.report.source import read_source
from newllm.trace.samples import Sample


def trained(out: Path, first: int, last: int, resumed_at: int | None = None) -> Recorder:
    model = nn.Linear(3, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.0)
    with newllm.record(model, optimizer, out, resumed_at=resumed_at) as recorder:
        for step in range(first, last + 1):
            recorder.step(1.0)
            if step % 10 == 0:
                recorder.sample(f"wrote <b>{step}</b>\nat {last}\ud800", prompt="it ")
    return recorder


def test_they_are_kept_by_step_and_stand_in_the_report(tmp_path: Path) -> None:
    recorder = trained(tmp_path / "run", 1, 25)
    with pytest.warns(UserWarning, match="is closed"):
        recorder.sample("too late")
    source = read_source(tmp_path / "run")
    assert source.samples == tuple(Sample(step, "it ", f"wrote <b>{step}</b>\nat 25?") for step in (10, 20))
    section = samples(source, catalogue("en"))
    assert section is not None
    assert "it wrote &lt;b&gt;20&lt;/b&gt;" in section.html


def test_those_of_steps_that_are_taken_again_do_not_stand_twice(tmp_path: Path) -> None:
    trained(tmp_path / "run", 1, 45)
    trained(tmp_path / "run", 26, 40, resumed_at=25)
    said = [(one.step, one.text[-3:-1]) for one in read_source(tmp_path / "run").samples]
    assert said == [(10, "45"), (20, "45"), (30, "40"), (40, "40")]

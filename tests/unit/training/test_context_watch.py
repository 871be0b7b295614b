"""The contexts behind each row's last real token."""

import dataclasses
import math

import numpy as np
import pytest
import torch

from newllm.data import IGNORED, Batch
from newllm.model.config import ModelConfig
from newllm.model.context_summary import summed_up
from newllm.model.language_model import LanguageModel
from newllm.training.context_watch import ContextWatch, last_real

TARGETS = np.array([[3, 4, 5, 6], [3, IGNORED, 5, IGNORED], [3, IGNORED, IGNORED, IGNORED]])
BATCH = Batch(np.abs(TARGETS) % 7, TARGETS, None, None)


def test_a_row_ends_at_its_last_target() -> None:
    assert last_real(BATCH).tolist() == [3, 2, 0]


@pytest.mark.parametrize("body", ["stack", "cell"])
def test_contexts_are_summed_up_where_the_rows_end_and_forgotten(body: str) -> None:
    shape = {"vocabulary": 11, "width": 8, "layers": 2, "hidden": 8, "context": 6, "window": 4, "dropout": 0.0}
    model = LanguageModel(ModelConfig(body=body, **shape), 0)
    watch = ContextWatch(model)
    inputs = torch.from_numpy(BATCH.inputs)
    model.eval()
    model(inputs)
    assert watch.summary(BATCH, {}) is None  # an evaluation's are not counted
    ends = [model(inputs[row : row + 1, :length])[1] for row, length in enumerate((4, 3, 1))]
    model.train()
    model(inputs)
    found = watch.summary(BATCH, {})
    assert found is not None
    layers = [torch.cat([end[name] for end in ends]) for name in ends[0] if name.endswith("context")]
    assert dataclasses.astuple(found) == pytest.approx(summed_up(layers).tolist(), rel=1e-5)
    assert watch.summary(BATCH, {}) is None


def test_matrices_count_where_every_row_goes_to_its_end() -> None:
    """What padding does to a matrix says nothing, and of matrices only those after the padding are there."""
    whole = Batch(BATCH.inputs, np.abs(TARGETS), None, None)
    shape = {"vocabulary": 11, "width": 8, "layers": 2, "hidden": 8, "context": 6, "window": 4, "dropout": 0.0}
    for rule, of_padded in (("delta", 0), ("gated,delta", 1)):
        model = LanguageModel(ModelConfig(rule=rule, **shape), 0).train()
        watch = ContextWatch(model)
        _, state = model(torch.from_numpy(BATCH.inputs))
        found = watch.summary(whole, {})
        assert found is not None
        ends = [value for name, value in state.items() if name.endswith("context")]
        assert dataclasses.astuple(found) == pytest.approx(summed_up(ends).tolist(), rel=1e-5)
        model(torch.from_numpy(BATCH.inputs))
        assert (watch.summary(BATCH, state) is None) is (of_padded == 0)
        assert watch.summary(whole, {}) is None


def test_three_numbers_are_means_over_layers() -> None:
    layers = [torch.tensor([[3.0, 4.0], [0.0, 5.0]]), torch.tensor([[1.0, 1.0], [1.0, 1.0]], dtype=torch.bfloat16)]
    mean, deviation, norm = summed_up(layers).tolist()
    assert mean == pytest.approx((3 + 1) / 2)
    assert deviation == pytest.approx(math.sqrt((0 + 1 + 9 + 4) / 4) / 2)
    assert norm == pytest.approx((5 + math.sqrt(2)) / 2)

"""Loss by position, against each token read alone from where its context begins."""

from typing import Any

import numpy as np
import pytest
import torch

import loss_by_position as measured
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel

SHAPE: dict[str, Any] = {"vocabulary": 9, "width": 16, "layers": 1, "hidden": 16, "context": 16}


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measured, "NEAR", 8)
    monkeypatch.setattr(measured, "CHUNK", 3)
    monkeypatch.setattr(measured, "BLOCK", 32)


def cost(model: LanguageModel, ids: np.ndarray, begin: int, place: int) -> float:
    """Return what the token at a place costs after those from `begin` on."""
    with torch.no_grad():
        logits, _ = model(torch.from_numpy(ids[None, begin:place]))
    return float(-logits[0, -1].double().log_softmax(0)[ids[place]])


def test_each_token_is_compared_with_itself_near_a_beginning() -> None:
    model = LanguageModel(ModelConfig(**SHAPE), 0).eval()
    ids = np.random.default_rng(0).integers(9, size=130)
    near = measured.near_nats(model, ids)
    assert np.isnan(near[:5]).all()
    assert not np.isnan(near[5:129]).any()
    for place in (5, 8, 9, 12, 13, 77, 128):  # at positions 4 to 8 of a row that began at a multiple of 4
        assert near[place] == pytest.approx(cost(model, ids, (place - 5) // 4 * 4, place), abs=1e-4)
    found = measured.bucket(model, ids, near, 16)
    places = [place for row in range(8) for place in range(row * 16 + 9, row * 16 + 17) if place < 129]
    far = [cost(model, ids, (place - 1) // 16 * 16, place) for place in places]
    assert found["positions"] == [8, 16]
    assert found["tokens"] == len(places)
    assert found["loss"] == pytest.approx(np.mean(far), abs=1e-4)
    assert found["near"] == pytest.approx(near[places].mean(), abs=1e-4)
    assert found["difference"] == pytest.approx(np.mean(far) - near[places].mean(), abs=1e-4)
    assert found["interval"][0] < found["difference"] < found["interval"][1]


def test_a_model_without_memory_is_as_good_everywhere() -> None:
    ids = np.random.default_rng(1).integers(9, size=130)
    blind = LanguageModel(ModelConfig(body="zero-stack", **SHAPE), 0).eval()
    near = measured.near_nats(blind, ids)
    assert measured.bucket(blind, ids, near, 32)["interval"] == pytest.approx([0.0, 0.0], abs=1e-4)

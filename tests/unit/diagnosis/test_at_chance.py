"""A classification that ends hardly better than guessing, by what the recorder saw of its targets and answers."""

import numpy as np
import pytest

from newllm.diagnosis.diagnose import diagnose
from newllm.trace import Series, Trace

LOOKS = np.arange(1.0, 401, 10)


def said(
    level: float = 2.25,
    right: float = 0.16,
    classes: float = 10,
    updates: float = 400,
    multiple: float = 1.0,
    left_out: float = 0.0,
    between: float = 2.3,
) -> bool:
    count = int(updates)
    looks = LOOKS[: max(1, count // 10)]
    seen = {"cross_entropy": 1.0, "targets_right": right, "loss_multiple": multiple, "target_classes_seen": classes}
    signals = {name: Series(looks, np.full(len(looks), value)) for name, value in seen.items()}
    signals["targets_used"] = Series(looks, np.where(np.arange(len(looks)) < len(looks) / 2, 1.0, 1 - left_out))
    loss = np.linspace(2.4, level, count) + 0.05 * np.random.default_rng(0).standard_normal(count)
    loss[int(0.4 * count) : int(0.7 * count)] += between - 2.3
    found = diagnose(Trace({"loss": Series(np.arange(1, count + 1), loss)} | signals))
    return any(one.kind == "plateau" and one.sentence.id == "finding-plateau.chance" for one in found)


def test_it_is_said() -> None:
    assert said()


@pytest.mark.parametrize(
    "changed",
    [
        {"level": 2.1},
        {"right": 0.3},
        {"classes": 4},
        {"updates": 200},
        {"multiple": 32.0},
        {"left_out": 0.7},
        {"between": 0.5},
    ],
    ids=[
        "it has learnt",
        "it answers",
        "few classes",
        "it has hardly begun",
        "a sum",
        "the hardest are left",
        "it was learnt, and lost",
    ],
)
def test_it_is_not_said(changed: dict[str, float]) -> None:
    assert not said(**changed)

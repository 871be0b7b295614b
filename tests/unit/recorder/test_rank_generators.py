"""States of random generators: of those that the model, or the loop before it, draws from in a compared step."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

from newllm.recorder.rank_generators import BY_LOOP, BY_MODEL, RankGenerators

X = torch.arange(128.0).reshape(16, 8)


class Noisy(nn.Module):
    """Draws what it is told to."""

    def __init__(self, draw: Callable[[], Any]) -> None:
        super().__init__()
        self.layer, self.draw = nn.Linear(8, 2), draw

    def forward(self, x: Tensor) -> Tensor:
        self.draw()
        return self.layer(x)


@pytest.fixture(autouse=True)
def group(tmp_path: Path) -> Any:
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/meeting", rank=0, world_size=1)
    yield
    torch.distributed.destroy_process_group()


def nothing() -> None:
    """Draw nothing."""


def seen(in_model: Callable[[], Any] = nothing, in_loop: Callable[[], Any] = nothing, **about: Any) -> dict[str, int]:
    """Return who draws from which generator, of one step."""
    model = DistributedDataParallel(Noisy(in_model))
    watch = RankGenerators(model)
    watch.begin(is_wanted=about.get("is_wanted", True))
    in_loop()
    about.get("set_up", nothing)()
    with torch.set_grad_enabled(about.get("trains", True)):
        model(X)
    found = watch.taken()
    assert watch.taken() is None
    watch.close()
    return {name: by for name, (_, by) in (found or {}).items()}


DRAWS = {
    "torch": lambda: torch.rand(1),
    "numpy": lambda: np.random.rand(),
    "random": random.random,
}


@pytest.mark.parametrize("name", DRAWS)
def test_who_draws_from_which_generator_is_known(name: str) -> None:
    assert seen(DRAWS[name]) == {name: BY_MODEL}
    assert seen(in_loop=DRAWS[name]) == {name: BY_LOOP}
    assert seen(DRAWS[name], DRAWS[name]) == {name: BY_LOOP + BY_MODEL}


def test_what_draws_nothing_leaves_nothing() -> None:
    assert seen() == {}
    assert seen(lambda: torch.rand(1, generator=torch.Generator().manual_seed(0))) == {}
    assert seen(DRAWS["torch"], is_wanted=False) == {}
    assert seen(DRAWS["torch"], trains=False) == {}
    assert seen(in_loop=lambda: next(iter(DataLoader(TensorDataset(X), shuffle=True)))) == {
        "torch": BY_LOOP
    }  # at each epoch


def test_the_state_is_that_at_the_call_and_nothing_is_drawn_by_looking() -> None:
    states = []
    for seed in (3, 3, 4):
        model = DistributedDataParallel(Noisy(DRAWS["torch"]))
        watch = RankGenerators(model)
        torch.manual_seed(seed)
        watch.begin(is_wanted=True)
        model(X)
        states.append((watch.taken() or {})["torch"])
        drawn = torch.rand(1)
        torch.manual_seed(seed)
        torch.rand(1)
        assert torch.equal(torch.rand(1), drawn)
    assert states[0] == states[1] != states[2]


def test_a_model_without_the_wrapper_is_not_looked_at() -> None:
    model = Noisy(DRAWS["torch"])
    watch = RankGenerators(model)
    watch.begin(is_wanted=True)
    model(X)
    assert watch.taken() is None

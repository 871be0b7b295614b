"""A Trainer's training as a loop: what is otherwise in a replay is said, what cannot be replayed is refused."""

import random
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="needs newllm[hf]; .ci/slow runs these in an environment that has it")
pytest.importorskip("accelerate", reason="Trainer needs accelerate; .ci/slow runs these in an environment that has it")

from tests.unit.integrations.trainers import Stream, followed, gpt2, quiet_loop, rows, trainer
from torch import nn
from torch.utils.data import Dataset
from transformers import EarlyStoppingCallback, Trainer, TrainerCallback

import newllm.hf
from newllm.errors import UserError

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(deprecated|pin_memory).*"),
    pytest.mark.usefixtures("one_thread"),
]


class Rates(TrainerCallback):
    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        if 5 <= state.global_step < 8:
            for group in given["optimizer"].param_groups:
                group["lr"] *= 100


class Prints(TrainerCallback):
    def on_log(self, *_: Any, **__: Any) -> None:
        pass


class Noisy(Dataset):
    def __init__(self) -> None:
        self.rows = rows(30)

    def __len__(self) -> int:
        return 30

    def __getitem__(self, index: int) -> Any:
        return self.rows[(index + random.randrange(3)) % 30]


class OwnStep(Trainer):
    def training_step(self, model: nn.Module, inputs: Any, items: Any = None) -> torch.Tensor:  # type: ignore[override]
        return super().training_step(model, inputs, items)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"callbacks": [Rates(), Prints()]},
            r"your own callbacks are not called: Rates \(on_step_end\); if one of them changes the learning rate",
        ),
        ({"callbacks": [EarlyStoppingCallback()]}, "EarlyStoppingCallback is not called: all 12 updates are trained"),
        ({"model": lambda: gpt2(0.1)}, "dropout and other random numbers of the model are drawn from the seed and the"),
        ({"train_dataset": Noisy()}, "the data set or what collates it draws random numbers: here they are drawn"),
        (
            {"model": lambda: gpt2(0.1), "train_sampling_strategy": "group_by_length"},
            "from the second epoch on the order differs",
        ),
        ({"train_dataset": Stream()}, "the data are read from their beginning, once more for each replay"),
        ({"kind": OwnStep}, r"OwnStep\.training_step is your own: what it does after the backward pass is left out"),
    ],
)
def test_what_is_not_as_in_the_training_is_said(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    given = dict(given)
    made = trainer(tmp_path, given.pop("kind", Trainer), **given)
    with pytest.warns(
        UserWarning, match=f"^a replay of this training differs from Trainer.train in these points:\n(.*\n)*.*{said}"
    ):
        loop = newllm.hf.loop(made)
    assert len(loop.notices) >= 1
    assert followed(loop)[0] == followed(loop)[0], "a function of the step all the same"


def test_where_all_is_as_in_the_training_nothing_is_said(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert newllm.hf.loop(trainer(tmp_path, callbacks=[Prints()])).notices == ()


class Twice(Trainer):
    def training_step(self, model: nn.Module, inputs: Any, items: Any = None) -> torch.Tensor:  # type: ignore[override]
        super().training_step(model, inputs, items)
        return super().training_step(model, inputs, items)


class Averaging(torch.optim.SGD):
    def eval(self) -> None:
        pass


def averaging(model: nn.Module) -> Any:
    return Averaging(model.parameters(), lr=0.1), None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"train_dataset": None}, "^the Trainer has no train_dataset"),
        (
            {"lr_scheduler_type": "reduce_lr_on_plateau", "eval_dataset": rows(4), "eval_strategy": "steps"},
            "^ReduceLROnPlateau sets the rate by what evaluations show, which is no function of the step: give another",
        ),
        ({"kind": Twice}, r"^Twice\.training_step went backwards 2 times for one batch"),
        ({"optimizers": averaging}, "^Averaging keeps other weights for evaluations"),
        ({"optim": "lomo"}, "which updates in the backward pass: a replay has one process"),
    ],
)
def test_what_cannot_be_replayed_is_one_clear_line(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    given = dict(given)
    made = trainer(tmp_path, given.pop("kind", Trainer), **given)
    with pytest.raises(UserError, match=said) as caught:
        newllm.hf.loop(made)
    assert "\n" not in str(caught.value)


def test_what_is_no_trainer_is_refused() -> None:
    with pytest.raises(UserError, match=r"^newllm\.hf\.loop was given Linear: give a transformers\.Trainer$"):
        newllm.hf.loop(nn.Linear(1, 1))


def test_a_trainer_that_has_trained_is_refused(tmp_path: Path) -> None:
    made = trainer(tmp_path, max_steps=2)
    made.train()
    with pytest.raises(
        UserError, match=r"^the Trainer has trained its model already \(step 2\): call newllm.hf.loop bef"
    ):
        newllm.hf.loop(made)
    fresh = trainer(tmp_path, max_steps=2, model_init=lambda: gpt2())
    numbers = followed(quiet_loop(fresh))[0]
    fresh.train()
    assert followed(quiet_loop(fresh))[0] == numbers

"""A Trainer's training as a loop: to the bit what `Trainer.train` does, and nothing of the user's is touched."""

import random
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("transformers", reason="needs newllm[hf]; .ci/slow runs these in an environment that has it")
pytest.importorskip("accelerate", reason="Trainer needs accelerate; .ci/slow runs these in an environment that has it")

from tests.unit.integrations.trainers import Losses, Stream, followed, gpt2, llama, quiet_loop, rows, summed, trainer
from torch import nn
from torch.nn import functional as F
from transformers import Trainer, TrainerCallback

import newllm.hf
from newllm.errors import UserError
from newllm.replays.replica.setup import digest

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(deprecated|pin_memory).*"),
    pytest.mark.usefixtures("one_thread"),
]


class OwnLoss(Trainer):
    """A loss of its own that reads the step and the model of the trainer."""

    def compute_loss(self, model: nn.Module, inputs: Any, return_outputs: bool = False, **_: Any) -> Any:
        assert model is self.model_wrapped
        logits = model(input_ids=inputs["input_ids"]).logits[:, :-1]
        loss = F.cross_entropy(logits.flatten(0, 1), inputs["labels"][:, 1:].flatten())
        loss = loss * (1 + self.state.global_step / 10) if model.training else loss
        return (loss, {"logits": logits}) if return_outputs else loss


class OwnParts(Trainer):
    """An optimizer and a schedule of its own: the embedding learns at another rate, which falls otherwise."""

    def create_optimizer(self, model: Any = None) -> Any:  # noqa: ARG002
        inside, outside = [], []
        for name, parameter in self.model.named_parameters():
            (inside if "wte" in name else outside).append(parameter)
        self.optimizer = torch.optim.SGD([{"params": inside, "lr": 0.5}, {"params": outside, "lr": 0.1}], momentum=0.9)
        return self.optimizer

    def create_scheduler(self, num_training_steps: int, optimizer: Any = None) -> Any:
        falls: Any = [lambda step: 0.9**step, lambda step: 1 - step / num_training_steps]
        self.lr_scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer or self.optimizer, falls)
        return self.lr_scheduler


class PartOnly(Trainer):
    """An optimizer that does not hold the embedding, whose gradient is clipped with the others."""

    def create_optimizer(self, model: Any = None) -> Any:  # noqa: ARG002
        chosen = [parameter for name, parameter in self.model.named_parameters() if "wte" not in name]
        self.optimizer = torch.optim.AdamW(chosen, self.args.learning_rate)
        return self.optimizer


def one_cycle(model: nn.Module) -> Any:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return optimizer, torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-2, total_steps=20)


TRAININGS: dict[str, dict[str, Any]] = {
    "GPT-2": {},
    "Llama": {"model": llama, "lr_scheduler_type": "cosine", "weight_decay": 0.1},
    "accumulation": {"gradient_accumulation_steps": 3, "max_steps": -1, "num_train_epochs": 2.5},
    "last batch dropped": {"gradient_accumulation_steps": 2, "dataloader_drop_last": True},
    "model_init": {"model_init": lambda: gpt2()},
    "label smoothing": {"label_smoothing_factor": 0.1, "gradient_accumulation_steps": 2},
    "bf16": {"bf16": True},
    "grouped by length": {"train_sampling_strategy": "group_by_length"},
    "another seed of the data": {"data_seed": 5, "seed": 7},
    "gradient checkpointing": {"model": llama, "gradient_checkpointing": True},
    "noise in the embedding": {"neftune_noise_alpha": 0.0},
    "evaluated on the way": {"eval_dataset": rows(9, 5), "eval_strategy": "steps", "eval_steps": 4},
    "data without a length": {"train_dataset": Stream(), "gradient_accumulation_steps": 4},
    "a loss of its own": {"kind": OwnLoss, "gradient_accumulation_steps": 2},
    "parts of its own": {"kind": OwnParts},
    "parameters that are not held": {"kind": PartOnly, "max_grad_norm": 0.1},
    "a pair that was given": {"optimizers": one_cycle},
    "compute_loss_func": {"compute_loss_func": summed, "gradient_accumulation_steps": 2},
    "not clipped": {"max_grad_norm": 0.0},
    "clipped": {"max_grad_norm": 0.05},
}


@pytest.mark.parametrize("name", TRAININGS)
def test_a_loop_is_the_trainers_training_to_the_bit(name: str, tmp_path: Path) -> None:
    kind = TRAININGS[name].get("kind", Trainer)
    made = trainer(tmp_path, kind, **{key: value for key, value in TRAININGS[name].items() if key != "kind"})
    loop = quiet_loop(made)
    numbers, model = followed(loop)
    losses = Losses()
    made.add_callback(losses)
    made.train()
    assert made.state.global_step == loop.steps
    assert numbers == losses.logged
    trained = made.model.state_dict()
    assert all(torch.equal(value, trained[key]) for key, value in model.state_dict().items())


def whole(made: Trainer) -> dict[str, Any]:
    """Return what must not change: all of a trainer that can be told."""
    return {
        "names": sorted(vars(made)),
        "weights": digest(made.model.state_dict()),
        "modes": [module.training for module in made.model.modules()],
        "hooks": [len(module._forward_hooks) + len(module._forward_pre_hooks) for module in made.model.modules()],
        "forward": "forward" in vars(made.model),
        "gradients": [parameter.grad is None for parameter in made.model.parameters()],
        "parts": [id(made.optimizer), id(made.lr_scheduler), id(made.model), id(made.accelerator)],
        "optimizer": None if made.optimizer is None else digest(made.optimizer.state_dict()),
        "schedule": None if made.lr_scheduler is None else repr(made.lr_scheduler.state_dict()),
        "prepared": [len(value) for value in vars(made.accelerator).values() if isinstance(value, list)],
        "arguments": repr(made.args.to_dict()),
        "state": repr(made.state),
        "callbacks": [type(one).__name__ for one in made.callback_handler.callbacks],
        "chance": (random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist()),
    }


@pytest.mark.parametrize("given", [{}, {"optimizers": one_cycle}, {"model_init": lambda: gpt2()}, {"bf16": True}])
def test_nothing_of_the_users_is_touched(given: dict[str, Any], tmp_path: Path) -> None:
    made = trainer(tmp_path, eval_dataset=rows(9, 5), **given)
    random.seed(3)
    before = whole(made)
    loop = quiet_loop(made)
    assert whole(made) == before
    numbers, _ = followed(loop)
    loop.start(loop.setup(0, 2, 0, 0), None).evaluate()
    assert whole(made) == before
    assert followed(loop)[0] == numbers
    made.train()
    assert followed(loop)[0] == numbers, "the loop has copies of its own"


def test_what_validate_gives_is_the_trainers_evaluation(tmp_path: Path) -> None:
    made = trainer(tmp_path, eval_dataset={"near": rows(9, 5), "far": rows(5, 6)}, label_smoothing_factor=0.1)
    loop = quiet_loop(made)
    replica = loop.start(loop.setup(0, 0, 0, 0), None)
    found, expected = replica.evaluate(), made.evaluate()
    assert found["validation/near"] == pytest.approx(expected["eval_near_loss"], rel=1e-6)
    assert found["validation/far"] == pytest.approx(expected["eval_far_loss"], rel=1e-6)
    mean = (9 * found["validation/near"] + 5 * found["validation/far"]) / 14
    assert found["validation"] == pytest.approx(mean)
    assert replica.model.training
    assert quiet_loop(trainer(tmp_path)).validate is None


def test_the_progress_is_measured_in_evaluation_mode(tmp_path: Path) -> None:
    loop = quiet_loop(trainer(tmp_path, model=lambda: gpt2(0.5)))
    replica = loop.start(loop.setup(0, 0, 0, 0), None)
    assert replica.probe() == replica.probe()
    assert replica.model.training
    assert "train" not in vars(replica.model)


class Jumps(TrainerCallback):
    """Sets the rate for three updates, doubles a gradient, damages a weight, at the places where callbacks may."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        if 4 <= state.global_step < 7:
            for group in given["optimizer"].param_groups:
                group["lr"] *= 5

    def on_step_end(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        if state.global_step == 9:
            with torch.no_grad():
                given["model"].transformer.wte.weight.mul_(1.5)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **given: Any) -> None:  # noqa: ARG002
        for group in given["optimizer"].param_groups:
            group["weight_decay"] = 0.1 * (1 + (state.epoch or 0))


def test_a_callback_takes_part_where_it_is_named(tmp_path: Path) -> None:
    changing, losses = Jumps(), Losses()
    made = trainer(tmp_path, callbacks=[changing, losses])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loop = newllm.hf.loop(made, callbacks=[changing])
    numbers, model = followed(loop)
    made.train()
    assert numbers == losses.logged
    assert all(torch.equal(value, made.model.state_dict()[key]) for key, value in model.state_dict().items())
    replica = loop.start(loop.setup(0, 0, 0, 0), None)
    with torch.random.fork_rng():
        for step in range(9):
            replica.update(step)
        again = loop.start(loop.setup(9, 0, 0, 0), replica.state())
        assert [again.update(step).loss for step in range(9, 12)] == [loss for loss, _ in numbers[9:]]
    with pytest.raises(UserError, match=r"^callbacks: Jumps is not among the trainer's callbacks: give what it has$"):
        newllm.hf.loop(trainer(tmp_path), callbacks=[Jumps()])

"""Faults in the user's own objects, and what doctor, replay and guard make of the loops that are made of them."""

import importlib.util
import logging
import warnings
import weakref
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

pytest.importorskip("transformers", reason="needs newllm[hf]; .ci/slow runs these in an environment that has it")
pytest.importorskip("accelerate", reason="Trainer needs accelerate; .ci/slow runs these in an environment that has it")

from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments, default_data_collator

import newllm
import newllm.hf
from newllm.integrations.loops import copies
from newllm.replays.session.reproduction import reproduce
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.original import Original, choose_spike, record_original

EXAMPLES = Path(__file__).parents[3] / "examples"
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*(deprecated|pin_memory).*"),
    pytest.mark.usefixtures("one_thread"),
]


def example(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checked(loop: Loop, cause: str) -> Original:
    """Return what a loop does: its spike is replayed to the bit, and the doctor suspects the cause."""
    original = record_original(loop)
    spike = choose_spike(original, None)
    assert cause in spike.finding.candidate_causes
    check = reproduce(loop, original, spike, spike.onset - 5)
    assert check.identical is True
    assert check.weights
    return original


def classes(loop: Loop, *names: str) -> dict[str, str]:
    """Return the class of each change in a replay of them alone."""
    verdict = newllm.replay(loop, only=names, budget=100)
    assert verdict.identical
    return {one.name: one.effect_class for one in verdict.interventions}


@pytest.fixture
def scheduled(tmp_path: Path) -> Loop:
    """The example's GPT-2, whose rate is a hundred times too high for three updates."""
    return newllm.hf.loop(example("replay_trainer").make_trainer(str(tmp_path)))


def test_a_schedule_that_jumps_is_in_the_loop(scheduled: Loop) -> None:
    assert scheduled.rate is not None
    assert [scheduled.rate(step) for step in (44, 45, 47, 48)] == [[0.004], [0.4], [0.4], [0.004]]
    original = checked(scheduled, "learning-rate")
    assert choose_spike(original, None).onset == 47, "the loss after the update"


@pytest.mark.slow
def test_a_schedule_that_jumps_is_held(scheduled: Loop) -> None:
    found = classes(scheduled, "hold-learning-rate", "replace-batches")
    assert found["hold-learning-rate"] == "removes"
    assert found.get("replace-batches") != "removes"


def test_a_guard_trains_what_the_trainer_would_and_takes_it_back(scheduled: Loop, tmp_path: Path) -> None:
    guarded = newllm.guard(scheduled)
    (recovery,) = guarded.recoveries
    assert recovery.action == "remedy"
    assert recovery.onset == 47
    assert max(guarded.loss[40:]) < 4
    trainer = example("replay_trainer").make_trainer(str(tmp_path))
    trainer.model.load_state_dict(guarded.model.state_dict())
    assert trainer.evaluate()["eval_loss"] < 3.2


class Labels:
    """A collator that gives rows of one batch random labels."""

    def __init__(self, bad: range) -> None:
        self.bad = bad

    def __call__(self, rows: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        batch = dict(default_data_collator([{key: row[key] for key in ("input_ids", "labels")} for row in rows]))
        chosen = torch.tensor([row["number"] in self.bad for row in rows])
        chance = torch.randint(0, 32, batch["labels"].shape, generator=torch.Generator().manual_seed(7))
        return {**batch, "labels": torch.where(chosen[:, None], chance, batch["labels"])}


def labelled(out: Path) -> Loop:
    """Return the training of a small Llama that repeats two tokens, and whose collator spoils a batch."""
    torch.manual_seed(0)
    chance = torch.Generator().manual_seed(1)
    rows = []
    for number in range(8 * 110):
        ids = torch.randint(2, 6, (2,), generator=chance).repeat(8)
        rows.append({"input_ids": ids, "labels": ids, "number": number})
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=32,
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=1,
            num_attention_heads=2,
            max_position_embeddings=16,
        )
    )
    arguments = TrainingArguments(
        output_dir=str(out),
        max_steps=100,
        per_device_train_batch_size=8,
        learning_rate=5e-3,
        lr_scheduler_type="constant",
        train_sampling_strategy="sequential",
        remove_unused_columns=False,
        use_cpu=True,
        report_to=[],
        disable_tqdm=True,
        save_strategy="no",
        dataloader_pin_memory=False,
    )
    bad = Labels(range(8 * 70, 8 * 71))
    return newllm.hf.loop(Trainer(model, arguments, train_dataset=rows, data_collator=bad))


def test_labels_that_a_collator_spoils_are_in_the_loop(tmp_path: Path) -> None:
    original = checked(labelled(tmp_path), "corrupted-batch")
    assert choose_spike(original, None).onset == 71, "its own loss shows it"


@pytest.mark.slow
def test_labels_that_a_collator_spoils_are_replaced(tmp_path: Path) -> None:
    found = classes(labelled(tmp_path), "replace-batches", "half-learning-rate")
    assert found["replace-batches"] in ("removes", "reduces")
    assert found.get("half-learning-rate") not in ("removes", "reduces")


@pytest.fixture
def bright(tmp_path: Path) -> Any:
    """The example's Lightning training: trainer, module and loader with rows that are too bright."""
    pytest.importorskip("lightning", reason="needs newllm[lightning]; .ci/slow runs these where it is")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    return example("replay_lightning").make(str(tmp_path))


def lightning_loop(given: Any) -> Loop:
    import newllm.lightning

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module="lightning|torch")
        return newllm.lightning.loop(*given)


def test_rows_that_a_collating_function_spoils_are_in_the_loop(bright: Any) -> None:
    original = checked(lightning_loop(bright), "corrupted-batch")
    assert choose_spike(original, None).onset == 61


def test_a_guard_skips_the_rows_and_the_weights_go_back_into_the_module(bright: Any) -> None:
    guarded = newllm.guard(lightning_loop(bright))
    (recovery,) = guarded.recoveries
    assert recovery.remedy in ("skip-batches", "rollback-and-skip")
    bright[1].load_state_dict(guarded.model.module.state_dict())  # type: ignore[union-attr]
    assert max(guarded.loss[50:]) < 2


@pytest.mark.slow
def test_rows_that_a_collating_function_spoils_are_skipped(bright: Any) -> None:
    found = classes(lightning_loop(bright), "skip-batches", "half-learning-rate")
    assert found["skip-batches"] == "removes"
    assert found.get("half-learning-rate") != "removes"


def test_models_of_replays_that_are_over_do_not_pile_up(scheduled: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copies, "LARGE", 1)
    built = []
    for _ in range(4):
        replica = scheduled.make(scheduled.setup(0, 0, 0, 0))
        built.append(weakref.ref(replica.model))
        del replica
    assert [model() is not None for model in built] == [False, False, False, True]

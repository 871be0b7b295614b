"""What names in other people's logs mean, and which of several for one signal is it."""

import pytest

from newllm.trace.readers.axes import axis_rank
from newllm.trace.readers.naming import LONGEST_NAME, clean, meaning, split_of, without_escapes, words


def test_a_name_is_cut_into_words() -> None:
    for name in ("valid_loss", "valid/loss", "Valid Loss", "validLoss", "valid.loss", "validloss", "VALID-LOSS"):
        assert words(name) == ["valid", "loss"]
    assert words("eval_accuracy") == words("evalaccuracy") == ["eval", "accuracy"]
    assert words("検証損失") == ["val", "loss"]
    assert words("lossy") == ["lossy"]
    assert words("é") == []


@pytest.mark.parametrize(
    ("name", "signal"),
    [
        ("train_loss", "loss"), ("nll", "loss"), ("lm loss", "loss"), ("train", "loss"), ("val", "validation_loss"),
        ("Epoch train mean", "loss"), ("test", "validation_loss"), ("learning rate", "learning_rate"),
        ("held-out loss", "validation_loss"), ("holdout_loss", "validation_loss"), ("held_loss", None),
        ("学習率", "learning_rate"), ("正解率", "accuracy"), ("top1", "accuracy"), ("val_top_1", "validation_accuracy"),
        ("lr-AdamW/pg1", "learning_rate"), ("lr_0", "learning_rate"), ("lr-sgd", "learning_rate"), ("lr-x", None),
        ("optim/lr", "learning_rate"), ("grad_norm", "gradient_norm"), ("val_grad_norm", None),
        ("step_seconds", "step_seconds"),
        ("bpb", None), ("val_bpb", "validation_bits_per_byte"), ("test bits per byte", "validation_bits_per_byte"),
        ("train_val_loss", None), ("loss_scale", None), ("avg", None), ("", None), ("epoch", None),
        ("running_loss", "loss"), ("loss_per_token", "loss"), ("loss/dataloader_idx_0", "loss"),
        ("TrainIterStats/loss", "loss"), ("EvalStats/avg_loss", "validation_loss"), ("current_lr", "learning_rate"),
        ("idx_0", None), ("loss_0", None), ("TrainIterStats/loader_time", None),
    ],
)  # fmt: skip
def test_what_a_name_means(name: str, signal: str | None) -> None:
    found = meaning(name)
    assert (None if found is None else found.signal) == signal


@pytest.mark.parametrize(
    "names",
    [
        ("validation_loss", "val_loss", "val_avg_loss", "val/loss/dataloader_idx_0", "val/loss/dataloader_idx_1",
         "val/loss/dataloader_idx_2000", "val_loss_step", "test_loss"),
        ("loss", "train_loss", "train_running_avg_loss", "train", "train_loss_epoch"),
        ("loss", "train_loss_step", "train_loss_epoch"),
        ("validation_loss", "val_loss_epoch", "val_loss_step"),
        ("learning_rate", "lr", "lr_avg"),
        ("val", "val_mean", "test"),
    ],
)  # fmt: skip
def test_the_plainest_of_several_names_is_it(names: tuple[str, ...]) -> None:
    ranks = [found.rank for name in names if (found := meaning(name))]
    assert len(ranks) == len(names)
    assert ranks == sorted(ranks)
    assert len(set(ranks)) == len(names)


def test_a_name_that_needs_no_word_taken_out_is_as_plain_as_can_be() -> None:
    assert meaning("loss") == ("loss", (0, 0, 0, 0))
    assert meaning("ce") == ("loss", (1, 0, 0, 0))
    assert meaning("avg_ce") == ("loss", (1, 0, 0, 1))
    assert meaning("lr-Adam") == ("learning_rate", (1, 0, 0, 1))
    assert meaning("train") == ("loss", (1, 0, 0, 4))


def test_a_name_is_clean_and_of_bounded_length() -> None:
    assert clean("  a\tb\x00\u202ec \x1b[1;31mred\x1b[0m ") == "a b c red"
    assert clean("x" * 500) == "x" * LONGEST_NAME
    assert without_escapes("\x1b]0;title\x07loss\x1b]8;;x\x1b\\!") == "loss!"
    assert [split_of(word) for word in (" Val ", "TESTING", "trn", "both")] == ["validation", "test", "training", None]


def test_which_column_places_a_row() -> None:
    assert axis_rank("global_step") == ("step", 0)
    assert axis_rank("trainer/global_step") == ("step", 0)
    assert axis_rank("training step") == axis_rank("Step") == ("step", 1)
    assert [found and found[0] for found in map(axis_rank, ("train_step", "training_iter"))] == ["step", "step"]
    assert axis_rank("epoch") == ("epoch", 0)
    assert axis_rank("Wall time") == ("time", 0)
    assert axis_rank("relative_time") == ("time", 0)
    assert axis_rank("loss") is axis_rank("val_step") is axis_rank("step_seconds") is axis_rank("") is None

"""A log without a column that is called a loss: the error that is minimised stands for it."""

from pathlib import Path

import pytest

from newllm.trace.readers import Chosen, read_log
from newllm.trace.readers.errors import losses_of_errors


@pytest.mark.parametrize(
    ("columns", "found"),
    [
        ("train_mse val_mse", {"train_mse": "loss", "val_mse": "validation_loss"}),
        ("mse", {"mse": "loss"}),
        ("mse_loss lr", {"mse_loss": "loss"}),
        ("mae mse val_mae", {"mse": "loss"}),  # of two errors one is minimised: not the other's validation
        ("train/rmse eval/rmse", {"train/rmse": "loss", "eval/rmse": "validation_loss"}),
        ("val_mse accuracy", {}),
        ("loss mse", {}),
        ("validation_loss mse", {}),
        ("temperature smooth", {}),
    ],
)
def test_which_columns_stand_for_the_losses(columns: str, found: dict[str, str]) -> None:
    assert losses_of_errors(dict.fromkeys(columns.split())) == found


def test_it_is_said_and_another_can_be_named(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,month,train_mse,val_mse\n" + "".join(f"{at},1,{1 / at},{2 / at}\n" for at in range(1, 9)))
    trace = read_log(log)
    assert trace.series("loss").value[0] == 1
    assert trace.series("validation_loss").value[0] == 2
    said = [str(one.sentence) for one in trace.remarks]
    assert said[0] == "no column is called a loss: 'train_mse' is taken for loss (--loss COLUMN names another)"
    assert read_log(log, Chosen(loss="val_mse")).series("loss").value[0] == 2


@pytest.mark.parametrize(
    ("column", "times", "is_it"),
    [("val_mse", 1.1, True), ("valid/mse", 0.7, True), ("val_mse", 30.0, False), ("val_accuracy", 1.0, False)],
)
def test_an_error_of_the_validation_stands_for_its_loss_where_it_begins_as_large(
    tmp_path: Path, column: str, times: float, is_it: bool
) -> None:
    log = tmp_path / "log.csv"
    rows = [f"{at},{1 + 1 / at},{times * (1 + 1 / at) if at % 4 == 0 else ''}" for at in range(1, 41)]
    log.write_text(f"step,loss,{column}\n" + "\n".join(rows))
    trace = read_log(log)
    assert ("validation_loss" in trace.signals) is is_it
    assert trace.series("loss").value[0] == 2
    if is_it:
        said = f"'{column}', which begins as large as the training loss, is taken for validation_loss"
        assert any(said in str(one.sentence) for one in trace.remarks)
        assert not any("no column is called a loss" in str(one.sentence) for one in trace.remarks)


def test_of_two_errors_of_a_validation_none_is_its_loss(tmp_path: Path) -> None:
    log = tmp_path / "log.csv"
    log.write_text("step,loss,val_mse,val_mae\n" + "".join(f"{at},{2 / at},{2 / at},{1 / at}\n" for at in range(1, 20)))
    assert "validation_loss" not in read_log(log).signals


RISES, OVER_FITS = [0.51, 0.5, 0.62, 0.7, 0.78, 0.83], [0.62, 0.5, 0.45, 0.5, 0.6, 0.7]
LARGE = [4 * one for one in RISES]


@pytest.mark.parametrize(
    ("column", "values", "is_loss"),
    [
        ("Val", RISES, False),
        ("val_loss", RISES, True),
        ("Val", OVER_FITS, True),
        ("Val", LARGE, True),
    ],
)
def test_a_column_that_is_called_just_val_may_be_a_score(
    tmp_path: Path, column: str, values: list[float], is_loss: bool
) -> None:
    log = tmp_path / "log.csv"
    rows = [f"{at},{0.7 - at / 20},{one}" for at, one in enumerate(values)]
    log.write_text(f"epoch,loss,{column}\n" + "\n".join(rows))
    trace = read_log(log)
    assert ("validation_loss" in trace.signals) is is_loss
    assert ("remark-score" in [one.sentence.id for one in trace.remarks]) is not is_loss
    assert read_log(log, Chosen(signals={"validation_loss": column})).series("validation_loss").value[0] == values[0]

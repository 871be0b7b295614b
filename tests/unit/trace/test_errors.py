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

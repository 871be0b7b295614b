"""Tables and JSON of all kinds: names, axes, delimiters, encodings, several runs in one."""

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pytest
import zstandard

from newllm.trace.readers import read_log


def text(tmp_path, content, name="log.csv"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def read(tmp_path, content, name="log.csv"):
    return read_log(text(tmp_path, content, name))


def values(trace, name):
    series = trace.series(name)
    assert series.step.dtype == np.int64
    assert series.value.dtype == np.float64
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


HEADERS = [
    ("epoch,train_loss,val_loss", "epoch"), ("Epoch,Train Loss,Val Loss", "epoch"), ("EPOCH;loss;valid_loss", "epoch"),
    ("epoch\ttraining loss\tvalidation loss", "epoch"), ("step|train/loss|eval/loss", "step"),
    ("global_step,Loss/train,Loss/valid", "step"), ("iter,trainLoss,valLoss", "step"),
    ("Iteration,train-loss,dev_loss", "step"), ("epoch,train,val", "epoch"), ("step,loss,test_loss", "step"),
    ("epoch,train_ce,heldout_ce", "epoch"), ("# epoch train_nll valid_nll", "epoch"),
    ("trainer/global_step,train.loss,val.loss", "step"), ("update,train_avg_loss,validation_avg_loss", "step"),
]  # fmt: skip


@pytest.mark.parametrize(("header", "axis"), HEADERS)
def test_headers_of_all_kinds(tmp_path, header, axis):
    delimiter = next((sign for sign in ";\t|," if sign in header), " ")
    rows = [[1, 7.25, 7.5], [2, 6.5, 6.75], [3, 5.7692, 5.7692]]
    trace = read(tmp_path, "\n".join([header, *(delimiter.join(map(str, row)) for row in rows)]) + "\n")
    assert trace.axis == axis
    assert values(trace, "loss") == {1: 7.25, 2: 6.5, 3: 5.7692}
    assert values(trace, "validation_loss") == {1: 7.5, 2: 6.75, 3: 5.7692}
    assert trace.decimals == {"loss": 4, "validation_loss": 4}
    assert trace.left_out == ()


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_title_above_the_table_is_no_row_of_it(tmp_path, delimiter):
    rows = [["step", "loss", "val_loss"], [10, 7.25, 7.5], [20, 6.5, 6.75], [30, 5.5, 5.75], [40, 4.5, 5.25]]
    lines = ["My run of Tuesday", *(delimiter.join(map(str, row)) for row in rows)]
    trace = read(tmp_path, "\n".join(lines) + "\n")
    assert trace.axis == "step"
    assert values(trace, "loss") == {10: 7.25, 20: 6.5, 30: 5.5, 40: 4.5}
    assert values(trace, "validation_loss") == {10: 7.5, 20: 6.75, 30: 5.75, 40: 5.25}
    assert trace.left_out == ("a line above the table",)


@pytest.mark.parametrize("title", ["", "My run of Tuesday\n"])
def test_a_last_column_that_most_rows_leave_out_is_no_other_table(tmp_path, title):
    lines = ["batch,epoch,loss,val_loss"]
    for step in range(1, 61):
        lines += [
            f"{step},{step // 20},{1 + 1 / step}",
            *([f"{step},{step // 20},,{2 + 1 / step}"] if step % 20 == 0 else []),
        ]
    trace = read(tmp_path, title + "\n".join(lines) + "\n")
    assert values(trace, "loss") == {step: 1 + 1 / step for step in range(1, 61)}
    assert list(values(trace, "validation_loss").values()) == [2.05, 2.025, 2 + 1 / 60]
    assert trace.left_out == (("a line above the table",) if title else ())


@pytest.mark.parametrize(
    ("name", "signal"),
    [("val_acc", "validation_accuracy"), ("acc", "accuracy"), ("Train Accuracy", "accuracy"), ("PPL", "perplexity"),
     ("eval_perplexity", "validation_perplexity"), ("lr-AdamW", "learning_rate"), ("lr", "learning_rate"),
     ("train/grad_norm", "gradient_norm"), ("gnorm", "gradient_norm"),
     ("grad_l2", "gradient_norm"), ("opt/lr", "learning_rate"), ("lr_now", "learning_rate"),
     ("val_bpb", "validation_bits_per_byte"),
     ("my_metric", "my_metric"), ("val/loss/dataloader_idx_0", "validation_loss"), ("best_val_loss", "best_val_loss"),
     ("val_lr", "val_lr"), ("validation_loss/unknown", "validation_loss/unknown"),
     ("train_val_loss", "train_val_loss")],
)  # fmt: skip
def test_names(tmp_path, name, signal):
    assert set(read(tmp_path, f"step,{name}\n1,0.5\n2,0.25\n").signals) == {signal}


def test_of_several_names_for_one_signal_the_plainest_is_it_and_the_others_keep_theirs(tmp_path):
    trace = read(
        tmp_path, "step,test_loss,val_loss_step,val_loss_epoch,train_loss_epoch,train_loss_step\n1,1,2,3,4,5\n"
    )
    assert values(trace, "validation_loss") == {1: 3}
    assert values(trace, "loss") == {1: 5}
    assert {"test_loss", "val_loss_step", "train_loss_epoch"} < set(trace.signals)


def test_steps_are_preferred_to_epochs_and_sparse_rows_are_read(tmp_path):
    trace = read(tmp_path, "epoch,loss,step,val_loss\n0,3,10,\n0,2.5,20,\n0,,20,2.75\n1,2,30,\n")
    assert trace.axis == "step"
    assert values(trace, "loss") == {10: 3, 20: 2.5, 30: 2}
    assert values(trace, "validation_loss") == {20: 2.75}


def test_batches_that_begin_anew_in_every_epoch_are_counted_on(tmp_path):
    rows = "".join(f"{epoch},{batch},{epoch + batch / 10}\n" for epoch in range(3) for batch in range(0, 30, 10))
    trace = read(tmp_path, "epoch,batch,loss\n" + rows)
    assert trace.series("loss").step.tolist() == list(range(0, 90, 10))
    assert "begin again" in trace.left_out[0]


def test_a_resume_that_steps_back_in_the_same_epoch_is_no_new_epoch(tmp_path):
    trace = read(tmp_path, "epoch,step,loss\n0,1,5\n0,2,4\n0,3,9\n0,2,4.5\n0,3,3\n")
    assert values(trace, "loss") == {1: 5, 2: 4.5, 3: 3}
    assert "more than once" in trace.left_out[0]


def test_many_rows_of_one_epoch_are_counted(tmp_path):
    trace = read(tmp_path, "epoch,loss\n" + "".join(f"{row // 50},{row}.5\n" for row in range(200)))
    assert trace.axis == "step"
    assert len(trace.series("loss").step) == 200


def test_epochs_that_are_fractions_are_counted_by_row(tmp_path):
    trace = read(tmp_path, "epoch,loss\n0.5,3\n1.0,2\n1.5,1\n")
    assert trace.axis == "step"
    assert trace.series("loss").step.tolist() == [1, 2, 3]
    assert "whole numbers" in trace.left_out[0]


def test_decimal_commas(tmp_path):
    trace = read(tmp_path, "epoch;loss;val_loss\n1;5,7692;6,5\n2;11,1040;7,25\n")
    assert values(trace, "loss") == {1: 5.7692, 2: 11.104}
    assert trace.decimals == {"loss": 4, "validation_loss": 2}


def test_no_header(tmp_path):
    trace = read(tmp_path, "1 7.5 7.25\n2 6.5 6.75\n3 6 6.5\n")
    assert values(trace, "loss") == {1: 7.5, 2: 6.5, 3: 6}
    assert values(trace, "validation_loss") == {1: 7.25, 2: 6.75, 3: 6.5}
    assert "no header" in trace.left_out[0]
    other = read(tmp_path, "7.5\n6.5\n")
    assert values(other, "loss") == {1: 7.5, 2: 6.5}
    rate = read(tmp_path, "1,7.5,0.001\n2,6.5,0.001\n")
    assert set(rate.signals) == {"loss", "column 3"}


def test_without_a_header_seconds_before_the_loss_are_not_taken_for_it(tmp_path):
    seconds, losses = (
        (1.26, 1.26, 1.56, 2.3, 2.48, 2.22, 1.82, 1.42, 1.42, 1.31),
        (9, 5, 4, 4.1, 3, 2.9, 3, 2, 1.8, 1.9),
    )
    rows = [f"{at} {one} {loss / 100} {loss / 8}" for at, (one, loss) in enumerate(zip(seconds, losses, strict=True))]
    assert values(read(tmp_path, "\n".join(rows) + "\n"), "loss")[9] == 0.019
    # A learning rate falls too, at each point; and a validation loss is of the size of the loss.
    rates = [f"{at} {one} {0.001 * 0.7**at}" for at, one in enumerate(seconds)]
    assert values(read(tmp_path, "\n".join(rates) + "\n"), "loss")[9] == 1.31
    beside = [f"{at} {one} {loss / 2}" for at, (one, loss) in enumerate(zip(seconds, losses, strict=True))]
    assert values(read(tmp_path, "\n".join(beside) + "\n"), "validation_loss")[9] == 0.95


def test_empty_cells_and_words_in_a_table_without_a_header_do_not_hide_what_its_columns_are(tmp_path):
    sparse = read(tmp_path, "1,0.75,\n2,0.7,\n,0.65,\n4,0.6,0.5\n5,0.55,-\n6,0.5,0.45\n")
    assert values(sparse, "loss") == {1: 0.75, 2: 0.65, 4: 0.6, 5: 0.55, 6: 0.5}  # without a step: of the last
    assert values(sparse, "validation_loss") == {4: 0.5, 6: 0.45}
    assert "no header" in sparse.left_out[0]
    assert set(read(tmp_path, "1,0.75,\n2,0.7,\n").signals) == {"loss"}
    unknown = read(tmp_path, "1,nan,nan\n2,nan,nan\n")
    assert np.isnan(unknown.series("loss").value).all()


def test_the_split_is_told_by_the_column_whose_word_is_one(tmp_path):
    trace = read(tmp_path, "step,split,phase,loss\n1,wikitext,train,3\n1,wikitext,val,4\n2,wikitext,train,2\n")
    assert trace.signals["validation_loss"].value.tolist() == [4]
    assert trace.signals["loss"].value.tolist() == [3, 2]


def test_a_column_that_names_the_split_and_one_that_names_the_metric(tmp_path):
    trace = read(tmp_path, "epoch,phase,loss\n1,train,3\n1,val,4\n2,train,2\n2,val,5\n")
    assert values(trace, "loss") == {1: 3, 2: 2}
    assert values(trace, "validation_loss") == {1: 4, 2: 5}
    tidy = read(tmp_path, "step,metric,value\n1,train/loss,3\n1,val/loss,4\n2,train/loss,2\n")
    assert values(tidy, "loss") == {1: 3, 2: 2}
    assert values(tidy, "validation_loss") == {1: 4}


def test_wandbs_export_and_the_runs_in_it(tmp_path):
    header = ["Step", "a - train/loss", "a - train/loss__MIN", "a - train/loss__MAX", "b - train/loss", "b - eval/loss"]
    rows = [["1", "3", "3", "3", "", ""], ["2", "2", "2", "2", "9", "8"], ["3", "1", "1", "1", "", ""]]
    content = "\n".join(",".join(f'"{cell}"' for cell in row) for row in [header, *rows])
    path = text(tmp_path, content)
    trace = read_log(path)
    assert values(trace, "loss") == {1: 3, 2: 2, 3: 1}
    assert set(trace.signals) == {"loss"}
    assert "'b'" in trace.left_out[0]
    assert values(read_log(Path(f"{path}#b")), "validation_loss") == {2: 8}


def test_rows_that_name_their_run(tmp_path):
    path = text(tmp_path, "run,step,loss\na,1,3\nb,1,9\na,2,2\nb,2,8\na,3,1\n")
    assert values(read_log(path), "loss") == {1: 3, 2: 2, 3: 1}
    assert values(read_log(Path(f"{path}#b")), "loss") == {1: 9, 2: 8}


def test_json_lines_with_objects_in_objects_and_wandbs_history(tmp_path):
    rows = [
        {"_step": 0, "train": {"loss": 3.0}, "hist": {"_type": "histogram", "bins": [1, 2]}, "_timestamp": 1e9},
        {"_step": 1, "train": {"loss": "NaN"}, "val": {"loss": 3.5}, "note": "text", "flag": True, "none": None},
    ]
    trace = read(tmp_path, "\n".join(map(json.dumps, rows)), "wandb-history.jsonl")
    assert trace.series("loss").value[0] == 3.0
    assert math.isnan(trace.series("loss").value[1])
    assert values(trace, "validation_loss") == {1: 3.5}
    assert set(trace.signals) == {"loss", "validation_loss"}


def test_lists_of_rows_and_of_numbers(tmp_path):
    rows = [{"epoch": 1, "loss": 3.0}, {"epoch": 2, "loss": 2.0}]
    for content in (json.dumps(rows), json.dumps(rows, indent=1), json.dumps({"epoch": [1, 2], "loss": [3.0, 2.0]})):
        trace = read(tmp_path, content, "x.json")
        assert values(trace, "loss") == {1: 3.0, 2: 2.0}
        assert trace.axis == "epoch"
    exported = read(tmp_path, "[[1e9, 10, 3.0], [1e9, 20, 2.0]]", "tensorboard.json")
    assert values(exported, "loss") == {10: 3.0, 20: 2.0}


def test_tensorboards_csv_export_is_named_by_its_file(tmp_path):
    trace = read(tmp_path, "Wall time,Step,Value\n1e9,10,3\n1e9,20,2\n", "run-x-tag-val_loss.csv")
    assert values(trace, "validation_loss") == {10: 3, 20: 2}


CURVE = "epoch,loss\n1,7.1\n2,nan\n3,-inf\n4,Infinity\n5,5.7692\n"


@pytest.mark.parametrize(
    "content",
    [CURVE.encode(), CURVE.encode("utf-8-sig"), CURVE.encode("utf-16"), CURVE.encode("utf-16-le"),
     CURVE.encode("utf-16-be"),
     CURVE.encode("utf-32"), CURVE.replace("\n", "\r\n").encode(), CURVE.replace("\n", "\r").encode(),
     gzip.compress(CURVE.encode(), mtime=0), zstandard.compress(CURVE.encode()),
     CURVE.replace("loss", "loss,été").encode("latin-1")],
)  # fmt: skip
def test_encodings_line_ends_and_packing(tmp_path, content):
    series = read(tmp_path, content).series("loss")
    assert series.step.tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_array_equal(series.value, [7.1, math.nan, -math.inf, math.inf, 5.7692])


def test_a_column_that_says_nan_between_its_values_has_blanks_there(tmp_path):
    rows = "".join(f"{step},{9 - step / 10},{step if step % 5 == 0 else 'nan'}\n" for step in range(30))
    trace = read(tmp_path, "step,loss,val_loss\n" + rows)
    assert trace.series("validation_loss").step.tolist() == [0, 5, 10, 15, 20, 25]
    assert "taken as empty" in trace.left_out[0]


def test_unsorted_steps_are_sorted_and_a_header_that_comes_again_is_passed_over(tmp_path):
    trace = read(tmp_path, "step,loss\n3,1\n1,3\nstep,loss\n2,2\n2,2.5\n")
    assert values(trace, "loss") == {1: 3, 2: 2.5, 3: 1}
    assert any("without a number" in note for note in trace.left_out)


def test_a_name_with_escape_sequences_is_clean(tmp_path):
    name = "\x1b[31mred\x1b[0m \x07\u202e metric\x00" + "y" * 500
    trace = read(tmp_path, json.dumps({"step": 1, name: 2.0}) + "\n" + json.dumps({"step": 2, name: 2.0}), "x.jsonl")
    (found,) = trace.signals
    assert found.startswith("red metric")
    assert found.isprintable()
    assert len(found) <= 160
    assert set(read(tmp_path, '{" \\u001f0": 1, "step": 2}', "y.jsonl").signals) == {"0"}


@pytest.mark.parametrize(
    ("pattern", "blank"),
    [
        ("n1n1n1n1", True),  # half of the rows, and numbers come back again and again
        ("n1n1n1n11", False),  # fewer
        ("nnnnn1nn1", False),  # numbers come back twice only
        ("nnnn1nn1n1", True),
        ("11111nnnnnnn", False),  # they do not come back
    ],
)
def test_nan_is_a_blank_in_half_of_the_rows_or_more_where_numbers_come_back_three_times(tmp_path, pattern, blank):
    cells = ["nan" if cell == "n" else str(step / 4 + 1) for step, cell in enumerate(pattern)]
    trace = read(tmp_path, "step,loss,x\n" + "".join(f"{step},5,{cell}\n" for step, cell in enumerate(cells)))
    expected = [float(cell) for cell in cells if not (blank and cell == "nan")]
    np.testing.assert_array_equal(trace.signals["x"].value, expected)
    assert any("taken as empty" in note for note in trace.left_out) is blank

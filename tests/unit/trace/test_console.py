"""What training prints on a console, and logs in Japanese or of perplexities only."""

import math
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newllm.errors import UserError
from newllm.trace import Trace
from newllm.trace.readers import console, read_log


def read(tmp_path: Path, content: str) -> Trace:
    path = tmp_path / "log.txt"
    path.write_text(content, encoding="utf-8")
    return read_log(path)


def values(trace: Trace, name: str) -> dict[int, float]:
    series = trace.series(name)
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


@pytest.mark.parametrize(
    ("line", "axis"),
    [
        ("Epoch {at}/23 - loss: {loss:.4f} - val_loss: {validation}", "epoch"),
        ("Epoch {at}/23\n100/100 [====] - 3s 20ms/step - loss: {loss} - val_loss: {validation}", "epoch"),
        ("step {at}: loss {loss}, val loss {validation}, lr 1e-3", "step"),
        ("step={at} loss={loss:.3e} val_loss={validation}", "step"),
        ("[12:00:0{at}] iter {at}: train loss {loss}, val loss {validation}, time 23.3ms", "step"),
        ("{{'loss': {loss}, 'eval_loss': {validation}, 'epoch': {at}.0}}", "epoch"),
        ("INFO | train | epoch {at} | loss {loss}\nINFO | valid | epoch {at} | loss {validation}", "epoch"),
        ("\x1b[32mstep {at}\x1b[0m loss {loss} val_loss {validation}", "step"),
        ("エポック {at}: 訓練損失 {loss} 検証損失 {validation}", "epoch"),
    ],
)
def test_a_console_is_read_line_by_line(tmp_path: Path, line: str, axis: str) -> None:
    losses = {1: 7.25, 2: 6.5, 3: 5.75}
    rows = [line.format(at=at, loss=loss, validation=loss + 0.5) for at, loss in losses.items()]
    trace = read(tmp_path, "\n".join(rows) + "\n")
    assert trace.axis == axis
    assert values(trace, "loss") == losses
    assert values(trace, "validation_loss") == {at: loss + 0.5 for at, loss in losses.items()}
    assert trace.left_out == ()


def test_lines_of_two_kinds_count_the_same_steps(tmp_path: Path) -> None:
    trace = read(tmp_path, "parameters: 10.65M\nstep 0: val loss 4\niter 10: loss 3.5\niter 1,020: loss nan\n")
    assert values(trace, "validation_loss") == {0: 4.0}
    assert trace.series("loss").step.tolist() == [10, 1020]
    assert math.isnan(trace.series("loss").value[1])


def test_bullets_under_a_header_are_of_the_split_that_it_names(tmp_path: Path) -> None:
    lines = ["\x1b[1m > EVALUATION \x1b[0m", "", "  \x1b[1m--> EVAL PERFORMANCE\x1b[0m"]
    lines += ["     | > avg_loader_time: 0.01 (+0)", "     | > avg_loss: 4.75 (+0)", ""]
    for step in (50, 100):
        lines += [f"   --> TIME: 2026-02-11 01:08:38 -- STEP: {step % 60}/60 -- GLOBAL_STEP: {step}"]
        lines += ["     | > loss: 0.5  (0.625)", "     | > current_lr: 5e-06 ", ""]
    trace = read(tmp_path, "\n".join(lines) + "\n")
    assert values(trace, "loss") == {50: 0.5, 100: 0.5}
    assert values(trace, "learning_rate") == {50: 5e-6, 100: 5e-6}
    assert list(values(trace, "validation_loss").values()) == [4.75]
    assert not len(trace.series("TIME").step)


def test_a_logger_that_tells_the_time_in_brackets_writes_no_json(tmp_path: Path) -> None:
    lines = [f"[2026-02-27 17:27:4{at},786][__main__][INFO] - Starting training!" for at in range(3)]
    lines += [f"[2026-02-27 17:28:{at},786][__main__][INFO] - step {at} loss {4 - at / 10}" for at in range(10, 20)]
    assert values(read(tmp_path, "\n".join(lines) + "\n"), "loss")[12] == 2.8
    assert values(read(tmp_path, "[2.5, null, 2.25, 2.0]"), "loss") == {1: 2.5, 3: 2.25, 4: 2.0}


def test_settings_above_the_first_loss_are_no_signals(tmp_path: Path) -> None:
    settings = "eps = 1e-8\nnum_layers : 12\nlr: 0.5\nwarm: 3\n"
    rows = "".join(f"step {at}: loss {3 - at / 10}, warm: {at}\n" for at in range(1, 9))
    trace = read(tmp_path, settings + rows + "peak memory: 812\n")
    assert set(trace.signals) == {"loss", "learning_rate", "warm", "memory"}
    assert len(values(trace, "warm")) == 8
    few = "".join(f"step {at}: loss 2, acc 0.{at}\n" for at in range(1, 5))
    assert set(read(tmp_path, settings + few).signals) >= {"eps", "num_layers"}  # too short to tell


def test_a_table_stays_a_table(tmp_path: Path) -> None:
    tidy = read(tmp_path, "step metric value\n1 loss 2.5\n2 loss 2.25\n")
    assert values(tidy, "loss") == {1: 2.5, 2: 2.25}
    said = read(tmp_path, "step,loss,comment\n1,2.5,lr: 0.1\n2,2.25,lr: 0.1\n")
    assert values(said, "loss") == {1: 2.5, 2: 2.25}


@pytest.mark.parametrize(
    "hostile", ["a " * 400_000, "loss:" * 200_000, "x" * 900_000, "loss 1 " * 100_000, "1," * 400_000]
)
def test_hostile_lines_take_no_time(tmp_path: Path, hostile: str) -> None:
    began = time.process_time()
    assert values(read(tmp_path, f"step 1: loss 2.5\nstep 2: loss 2.4\n{hostile}\n"), "loss")[1] == 2.5
    assert time.process_time() - began < 5


@pytest.mark.parametrize(
    ("lines", "it_is"),
    [
        (["loss: 2", "prose"], True), (["loss: 2", "prose", "prose"], False), (["loss: 2", "", " ", "prose"], True),
        ([], False), (["loss 2"], False), (["step 1 loss 2"], True), (["1, loss: 2"], False), (["loss=2"], True),
        (["mine: 2"], False), (["mine: 2, loss: 2"], True), (["prose"] * 20 + ["loss: 2"] * 2, False),
        (["prose"] * 20 + ["loss: 2"] * 3, True), (["loss: 2"] * 2 + ["prose"] * 20, False),
        (["loss: 2"] * 9 + ["1,2.5"] * 20, False), (["loss: 2"] * 21 + ["1,2.5"] * 20, True),
        (["prose"] * 10 + ["loss: 2"] * 10 + ["prose"], True),
    ],
)  # fmt: skip
def test_enough_lines_of_a_console_name_a_number_that_is_known(lines: list[str], it_is: bool) -> None:
    assert console.is_console("\n".join(lines)) is it_is


def test_so_many_pairs_and_characters_of_a_line_are_looked_at() -> None:
    many = " ".join(f"x{place}: {place}" for place in range(120))
    assert len(list(console._cells(many))) == 100
    assert dict(console._cells("y" * 1991 + " loss: 2.5")) == {"loss": "2."}
    assert not dict(console._cells("y" * 1995 + " loss: 2.5"))


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("val | loss: 2", {"loss": "2", "split": "validation"}),
        ("val and train | loss: 2", {"loss": "2"}),  # of two splits none
        ("val | train_loss: 2", {"train_loss": "2"}),
        ("iter 10: loss 2 step 11", {"step": "10", "loss": "2"}),
        ("--> TIME: 2026-02-11 01:08:38 -- STEP: 50/900 -- GLOBAL_STEP: 950", {"step": "950"}),
        ("time: 3 loss: 2 loss: 4", {"time": "3", "loss": "2"}),
        ("mine 3 your thing: 4", {"thing": "4"}),
        ("the val loss: 1,020", {"val loss": "1020"}),
        ("step 201 loss nan acc 0.109", {"step": "201", "loss": "nan", "acc": "0.109"}),
        ("step 201 loss inf lr 1e-3", {"step": "201", "loss": "inf", "lr": "1e-3"}),
        ("loss -inf, nanoseconds: 3", {"loss": "-inf", "nanoseconds": "3"}),
        ("HellaSwag accuracy: 2463/10042=0.2453", {"accuracy": "0.2453"}),
        ("acc: 3/4 = 0.75x", {"acc": "3"}),
        ("  Gradient Accumulation steps = 1", {}),
        ("num_epochs: 3", {}),
        ("  Num update steps per epoch = 40", {}),
        ("Epochs: 3", {"epoch": "3"}),
        ("\tEPOCHS=12", {}),
        ("Batch[10] - loss: 0.71  acc: 42.2%(27/64)", {"step": "10", "loss": "0.71", "acc": "42.2"}),
        ("steps: 30", {"step": "30"}),
        ("training steps: 30, loss: 2.5", {"step": "30", "loss": "2.5", "split": "training"}),
        ("{'return mean': np.float64(-58.5), 'loss': np.float32(2.0)}", {"return mean": "-58.5", "loss": "2.0"}),
        ("loss: tensor(2.5, device='cuda:0', grad_fn=<NllLossBackward0>)", {"loss": "2.5"}),
        ("accuracy: tensor([0.75])", {"accuracy": "0.75"}),
        ("eval: split test . loss 1.5e-01. misses: 120", {"loss": "1.5e-01", "misses": "120", "split": "test"}),
        (
            "*** Best Val Loss: 0.15 \t Best Test Loss: 0.14 \t Best epoch 0",
            {"Best Val Loss": "0.15", "Best Test Loss": "0.14"},
        ),
        ("I_ep 1, train 1000 times", {}),
        ("epoch 3 train 2.5 val 2.75", {"epoch": "3", "train": "2.5", "val": "2.75"}),
        ("Episode 10, steps 22", {"step": "10", "steps": "22"}),
        ("mean of the last 30 episodes 9.4", {}),
        ("nothing", {}),
    ],
)
def test_what_a_line_says(line: str, cells: dict[str, str]) -> None:
    assert dict(console._cells(line)) == cells


_PIECES = st.sampled_from(
    ["loss", "val", "step", "epoch", "エポック", ":", "=", " ", "  ", ",", "\t", "nan", "-inf", "1e999", "1,000",
     "9" * 70, "-", ".", "%", "[", "{'", "'", "\x1b[31m", "\u202e", "\n", "\r", "|", "3", "2.5", "1e-3", "/23", "ms"]
)  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.lists(_PIECES, max_size=60).map("".join))
def test_whatever_a_console_shows_is_read(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    trace = read(tmp_path_factory.getbasetemp(), "step 1: loss 2.5\n" * 10 + text)
    assert len(trace.signals)
    assert all(name.isprintable() for name in trace.signals)


@settings(deadline=None, max_examples=1000)
@given(st.lists(_PIECES, max_size=9).map("".join))
def test_no_line_with_a_pair_is_passed_over_as_prose(text: str) -> None:
    assert console._BEFORE.search(text) or not console._PAIR.search(text)


def test_prose_is_passed_over(tmp_path: Path) -> None:
    prose = "information on finance, infinite and Nantucket: page (12) of the 3rd"
    assert not console._BEFORE.search(prose.replace(" 3rd", " third"))
    trace = read(tmp_path, f"step 1: loss 2.5\nstep 2: loss 2.4\n{prose}\nvalidation is next\n")
    assert set(trace.signals) == {"loss"}


def test_names_in_japanese(tmp_path: Path) -> None:
    trace = read(tmp_path, "エポック,訓練損失,検証損失,正解率\n1,2.5,2.75,0.5\n2,2.25,2.5,0.6\n")
    assert trace.axis == "epoch"
    assert values(trace, "loss") == {1: 2.5, 2: 2.25}
    assert values(trace, "validation_loss") == {1: 2.75, 2: 2.5}
    assert values(trace, "accuracy") == {1: 0.5, 2: 0.6}
    steps = read(tmp_path, "ステップ,損失\n10,2.5\n20,2.25\n")
    assert (steps.axis, values(steps, "loss")) == ("step", {10: 2.5, 20: 2.25})


def test_a_perplexity_alone_tells_the_loss(tmp_path: Path) -> None:
    trace = read(tmp_path, "step,ppl,val_ppl\n1,200.5,210.25\n2,150.5,inf\n")
    assert values(trace, "loss") == pytest.approx({1: math.log(200.5), 2: math.log(150.5)})
    assert values(trace, "validation_loss") == pytest.approx({1: math.log(210.25), 2: math.inf})
    assert trace.left_out[0] == "loss is the logarithm of perplexity, for there is no loss"
    assert trace.decimals["loss"] == 3
    assert values(trace, "perplexity") == {1: 200.5, 2: 150.5}


def test_no_loss_is_made_of_what_is_no_perplexity_or_beside_a_loss(tmp_path: Path) -> None:
    assert "loss" not in read(tmp_path, "step,ppl\n1,0.5\n2,3.5\n").signals
    assert "loss" not in read(tmp_path, "step,ppl,val_loss\n1,5.5,2\n2,3.5,1\n").signals


def test_rows_without_a_step_count_from_one(tmp_path: Path) -> None:
    assert values(read(tmp_path, "loss\n2.5\n2.25\n"), "loss") == {1: 2.5, 2: 2.25}


def test_pairs_between_bars_are_signals_without_a_sign(tmp_path: Path) -> None:
    lines = [
        f"[{at:5d}/60] loss {3 - at / 10} | ep_rew_mean -{at}.5 | entropy 0.{at + 10} | grad_norm 2.5"
        for at in range(9)
    ]
    file = tmp_path / "log.txt"
    file.write_text("\n".join(lines) + "\n")
    trace = read_log(file)
    assert {"loss", "ep_rew_mean", "entropy", "gradient_norm"} <= set(trace.signals)
    assert trace.series("ep_rew_mean").value[3] == -3.5


def test_a_number_in_prose_is_no_signal(tmp_path: Path) -> None:
    file = tmp_path / "log.txt"
    file.write_text(
        "".join(f"step {at}: loss {3 - at / 10}, saved checkpoint 5 to disk 2\n, took 3 ,\n" for at in range(9))
    )
    assert not {"checkpoint", "disk", "took"} & set(read_log(file).signals)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("step {step} | loss_d 0.69 | loss_g 0.71 | D_x 0.49", {"loss_d", "loss_g", "D_x"}),
        ("step {step} | reward -0.004 | td_loss 0.018", {"reward", "td_loss"}),
        ("[epoch {step:3d}] loss -> 0.48, accuracy -> 0.58, val_loss -> 2.3", {"loss", "accuracy", "validation_loss"}),
        ("[INFO] epoch {step} loss=>0.48", {"loss"}),
    ],
)
def test_what_begins_as_a_table_or_a_list_may_be_lines_of_a_console(tmp_path: Path, line: str, names: set[str]) -> None:
    log = tmp_path / "train.log"
    log.write_text("".join(line.format(step=step) + "\n" for step in range(1, 9)))
    trace = read_log(log)
    assert names <= set(trace.signals)
    assert len(next(iter(trace.signals.values())).value) == 8


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("torn.json", '{"config": {"hidden_size": 768, "lr": 0.1}, "names": ["a", "b"], '),
        ("texts.json", '[{"text": "the loss: 3.2 was"}, {"text": "at epoch 3"}]'),
        ("texts.jsonl", "".join(f'{{"text": "at step {at} the loss: {3 - at / 100}"}}\n' for at in range(9))),
    ],
)
def test_json_keeps_its_own_error_whatever_its_texts_say(tmp_path: Path, name: str, text: str) -> None:
    log = tmp_path / name
    log.write_text(text)
    with pytest.raises(UserError, match=r"is no JSON|no numbers to read"):
        read_log(log)


@pytest.mark.parametrize(
    ("line", "cells"),
    [
        ("25 disc cost 0.08 wasserstein distance 0.01 gen cost 0.0065", {"disc_loss": "0.08", "gen_loss": "0.0065"}),
        ("epoch 3: D loss: 2.1, G loss: 0.3", {"epoch": "3", "D_loss": "2.1", "G_loss": "0.3"}),
        ("epoch 3: rec loss 2.1, cmt loss 0.3", {"epoch": "3", "loss": "2.1"}),  # the first of several parts
        ("Epoch 1 loss 0.3 best loss 0.2", {"epoch": "1", "loss": "0.3"}),
        ("disc cost 0.5", {"cost": "0.5"}),
    ],
)
def test_the_losses_of_both_sides_of_a_game_keep_their_names(line: str, cells: dict[str, str]) -> None:
    assert dict(console._cells(line)) == cells


def test_what_a_model_prints_of_itself_is_no_row() -> None:
    assert not dict(console._cells("    (0): Linear(in_features=2, out_features=64, bias=True)"))


def test_bars_that_hold_numbers_say_their_step_between_lines_that_say_theirs(tmp_path: Path) -> None:
    """tqdm's postfix through `tee`: a bar's numbers are of its count, not of the last line that said a step."""
    text = ""
    for step in range(1, 601):
        if step % 10 == 0:
            text += (
                f"\rtrain:  {step // 6}%|██        | {step}/600 [00:01<00:10, 58.1it/s, loss={2 / step:.4f}, lr=0.1]"
            )
        if step % 50 == 0:
            text += f"\nstep {step}: val_loss {2 / step:.4f} val_acc 0.7\n"
    (tmp_path / "log.txt").write_text(text)
    trace = read_log(tmp_path / "log.txt")
    assert trace.series("loss").step.tolist() == list(range(10, 601, 10))
    np.testing.assert_allclose(trace.series("loss").value, 2 / trace.series("loss").step, atol=1e-4)
    assert trace.series("validation_loss").step.tolist() == list(range(50, 601, 50))
    assert not trace.left_out


def test_bars_of_each_epoch_begin_anew_and_say_no_step(tmp_path: Path) -> None:
    lines = [
        f"\rtrain: {at}%|██   | {at}/100 [00:01<00:10, 58.1it/s, loss={1 / (epoch + at / 100):.4f}]"
        for epoch in range(1, 4)
        for at in range(10, 101, 10)
    ]
    (tmp_path / "log.txt").write_text("".join(lines))
    loss = read_log(tmp_path / "log.txt").series("loss")
    assert len(loss.step) == 30
    assert (np.diff(loss.value) < 0).all(), "in the order in which they were written"


def test_the_length_of_an_episode_is_no_step(tmp_path: Path) -> None:
    lengths = [22, 11, 16, 9, 31, 12, 40, 55]
    trace = read(tmp_path, "".join(f"Episode {10 * at}, steps {one}\n" for at, one in enumerate(lengths)))
    assert values(trace, "steps") == {10 * at: one for at, one in enumerate(lengths)}


def test_what_is_printed_of_the_best_epoch_is_not_of_this_one(tmp_path: Path) -> None:
    lines = (f"epoch {at} val loss: {2 - at / 10:.1f}\n*** Best Val Loss: 1.5 \t Best epoch 0\n" for at in range(9))
    trace = read(tmp_path, "".join(lines))
    assert values(trace, "validation_loss") == {at: round(2 - at / 10, 1) for at in range(9)}
    assert values(trace, "Best Val Loss") == dict.fromkeys(range(9), 1.5)


def test_an_array_that_is_printed_is_no_table(tmp_path: Path) -> None:
    array = "weights: tensor([0.0033, 0.0032,\n" + "  0.0031, 0.0030,\n" * 40 + "  0.0031])\n"
    trace = read(
        tmp_path, array + "".join(f"[10:00] Train: train_loss: {2 - at / 10:.2f}\nsaved\nx\n" for at in range(9))
    )
    assert list(trace.signals) == ["loss"]
    assert len(trace.series("loss").step) == 9


def test_a_setting_called_steps_places_no_row(tmp_path: Path) -> None:
    lines = "".join(f"Epoch {at} [1.2 s]\tloss={3 - at / 10:.2f} [0.0 s]\n" for at in range(1, 9))
    trace = read(tmp_path, f"Namespace(L=5, n_iter=25, seed=1)\n{lines}")
    assert (trace.axis, trace.series("loss").step.tolist()) == ("epoch", [*range(1, 9)])

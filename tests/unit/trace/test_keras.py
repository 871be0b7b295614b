"""What Keras prints, as `python train.py | tee log` keeps it: bars drawn over, summaries, callbacks, `evaluate`.

Every log here is of Keras 3.15.1 with the torch backend; only epochs and redraws are left out.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from newllm.trace import Trace
from newllm.trace.readers import read_log
from newllm.trace.readers.epoch_bars import last_drawn

WIPED = 72 * "\b" + "\r"
SUMMARY = """\x1b[1mModel: "sequential"\x1b[0m
\x1b[1m Total params: \x1b[0m\x1b[32m1,002\x1b[0m (3.91 KB)
\x1b[1m Trainable params: \x1b[0m\x1b[32m1,002\x1b[0m (3.91 KB)
\x1b[1m Non-trainable params: \x1b[0m\x1b[32m0\x1b[0m (0.00 B)
"""


def bar(done: int, of: int | str, said: str) -> str:
    if of == "Unknown":
        return f"\r\x1b[1m{done:7}/{of}\x1b[0m \x1b[1m0s\x1b[0m 4ms/step - {said}"
    full = 20 * done // int(of)
    drawn = "\x1b[32m" + full * "━" + "\x1b[0m\x1b[37m" + (20 - full) * "━" + "\x1b[0m"
    return f"\r\x1b[1m{done:2}/{of}\x1b[0m {drawn} \x1b[1m0s\x1b[0m 4ms/step - {said}"


# verbose=1 with ModelCheckpoint and ReduceLROnPlateau, whose lines come before the last redraw, and `evaluate` behind.
DRAWN = f"""{SUMMARY}Epoch 1/3
{bar(1, 32, "accuracy: 0.0156 - loss: 3.2335")}{WIPED}{bar(27, 32, "accuracy: 0.6528 - loss: 1.0711")}
Epoch 1: val_loss improved from None to 0.25922, saving model to t1.keras

Epoch 1: finished saving model to t1.keras
{WIPED}{
    bar(32, 32, "accuracy: 0.6835 - loss: 0.9733 - val_accuracy: 0.9220 - val_loss: 0.2592 - learning_rate: 0.0500")
}
Epoch 2/3
{bar(1, 32, "accuracy: 0.9062 - loss: 0.1951")}{WIPED}{bar(26, 32, "accuracy: 0.9183 - loss: 0.2362")}
Epoch 2: val_loss improved from 0.25922 to 0.24102, saving model to t1.keras

Epoch 2: finished saving model to t1.keras
{WIPED}{
    bar(32, 32, "accuracy: 0.9135 - loss: 0.2552 - val_accuracy: 0.9200 - val_loss: 0.2410 - learning_rate: 0.0500")
}
Epoch 3/3
{bar(1, 32, "accuracy: 0.9531 - loss: 0.1352")}{WIPED}{bar(26, 32, "accuracy: 0.9345 - loss: 0.1822")}
Epoch 3: val_loss did not improve from 0.24102
{WIPED}{
    bar(32, 32, "accuracy: 0.9315 - loss: 0.1903 - val_accuracy: 0.9160 - val_loss: 0.2651 - learning_rate: 0.0500")
}
{bar(1, 16, "accuracy: 0.8438 - loss: 0.5140")}{WIPED}{bar(16, 16, "accuracy: 0.9160 - loss: 0.2651")}
"""
LINES = f"""{SUMMARY}Epoch 1/3
32/32 - 0s - 8ms/step - accuracy: 0.6835 - loss: 0.9733 - val_accuracy: 0.9220 - val_loss: 0.2592
Epoch 2/3
32/32 - 0s - 3ms/step - accuracy: 0.9135 - loss: 0.2552 - val_accuracy: 0.9200 - val_loss: 0.2410

Epoch 3: LearningRateScheduler setting learning rate to 0.042868750542402266.
Epoch 3/3
32/32 - 0s - 3ms/step - accuracy: 0.9315 - loss: 0.1903 - val_accuracy: 0.9160 - val_loss: 0.2651
16/16 - 0s - 3ms/step - accuracy: 0.9160 - loss: 0.2651
"""  # verbose=2


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Trace]:
    def written(text: str) -> Trace:
        path = tmp_path / "log"
        path.write_text(text, encoding="utf-8", newline="")
        return read_log(path)

    return written


def values(trace: Trace, name: str) -> dict[int, float]:
    series = trace.series(name)
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


@pytest.mark.parametrize("log", [DRAWN, LINES, DRAWN.replace("\n", "\r\n")])
def test_an_epoch_is_what_its_last_bar_says(log: str, read: Callable[[str], Trace]) -> None:
    trace = read(log)
    assert trace.axis == "epoch"
    assert values(trace, "loss") == {1: 0.9733, 2: 0.2552, 3: 0.1903}
    assert values(trace, "validation_loss") == {1: 0.2592, 2: 0.2410, 3: 0.2651}
    assert values(trace, "accuracy") == {1: 0.6835, 2: 0.9135, 3: 0.9315}
    assert values(trace, "validation_accuracy") == {1: 0.9220, 2: 0.9200, 3: 0.9160}


def test_the_summary_of_a_model_is_no_signal(read: Callable[[str], Trace]) -> None:
    epochs = [f"Epoch {at}/6\n{bar(32, 32, f'loss: 0.{9 - at}')}\n" for at in range(1, 7)]
    assert set(read(SUMMARY + "".join(epochs)).signals) == {"loss"}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        # A set of unknown length is drawn without a bar in the first epoch, then with its length.
        (["Epoch 1/2", bar(1, "Unknown", "loss: 3.0"), bar(31, "Unknown", "loss: 2.0"), bar(32, 32, "loss: 1.9")],
         ["Epoch 1/2", bar(32, 32, "loss: 1.9")]),
        # Keras 2, as its code draws them.
        (["Epoch 1/2", " 9/32 [=======>......] - ETA: 1:02 - loss: 3.0",
          "32/32 [==============] - 62s 2s/step - loss: 1.9"],
         ["Epoch 1/2", "32/32 [==============] - 62s 2s/step - loss: 1.9"]),
        # `predict` comes first; each of several trainings of one epoch has its header.
        (["Epoch 1/1", " 16/16 ━━ 0s 11ms/step", bar(32, 32, "loss: 1.9"), "Epoch 1/1", bar(1, 32, "loss: 1.8")],
         ["Epoch 1/1", bar(32, 32, "loss: 1.9"), "Epoch 1/1", bar(1, 32, "loss: 1.8")]),
        # A callback evaluates and predicts at the end of an epoch, before the bar is drawn for the last time.
        (["Epoch 1/2", bar(27, 32, "loss: 2.0"), bar(1, 16, "loss: 2.5"), bar(16, 16, "loss: 2.4"),
          " 1/16 ━━ 0s 11ms/step", bar(32, 32, "loss: 1.9 - val_loss: 2.4"), "Epoch 2/2", bar(9, 32, "loss: 1.5")],
         ["Epoch 1/2", bar(32, 32, "loss: 1.9 - val_loss: 2.4"), "Epoch 2/2", bar(9, 32, "loss: 1.5")]),
        # The validation data are as many batches as the training data: `evaluate` begins anew, or has fewer names.
        (["Epoch 1/1", bar(32, 32, "loss: 1.9"), bar(1, 32, "loss: 2.5"), bar(32, 32, "loss: 2.4")],
         ["Epoch 1/1", bar(32, 32, "loss: 1.9")]),
        (["Epoch 1/1", bar(1, 1, "loss: 1.9 - val_loss: 2.4"), bar(1, 1, "loss: 2.4")],
         ["Epoch 1/1", bar(1, 1, "loss: 1.9 - val_loss: 2.4")]),
        # `fit` for one epoch prints no header. Its bars come a little out of order at times.
        ([bar(21, 32, "loss: 2.0"), bar(20, 32, "loss: 2.1"), bar(32, 32, "loss: 1.9"), bar(1, 32, "loss: 1.8")],
         [bar(32, 32, "loss: 1.9"), bar(1, 32, "loss: 1.8")]),
        ([bar(32, 32, "loss: 1.9 - val_loss: 2.4"), bar(16, 16, "loss: 2.4"), bar(1, 32, "loss: 1.8")],
         [bar(32, 32, "loss: 1.9 - val_loss: 2.4"), bar(1, 32, "loss: 1.8")]),
        (["32/32 - 0s - 3ms/step - loss: 1.9", "32/32 - 0s - 3ms/step - loss: 1.8"],
         ["32/32 - 0s - 3ms/step - loss: 1.9", "32/32 - 0s - 3ms/step - loss: 1.8"]),
        (["100/900 loss: 2.5", "200/900 3s loss=2.4", "1/900 3s | loss 2", "1/2 of it", "Epoch 3 of 4"],
         ["100/900 loss: 2.5", "200/900 3s loss=2.4", "1/900 3s | loss 2", "1/2 of it", "Epoch 3 of 4"]),
    ],
)  # fmt: skip
def test_which_bar_is_the_last_of_its_epoch(text: list[str], kept: list[str]) -> None:
    epoch = ""
    named = []
    for line in kept:
        epoch = line.partition("/")[0] if line.startswith("Epoch") else epoch
        named.append(f"{epoch} {line}" if epoch and not line.startswith("Epoch") else line)
    assert list(last_drawn(text)) == named


def test_a_bar_that_breaks_off_stands_at_its_epoch(read: Callable[[str], Trace]) -> None:
    epochs = [f"Epoch {at}/9\n{bar(32, 32, f'loss: 0.{9 - at}')}\n" for at in range(1, 6)]
    stack = "Traceback (most recent call last):\n  m.fit(x, epochs=9, callbacks=[Nan(), Other()])\nKeyboardInterrupt\n"
    trace = read("".join(epochs) + f"Epoch 6/9\n{bar(8, 32, 'loss: 0.35')}{WIPED}{stack}")
    assert values(trace, "loss") == {at: (9 - at) / 10 for at in range(1, 6)} | {6: 0.35}
    assert "callbacks" not in trace.signals


def test_what_script_says_of_itself_is_no_signal(read: Callable[[str], Trace]) -> None:
    begun = 'Script started on 2026-11-28 00:38:09+00:00 [COMMAND="python k.py" <not executed on terminal>]\n'
    done = '\nScript done on 2026-11-28 00:38:15+00:00 [COMMAND_EXIT_CODE="0"]\n'
    assert set(read(begun + LINES + done).signals) == set(read(LINES).signals)

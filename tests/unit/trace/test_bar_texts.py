"""Which drawings of a progress bar are rows of a log, and which ones only show again what was set before."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.unit.trace.test_bar_steps import Console, console, loss_at, off, steps, tqdm_std

__all__ = ["console"]  # a fixture

FAST, SLOW, STEPWISE = 0.002, 0.02, 0.3  # seconds of a step: a bar is drawn again after 0.1


def losses(shown: Console, path: Path) -> dict[int, float]:
    series = shown.trace(path).series("loss")
    return dict(zip(series.step.tolist(), series.value.tolist(), strict=True))


@pytest.mark.parametrize("seconds", [FAST, SLOW, STEPWISE])
@pytest.mark.parametrize("write", [True, False])
def test_a_bar_that_is_drawn_again_says_nothing_new(
    tmp_path: Path, console: Console, seconds: float, write: bool
) -> None:
    bar = console.bar(range(400))
    for at in bar:
        loss = console.step(at, seconds)
        if at % 20 == 0:
            bar.set_postfix(loss=f"{loss:.4f}", lr=0.003)
        if write and at % 100 == 99:
            tqdm_std.tqdm.write(f"step {at + 1} val_loss {loss:.4f}", file=console.shown)
    assert losses(console, tmp_path) == pytest.approx({at: loss_at(at) for at in range(0, 400, 20)}, abs=1e-4)
    if write:
        assert console.trace(tmp_path).series("validation_loss").step.tolist() == [100, 200, 300, 400]


@pytest.mark.parametrize("seconds", [FAST, SLOW, STEPWISE])
def test_bars_of_epochs_have_each_loss_once(tmp_path: Path, console: Console, seconds: float) -> None:
    for epoch in range(5):
        bar, loss = console.bar(range(50), desc=f"epoch {epoch}"), 0.0
        for at in bar:
            loss = console.step(50 * epoch + at, seconds)
            if at % 10 == 9:
                bar.set_postfix(loss=f"{loss:.4f}")
        console.print(f"epoch {epoch}: train loss {loss:.4f}, val loss {loss:.4f}")
    found = losses(console, tmp_path)
    assert list(found.values()) == pytest.approx([loss_at(at) for at in range(9, 250, 10)], abs=1e-4)
    assert [step // 50 for step in found] == [epoch for epoch in range(5) for _ in range(5)]
    assert list(found) == [*range(9, 250, 10)] or off(console.trace(tmp_path)) > 0


@pytest.mark.parametrize("seconds", [FAST, SLOW, STEPWISE])
def test_a_description_and_a_postfix_of_one_step_are_one_row(tmp_path: Path, console: Console, seconds: float) -> None:
    """Each of the two draws the bar, the first one with the postfix of the step before."""
    bar = console.bar(range(200))
    for at in bar:
        loss = console.step(at, seconds)
        bar.set_description("Epoch 1")
        bar.set_postfix(loss=f"{loss:.6f}")
    values = list(losses(console, tmp_path).values())
    assert values == pytest.approx([loss_at(at) for at in range(200)], abs=1e-6)


@pytest.mark.parametrize("seconds", [FAST, SLOW, STEPWISE])
def test_a_description_of_each_step_repeats_no_postfix(tmp_path: Path, console: Console, seconds: float) -> None:
    bar = console.bar(range(400))
    for at in bar:
        loss = console.step(at, seconds)
        bar.set_description("Training 1")
        if at % 20 == 0:
            bar.set_postfix(loss=f"{loss:.4f}")
    assert list(losses(console, tmp_path).values()) == pytest.approx(
        [loss_at(at) for at in range(0, 400, 20)], abs=1e-4
    )


@pytest.mark.parametrize("seconds", [SLOW, STEPWISE])
@pytest.mark.parametrize("value", ["0.6931", "nan"])
def test_a_loss_that_stands_from_some_step_on_keeps_points(
    tmp_path: Path, console: Console, seconds: float, value: str
) -> None:
    bar = console.bar(range(400))
    for at in bar:
        loss = console.step(at, seconds)
        bar.set_postfix(loss=f"{loss:.4f}" if at < 200 else value)
    found = losses(console, tmp_path)
    assert [found[step] for step in found if step < 200] == pytest.approx([loss_at(at) for at in range(200)], abs=1e-4)
    assert len([step for step in found if step >= 200]) > 20
    assert max(found) > 390


@pytest.mark.parametrize("moved_by_hand", [True, False])
@pytest.mark.parametrize("seconds", [FAST, SLOW, STEPWISE])
def test_a_bar_without_a_total_tells_steps(
    tmp_path: Path, console: Console, seconds: float, moved_by_hand: bool
) -> None:
    def batches() -> Iterator[int]:
        yield from range(300)

    bar = console.bar(unit="batch") if moved_by_hand else console.bar(batches(), desc="train")
    for at in batches() if moved_by_hand else bar:
        loss = console.step(at, seconds)
        if moved_by_hand:
            bar.update()
        if at % 10 == 0:
            bar.set_postfix(loss=f"{loss:.4f}")
    bar.close()
    first = int(moved_by_hand)
    assert losses(console, tmp_path) == pytest.approx({at + first: loss_at(at) for at in range(0, 300, 10)}, abs=1e-4)


def test_bars_without_a_total_go_on_counting(tmp_path: Path, console: Console) -> None:
    for epoch in range(3):
        bar = console.bar(iter(range(60)))
        for at in bar:
            bar.set_postfix(loss=f"{console.step(60 * epoch + at, SLOW):.4f}")
    assert steps(console.trace(tmp_path)) == [*range(180)]


def no_epoch_is_over(console: Console) -> None:
    """Nothing says how many batches there were where a bar without a total is wiped out."""
    for epoch in range(3):
        bar = console.bar(iter(range(60)), leave=False)
        for at in bar:
            bar.set_postfix(loss=f"{console.step(60 * epoch + at, FAST):.4f}")


@pytest.mark.parametrize("program", [no_epoch_is_over])
def test_where_bars_tell_no_step_no_loss_is_lost(
    tmp_path: Path, console: Console, program: Callable[[Console], None]
) -> None:
    program(console)
    trace = console.trace(tmp_path)
    assert "remark-no-steps" in [one.sentence.id for one in trace.remarks]
    assert len(steps(trace)) == 180


def test_a_validation_loss_that_a_bar_goes_on_showing_was_measured_once(tmp_path: Path, console: Console) -> None:
    shown = dict[str, str]()
    for epoch in range(4):
        bar = console.bar(range(30))
        for at in bar:
            shown["loss"] = f"{console.step(30 * epoch + at, SLOW):.4f}"
            bar.set_postfix(shown)
        shown["val_loss"] = f"{loss_at(30 * epoch + 29):.4f}"
    trace = console.trace(tmp_path)
    assert steps(trace) == [*range(120)]
    assert trace.series("validation_loss").step.tolist() == [30, 60, 90]


def test_a_bar_may_count_the_batches_of_each_step_that_lines_say(tmp_path: Path, console: Console) -> None:
    """Gradients are accumulated over 4 batches."""
    bar = console.bar(range(800))
    for batch in bar:
        loss, step = console.step(batch // 4, SLOW), batch // 4 + 1
        if batch % 4 == 3:
            bar.set_postfix(loss=f"{loss:.5f}")
        if batch % 80 == 79:
            tqdm_std.tqdm.write(f"step {step}: val_loss {loss:.4f}", file=console.shown)
    found = losses(console, tmp_path)
    assert list(found.values()) == pytest.approx([loss_at(at) for at in range(200)], abs=1e-5)
    assert max(abs(at - step) for at, step in enumerate(found)) <= 1 + off(console.trace(tmp_path))


@pytest.mark.parametrize("seconds", [FAST, SLOW, STEPWISE])
def test_nested_bars_and_the_share_that_is_done_are_no_steps(tmp_path: Path, console: Console, seconds: float) -> None:
    outer, at = console.bar(range(5), desc="Epochs", position=0), 0
    for epoch in outer:
        inner = console.bar(total=50, desc=f"Epoch {epoch} steps", position=1, leave=False)
        for at in range(50 * epoch, 50 * epoch + 50):
            loss = console.step(at, seconds)
            inner.update()
            inner.set_postfix(loss=f"{loss:.5f}")
        inner.close()
        outer.set_postfix(val_loss=f"{loss_at(at):.5f}")
    assert losses(console, tmp_path) == pytest.approx({at + 1: loss_at(at) for at in range(250)}, abs=1e-5)
    assert len(console.trace(tmp_path).series("validation_loss").step) == 5


def test_a_bar_with_rounded_counts_loses_no_loss(tmp_path: Path, console: Console) -> None:
    bar = console.bar(total=400 * 512, unit="tok", unit_scale=True)
    for at in range(400):
        loss = console.step(at, STEPWISE)
        bar.update(512)
        bar.set_postfix(loss=f"{loss:.5f}")
    assert list(losses(console, tmp_path).values()) == pytest.approx([loss_at(at) for at in range(400)], abs=1e-5)


def test_lines_of_a_loss_alone_are_rows(tmp_path: Path, console: Console) -> None:
    for at in console.bar(range(300)):
        loss = console.step(at, SLOW)
        if at % 10 == 0:
            tqdm_std.tqdm.write(f"loss {loss:.4f}", file=console.shown)
    assert losses(console, tmp_path) == pytest.approx({at: loss_at(at) for at in range(0, 300, 10)}, abs=1e-4)


def test_lightning_fills_up_a_loss_that_is_not_finite(tmp_path: Path, console: Console) -> None:
    """As Lightning 2.6 shows a training whose loss is NaN from its third epoch on."""
    bar, shown, at = console.bar(total=40, ncols=150), dict[str, str](), 0
    for epoch in range(5):
        bar.reset()
        bar.set_description(f"Epoch {epoch}")
        for at in range(40 * epoch, 40 * epoch + 40):
            shown["train_loss_step"] = f"{console.step(at, STEPWISE):.5f}" if epoch < 3 else "nan.0"
            bar.update()
            bar.set_postfix(shown)
        for name in ("val_loss", "train_loss_epoch"):
            shown[name] = f"{loss_at(at):.3f}" if epoch < 3 else "nan.0"
            bar.set_postfix(shown)
    bar.close()
    found = losses(console, tmp_path)
    expected = {at + 1: loss_at(at) if at < 120 else math.nan for at in range(200)}
    assert found == pytest.approx(expected, abs=1e-5, nan_ok=True)
    trace = console.trace(tmp_path)
    assert trace.series("validation_loss").step.tolist() == [40, 80, 120, 160]  # the last as the one before
    assert trace.series("train_loss_epoch").step.tolist() == [40, 80, 120, 160]  # the last as the one before


def test_a_bar_of_rich_as_lightning_draws_it(tmp_path: Path, console: Console) -> None:
    """As a terminal shows it (`script`); into a file only its last state is written."""
    bar, numbers = "\x1b[35m━━━━╸\x1b[0m\x1b[90m━━━━\x1b[0m", ""

    def draw(epoch: int, done: int) -> None:
        times = "\x1b[2m0:00:00 • 0:00:01\x1b[0m 68.2it/s"
        console.shown.write(f"\r\x1b[2KEpoch {epoch}/2  {bar} {done}/40 {times} \x1b[3m{numbers}\x1b[0m")

    for epoch in range(3):
        draw(epoch, 0)
        for at in range(40 * epoch, 40 * epoch + 40):
            draw(epoch, at % 40 + 1)
            numbers = f"train_loss: {loss_at(at):.5f}" + (f" val_loss: {loss_at(40 * epoch):.3f}" if epoch else "")
            draw(epoch, at % 40 + 1)
    assert losses(console, tmp_path) == pytest.approx({at + 1: loss_at(at) for at in range(120)}, abs=1e-5)
    assert len(console.trace(tmp_path).series("validation_loss").step) == 2

"""Steps that the progress bars between the rows of a log tell, as tqdm itself draws them."""

import io
import math
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from newllm.trace import Trace
from newllm.trace.readers import read_log

tqdm_std = pytest.importorskip("tqdm.std")


class Console:
    """What tqdm and a training show, through a pipe, by a clock that is set by hand."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now, self.shown = 0.0, io.StringIO()
        monkeypatch.setattr(tqdm_std, "time", lambda: self.now)
        monkeypatch.setattr(tqdm_std.tqdm, "monitor_interval", 0)

    def bar(self, *args: object, **options: object) -> "tqdm_std.tqdm":
        return tqdm_std.tqdm(*args, file=self.shown, **{"ncols": 80, **options})

    def step(self, at: int, seconds: float = 0.002) -> float:
        """Take a step and return its loss."""
        self.now += seconds
        return 2 + 2.5 * math.exp(-at / 80)

    def print(self, text: str) -> None:
        self.shown.write(f"{text}\n")

    def trace(self, path: Path) -> Trace:
        (path / "log.txt").write_text(self.shown.getvalue(), encoding="utf-8")
        return read_log(path / "log.txt")


@pytest.fixture
def console(monkeypatch: pytest.MonkeyPatch) -> Console:
    return Console(monkeypatch)


def loss_at(step: float) -> float:
    return 2 + 2.5 * math.exp(-step / 80)


def off(trace: Trace) -> int:
    """Return by how many steps the reader says that it may be wrong."""
    said = [one.sentence for one in trace.remarks if one.sentence.id == "remark-steps-of-bars"]
    assert len(said) == len(trace.remarks), trace.remarks
    return int(said[0].parameters["off"]) if said else 0


def steps(trace: Trace) -> list[int]:
    return trace.series("loss").step.tolist()


@pytest.mark.parametrize("seconds", [0.002, 0.03, 0.3])
def test_lines_beside_a_bar_stand_at_its_steps(tmp_path: Path, console: Console, seconds: float) -> None:
    for at in console.bar(range(300)):
        loss = console.step(at, seconds)
        if at % 20 == 0:
            console.print(f"loss: {loss:.4f}")
    trace = console.trace(tmp_path)
    assert steps(trace) == [*range(0, 300, 20)]
    assert (off(trace) == 0) is (seconds == 0.3)


def test_a_description_that_is_set_each_step_is_of_that_step(tmp_path: Path, console: Console) -> None:
    bar = console.bar(range(300))
    for at in bar:
        bar.set_description(f"loss {console.step(at):.4f}")
    trace = console.trace(tmp_path)
    assert steps(trace) == [*range(300)]
    assert trace.series("loss").value == pytest.approx([loss_at(at) for at in range(300)], abs=1e-4)
    assert off(trace) == 0


@pytest.mark.parametrize("seconds", [0.002, 0.3])
def test_a_bar_that_the_loop_moves_has_the_newest_count(tmp_path: Path, console: Console, seconds: float) -> None:
    with console.bar(total=300) as bar:
        for at in range(300):
            loss = console.step(at, seconds)
            bar.update()
            if at % 7 == 0:
                bar.set_postfix(loss=f"{loss:.4f}")
    trace = console.trace(tmp_path)
    found = dict(zip(steps(trace), trace.series("loss").value.tolist(), strict=True))
    assert found == pytest.approx({at + 1: loss_at(at) for at in range(0, 300, 7)} | found, abs=1e-4)
    assert off(trace) == 0


def test_a_loss_that_stands_keeps_its_points(tmp_path: Path, console: Console) -> None:
    bar = console.bar(range(300))
    for at in bar:
        console.step(at)
        bar.set_description("loss 0.6931")
    found = steps(console.trace(tmp_path))
    assert len(found) > 4
    assert found[-1] > 240


@pytest.mark.parametrize("show", ["print", "write", "description", "postfix"])
@pytest.mark.parametrize("leave", [True, False])
def test_bars_of_several_epochs_go_on_counting(tmp_path: Path, console: Console, show: str, leave: bool) -> None:
    count = 0
    for epoch in range(5):
        bar = console.bar(range(60), desc=None if show == "description" else f"Epoch {epoch}", leave=leave)
        for at in bar:
            loss, count = console.step(count), count + 1
            if show == "description":
                bar.set_description(f"epoch {epoch} loss {loss:.4f}")
            elif show == "postfix":
                bar.set_postfix(loss=f"{loss:.5f}")
            elif at % 20 == 0 and show == "print":
                console.print(f"loss: {loss:.4f}")
            elif at % 20 == 0:
                tqdm_std.tqdm.write(f"loss: {loss:.4f}", file=console.shown)
    trace = console.trace(tmp_path)
    assert steps(trace) == [*range(0, 300, 20 if show in ("print", "write") else 1)]
    assert (off(trace) > 0) is (show in ("print", "write"))


def test_a_written_line_has_the_newest_count_where_the_bar_has(tmp_path: Path, console: Console) -> None:
    with console.bar(total=300) as bar:
        for at in range(1, 301):
            loss = console.step(at)
            bar.update()
            if at % 30 == 0:
                tqdm_std.tqdm.write(str({"loss": round(loss, 4), "epoch": at / 100}), file=console.shown)
    trace = console.trace(tmp_path)
    assert steps(trace) == [*range(30, 301, 30)]
    assert off(trace) == 0


def test_lines_that_come_at_no_regular_steps_lie_between_two_counts(tmp_path: Path, console: Console) -> None:
    draws = random.Random(1)
    when = sorted(draws.sample(range(2000), 25))
    for at in console.bar(range(2000)):
        loss = console.step(at, 0.01)
        if at in when:
            console.print(f"loss: {loss:.4f}")
    trace = console.trace(tmp_path)
    assert len(steps(trace)) == 25
    assert 5 < off(trace) < 30
    assert all(abs(found - at) <= off(trace) for found, at in zip(steps(trace), when, strict=True))


def unflushed(console: Console) -> None:
    """Lines that a pipe holds back: they come together, wherever the bar stands by then."""
    held = []
    for at in console.bar(range(2000)):
        held.append(f"loss: {console.step(at, 0.01):.4f}")
        if len(held) == 400:
            console.print("\n".join(held))
            held = []


def validated(console: Console) -> None:
    """Each epoch has a bar of as many batches for its validation, and prints there what it prints in training."""
    for epoch in range(4):
        for at in console.bar(range(60)):
            if at % 20 == 0:
                console.print(f"loss: {console.step(60 * epoch + at, 0.1):.4f}")
        for _ in console.bar(range(60)):
            console.step(0, 0.1)
        console.print("val loss: 2.5")


def broken_off(console: Console) -> None:
    """Killed, and started again from an earlier step, into one log."""
    for first, last in ((0, 200), (100, 300)):
        bar = console.bar(range(300), initial=0)
        for at in range(first, last):
            bar.n = at
            if at % 20 == 0:
                console.print(f"loss: {console.step(at, 0.2):.4f}")
            bar.refresh()
        bar.disable = True


def given_up(console: Console) -> None:
    """Each epoch ends after a tenth of its batches, and wipes its bar."""
    for epoch in range(4):
        for at in console.bar(range(600), leave=False):
            loss = console.step(60 * epoch + at, 0.02)
            if at % 10 == 0:
                console.print(f"loss: {loss:.4f}")
            if at == 59:
                break


@pytest.mark.parametrize("program", [unflushed, validated, broken_off, given_up])
def test_where_bars_do_not_tell_the_steps_rows_are_counted(
    tmp_path: Path, console: Console, program: Callable[[Console], None]
) -> None:
    program(console)
    assert "remark-no-steps" in [one.sentence.id for one in console.trace(tmp_path).remarks]


@pytest.mark.parametrize("is_of_epochs", [True, False])
def test_an_epoch_that_each_row_says_stays_an_epoch(tmp_path: Path, console: Console, is_of_epochs: bool) -> None:
    for epoch in console.bar(range(1, 9)) if is_of_epochs else range(1, 9):
        for at in range(30) if is_of_epochs else console.bar(range(30)):
            console.step(at)
        console.print(f"epoch {epoch}: loss {loss_at(epoch):.4f}")
    trace = console.trace(tmp_path)
    assert (trace.axis, steps(trace)) == ("epoch", [*range(1, 9)])


def test_a_bar_of_other_batches_counts_no_steps(tmp_path: Path, console: Console) -> None:
    for epoch in range(3):
        for at in console.bar(range(60), desc="train"):
            if at % 20 == 0:
                console.print(f"loss: {console.step(60 * epoch + at, 0.2):.4f}")
        for _ in console.bar(range(60), desc="valid"):
            console.step(0, 0.2)
    assert steps(console.trace(tmp_path)) == [*range(0, 180, 20)]


def test_the_numbers_of_a_bar_that_is_used_again_are_those_of_the_step_before(tmp_path: Path, console: Console) -> None:
    """As Lightning does: the bar of the next epoch begins with the numbers of the last one."""
    bar = console.bar(total=50)
    for epoch in range(3):
        bar.reset()
        bar.set_description(f"Epoch {epoch}")
        for at in range(50):
            loss = console.step(50 * epoch + at, 0.2)
            bar.update()
            bar.set_postfix(v_num=0, train_loss=f"{loss:.4f}")
    bar.close()
    trace = console.trace(tmp_path)
    assert steps(trace) == [*range(1, 151)]
    assert off(trace) == 0

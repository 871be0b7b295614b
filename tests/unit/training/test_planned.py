"""Votes, decisions, schedules and the clock: how long a run is to be, in numbers by hand."""

import math
import platform
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from newllm.data import prepare
from newllm.diagnosis.onset import Onset
from newllm.errors import UserError
from newllm.training.budget import Budget
from newllm.training.config import RunConfig
from newllm.training.config_file import merge
from newllm.training.configure import configure
from newllm.training.evaluation import Evaluation
from newllm.training.extend import extend
from newllm.training.pace import ClockPace, Stopwatch, time_left
from newllm.training.pins import Pin, lasting
from newllm.training.precision_timing import NAMES, PrecisionTiming, seconds_per_step, time_precisions, vote
from newllm.training.preparation import Preparation
from newllm.training.resolve import resolve
from newllm.training.ring import ring_every
from newllm.training.run import RunDirectory
from newllm.training.schedule import Schedule
from newllm.training.schedule_file import (
    LengthDecision,
    append_decision,
    elapsed_at,
    read_decisions,
    stays,
    with_decisions,
)

ROWS = [
    LengthDecision(0, 100, 10, 1.0, 0.5),
    LengthDecision(20, 80, 20, 13.0, 0.25),
    LengthDecision(40, 90, 40, 20.0, 0.5),
]


def test_the_time_that_was_used_lies_between_two_decisions_and_goes_on_at_the_last_pace() -> None:
    assert [elapsed_at(ROWS, step) for step in (0, 10, 19, 20, 30, 40, 50)] == pytest.approx(
        [1.0, 7.0, 12.4, 13.0, 16.5, 20.0, 25.0]
    )
    assert elapsed_at(ROWS[1:], 10) == 0.0
    assert elapsed_at([], 10) == 0.0


def test_decisions_that_hold_are_those_before_and_an_end(tmp_path: Path) -> None:
    assert [stays(row, 40) for row in ((39, 90, 39), (40, 90, 40), (40, 40, 40), (41, 41, 41))] == [
        True, False, True, False
    ]  # fmt: skip
    place = tmp_path / "schedule.jsonl"
    assert read_decisions(place) == []
    for decision in (*ROWS, LengthDecision(30, 70, 30, 16.0, 0.25, 35)):
        append_decision(place, decision)
    kept = [*ROWS[:2], LengthDecision(30, 70, 30, 16.0, 0.25, 35)]
    assert read_decisions(place) == kept
    whole = place.read_bytes()
    place.write_bytes(whole + b'{"step": 1')
    assert read_decisions(place) == kept
    append_decision(place, LengthDecision(70, 70, 70, 30.0, 0.25))
    assert place.read_bytes().startswith(whole + b'{"step": 70')
    config = with_decisions(RunConfig(), read_decisions(place))
    assert config.training.plan == ((0, 100, 10), (20, 80, 20), (30, 70, 30), (70, 70, 70))
    assert config.training.steps == 70
    assert with_decisions(RunConfig(), []) == RunConfig()
    planned = configure(None, None, None, ["training.plan=[[0, 50, 10], [40, 60, 40]]"], {})
    assert with_decisions(planned, [LengthDecision(30, 70, 30, 1.0, 1.0)]).training.plan == ((0, 50, 10), (30, 70, 30))
    place.write_bytes(whole.replace(b"80", b"81", 1))
    with pytest.raises(UserError, match=r"schedule.jsonl' is damaged \(not what was written\): put it back"):
        read_decisions(place)


def _pin(before: int, onset: int, step: int) -> Pin:
    return Pin("loss", Onset(step, onset, before, 3.0, 0.5))


def test_the_state_before_a_spike_is_two_steps_before_it_or_the_last_that_was_on_the_trend() -> None:
    assert [_pin(before, onset, 12).latest for before, onset in ((9, 10), (8, 10), (7, 10), (10, 10))] == [8, 8, 7, 8]


def test_two_losses_tell_of_one_event_where_they_overlap() -> None:
    event = _pin(9, 10, 12)
    others = [_pin(12, 13, 13), _pin(13, 14, 14), _pin(5, 6, 9), _pin(5, 6, 8)]
    assert [event.is_of(other) for other in others] == [True, False, True, False]
    assert [other.is_of(event) for other in others] == [True, False, True, False]
    assert lasting([_pin(0, 1, at) for at in (5, 1, 4, 2, 3)]) == [_pin(0, 1, at) for at in (1, 2, 4, 5)]
    assert lasting([_pin(0, 1, at) for at in (4, 1, 2, 3)]) == [_pin(0, 1, at) for at in (1, 2, 3, 4)]


def test_an_evaluation_past_the_range_of_a_float() -> None:
    assert Evaluation(699.9, 1, None).perplexity == math.exp(699.9)
    assert Evaluation(700.0, 1, None).perplexity == math.inf
    assert Evaluation(2.0 * math.log(2), 4, 8).bits_per_byte == pytest.approx(0.25)
    assert Evaluation(2.0, 4, 0).bits_per_byte is None
    assert Evaluation(2.0, 4, None).bits_per_byte is None


def _voted(rounds: list[float], is_over: bool = False) -> PrecisionTiming:
    """A vote in which fp32 takes a second, and bf16 what is listed, one round after another."""
    took, times = iter(rounds), {name: [] for name in NAMES}

    def timed(name: str, _: int) -> float:
        times[name].append(1.0 if name == "fp32" else next(took))
        return times[name][-1]

    return vote(timed, times, lambda: 1.1 if is_over else 0.0)


@pytest.mark.parametrize(
    ("rounds", "is_over", "chosen"),
    [([0.89] * 6, False, "bf16"), ([0.9] * 6, False, "fp32"), ([0.69] * 3, True, "bf16"),
     ([0.69, 0.69, 0.7], True, "fp32"), ([0.8] * 3 + [0.95] * 3 + [0.8] * 6, False, "bf16"),
     ([0.95] * 3 + [0.8] * 6, False, "bf16"), ([0.8] * 3 + [0.95] * 6, False, "fp32")],
)  # fmt: skip
def test_a_vote_is_over_when_two_agree_or_the_only_one_is_clear(rounds, is_over, chosen) -> None:
    found = _voted(rounds, is_over)
    assert (found.chosen, found.rounds) == (chosen, len(rounds))


def test_a_probe_times_updates_in_turn_and_leaves_the_first_ones_out(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, turns = SimpleNamespace(now=5.0), []

    def stepper(*given: Any) -> SimpleNamespace:
        def update(step: int) -> None:
            turns.append((step, given[3]))
            clock.now += 100.0 if step < 2 else {"fp32": 1.0, "bf16": 0.5}[given[3]]

        return SimpleNamespace(update=update)

    now = SimpleNamespace(monotonic=lambda: clock.now, perf_counter=lambda: clock.now)
    monkeypatch.setattr("newllm.training.precision_timing.time", now)
    monkeypatch.setattr("newllm.training.precision_timing._stepper", stepper)
    nothing: Any = None
    found = time_precisions(nothing, nothing, nothing, 1e9)
    assert (found.chosen, found.seconds, found.rounds) == ("bf16", {"fp32": 1.0, "bf16": 0.5}, 6)
    assert [step for step, _ in turns] == [step for step in range(8) for _ in range(2)]
    assert time_precisions(nothing, nothing, nothing, 404.5).rounds == 6  # 400 s of getting ready, 4.5 of a vote
    assert time_precisions(nothing, nothing, nothing, 404.4).rounds == 3
    assert time_precisions(nothing, nothing, nothing, 400.0 / 4).rounds == 1  # broken off at four times its seconds
    short = time_precisions(nothing, nothing, nothing, 199.0 / 4)
    assert (short.chosen, short.seconds, short.agreed) == ("fp32", {}, False)
    assert turns[-1] == (0, "bf16")  # 200 s are over: the second updates of getting ready are not done
    assert time_precisions(nothing, nothing, nothing, 99.0 / 4).seconds == {}
    assert turns[-1] == (0, "fp32")  # 100 s are over: bf16 is not even begun
    assert seconds_per_step(nothing, nothing, nothing, "bf16") == 0.5


def test_what_getting_ready_took_is_told_in_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0]
    monkeypatch.setattr("newllm.training.preparation.time", SimpleNamespace(monotonic=lambda: now[0]))
    preparation = Preparation(0.049, 60.0)
    assert str(preparation) == "0.0 s (at once)"
    for part, seconds in (("text", 1.5), ("model", 0.0625), ("text", 0.5)):
        with preparation.timing(part):
            now[0] += seconds
    assert str(preparation) == "2.1 s (text 2.0, model 0.1)"
    assert preparation.as_dict() == {
        "budget": 60.0, "seconds": {"start": 0.049, "text": 2.0, "model": 0.062}, "precision": None,
    }  # fmt: skip
    assert preparation.notices() == []
    preparation.precision = PrecisionTiming("bf16", {"fp32": 0.12345, "bf16": 0.1}, 6, agreed=True)
    assert list(map(str, preparation.notices())) == [
        "precision bf16: an update takes 0.123 s in fp32 and 0.1 s in bf16 (6 rounds)"
    ]
    preparation.precision = PrecisionTiming("fp32", {"fp32": 0.1, "bf16": 0.1}, 3, agreed=False)
    assert str(preparation.notices()[0]).endswith(
        "(3 rounds), too few rounds that agree (a busy machine, or a short time)"
    )
    preparation.precision = PrecisionTiming("fp32", {}, 0, agreed=True)
    assert list(map(str, preparation.notices())) == [
        "precision fp32: this processor has no fast arithmetic in bf16 for this architecture"
    ]
    preparation.precision = PrecisionTiming("fp32", {}, 0, agreed=False)
    assert list(map(str, preparation.notices())) == ["precision fp32: no time, or no memory, to measure bf16"]


def _scheduled(*plan: tuple[int, int, int], **training: Any) -> Schedule:
    settings = {"steps": plan[-1][1], "plan": [list(row) for row in plan], "evaluate_every": 10, **training}
    optimizer = {"learning_rate": 1.0, "warmup": 10, "final": 0.0}
    return Schedule(merge(RunConfig(), {"training": settings, "optimizer": optimizer}, where=""))


def test_the_progress_of_a_plan_goes_on_from_where_it_was_decided() -> None:
    plan = _scheduled((0, 100, 10), (40, 60, 40))
    assert [plan.progress(step) for step in (0, 20, 40, 41, 50, 60, 70)] == pytest.approx(
        [0, 0.2, 0.4, 0.43, 0.7, 1, 1]
    )
    ended = _scheduled((0, 40, 10), (40, 80, 44))
    assert [ended.progress(step) for step in (40, 41, 60, 80)] == pytest.approx([1.0, 0.5125, 0.75, 1.0])


def test_the_rate_of_a_plan_in_numbers() -> None:
    def cosine(share: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * share))

    plan = _scheduled((0, 110, 10), (60, 85, 60))
    assert [plan.rate(step) for step in (9, 10, 59, 60, 72, 84)] == pytest.approx(
        [1.0, 1.0, cosine(0.49), cosine(0.5), cosine(0.5 + 0.5 * 12 / 25), cosine(0.5 + 0.5 * 24 / 25)]
    )
    warm = _scheduled((0, 110, 10), (4, 54, 14))  # the warm-up goes on, to step 14
    before = 0.4
    assert [warm.rate(step) for step in (3, 4, 12)] == pytest.approx([before, before + 0.6 / 10, before + 0.6 * 9 / 10])
    assert [warm.rate(step) for step in (13, 34)] == pytest.approx([1.0, 0.5])
    late = _scheduled((0, 40, 10), (40, 70, 43))  # it had ended: the schedule of a run of 70
    assert [late.rate(step) for step in (40, 41, 42, 43)] == pytest.approx(
        [late.rate(39) + (cosine((step - 10) / 60) - late.rate(39)) * share for step, share in
         ((40, 1 / 3), (41, 2 / 3), (42, 1.0), (43, 1.0))]
    )  # fmt: skip


@pytest.mark.parametrize(
    ("step", "more", "warm"),
    [(99, 50, 99), (100, 99, 109), (100, 200, 110), (9, 1, 10), (9, 91, 10), (8, 52, 9), (2, 48, 5), (10, 50, 10)],
)  # fmt: skip
def test_the_warm_up_that_is_left(step: int, more: int, warm: int) -> None:
    assert _scheduled((0, 100, 10)).warm_after(step, more) == warm


def test_an_evaluation_is_due_at_every_end_and_at_equal_parts() -> None:
    every = _scheduled((0, 25, 10), (25, 48, 27))
    assert [step for step in range(1, 49) if every.evaluates(step)] == [10, 20, 25, 30, 40, 48]
    parts = _scheduled((0, 100, 10), evaluations=4)
    assert [step for step in range(1, 101) if parts.evaluates(step)] == [25, 50, 75, 100]
    assert [parts.fitting(99, 10.0, 1.0, 2.0), parts.fitting(75, 0.1, 1.0, 2.0)] == [8, 1]
    assert parts.fitting(0, 8.0, 0.0, 2.0) == 4  # no room for more than its evaluations
    assert _scheduled((0, 100, 10)).fitting(0, 22.0, 1.0, 2.0) == 17  # 20 / 1.2


def test_an_extension_says_how_the_rate_goes_on(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path)
    settings = ["optimizer.warmup=10", "optimizer.learning_rate=1", "optimizer.final=0", "training.steps=100"]
    config = configure("small", None, None, settings, {})
    done = tmp_path / "snapshots/step-00000100"
    done.mkdir(parents=True)
    (done / "state.json").touch()
    longer, said = extend(run, config, Budget(steps=200), 10.0)
    assert longer.training.plan == ((0, 100, 10), (100, 200, 110))
    assert str(said) == (
        "the schedule was 100 steps, it becomes 200 steps: the learning rate goes from 0.000305 to 0.467 by step 110 "
        "and ends at 6.83e-05"
    )
    assert extend(run, config, Budget(tokens=1001), 10.0)[0].training.steps == 101
    for budget, given in ((Budget(steps=100), "--steps 100"), (Budget(tokens=1000), "--tokens 1000")):
        with pytest.raises(UserError, match=f"{given}: '.*' has done 100 steps already"):
            extend(run, config, budget, 10.0)
    clock, said = extend(run, config, Budget(seconds=5.0), 10.0)
    assert (clock.training.seconds, clock.training.steps) == (5.0, 100)
    assert str(said) == "the schedule was 100 steps; from step 100 on it follows the clock for 5 s"


def test_an_extension_of_a_run_without_an_update_begins_at_nothing(tmp_path: Path) -> None:
    config = configure("small", None, None, ["optimizer.warmup=10", "training.steps=100"], {})
    longer, said = extend(RunDirectory(tmp_path), config, Budget(steps=200), 10.0)
    assert longer.training.plan == ((0, 200, 10),)
    assert "the learning rate goes from 0 to 0.002 by step 10 and ends at 0.0002" in str(said)


@pytest.mark.parametrize(
    ("settings", "every"),
    [(["data.batch=1"], 20), (["data.batch=1", "training.accumulate=2"], 10), (["data.window=10", "data.batch=1"], 50),
     (["data.batch=2"], 10), (["training.ring_every=7"], 7), (["data.batch=1", "numerics.device=cuda"], 200)],
)  # fmt: skip
def test_a_state_is_held_every_so_many_tokens(settings: list[str], every: int) -> None:
    assert ring_every(configure("small", None, None, ["numerics.device=cpu", *settings], {})) == every


@pytest.fixture
def clocked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A pace of 100 seconds that began 3 s ago, a schedule of 50 steps, and its clock."""
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr("newllm.training.pace.time", SimpleNamespace(monotonic=lambda: clock.now))

    def make(before: float = 0.0, per_step: float = 0.0, reached: int = 0) -> tuple[ClockPace, SimpleNamespace, list]:
        heard: list[tuple[int, float]] = []
        run: Any = RunDirectory(tmp_path)
        watch = Stopwatch(0.0, before)
        pace = ClockPace(run, 100.0, watch, per_step, lambda steps, left: heard.append((steps, left)), reached)
        clock.now = 3.0
        pace.begins(_scheduled((0, 50, 10)), 0)
        return pace, clock, heard

    return make


def _rows(place: Path) -> list[tuple[int, int, int, float, float]]:
    return [(one.step, one.steps, one.warm, one.elapsed, one.pace) for one in read_decisions(place / "schedule.jsonl")]


def test_a_pace_is_planned_anew_where_updates_take_another_time(clocked, tmp_path: Path) -> None:
    pace, clock, heard = clocked()
    assert (pace.given, pace.left) == (100.0, 92.0)  # 5 s are kept for the end
    assert _rows(tmp_path) == [(0, 50, 10, 3.0, 1.84)]  # what is planned: 92 s for 50 updates
    for step, took in ((1, 2.0), (2, 1.0), (3, 1.2), (4, 1.1)):
        clock.now += took
        assert pace.passed(step) == []
    per_step = [1.0, (0.88 + 1.2) / 1.88]  # the first says little; what is 10 s old is forgotten
    assert _rows(tmp_path)[1:] == [
        (2, 91, 9, 6.0, 1.0), (3, 3 + round(87.8 / per_step[1]), 8, 7.2, round(per_step[1], 6))
    ]  # fmt: skip
    assert heard == [(91, 89.0), (82, pytest.approx(87.8)), (82, pytest.approx(86.7))]


@pytest.mark.parametrize(("now", "steps"), [(88.4, 5), (88.6, 4)])
def test_an_evaluation_is_no_update_and_its_time_is_kept_for_the_last(clocked, now: float, steps: int) -> None:
    """At 88.5 s, 6.5 are left, 6 of them for the evaluation: half an update has just room."""
    pace, clock, _ = clocked()
    for step in (1, 2):
        clock.now += 1.0
        pace.passed(step)
    with pace.pausing(evaluation=True):
        clock.now += 6.0
    clock.now += 1.0
    assert pace.passed(3) == []
    with pace.pausing(evaluation=False):
        clock.now = now - 1.0
    clock.now = now
    said = list(map(str, pace.passed(4)))
    assert pace._schedule.steps == steps
    assert said == [] if steps == 5 else [
        "only 4 updates fit into 100 s here and now: one takes 1 s, an evaluation 6 s, getting ready took 3 s"
    ]  # fmt: skip


@pytest.mark.parametrize(("took", "is_said"), [(9.99, False), (10.0, True)])
def test_an_update_of_ten_times_the_usual_is_remarked_on(clocked, took: float, is_said: bool) -> None:
    pace, clock, _ = clocked()
    for step in (1, 2):
        clock.now += 1.0
        pace.passed(step)
    clock.now += took
    assert bool(pace.passed(3)) == is_said


def test_what_earlier_sittings_used_is_gone_and_what_they_followed_stands(clocked, tmp_path: Path) -> None:
    pace, _, _ = clocked(before=40.0, per_step=0.5)
    assert (pace.given, pace.left) == (60.0, 52.0)
    assert _rows(tmp_path) == [(0, 50, 10, 43.0, 0.5)]
    again, clock, _ = clocked(reached=9)
    assert read_decisions(tmp_path / "schedule.jsonl")[-1].reached == 9
    for step in range(1, 10):
        clock.now += 2.0
        assert again.passed(step) == []
        assert len(_rows(tmp_path)) == 1 + (step == 9)


def test_the_time_may_be_over_before_the_plan_is(clocked) -> None:
    pace, clock, _ = clocked()
    for step in range(1, 31):
        clock.now += 1.0
        pace.passed(step)
    clock.now = 94.9
    (said, over) = map(str, pace.passed(31))
    assert said.startswith("step 31 took 62 s where 1 s are usual")
    assert over.startswith("the time was up at 3")
    assert over.endswith("the last updates took longer than those before")


def test_a_vote_on_the_precision_has_a_twentieth_of_the_time(text, tiny_settings, monkeypatch, tmp_path) -> None:
    given: list[float | None] = []

    def probe(*arguments: Any) -> PrecisionTiming:
        given.append(arguments[3] if len(arguments) > 3 else None)
        return PrecisionTiming("fp32", {"fp32": 1.0, "bf16": 1.0}, 6, agreed=True)

    monkeypatch.setattr("newllm.training.resolve.bf16_is_slow", lambda: False)
    monkeypatch.setattr("newllm.training.resolve.time_precisions", probe)
    monkeypatch.setattr("newllm.training.resolve._seconds_per_token", lambda *_: 1e-3)
    settings = [*tiny_settings, "numerics.precision=auto", f'data.texts=["{text}"]']
    config = configure("tiny", None, None, settings, {})
    corpus = prepare(config.data, cache=tmp_path)
    for budget in (Budget(seconds=100.0), Budget(seconds=1000.0), Budget(steps=5)):
        assert resolve(config, corpus, budget)[0].numerics.precision == "fp32"
    assert given == [5.0, 10.0, None]  # which is ten seconds, too


def test_a_processor_without_bf16_is_not_asked_for_it(text, tiny_settings, monkeypatch, tmp_path) -> None:
    monkeypatch.setattr("newllm.training.resolve.bf16_is_slow", lambda: True)
    monkeypatch.setattr("newllm.training.resolve.time_precisions", lambda *_: pytest.fail("it takes minutes"))
    monkeypatch.setattr("newllm.training.resolve._seconds_per_token", lambda *_: 1e-3)
    config = configure("tiny", None, None, [*tiny_settings, "numerics.precision=auto", f'data.texts=["{text}"]'], {})
    for budget in (Budget(seconds=100.0), Budget(steps=5)):
        preparation = Preparation()
        resolved, _ = resolve(config, prepare(config.data, cache=tmp_path), budget, preparation)
        assert resolved.numerics.precision == "fp32"
        assert "this processor has no fast arithmetic in bf16" in str(preparation.notices()[0])


@pytest.fixture
def late(text, tiny_settings, monkeypatch, tmp_path) -> Callable[..., tuple[Preparation, list[str]]]:
    """`late(spent, seconds)`: resolve a run that begins late; its preparation, and what was measured."""
    measured: list[str] = []

    def probe(*_: Any) -> PrecisionTiming:
        measured.append("precision")
        return PrecisionTiming("bf16", {"fp32": 1.0, "bf16": 0.5}, 6, agreed=True)

    def per_token(*_: Any) -> float:
        measured.append("compiling")
        return 1e-3

    monkeypatch.setattr("newllm.training.resolve.bf16_is_slow", lambda: False)
    monkeypatch.setattr("newllm.training.resolve.time_precisions", probe)
    monkeypatch.setattr("newllm.training.resolve._seconds_per_token", per_token)
    settings = [*tiny_settings, "numerics.precision=auto", f'data.texts=["{text}"]']
    config = configure("tiny", None, None, settings, {})
    corpus = prepare(config.data, cache=tmp_path)

    def resolved(spent: float, seconds: float) -> tuple[Preparation, list[str]]:
        preparation = Preparation(spent)
        resolve(config, corpus, Budget(seconds=seconds, began=time.monotonic() - spent), preparation)
        return preparation, measured

    return resolved


def test_a_start_in_good_time_measures_the_precision(late) -> None:
    preparation, measured = late(250.0, 1000.0)
    assert measured == ["precision", "compiling"]
    assert preparation.precision.chosen == "bf16"


def test_a_late_start_takes_fp32_without_measuring(late) -> None:
    preparation, measured = late(350.0, 1000.0)
    assert measured == ["compiling"]
    assert list(map(str, preparation.notices())) == ["precision fp32: no time, or no memory, to measure bf16"]


def test_nothing_is_measured_once_the_time_is_over(late) -> None:
    with pytest.raises(UserError, match=r"--seconds 1000: getting ready took 996\.\d s \(start 996"):
        late(996.0, 1000.0)
    assert late(350.0, 1000.0)[1] == ["compiling"]  # of this one only


@pytest.mark.parametrize(("seconds", "left"), [(60.0, 57.0), (100.0, 95.0), (200.0, 195.0), (1000.0, 995.0)])
def test_a_twentieth_of_the_time_is_kept_for_the_end_and_five_seconds_at_most(clocked, seconds, left) -> None:
    clocked()
    assert time_left(seconds, Stopwatch(3.0)) == left


def test_freed_memory_is_kept_where_the_c_library_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    from newllm.training import allocator

    known = platform.libc_ver()[0] == "glibc"
    assert allocator.keep_freed_memory.__wrapped__() == known
    monkeypatch.setattr(allocator.platform, "libc_ver", lambda: ("another", "1"))
    assert allocator.keep_freed_memory.__wrapped__() is False

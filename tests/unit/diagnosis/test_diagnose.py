"""What is told once, in which order, and what a run directory says of its run."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.detectors import (
    activations,
    evaluation,
    frozen_layers,
    gradients,
    jumps,
)
from newllm.diagnosis.detectors.spikes import _came_back
from newllm.diagnosis.diagnose import _folded, _order, _same
from newllm.diagnosis.excursion import Excursion
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.layers import and_more, by_layer, enough, typical
from newllm.diagnosis.losses import comparable, descent, is_validation, loss_names, rolling_median
from newllm.diagnosis.run_facts import check_single_run, facts_of, is_run, read_facts, said_by, single_run
from newllm.errors import UserError
from newllm.messages import quoted
from newllm.trace import Finding, Series, Trace
from newllm.trace.remark import note


def found(
    kind: str = "spike", first: float | None = 10, last: float | None = 20, signal: str | None = "loss", **more: Any
) -> Finding:
    known: dict[str, Any] = {"severity": "warning"} | more
    return Finding(kind=kind, sentence=quoted(""), first_step=first, last_step=last, signal=signal, **known)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        (found(signal="validation_loss"), True),
        (found(first=20, last=30, signal="validation_loss"), True),
        (found(first=21, last=30, signal="validation_loss"), False),
        (found(first=1, last=10, signal="validation_loss"), True),
        (found(first=1, last=9, signal="validation_loss"), False),
        (found(first=1, last=None, signal="validation_loss"), False),  # one point
        (found(first=15, last=None, signal="validation_loss"), True),
        (found(first=12, last=13), False),  # of one signal: another
        (found("plateau", signal="validation_loss"), False),
        (found(first=None, last=None, signal="validation_loss"), True),
        (found(first=None, last=None), True),
    ],
)
def test_what_is_one_thing(other: Finding, same: bool) -> None:
    assert _same(found(), other) is same
    assert _same(other, found()) is same


def test_of_one_thing_in_two_signals_the_gravest_is_told() -> None:
    high = found(signal="validation_loss", evidence={"height": 3.0, "a": 1})
    low = found(evidence={"height": 2.0, "b": 2})
    for order in ([high, low], [low, high]):
        (one,) = _folded(order)
        assert one.signal == "validation_loss"
        assert one.evidence == {"height": 3.0, "a": 1, "b": 2, "also_in": ["loss"]}
    (one,) = _folded([high, found(severity="fault")])
    assert one.signal == "loss"
    (one,) = _folded([found(evidence={"worst": 1.0}), found(signal="x", evidence={"worst": 2.0}), found(signal="y")])
    assert (one.signal, one.evidence["also_in"]) == ("x", ["loss", "y"])
    (one,) = _folded([found(signal="x"), found(signal="y")])
    assert one.signal == "x"  # the first of equals
    (one,) = _folded([found(first=None), found(first=None)])
    assert one.evidence["also_in"] == []
    assert len(_folded([found(), found(first=30, last=40)])) == 2


def test_faults_come_first_and_what_is_surer() -> None:
    findings = [
        found(severity="note", confidence=1.0), found(confidence=0.9), found(severity="fault", confidence=0.1),
        found(confidence=0.94), found(confidence=0.96),
    ]  # fmt: skip
    ordered = sorted(findings, key=_order)
    assert [one.confidence for one in ordered] == [0.1, 0.96, 0.9, 0.94, 1.0]  # by tenths, and then as they came


def series(value: Any, every: int = 1) -> Series:
    value = np.asarray(value, dtype=float)
    return Series(every * np.arange(1, len(value) + 1), value)


def test_layers_come_in_the_models_order_and_without_what_is_not_finite() -> None:
    trace = Trace({"x/b": series([1, np.nan, 3]), "x/a": series([1.0]), "x/c": series([np.nan]), "y/a": series([1.0])})
    assert list(by_layer(trace, "x", Facts())) == ["b", "a"]
    found = by_layer(trace, "x", Facts(layers=(Layer("a"), Layer("b"))))
    assert list(found) == ["a", "b"]
    assert (found["b"].step.tolist(), found["b"].value.tolist()) == ([1, 3], [1, 3])
    assert (typical(series([1, 2, 3, 9])), typical(series([1, 2, 3, 9]), 0.5), typical(series([1, 2, 3, 9]), 0.75)) == (
        2.5,
        6,
        9,
    )
    assert [enough(series([1] * count)) for count in (3, 4)] == [False, True]
    assert str(and_more(["a", "b", "c"])) == "a, b, c"
    assert str(and_more(["a", "b", "c", "d", "e"])) == "a, b, c and 2 more"


def test_which_signals_are_losses() -> None:
    assert loss_names(Trace({"my_loss": series([1]), "loss": series([1]), "validation_loss": series([1])})) == [
        "loss", "validation_loss",
    ]  # fmt: skip
    others = {"my_loss": series([1]), "val/loss": series([1]), "lossy": series([1]), "a.loss.b": series([])}
    assert loss_names(Trace(others)) == ["my_loss", "val/loss"]
    names = ("val/loss", "validation_loss", "eval-loss", "retest_loss", "loss", "dev", "invalid")
    assert [is_validation(name) for name in names] == [True, True, True, False, False, True, False]


def test_losses_are_compared_by_ratio_or_by_their_range() -> None:
    assert comparable(np.array([1.0, np.e])).tolist() == pytest.approx([0, 1])
    below = np.arange(-10.0, 11.0)
    assert comparable(below).tolist() == pytest.approx((below / 18).tolist())
    assert comparable(np.zeros(5)).tolist() == [0] * 5
    assert len(comparable(np.empty(0))) == 0
    assert descent(np.array([5.0, 4, 3, 4])) == 2
    assert descent(np.array([1.0, 2, 3])) == 0
    noisy = np.r_[[9.0, 5.0, 1.0], np.full(147, 2.0)]
    assert descent(noisy) == 5 - 2  # of 150 points the first three, and no single one
    assert rolling_median(np.array([1.0, 9, 2, 3, 8]), 3).tolist() == [9, 2, 3, 3, 3]
    assert rolling_median(np.array([1.0, 9]), 3).tolist() == [1, 9]


def rate_of(value: Any) -> list[Finding]:
    return jumps.detect_rate_jump(Trace({"learning_rate": series(value, 10)}), Facts())


def test_a_rate_that_jumps_where_it_is_not_low_is_told() -> None:
    fell = np.r_[np.linspace(1, 0.5, 20), np.ones(20)]
    (one,) = rate_of(fell)
    assert (one.first_step, one.evidence["before"], one.evidence["after"]) == (210, 0.5, 1.0)
    assert one.evidence["starts_again"] is False
    assert not rate_of(np.r_[np.linspace(1, 0.14, 20), np.ones(20)])  # from its low: planned
    assert rate_of(np.r_[np.linspace(1, 0.16, 20), np.ones(20)])
    assert [bool(rate_of(fell[15:end])) for end in (24, 25)] == [False, True]  # of nine points nothing
    assert not rate_of([0.5] * 2 + [1.0] * 20)  # among the first


def test_a_schedule_that_starts_again_is_told_as_that() -> None:
    warm = np.r_[np.linspace(0.1, 1, 10), np.linspace(1, 0.6, 20)]
    (one,) = rate_of(np.r_[warm, warm])
    assert (one.first_step, one.evidence["starts_again"], one.confidence) == (310, True, 0.95)
    assert rate_of(np.r_[warm, warm[:5]])[0].evidence["starts_again"]
    assert not rate_of(np.r_[warm, warm[:4]])  # too few points that are the same
    low = np.r_[np.linspace(0.1, 1, 10), np.linspace(1, 0.14, 20)]
    assert not rate_of(np.r_[low, low])
    assert not rate_of(np.r_[warm, 1.01 * warm])  # by a hundredth another
    steps = np.r_[np.full(20, 0.5), np.full(20, 1.0)]
    assert not rate_of(np.r_[steps, np.full(20, 0.5)])[1:]


def test_jumps_at_even_distances_are_planned() -> None:
    fall = np.linspace(1, 0.5, 20)
    assert rate_of(np.tile(fall, 3))  # two of them
    assert not rate_of(np.tile(fall, 4))
    assert rate_of(np.r_[fall, fall, np.linspace(1, 0.5, 30), fall])  # uneven


def test_a_dip_comes_back_soon_and_is_no_pause_of_a_spike() -> None:
    def dip(onset: int, end: int) -> Excursion:
        return Excursion(onset, onset, end, 2.0, 1.0, 0.7, 0.01, 0.0, 1)

    def came_back(onset: int, end: int, count: int, *spikes: Excursion, after: float = 2.0) -> bool:
        loss = np.full(count, after)
        loss[onset:end] = 1.0
        return _came_back(dip(onset, end), list(spikes), loss)

    assert [came_back(50, end, 100) for end in (70, 71)] == [True, False]  # a fifth of the run
    assert [came_back(5, end, 10) for end in (8, 9)] == [True, False]  # three points of a short one
    assert not came_back(90, 100, 100)  # it goes on to the end
    spike = dip(40, 50)
    assert [came_back(onset, onset + 5, 100, spike) for onset in (39, 40, 50, 51)] == [True, False, False, True]
    assert [came_back(10, 12, 39, dip(onset, 20)) for onset in (13, 14)] == [False, True]
    assert came_back(10, 12, 40, dip(13, 20))  # no short curve
    assert [came_back(50, 60, 100, after=after) for after in (1.4, 1.45)] == [False, True]  # the loss is up again


def test_attention_collapses_where_it_had_been_spread() -> None:
    def collapsed(first: float, last: float) -> bool:
        signals = {"attention_entropy/a": series([first, first, *[0.5] * 6, *[last] * 3])}
        return bool(activations.detect_attention_collapse(Trace(signals), Facts()))

    assert [collapsed(0.46, 0.09), collapsed(0.44, 0.09), collapsed(2.0, 0.11)] == [True, False, False]


def test_what_was_so_from_the_start_is_the_initialisation() -> None:
    def causes(first: float) -> str:
        signals = {"activation_zero/a": series([first, first, *[0.9] * 8])}
        return activations.detect_idle_units(Trace(signals), Facts())[0].candidate_causes[0]

    assert [causes(0.73), causes(0.71)] == ["initialisation", "learning-rate"]


@pytest.mark.parametrize(("updates", "told"), [(1, False), (2, True)])
def test_once_carried_along_is_no_habit(updates: int, told: bool) -> None:
    trace = Trace({"gradient_carried": Series(np.arange(5), np.r_[np.ones(updates), np.zeros(5 - updates)])})
    assert bool(gradients.detect_carried(trace, Facts())) is told


def test_where_nothing_moves_no_layer_is_frozen() -> None:
    still, moves = series(np.zeros(40)), series(np.ones(40))
    assert frozen_layers.detect_frozen_layer(Trace({"update_norm/a": still, "update_norm/b": still}), Facts()) == []
    (one,) = frozen_layers.detect_frozen_layer(Trace({"update_norm/a": still, "update_norm/b": moves}), Facts())
    assert (one.severity, one.evidence["layers"], one.first_step, one.last_step) == ("warning", ["a"], 1, 40)
    short = Trace({"update_norm/a": series([0, 0]), "update_norm/b": series([1, 1])})
    assert frozen_layers.detect_frozen_layer(short, Facts()) == []
    bare = Facts(layers=(Layer("c", parameters=3, trained=False), Layer("d", trained=False)))
    (note,) = frozen_layers.detect_frozen_layer(Trace({"update_norm/b": moves}), bare)
    assert (note.severity, note.evidence["layers"], note.signal) == ("note", ["c"], None)


@pytest.mark.parametrize(
    ("first", "last", "told"), [(0.34, 1.0, False), (0.36, 1.0, True), (1.0, 0.34, False), (1.0, 0.36, True)]
)
def test_a_gap_stands_from_the_first_evaluation_to_the_last(first: float, last: float, told: bool) -> None:
    loss = series(np.full(100, 2.0))
    validation = Series(np.array([10, 50, 90, 100]), 2 * np.exp([first, 0.5, last, last]))
    (*found,) = evaluation.detect_validation_gap(Trace({"loss": loss, "validation_loss": validation}), Facts())
    assert bool(found) is told
    few = Trace({"loss": series(np.full(7, 2.0)), "validation_loss": Series(np.array([1, 7]), np.array([9.0, 9.0]))})
    assert not evaluation.detect_validation_gap(few, Facts())


# What a run directory says.


def test_what_the_files_of_a_run_say(tmp_path: Path) -> None:
    (tmp_path / "recording.json").write_text(json.dumps({
        "vocabulary": 50, "layers": [{"name": "a", "kind": "Linear", "parameters": 3, "trained": False},
                   {"name": "b"}, 3, {}],
        "left_out": [f"sentence {at}" for at in range(25)],
    }))  # fmt: skip
    (tmp_path / "summary.json").write_text(json.dumps({"parameters": 99}))
    (tmp_path / "config.toml").write_text("damaged = ")
    (tmp_path / "data.json").write_text("[1]")
    facts, remarks = read_facts(tmp_path)
    left_out = [str(remark) for remark in remarks]
    assert (facts.vocabulary, facts.parameters, facts.data) == (50, 99, None)
    assert facts.layers == (Layer("a", "Linear", 3, False), Layer("b", "", 0, True))
    assert [line for line in left_out if line.startswith("sentence")] == [f"sentence {at}" for at in range(20)]
    assert [line.split(" cannot")[0] for line in left_out[20:]] == ["'config.toml'", "'data.json'"]
    assert read_facts(tmp_path / "none") == (Facts(), ())
    assert said_by({"left_out": ["a", 3]}) == [note("quoted", text="a")]
    hidden = note("remark-hidden-layers")
    sentences = {"left_out": [str(hidden)], "remarks": [hidden.sentence.as_dict()]}
    assert said_by(sentences) == [hidden]
    assert [one.sentence.id for one in said_by({**sentences, "remarks": [{"id": "remark-no-event"}]})] == ["quoted"]
    assert said_by({"left_out": 3}) == []
    assert facts_of({}, {}, {}, {"facts": {"a": 1}}).data == {"a": 1}


def test_a_directory_of_several_runs_is_refused_by_their_names(tmp_path: Path) -> None:
    check_single_run(tmp_path / "none")
    for at, sign in enumerate(("recording.json", "trace.jsonl", "trace.blocks", "trace.jsonl", "trace.jsonl")):
        check_single_run(tmp_path) if at < 2 else None
        (tmp_path / f"run-{at}").mkdir()
        (tmp_path / f"run-{at}" / sign).write_text("")
        if at == 3:
            with pytest.raises(UserError, match=r"\(run-0, run-1, run-2, run-3\): name the one"):
                check_single_run(tmp_path)
    with pytest.raises(UserError, match=r"holds several runs \(run-0, run-1, run-2, run-3, \.\.\.\): name the one"):
        check_single_run(tmp_path)
    (tmp_path / "trace.jsonl").write_text("")  # it is a run itself
    check_single_run(tmp_path)


def test_the_only_run_in_a_directory_is_the_one_that_is_meant(tmp_path: Path) -> None:
    assert single_run(tmp_path / "none") == tmp_path / "none"
    (tmp_path / "log.csv").write_text("step,loss\n1,2\n")
    assert single_run(tmp_path) == tmp_path
    (tmp_path / "recording").mkdir()
    (tmp_path / "recording" / "trace.jsonl").write_text("")
    assert single_run(tmp_path) == tmp_path / "recording"
    assert single_run(tmp_path / "recording") == tmp_path / "recording"
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "recording.json").write_text("{}")
    assert single_run(tmp_path) == tmp_path


@pytest.mark.parametrize(("name", "run"), [("config.toml", True), ("recording.json", True), ("trace.jsonl", False)])
def test_a_run_is_known_by_its_files(tmp_path: Path, name: str, run: bool) -> None:
    assert not is_run(tmp_path)
    (tmp_path / name).write_text("")
    assert is_run(tmp_path) is run

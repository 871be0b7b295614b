import dataclasses
import json
import math

import numpy as np
import pytest

from newllm.diagnosis.blind_tests import COUNTS
from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue, message, quoted
from newllm.trace import Cause, Finding, Series, Severity, Trace
from newllm.trace.remark import left_out, note
from newllm.words import diagnosis
from newllm.words.numbers import number as number_in
from newllm.words.numbers import value

EN, JA = catalogue("en"), catalogue("ja")


@pytest.mark.parametrize(
    ("number", "shown"),
    [
        (14.7028, "14.703"),
        (5.6552, "5.6552"),
        (0.0, "0"),
        (35.0, "35"),
        (-1.5, "-1.5"),
        (1234.56, "1,234.6"),
        (12345.67, "12,346"),
        (123456.7, "123,457"),
        (3.2e-5, "3.2e-5"),
        (1e-300, "1e-300"),
        (2.5e12, "2.5e12"),
        (100.0, "100"),
        (math.nan, "NaN"),
        (math.inf, "infinite"),
        (-math.inf, "-infinite"),
    ],
)
def test_numbers(number: float, shown: str) -> None:
    assert number_in(EN, number) == shown


@pytest.mark.parametrize(
    ("thing", "shown"),
    [
        (True, "yes"),
        (None, "unknown"),
        (12345, "12,345"),
        pytest.param(10**400, "infinite", id="huge"),
        (np.float64(0.5), "0.5"),
        (np.int64(7), "7"),
        (np.array([1, 2]), "1, 2"),
        ([1.5, "x\x1b"], r"1.5, x\x1b"),
        (list(range(12)), "0, 1, 2, 3, 4, 5, 6, 7 and 4 more"),
        ({"unknown": 5, "seen": 30}, "unknown 5, seen 30"),
        ({}, ""),
        ("\x1b[31m", r"\x1b[31m"),
        (object, "<class 'object'>"),
    ],
)
def test_evidence_of_every_kind(thing: object, shown: str) -> None:
    assert value(EN, thing) == shown


@pytest.mark.parametrize(
    ("first", "last", "shown"),
    [
        (19.0, 22.0, "epochs 19 to 22"),
        (17.0, 17.0, "epoch 17"),
        (5, None, "from epoch 5 on"),
        (None, 5, "until epoch 5"),
        (None, None, ""),
        (1200.0, 3400.0, "epochs 1,200 to 3,400"),
        (0.5, 1.25, "epochs 0.5 to 1.25"),
    ],
)
def test_places(first: float | None, last: float | None, shown: str) -> None:
    finding = Finding(kind="spike", severity="fault", sentence=quoted(""), first_step=first, last_step=last)
    assert diagnosis.steps(EN, finding, "epoch") == shown


def _sure(kind: str, severity: Severity = "warning") -> str:
    return diagnosis.sureness(EN, Finding(kind=kind, severity=severity, sentence=quoted("")))


def test_how_far_to_trust_an_alarm_is_what_blind_tests_counted() -> None:
    stored = json.loads(COUNTS.read_text(encoding="utf-8"))["findings"]
    for kind, one in stored.items():
        counted = f"right in {one['right']} of {one['said']}"
        assert _sure(kind) == (f"{counted} blind tests" if one["said"] >= 5 else f"few blind tests: {counted}")
        assert _sure(kind, "note") == ""  # which nobody counted
    assert _sure("unheard-of") == "no blind test yet"


def _findings(*severities):
    return [Finding(kind="x", severity=severity, sentence=quoted("")) for severity in severities]


def test_the_verdict_names_the_worst() -> None:
    trace = Trace({"loss": Series(np.arange(5), np.ones(5))})
    assert diagnosis.headline(EN, trace, []) == "Nothing wrong found in 5 points of 1 signal."
    assert (
        diagnosis.headline(EN, trace, _findings("note", "note"))
        == "Nothing wrong found in 5 points of 1 signal; 2 notes."
    )
    assert diagnosis.headline(EN, trace, _findings("warning", "note")) == "Something is doubtful: 1 warning, 1 note."
    assert diagnosis.headline(EN, trace, _findings("note", "fault", "fault")) == "Something is wrong: 2 faults, 1 note."
    assert diagnosis.worst(_findings("note", "fault", "warning")) == "fault"


def _of(name, *losses):
    return Trace({name: Series(np.arange(len(losses)), np.array(losses))})


def test_what_could_not_be_judged_is_no_clean_bill() -> None:
    mend = "(--loss COLUMN says which it is)"
    assert diagnosis.headline(EN, _of("foo", *range(9)), []) == f"Nothing could be judged: no loss among 'foo' {mend}."
    assert diagnosis.headline(EN, Trace(), []) == f"Nothing could be judged: no loss {mend}."
    few = "Nothing could be judged: only {} of 'loss' (give a log with 5 or more)"
    assert diagnosis.headline(EN, _of("loss", 1.0, np.nan, 2.0), []) == few.format("2 points") + "."
    assert diagnosis.headline(EN, _of("loss", 1.0), _findings("note")) == few.format("1 point") + "; 1 note."
    assert diagnosis.headline(EN, _of("foo", 1.0), _findings("fault")) == "Something is wrong: 1 fault."
    assert "Nothing wrong" in diagnosis.headline(EN, _of("critic_loss", *np.ones(5)), [])


@pytest.mark.parametrize(
    ("remark", "said"),
    [
        (note("remark-no-header", columns="step, loss"), "note: no header: the columns are taken for step, loss"),
        (left_out("remark-times", count=3, remark=message("remark-no-json-line")),
         "left out: 3 times: a line that is no JSON"),
        (left_out("remark-unread-file", file="data.json", reason="empty"),
         "left out: 'data.json' cannot be read (empty): passed over"),
    ],
)  # fmt: skip
def test_what_was_understood_is_a_note_and_nothing_left_out(remark, said) -> None:
    assert diagnosis.remark_line(EN, remark) == said


def test_contents_names_the_whole_runs_signals_first() -> None:
    signals = {f"gradient_norm/layer{i}": Series(np.array([10]), np.ones(1)) for i in range(20)}
    trace = Trace(signals | {"loss": Series(np.arange(5, 100), np.ones(95))}, axis="epoch")
    assert diagnosis.contents(EN, trace).startswith(
        "95 points (epochs 5 to 99) of 21 signals: loss, gradient_norm/layer0"
    )
    assert diagnosis.contents(EN, trace).endswith("and 15 more")
    assert diagnosis.contents(EN, Trace()) == "no points"


STALE = Cause("beta2", 0.645, message("because-frozen"))


@pytest.mark.parametrize(
    ("candidates", "causes", "english", "japanese"),
    [
        ((), None, "", ""),
        (("beta2", "data-order"), None, "beta2, data-order", "beta2"),
        (("beta2", "data-order"), (Cause("beta2", None),), "beta2", "beta2"),  # of an earlier version
        (
            ("beta2", "data-order"),
            (STALE,),
            "beta2 (64 %): a layer that should be trained never moves",
            "beta2",
        ),
        ((), (dataclasses.replace(STALE, probability=0.999),), "beta2 (99 %): a layer that should", "beta2"),
        (
            ("data-order", "beta2", "dropout", "reduction", "data-size"),
            (),
            "unknown: nothing in this log proves one. Possible: data-order, beta2, dropout, reduction.",
            "不明",
        ),
        ((), (), "", ""),
    ],
)
def test_a_cause_is_named_where_something_speaks_for_it(
    candidates: tuple[str, ...], causes: tuple[Cause, ...] | None, english: str, japanese: str
) -> None:
    found = Finding(kind="spike", severity="warning", sentence=quoted("s"), candidate_causes=candidates, causes=causes)
    assert diagnosis.causes(EN, found).startswith(english)
    assert bool(diagnosis.causes(EN, found)) is bool(english)
    assert diagnosis.causes(JA, found).startswith(japanese)
    for part in (" 64 %", " 99 %"):
        assert (part in diagnosis.causes(JA, found).replace("\uff08", " ")) is (part in english.replace("(", " "))


def test_what_speaks_for_an_open_cause_is_said_beside_it() -> None:
    hint = Cause("label-noise", None, message("because-block", points=12))
    found = Finding(
        kind="spike", severity="warning", sentence=quoted("s"), causes=(), open_causes=(hint,),
        candidate_causes=("label-noise", "data-order"),
    )  # fmt: skip
    reason = "the loss rises at once, stays level for 12 points, and falls at once"
    said = f"unknown: nothing in this log proves one. Possible: label-noise ({reason}), data-order."
    assert diagnosis.causes(EN, found) == said
    assert diagnosis.causes(JA, found).startswith("不明")


def test_a_consequence_names_what_it_follows_from() -> None:
    found = Finding(kind="spike", severity="warning", sentence=quoted("s"))
    assert diagnosis.follows(EN, found) == diagnosis.follows(JA, found) == ""
    found = dataclasses.replace(found, follows="learning-rate-zero")
    assert diagnosis.follows(EN, found) == "follows from learning rate of zero"
    assert diagnosis.follows(JA, found) == "学習率0の結果"


def test_a_model_that_is_lost_is_said_first_and_in_red() -> None:
    trace = _of("loss", 2.3, 1.0, 0.5, 0.2, 9.0, np.nan, np.nan, np.nan)
    said = "The model is lost: its loss is not finite from step 5 to the end. Found: 1 warning."
    assert diagnosis.headline(EN, trace, _findings("warning")) == said
    assert diagnosis.mood(trace, _findings("warning")) == "fault"
    assert diagnosis.mood(trace, _findings("note")) == "good"  # no finding says that anything is wrong
    assert [diagnosis.mood(_of("loss", *np.ones(5)), _findings(one)) for one in ("fault", "note")] == ["fault", "good"]
    assert diagnosis.mood(Trace(), []) == ""


def test_how_steps_are_counted_is_said_where_one_could_be_off_by_one() -> None:
    trace = Trace({"loss": Series(np.array([1, 2]), np.ones(2))})
    assert "counted from 1" in diagnosis.numbering(EN, trace, Facts(origin="record"))
    assert diagnosis.numbering(EN, trace, Facts()) == ""
    assert diagnosis.numbering(EN, _of("loss", 1.0, 1.0), Facts()) == "Steps are numbered as in the log, from 0."

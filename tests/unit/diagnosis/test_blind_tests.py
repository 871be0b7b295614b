"""How sure the doctor is of what it says: as often as such a finding was right in runs that nobody had shown it."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from newllm.diagnosis.blind_tests import (
    COUNTS,
    PRIOR,
    BlindTests,
    blind_tests,
    probability_by,
    probability_of_cause,
    probability_of_kind,
)
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.harm import SELDOM, seldom_right_as_notes
from newllm.messages import message
from newllm.trace import Cause, Finding, Series, Trace

STORED = json.loads(COUNTS.read_text(encoding="utf-8"))
RESULTS = Path(__file__).parents[3] / "benchmarks/results/blind-by-kind.json"


def test_a_finding_is_as_sure_as_its_kind_was_right() -> None:
    steps = np.arange(300)
    loss = 4 - steps / 200 + 0.02 * np.random.default_rng(0).standard_normal(300)
    loss[150:154] += 8
    spike, *_ = diagnose(Trace({"loss": Series(steps, loss)}))
    counts = STORED["findings"]["spike"]
    assert spike.kind == "spike"
    assert blind_tests(spike) == BlindTests(**counts)
    assert spike.confidence == probability_of_kind("spike")
    assert min(0.64, counts["right"] / counts["said"]) < probability_of_kind("spike") < 0.64


def test_of_what_was_hardly_said_it_is_the_share_of_all() -> None:
    counts = {"often": BlindTests(60, 98), "twice": BlindTests(2, 2)}
    assert probability_by(counts, "never") == pytest.approx(0.62)
    assert probability_by(counts, "twice") == pytest.approx((2 + PRIOR * 0.62) / (2 + PRIOR))
    assert probability_by({**counts, "wrong": BlindTests(0, 50)}, "wrong") < 0.1


def test_a_note_was_not_counted() -> None:
    steps = np.arange(300)
    speed = np.where(steps < 150, 1000.0, 100.0) + np.random.default_rng(0).standard_normal(300)
    (slow,) = diagnose(Trace({"loss": Series(steps, 4 - steps / 200), "tokens_per_second": Series(steps, speed)}))
    assert (slow.severity, slow.confidence, blind_tests(slow)) == ("note", None, None)


def test_warnings_of_a_kind_that_was_seldom_right_are_notes() -> None:
    assert probability_of_kind("vanishing-gradient") < SELDOM < probability_of_kind("spike")
    sentence = message("finding-plateau.sentence")
    rare, usual = (
        Finding(kind=kind, severity="warning", sentence=sentence, causes=()) for kind in ("vanishing-gradient", "spike")
    )
    fault = replace(rare, severity="fault")
    caused = replace(rare, causes=(Cause("initialisation", 0.5),))
    severities = [one.severity for one in seldom_right_as_notes([rare, usual, fault, caused])]
    assert severities == ["note", "warning", "fault", "warning"]


def test_what_is_stored_is_what_was_counted() -> None:
    found = json.loads(RESULTS.read_text(encoding="utf-8"))
    named = [found[source]["named"] for source in ("recording", "log")]
    causes = STORED["causes"].values()
    assert sum(one["right"] for one in causes) == sum(one["right"] for one in named)
    assert sum(one["said"] for one in causes) == sum(sum(one.values()) for one in named)
    usual = sum(one["right"] for one in causes) / sum(one["said"] for one in causes)
    assert probability_of_cause("schedule-ended") > usual > probability_of_cause("initialisation")
    assert probability_of_cause("never-named") == usual
    said = sum(one["said"] for one in STORED["findings"].values())
    assert said == sum(one["of"] for one in found["reliability"]["counted"]["bins"])

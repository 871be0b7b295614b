"""Each audit: what it is for, and that it is silent beside it."""

import copy
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newllm.data.facts import data_facts
from newllm.diagnosis.audits import AUDITS
from newllm.diagnosis.audits.reading import excess, number
from newllm.diagnosis.facts import Facts
from newllm.trace import Finding, Series, Trace
from newllm.words.finding_data import finding_data

HEALTHY: dict[str, Any] = {
    "schema": 1,
    "unit": "id",
    "window": 16,
    "shuffled": None,
    "training": {"documents": 400, "tokens": 100_000, "distinct": 900, "looked_at": 1.0},
    "validation": {"documents": 40, "tokens": 10_000, "distinct": 700, "looked_at": 1.0},
    "unknown": {"id": 1, "tokens": 100, "share": 0.01, "share_in_training": 0.009},
    "never_trained": {"tokens": 3, "distinct": 2, "share": 0.0003, "expected": 0.002},
    "padding": {"id": 0, "inferred": False, "share": 0.0, "validation_share": 0.0, "trailing": 0.0},
    "documents": {
        "compared": 40, "exact": 0, "near_compared": 40, "near": 1, "inside_training": 1,
        "training": 400, "similar": 0.8,
    },
    "overlap": {"share": 0.001, "longest": 17},
    "repeated": {"share": 0.001, "longest": 43},
    "labels": {
        "commonest": 3, "share": 0.06, "share_in_validation": 0.05, "commonest_of_validation": 3,
        "largest_in_validation": 0.05, "entropy": 5.5, "entropy_of_validation": 5.4,
    },
    "order": {"nats": 0.055, "expected": 0.025, "spread": 0.0005, "stretches": 2000},
    "shift": {"nats": 0.0021, "expected": 0.0014, "spread": 0.0001, "stretches": 2200},
}  # fmt: skip
FACTS = Facts(vocabulary=1000, parameters=400_000)


def with_facts(**changes) -> dict:
    data = copy.deepcopy(HEALTHY)
    for part, change in changes.items():
        data[part] = {**data[part], **change} if isinstance(change, dict) else change
    return data


def trace(**signals) -> Trace:
    """A trace from values by name; `__` stands for the slash."""
    made = {
        name.replace("__", "/"): Series(np.arange(len(values)) * 10, np.array(values, float))
        for name, values in signals.items()
    }
    return Trace(made)


def descent(count: int = 60, start: float = 6.9, end: float = 3.0) -> np.ndarray:
    return end + (start - end) * np.exp(-np.arange(count) / count * 4)


RUN = trace(
    loss=descent(),
    validation_loss=descent(12, end=3.2),
    validation_count=[10_000] * 12,
    validation_correct=np.linspace(10, 3000, 12).round(),
    perplexity=np.exp(descent()),
)


def audit(data, run: Trace = RUN, facts: Facts = FACTS) -> list[Finding]:
    return [found for one in AUDITS for found in one(data, run, facts)]


def only(findings: list[Finding]) -> Finding:
    assert len(findings) == 1, [found.kind for found in findings]
    found = findings[0]
    assert str(found.sentence)
    assert found.evidence
    assert found.alternatives
    assert found.test
    assert found.candidate_causes
    assert "None" not in str(found.sentence)
    return found


def test_a_healthy_run_has_no_finding() -> None:
    assert audit(HEALTHY) == []
    assert audit({}) == []
    assert audit({}, Trace()) == []
    assert audit(HEALTHY, Trace()) == []


@pytest.mark.parametrize(
    ("kind", "severity", "changes"),
    [
        ("unknown-tokens", "warning", {"unknown": {"share": 0.46, "share_in_training": 0.0}}),
        ("unknown-tokens", "warning", {"unknown": {"share": 0.05, "share_in_training": 0.001}}),
        ("never-trained-tokens", "warning", {"never_trained": {"share": 0.05}}),
        ("never-trained-tokens", "warning", {"unit": "word", "never_trained": {"share": 0.4, "expected": 0.15}}),
        ("leak", "fault", {"overlap": {"share": 0.9, "longest": 9000}}),
        ("leak", "warning", {"documents": {"exact": 5}}),
        ("leak", "note", {"overlap": {"share": 0.2}, "repeated": {"share": 0.15}}),
        ("near-duplicates", "warning", {"documents": {"near": 8}}),
        ("repeated-windows", "warning", {"repeated": {"share": 0.5}}),
        ("repeated-windows", "warning", {"documents": {"inside_training": 200}}),
        ("repeated-windows", "warning", {"repeated": {"share": 0.02, "longest": 2000}}),
        ("padding-counted", "warning", {"padding": {"validation_share": 0.4}}),
        ("small-validation", "warning", {"validation": {"documents": 6, "tokens": 35}}),
        ("data-order", "warning", {"order": {"nats": 0.4}}),
        ("validation-shift", "warning", {"shift": {"nats": 0.05}}),
    ],
)
def test_one_change_to_healthy_data_is_one_finding(kind, severity, changes) -> None:
    run = Trace({name: RUN.signals[name] for name in ("loss", "validation_loss")})
    run = RUN if kind == "padding-counted" else run
    found = only(audit(with_facts(**changes), run))
    assert (found.kind, found.severity) == (kind, severity)


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": {"share": 0.2, "share_in_training": 0.19}},  # a small vocabulary, trained on its unknown words
        {"unknown": None},
        {"never_trained": {"share": 0.05, "expected": 0.04}},  # what Good and Turing expect
        {"never_trained": {"share": 0.05}, "training": {"looked_at": 0.5}},  # nobody knows
        {"unit": "word", "never_trained": {"share": 0.15, "expected": 0.12}},
        {"documents": {"exact": 1}},
        {"order": {"nats": 0.4}, "shuffled": True},
        {"order": {"nats": 0.4, "spread": 0.1}},
        {"order": None, "shift": None, "labels": None},
        {"padding": {"validation_share": 0.4, "inferred": True, "trailing": 0.6}},
    ],
)
def test_what_is_usual_is_no_finding(changes) -> None:
    assert audit(with_facts(**changes)) == []


def test_padding_that_the_evaluation_leaves_out_is_no_finding() -> None:
    data = with_facts(padding={"validation_share": 0.4, "share": 0.4})
    fair = trace(validation_count=[6000] * 5, validation_loss=descent(5))
    assert audit(data, fair) == []
    unknown = trace(validation_loss=descent(5))
    assert only(audit(data, unknown)).severity == "note"


def test_unknown_words_are_seen_in_the_trace_alone() -> None:
    signals = {"validation_count": [1000] * 5, "validation_count__unknown": [300] * 5, "validation_loss": descent(5)}
    grows = trace(**signals, validation_loss__unknown=[6.9, 7, 8, 9, 10])
    found = only(audit({}, grows))
    assert found.kind == "unknown-tokens"
    assert found.evidence["share"] == pytest.approx(0.3)
    assert audit({}, trace(**signals, validation_loss__unknown=[6.9, 5, 4, 3, 2])) == []


def test_a_small_validation_gives_its_interval() -> None:
    run = trace(validation_loss=[6.9, 5.6, 6.0], validation_count=[35, 35, 35])
    found = only(audit({}, run))
    assert found.kind == "small-validation"
    assert found.evidence["half_width"] == pytest.approx(1.96 * 5.6 / math.sqrt(35))


def test_a_large_model_of_few_tokens_is_a_note() -> None:
    found = only(audit(HEALTHY, RUN, Facts(parameters=20_000_000)))
    assert (found.kind, found.severity) == ("parameters-per-token", "note")


def test_a_loss_at_the_frequencies_entropy() -> None:
    stuck = trace(loss=[6.9, 6.0, 5.7, *[5.51, 5.49] * 20])
    assert only(audit(HEALTHY, stuck)).kind == "label-frequency"
    passing = trace(loss=np.linspace(6.5, 5.4, 60))
    assert audit(HEALTHY, passing) == []


def test_an_accuracy_that_is_the_commonest_tokens() -> None:
    counts = {"validation_count": [10_000] * 8, "validation_loss": descent(8)}
    constant = trace(**counts, validation_correct=[0, *[500] * 7])
    assert only(audit(HEALTHY, constant)).kind == "label-frequency"
    learning = trace(**counts, validation_correct=[0, 500, 600, 700, 800, 900, 1000, 1100])
    assert audit(HEALTHY, learning) == []


def test_a_perplexity_that_is_not_the_losss() -> None:
    loss = descent(20)
    bits = only(audit({}, trace(loss=loss, perplexity=2.0**loss)))
    assert bits.kind == "perplexity-mismatch"
    assert "in bits" in str(bits.sentence)
    averaged = only(audit({}, trace(validation_loss=loss, validation_perplexity=np.exp(loss + 0.2))))
    assert averaged.evidence["difference"] == pytest.approx(0.2)
    assert audit({}, trace(loss=loss, perplexity=np.exp(loss) * 1.01)) == []


def test_a_perplexity_may_be_rounded_or_cut_off() -> None:
    loss = np.full(9, 0.02)
    printed = Trace(trace(loss=loss, perplexity=np.exp(loss).round(1)).signals, decimals={"perplexity": 1})
    assert audit({}, printed) == []
    assert audit({}, trace(loss=[20.0] * 9, perplexity=[np.exp(15.0)] * 9)) == []


def test_another_evaluation_set_within_a_run() -> None:
    run = trace(validation_loss=descent(6), validation_count=[5000, 5000, 5000, 7000, 7000, 7000])
    found = only(audit({}, run))
    assert (found.kind, found.first_step) == ("changed-evaluation", 30.0)
    by_class = trace(validation_count=[5000] * 3, validation_count__end=[100, 90, 90])
    assert only(audit({}, by_class)).evidence == {"before": 100.0, "after": 90.0, "changes": 1}


def draw(seed: int, count: int = 3000, first: int = 0) -> np.ndarray:
    shares = 1 / np.arange(1, 201)
    return first + np.random.default_rng(seed).choice(200, count, p=shares / shares.sum())


PLANTED = {
    "nothing": (lambda: ([draw(i) for i in range(20)], [draw(99)]), []),
    "leak": (lambda: ([draw(i) for i in range(20)], [draw(3), draw(4)]), ["leak"]),
    "burst": (lambda: ([draw(0, 40_000), np.tile(draw(1, 50), 40)], [draw(99)]), ["repeated-windows"]),
    "domains": (
        lambda: ([draw(i, first=150 * (i > 9)) for i in range(20)], [draw(98, 1500), draw(99, 1500, 150)]),
        ["data-order"],
    ),
    "tokenizer": (
        lambda: ([draw(i) for i in range(20)], [draw(99, first=100)]),
        ["never-trained-tokens", "validation-shift"],
    ),
    "unknown": (
        lambda: ([draw(i, first=2) for i in range(20)], [np.where(draw(98) < 2, 1, draw(99, first=2))]),
        ["unknown-tokens"],
    ),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_planted_in_data_is_found_and_nothing_else(name) -> None:
    make, kinds = PLANTED[name]
    training, validation = make()
    found = audit(data_facts(training, validation, unknown=1), Trace())
    assert sorted({one.kind for one in found}) == kinds


leaves = st.none() | st.booleans() | st.integers(-5, 10**6) | st.floats() | st.text(max_size=3)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(sorted(HEALTHY)), st.text(max_size=9), leaves), max_size=5), leaves)
def test_damaged_facts_raise_nothing(changes, whole) -> None:
    data = copy.deepcopy(HEALTHY)
    for part, name, value in changes:
        inner = data[part]
        if isinstance(inner, dict) and inner:
            inner[name if name in inner else sorted(inner)[len(name) % len(inner)]] = value
        else:
            data[part] = value
    data[sorted(data)[len(repr(whole)) % len(data)]] = whole
    for found in audit(data):
        assert finding_data(found)


BARE = trace(loss=descent(), validation_loss=descent(12, end=3.2))
COUNTS = {"validation_count": [10_000] * 8, "validation_loss": descent(8)}
LEAKS = {"overlap": {"share": 0.2}}


def counted(predictions: float, **documents: int) -> tuple[dict, Trace]:
    return {"validation": documents}, trace(validation_loss=[3.0, 2.0, 2.5], validation_count=[predictions] * 3)


def printed(loss: list[float], perplexity: list[float]) -> Trace:
    return Trace(trace(loss=loss, perplexity=perplexity).signals, decimals={"perplexity": 0})


def unknown(*losses: float) -> Trace:
    """An evaluation in which three words in ten are unknown and cost so much each."""
    whole, part = [1000] * len(losses), [300] * len(losses)
    return trace(
        validation_count=whole, validation_count__unknown=part, validation_loss=[5.0] * len(losses),
        validation_loss__unknown=list(losses),
    )  # fmt: skip


def joined(*traces: Trace) -> Trace:
    return Trace({name: series for one in traces for name, series in one.signals.items()})


LIMITS: list[tuple[str, tuple[dict, Trace], tuple[dict, Trace]]] = [
    ("unknown-tokens", ({"unknown": {"share": 0.009, "share_in_training": 0.0}}, BARE),
     ({"unknown": {"share": 0.011, "share_in_training": 0.0}}, BARE)),
    ("unknown-tokens", ({"unknown": {"share": 0.1, "share_in_training": 0.011}}, BARE),
     ({"unknown": {"share": 0.1, "share_in_training": 0.01}}, BARE)),
    ("never-trained-tokens", ({"never_trained": {"share": 0.0099, "expected": 0.001}}, BARE),
     ({"never_trained": {"share": 0.01, "expected": 0.001}}, BARE)),
    ("never-trained-tokens", ({"never_trained": {"share": 0.29, "expected": 0.1}}, BARE),
     ({"never_trained": {"share": 0.31, "expected": 0.1}}, BARE)),
    ("never-trained-tokens", ({"unit": "word", "never_trained": {"share": 0.099, "expected": 0.01}}, BARE),
     ({"unit": "word", "never_trained": {"share": 0.1, "expected": 0.01}}, BARE)),
    ("never-trained-tokens", ({"unit": "word", "never_trained": {"share": 0.39, "expected": 0.2}}, BARE),
     ({"unit": "word", "never_trained": {"share": 0.41, "expected": 0.2}}, BARE)),
    ("leak", ({"overlap": {"share": 0.049}}, BARE), ({"overlap": {"share": 0.05}}, BARE)),
    ("leak", ({"documents": {"exact": 1, "compared": 10}}, BARE), ({"documents": {"exact": 2, "compared": 10}}, BARE)),
    ("near-duplicates", ({"documents": {"near": 3}}, BARE), ({"documents": {"near": 4}}, BARE)),
    ("near-duplicates", ({"documents": {"near": 1, "near_compared": 5}}, BARE),
     ({"documents": {"near": 2, "near_compared": 5}}, BARE)),
    ("repeated-windows", ({"repeated": {"share": 0.29}}, BARE), ({"repeated": {"share": 0.3}}, BARE)),
    ("repeated-windows", ({"documents": {"inside_training": 119}}, BARE),
     ({"documents": {"inside_training": 120}}, BARE)),
    ("repeated-windows", ({"repeated": {"longest": 319}}, BARE), ({"repeated": {"longest": 320}}, BARE)),
    ("repeated-windows", ({"repeated": {"longest": 399}, "training": {"tokens": 200_000}}, BARE),
     ({"repeated": {"longest": 400}, "training": {"tokens": 200_000}}, BARE)),
    ("padding-counted", ({"padding": {"validation_share": 0.049}}, BARE),
     ({"padding": {"validation_share": 0.05}}, BARE)),
    ("padding-counted", ({"padding": {"validation_share": 0.4, "inferred": True, "trailing": 0.89}}, BARE),
     ({"padding": {"validation_share": 0.4, "inferred": True, "trailing": 0.9}}, BARE)),
    ("padding-counted", ({"padding": {"validation_share": 1.0}}, BARE),
     ({"padding": {"validation_share": 0.99}}, BARE)),
    ("padding-counted", ({"padding": {"validation_share": 0.4}}, trace(validation_count=[9899.0])),
     ({"padding": {"validation_share": 0.4}}, trace(validation_count=[9900.0]))),
    ("small-validation", counted(200, documents=40), counted(199, documents=40)),
    ("small-validation", counted(999, documents=11), counted(999, documents=10)),
    ("small-validation", counted(1000, documents=10), counted(999, documents=10)),
    ("small-validation", counted(0), counted(1)),
    ("data-order", ({"order": {"nats": 0.162, "spread": 0.001}}, BARE),
     ({"order": {"nats": 0.163, "spread": 0.001}}, BARE)),
    ("data-order", ({"order": {"nats": 1.015, "spread": 0.1}}, BARE),
     ({"order": {"nats": 1.035, "spread": 0.1}}, BARE)),
    ("validation-shift", ({"shift": {"nats": 0.2, "spread": 0.02}}, BARE),
     ({"shift": {"nats": 0.21, "spread": 0.02}}, BARE)),
    ("label-frequency", ({}, trace(loss=[5.5] * 19)), ({}, trace(loss=[5.5] * 20))),
    ("label-frequency", ({}, trace(loss=[5.62] * 40)), ({}, trace(loss=[5.6] * 40))),
    ("label-frequency", ({}, trace(loss=[6.0] * 20 + [5.56] * 10 + [5.5] * 10)),
     ({}, trace(loss=[6.0] * 20 + [5.54] * 10 + [5.5] * 10))),
    ("label-frequency", ({}, trace(**COUNTS, validation_correct=[0, 500, 500, 500, 500, 500, 1, 2])),
     ({}, trace(**COUNTS, validation_correct=[0, 500, 500, 500, 500, 500, 500, 2]))),
    ("label-frequency", ({"labels": {"share_in_validation": 0.981}}, trace(**COUNTS, validation_correct=[9810] * 8)),
     ({"labels": {"share_in_validation": 0.98}}, trace(**COUNTS, validation_correct=[9800] * 8))),
    ("label-frequency", ({}, trace(validation_count=[10_000] * 3, validation_correct=[500] * 3)),
     ({}, trace(validation_count=[10_000] * 4, validation_correct=[500] * 4))),
    ("label-frequency", ({}, trace(validation_count=[10_000] * 8, validation_correct=[500.5] * 8)),
     ({}, trace(validation_count=[10_000] * 8, validation_correct=[500.4] * 8))),
    ("label-frequency", ({}, trace(validation_count=[*[10_000] * 7, 9999], validation_correct=[500] * 8)),
     ({}, trace(validation_count=[*[9999] * 7, 10_000], validation_correct=[500] * 8))),
    ("perplexity-mismatch", ({}, trace(loss=[3.0] * 9, perplexity=[math.exp(3.059)] * 9)),
     ({}, trace(loss=[3.0] * 9, perplexity=[math.exp(3.061)] * 9))),
    ("perplexity-mismatch", ({}, trace(loss=[0.5] * 9, perplexity=[math.exp(0.519)] * 9)),
     ({}, trace(loss=[0.5] * 9, perplexity=[math.exp(0.521)] * 9))),
    ("perplexity-mismatch", ({}, trace(loss=[3.0] * 2, perplexity=[9.0] * 2)),
     ({}, trace(loss=[3.0] * 3, perplexity=[9.0] * 3))),
    ("perplexity-mismatch", ({}, trace(loss=[3.0] * 4, perplexity=[9.0, 9.0, math.exp(3), math.exp(3)])),
     ({}, trace(loss=[3.0] * 4, perplexity=[9.0, 9.0, 9.0, math.exp(3)]))),
    ("perplexity-mismatch", ({}, trace(loss=[15.0] * 9, perplexity=[9.0] * 9)),
     ({}, trace(loss=[14.9] * 9, perplexity=[9.0] * 9))),
    ("perplexity-mismatch", ({}, printed([0.92] * 9, [3.0] * 9)), ({}, printed([0.9] * 9, [3.0] * 9))),
    ("never-trained-tokens", ({"never_trained": {"share": 0.05}, "training": {"looked_at": 0.999}}, BARE),
     ({"never_trained": {"share": 0.05}, "training": None}, BARE)),
    ("padding-counted", ({"padding": {"validation_share": 0.4, "inferred": True, "trailing": None}}, BARE),
     ({"padding": {"validation_share": 0.4, "trailing": None}}, BARE)),
    ("padding-counted", ({"padding": {"validation_share": 0.4}}, trace(validation_count=[10_101.0])),
     ({"padding": {"validation_share": 0.4}}, trace(validation_count=[10_100.0]))),
    ("unknown-tokens", ({"unknown": None}, unknown(6.9, 5, 6.9)), ({"unknown": None}, unknown(6.9, 5, 6.91))),
    ("unknown-tokens", ({"unknown": None}, unknown(9, 8, 6.9)), ({"unknown": None}, unknown(9, 8, 6.91))),
    ("unknown-tokens", ({"unknown": None}, unknown(9)), ({"unknown": None}, unknown(8, 9))),
    ("repeated-windows", ({"repeated": None, "documents": None}, BARE), ({"repeated": {"share": 0.4}}, BARE)),
    ("repeated-windows", ({"repeated": {"share": 0.4}, "window": 0}, BARE), ({"repeated": {"share": 0.4}}, BARE)),
    ("validation-shift", ({"shift": {"nats": 0.5}, "training": {"tokens": 0}}, BARE), ({"shift": {"nats": 0.5}}, BARE)),
    ("validation-shift", ({"shift": {"nats": 0.5}, "validation": {"tokens": 0}}, BARE),
     ({"shift": {"nats": 0.5}, "validation": {"looked_at": None}}, BARE)),
]  # fmt: skip


EXACT: list[tuple[str, tuple[dict, Trace]]] = [
    ("data-order", ({"order": {"nats": 0.1, "expected": 0.0, "spread": 0.01}, "labels": {"entropy": 4.0}}, BARE)),
    ("validation-shift", ({"shift": {"nats": 0.5, "expected": 0.0, "spread": 0.05}}, BARE)),
    ("label-frequency", ({"labels": {"entropy": 50.0}}, trace(loss=[60.0] * 20 + [51.5] * 10 + [51.0] * 10))),
    ("label-frequency", ({}, trace(validation_count=[10_000] * 6, validation_correct=[0, *[500] * 4, 2]))),
    ("unknown-tokens", ({"unknown": {"share": 0.25, "share_in_training": 0.025}}, BARE)),
    ("unknown-tokens", ({"unknown": {"share": 0.01, "share_in_training": 0.0}}, BARE)),
    ("never-trained-tokens", ({"never_trained": {"share": 0.375, "expected": 0.125}}, BARE)),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "what"), EXACT)
def test_a_doubt_begins_right_at_its_limit(kind: str, what: tuple[dict, Trace]) -> None:
    assert kind in {one.kind for one in audit(with_facts(**what[0]), what[1])}


def test_of_the_count_and_its_classes_one_change_is_told() -> None:
    run = trace(validation_count=[5000, 5000, 4000], validation_count__a=[9, 9, 8], validation_count__b=[9, 8, 8])
    assert only(audit({}, run)).evidence["before"] == 5000


LOSS = descent(20)
NUMBERS = np.where(np.arange(20) == 3, np.nan, LOSS)
SAID: dict[str, tuple[dict, Trace, Facts]] = {
    "another set": ({}, trace(validation_count=[5000, 5000, 7000], validation_loss=LOSS[:3]), FACTS),
    "another set of a class": ({}, trace(validation_count__end=[100, 90, 90]), FACTS),
    "ordered data": (with_facts(order={"nats": 0.4}), BARE, FACTS),
    "ordered data without a loss": (with_facts(order={"nats": 0.4}), Trace(), FACTS),
    "frequencies": (HEALTHY, trace(loss=[6.9, 6.0, 5.7, *[5.51, 5.49] * 20]), FACTS),
    "frequencies in the accuracy": (
        HEALTHY, trace(validation_count=[10_000] * 6, validation_correct=[0, *[500] * 4, 2]), FACTS
    ),
    "a leak of windows": (with_facts(**LEAKS, training={"looked_at": 0.25}), BARE, FACTS),
    "a leak of documents": (
        with_facts(documents={"exact": 30, "training": None, "inside_training": 0.25}, training={"looked_at": None}),
        Trace(), FACTS,
    ),
    "a leak of documents alone": (
        with_facts(documents={"exact": 30, "inside_training": None}, overlap={"share": None}, window=None), BARE, FACTS
    ),
    "windows that repeat themselves": (with_facts(**LEAKS, repeated={"share": 0.1}), BARE, FACTS),
    "near duplicates": (with_facts(documents={"near": 10}), BARE, FACTS),
    "near duplicates of unknown likeness": (with_facts(documents={"near": 10, "similar": None}), BARE, FACTS),
    "new words": (with_facts(unit="word", never_trained={"share": 0.5, "expected": 0.1}), BARE, FACTS),
    "new tokens": (with_facts(never_trained={"share": 0.5, "expected": 0.1}), BARE, FACTS),
    "padding that is counted": (with_facts(padding={"validation_share": 0.4}), RUN, FACTS),
    "padding that may be counted": (with_facts(padding={"validation_share": 0.4}), BARE, FACTS),
    "padding without a loss": (
        with_facts(padding={"validation_share": 0.4, "inferred": True, "trailing": 1.0}),
        trace(validation_count=[10_000]), FACTS,
    ),
    "parameters": (HEALTHY, BARE, Facts(parameters=20_000_000)),
    "bits": ({}, trace(loss=LOSS, perplexity=2.0**LOSS), FACTS),
    "another base": ({}, trace(loss=LOSS, perplexity=2.06**LOSS), FACTS),
    "perplexities at some steps": ({}, joined(
        trace(loss=np.r_[NUMBERS, 0.0, 15.0, 3.0]),
        Trace({"perplexity": Series(
            np.r_[20 * np.arange(10), 35, 200, 210, 220],
            np.r_[2 * np.exp(LOSS[::2][:5]), np.inf, np.nan, 0.0, np.exp(LOSS[::2][8:]), 9.0, 9.0, 9.0, 99.0],
        )}),
    ), FACTS),
    "repeated windows": (with_facts(repeated={"share": 0.5, "longest": 2000}, documents=None), BARE, FACTS),
    "copies": (with_facts(repeated=None, documents={"inside_training": 200}), BARE, FACTS),
    "as many copies as repeated windows": (
        with_facts(repeated={"share": 0.5}, documents={"inside_training": 200}), BARE, FACTS
    ),
    "a small validation": ({}, trace(validation_loss=[6.9, 5.6, 6.0], validation_count=[35, 35, 36]), FACTS),
    "a small validation of documents": (with_facts(validation={"documents": 6, "tokens": 35}), Trace(), FACTS),
    "unknown words": ({}, joined(unknown(6.9, 8, 10), trace(validation_loss__seen=[5, 4, 3.5])), FACTS),
    "unknown words that training has": (with_facts(unknown={"share": 0.25, "share_in_training": 0.02}), BARE, FACTS),
    "unknown words without a loss": (with_facts(unknown={"share": 0.25, "share_in_training": 0}), Trace(), FACTS),
    "another kind": (with_facts(shift={"nats": 0.1}, validation={"looked_at": 0.5}), BARE, FACTS),
    "another kind without a loss": (with_facts(shift={"nats": 0.1}), Trace(), FACTS),
}  # fmt: skip


@pytest.mark.parametrize("name", SAID)
def test_what_is_said_of_data_is_what_was_said(name: str, hold: Callable[..., None]) -> None:
    hold("audit_findings", name, audit(*SAID[name]))


@pytest.mark.parametrize(("kind", "silent", "told"), LIMITS)
def test_a_doubt_begins_at_its_limit(kind: str, silent: tuple[dict, Trace], told: tuple[dict, Trace]) -> None:
    assert kind not in {one.kind for one in audit(with_facts(**silent[0]), silent[1])}
    assert kind in {one.kind for one in audit(with_facts(**told[0]), told[1])}


@pytest.mark.parametrize(
    ("changes", "severity"),
    [
        ({"overlap": {"share": 0.49}}, "warning"), ({"overlap": {"share": 0.5}}, "fault"),
        ({**LEAKS, "repeated": {"share": 0.099}}, "warning"), ({**LEAKS, "repeated": {"share": 0.1}}, "note"),
        ({"documents": {"exact": 4, "inside_training": 20}}, "note"),
        ({"documents": {"exact": 4, "inside_training": 19}}, "warning"),
    ],
)  # fmt: skip
def test_how_grave_a_leak_is(changes: dict, severity: str) -> None:
    (found,) = [one for one in audit(with_facts(**changes), BARE) if one.kind == "leak"]
    assert found.severity == severity
    assert ("within training itself" in str(found.sentence)) is (severity == "note")


def test_a_ratio_of_parameters_to_tokens_is_noted_from_a_hundred_on() -> None:
    kinds = [[one.kind for one in audit(HEALTHY, RUN, Facts(parameters=count))] for count in (9_999_999, 10_000_000)]
    assert kinds == [[], ["parameters-per-token"]]


def test_evaluations_change_at_a_step_and_again() -> None:
    found = only(audit({}, trace(validation_count=[5000, 5000, 7000, 7000, 5000, 5000])))
    assert (found.first_step, found.last_step) == (20.0, 40.0)
    assert found.evidence == {"before": 5000.0, "after": 7000.0, "changes": 2}


def test_of_a_loss_in_decimal_digits_that_is_said() -> None:
    loss = descent(20)
    found = only(audit({}, trace(loss=loss, perplexity=10.0**loss)))
    assert "decimal digits" in str(found.sentence)
    assert found.evidence["ratio"] == pytest.approx(math.log(10))
    assert (found.first_step, found.last_step, found.evidence["wrong"]) == (0.0, 190.0, 20)


def test_what_is_no_number_is_none() -> None:
    assert number({"a": {"b": 3}}, "a", "b") == 3.0
    for value in (True, "3", None, [3], float("nan"), 1e15, -1e15):
        assert number({"a": value}, "a") is None
    assert number({"a": 3}, "a", "b") is None
    assert excess({"x": {"nats": 0.5, "expected": 0.1, "spread": 0.2}}, "x") == (0.4, 2.0)
    assert excess({"x": {"nats": 0.5, "expected": 0.1, "spread": 0.0}}, "x") == (0.4, 0.4e12)
    assert excess({"x": {"nats": 0.5, "expected": 0.1}}, "x") is None

"""What is said to be sound: every kind of finding belongs to what it makes unsound."""

import ast
from pathlib import Path
from typing import Literal

import numpy as np
import pytest

from newllm.diagnosis import coverage, detectors
from newllm.diagnosis.facts import Facts
from newllm.messages import catalogue, message, quoted
from newllm.trace import Finding, Series, Trace

KINDS = {name.removeprefix("finding-") for name in catalogue("en").names if name.startswith("finding-")}
OF_SUBJECTS = frozenset[str]().union(*(one.kinds for one in coverage.SUBJECTS))
# Of columns of which nothing is said to be sound: those of policies, GANs and codes, and what is logged beside a loss.
OF_NO_SUBJECT = {
    "both-sides-win", "discriminator-wins", "entropy-collapse", "generator-stands-still",
    "generator-wins", "kl-weight",
    "kl-explosion", "loss-scale", "memory-growth", "mode-collapse", "policy-ratio-one", "posterior-collapse",
    "reward-falls", "reward-hacking", "reward-stays", "throughput-drop", "values-above-returns",
    "differs-from-reference", "program-changed", "program-differs", "parts-from-reference", "parts-inside",
    "in-reference-too", "as-reference",
}  # fmt: skip


def test_every_kind_of_finding_belongs_to_a_subject() -> None:
    assert OF_SUBJECTS | coverage.OF_DATA | OF_NO_SUBJECT == KINDS
    assert not OF_NO_SUBJECT & (OF_SUBJECTS | coverage.OF_DATA)


def test_what_is_found_by_a_loss_belongs_to_a_subject() -> None:
    """The data are no such subject: of a log alone nothing is known of them, and the loss would be called sound."""
    for path in Path(str(detectors.__file__)).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding":
                given = {one.arg: _words(one.value) for one in node.keywords}
                if any(word.split("/")[0] in {"loss", "validation_loss"} for word in given["signal"]):
                    assert given["kind"] <= OF_SUBJECTS, path.name


def _words(node: ast.AST) -> set[str]:
    return {str(one.value) for one in ast.walk(node) if isinstance(one, ast.Constant) and isinstance(one.value, str)}


@pytest.mark.parametrize(
    ("kind", "unsound"),
    [
        ("evaluation-behind", "validation"),
        ("unknown-tokens", "validation"),
        ("preference-without-signal", "validation"),
        ("preference-without-signal", "loss"),
        ("preference-at-reference", "loss"),
        ("contrastive-at-chance", "loss"),
        ("representation-collapse", "loss"),
        ("dominated-part", "loss"),
        ("data-order", "loss"),
    ],
)
def test_a_finding_takes_its_subject_from_what_is_sound(kind: str, unsound: str) -> None:
    falling = Series(np.arange(100), np.geomspace(4.0, 1.0, 100))
    trace = Trace({"loss": falling, "validation_loss": falling})
    assert unsound in coverage.sound(trace, Facts(), [])
    assert unsound not in coverage.sound(trace, Facts(), [Finding(kind=kind, severity="warning", sentence=quoted(""))])


@pytest.mark.parametrize(("end", "is_risen"), [(2.0, False), (2.25, False), (2.6, True), (4.0, True)])
def test_a_loss_that_ends_above_its_lowest_is_not_called_sound(end: float, is_risen: bool) -> None:
    value = np.concatenate([np.linspace(5, 2, 60), np.full(40, end)])
    trace = Trace({"validation_loss": Series(np.arange(1, 101), value), "loss": Series(np.arange(1, 101), value)})
    assert ("validation" in coverage.doubtful(trace, Facts(), [])) == is_risen
    assert ("validation" in coverage.sound(trace, Facts(), [])) != is_risen
    assert coverage.risen(trace) == (("validation_loss", end, 2.0, 60.0) if is_risen else None)


def test_settings_that_differ_from_a_sound_run_have_no_signal() -> None:
    trace = Trace({"loss": Series(np.arange(1, 51), np.linspace(2, 1, 50))})
    said = message("finding-as-reference.sentence", other=["a"], count=1, several=False)
    finding = Finding(kind="differs-from-reference", severity="warning", sentence=said)
    assert "loss" in coverage.sound(trace, Facts(), [finding])


@pytest.mark.parametrize(
    ("name", "points", "kind", "severity", "is_sound"),
    [
        ("aux_loss", 50, "spike", "warning", True),
        ("router_z_loss", 50, "spike", "warning", True),
        ("aux_loss", 50, "auxiliary-loss", "warning", False),
        ("aux_loss", 50, "auxiliary-loss", "note", False),  # it jumped, which may be planned
        ("aux_loss", 10, "spike", "warning", False),
        ("d_loss", 50, "spike", "warning", False),
    ],
)
def test_auxiliary_losses_are_looked_at(
    name: str, points: int, kind: str, severity: Literal["warning", "note"], is_sound: bool
) -> None:
    steps = np.arange(1, points + 1)
    trace = Trace({"loss": Series(steps, np.linspace(2, 1, points)), name: Series(steps, np.full(points, 0.1))})
    finding = Finding(kind=kind, severity=severity, sentence=quoted(""), signal=name)
    assert ("auxiliary" in coverage.sound(trace, Facts(), [finding])) is is_sound

"""Ranks that draw the same random numbers, by the states of their generators that each wrote."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from newllm.diagnosis.detectors.ranks import detect_ranks_alike, detect_ranks_drawing_alike
from newllm.diagnosis.run_facts import read_facts
from newllm.messages import catalogue
from newllm.trace import Finding, Trace

LOOP, MODEL = 1, 2
STEPS = (0, 1, 10, 20, 30, 40)
States = Mapping[str, Sequence[int]]


def written(
    run: Path, drawn: Callable[[int, int], States], *, same_rows: bool = False, wrapped: bool = True, ranks: int = 2
) -> Path:
    """Write what ranks say whose model draws as `drawn` says, by rank and step."""
    folder = run / "ranks"
    folder.mkdir(parents=True)
    for rank in range(ranks):
        about = {
            "schema": 1,
            "rank": rank,
            "ranks": ranks,
            "wrapped": wrapped,
            "left_out": 0,
            "parameters": ["a.weight"],
        }
        rows = [
            {"step": step, "weights": [step], "moments": [None]}
            | ({"inputs": 100 * step + (0 if same_rows else rank)} if step else {})
            | ({"generators": drawn(rank, step)} if step and drawn(rank, step) else {})
            for step in STEPS
        ]
        (folder / f"rank-{rank:05}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in (about, *rows)))
    return run


def told(run: Path) -> list[Finding]:
    return detect_ranks_drawing_alike(Trace({}), read_facts(run)[0])


def test_dropout_that_is_the_same_on_all_ranks_is_a_note(tmp_path: Path) -> None:
    (finding,) = told(written(tmp_path, lambda _, step: {"torch": [step, MODEL], "cuda": [7 * step, MODEL]}, ranks=3))
    assert (finding.severity, finding.first_step, finding.last_step) == ("note", 1.0, 40.0)
    assert "all 3 ranks draw the same random numbers: at each of 5 steps" in str(finding.sentence)
    assert "draws from cuda, torch in the same state" in str(finding.sentence)
    assert "cuda, torchの状態が等しい" in catalogue("ja").text(finding.sentence)


def test_an_augmentation_that_is_the_same_is_a_note_too(tmp_path: Path) -> None:
    (finding,) = told(written(tmp_path, lambda _, step: {"numpy": [step, LOOP]}))
    assert finding.severity == "note"
    assert "the loop draws from numpy" in str(finding.sentence)
    assert "データ拡張" in catalogue("ja").text(finding.sentence)


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param(lambda rank, step: {"torch": [100 * step + rank, MODEL]}, id="seeds of their own"),
        pytest.param(lambda rank, step: {"torch": [step + (rank if step == 20 else 0), MODEL]}, id="once another"),
        pytest.param(lambda rank, step: {"torch": [step + rank // 2, MODEL]}, id="a third rank has another"),
        pytest.param(lambda _rank, _step: {}, id="nobody draws"),
        pytest.param(lambda _, step: {"torch": [step, LOOP]} if step in (1, 20, 30) else {}, id="a loader's epochs"),
        pytest.param(lambda rank, step: {"torch": [step, MODEL]} if rank else {}, id="one rank alone draws"),
        pytest.param(lambda _, step: {"torch": [step, MODEL]} if step < 20 else {}, id="too few steps"),
        pytest.param(lambda _rank, _step: {"torch": [5, MODEL]}, id="seeded anew at each step"),
    ],
)
def test_other_ranks_are_not(tmp_path: Path, drawn: Callable[[int, int], States]) -> None:
    assert told(written(tmp_path, drawn, ranks=3)) == []


def test_parts_of_a_split_model_draw_the_same_on_purpose(tmp_path: Path) -> None:
    assert told(written(tmp_path, lambda _, step: {"torch": [step, MODEL]}, wrapped=False)) == []


def test_ranks_that_read_the_same_have_it_as_a_reason(tmp_path: Path) -> None:
    run = written(tmp_path, lambda _, step: {"torch": [step, LOOP]}, same_rows=True)
    assert told(run) == []
    (finding,) = detect_ranks_alike(Trace({}), read_facts(run)[0])
    assert finding.severity == "warning"
    assert str(finding.sentence).endswith(
        "draw the same random numbers (torch), as if one seed drew the rows of all of them"
    )
    assert "も同じなので、一つのシードで" in catalogue("ja").text(finding.sentence)


@pytest.mark.parametrize("damaged", [{"torch": [1]}, {"torch": ["a", 2]}, [3], {"torch": [-1, 2]}])
def test_damaged_states_are_passed_over_and_said(tmp_path: Path, damaged: object) -> None:
    run = written(tmp_path, lambda *_: damaged)  # type: ignore[arg-type, return-value]
    facts, remarks = read_facts(run)
    assert facts.ranks is None
    assert len(remarks) == 1

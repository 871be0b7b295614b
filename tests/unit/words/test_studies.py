"""What a study's results say in words: by what each claim was decided, and what became of the runs."""

from typing import Any

import pytest

from newllm.messages import catalogue
from newllm.words.studies import claims_table, deciding_number, remarks, verdict_text, waiting

EN, JA = catalogue("en"), catalogue("ja")


def claim(numbers: Any, verdict: str = "holds") -> dict[str, Any]:
    return {"id": "1", "text": "It holds.", "verdict": verdict, "numbers": numbers}


@pytest.mark.parametrize(
    ("numbers", "by"),
    [
        ({"runs": [3, 4, 5], "share_calm": [0.5, 0.25, 0.75]}, "share calm 0.5 [0.25, 0.75]"),
        ({"share_calm": [0.51234, None, None]}, ""),
        ({"steps_more": 3, "other": 4}, "steps more 3"),
        ({"error": "KeyError: 'a'"}, "error KeyError: 'a'"),
        ({"onsets": {"a": 1}}, ""),
        ({}, ""),
        (None, ""),
        ({"seeds": 2, "needed": 6}, "2 seeds, 6 are needed"),
        ({"not_run": ["gate", "ema"]}, "not run: gate, ema"),
    ],
)
def test_by_what_a_claim_was_decided(numbers: Any, by: str) -> None:
    (row,) = claims_table({"claims": [claim(numbers)]}).rows
    assert tuple(row) == ("1", "It holds.", "holds", by)


def test_the_number_that_decided_is_there_as_data() -> None:
    found = deciding_number(claim({"n": 7, "difference": [0.25, 0.125, 0.5]}))
    assert (found.name, found.estimate, found.value, found.missing) == (
        "difference", (0.25, 0.125, 0.5), [0.25, 0.125, 0.5], None,
    )  # fmt: skip


def test_the_table_of_claims_is_in_the_words_of_a_language() -> None:
    table = claims_table({"claims": [claim({"seeds": 2, "needed": 6}, "does not hold"), claim({}, "else")]}, JA)
    assert (table.name, table.title, list(table.header)) == ("claims", "主張", ["", "主張", "判定", "根拠"])
    assert table.rows[0][2:] == ("成り立たない", "シードが2個しかなく、6個必要")
    assert table.rows[1][2] == verdict_text("else", EN) == "else"


def test_what_became_of_runs() -> None:
    claims = [claim({}), claim({"seeds": 2, "needed": 6}), claim({"seeds": 2, "needed": 8})]
    results = {"worker_deaths": ["a worker died"], "failed": {"a, seed 0": "no"}, "waiting": ["b, seed 1"]}
    assert [EN.text(remark) for remark in remarks({**results, "claims": claims})] == [
        "note: a worker died; its run was begun again",
        "failed: a, seed 0: no",
        "1 run had no time (b, seed 1): the same command goes on with it",
        "2 claims have too few seeds to be decided: --seeds 8, without --quick",
    ]
    (few,) = remarks({"claims": claims[:2]})
    assert EN.text(few) == "1 claim has too few seeds to be decided: --seeds 6, without --quick"
    two = waiting(["a, seed 0", "b, seed 1"])
    assert two is not None
    assert EN.text(two) == "2 runs had no time: the same command goes on with them"
    assert "2件" in JA.text(two)
    assert waiting([]) is waiting(None) is waiting("ab") is None

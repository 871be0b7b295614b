"""What the ranks of a training wrote while no step came: who has not come to which collective."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.detectors.stalls import detect_stall
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.ranks.hangs import Hang
from newllm.diagnosis.ranks.stalls import read_stall
from newllm.diagnosis.run_facts import read_facts
from newllm.messages.catalogue import catalogue
from newllm.trace import Series, Trace

TRACE = Trace({"loss": Series(np.arange(1, 13), np.ones(12))})
WORLD = {"0": {"about": "default_pg", "ranks": None}}


def _collective(number: int, operation: str = "all_reduce", *, done: bool = True, size: int = 7, group: str = "0"):
    return {
        "group": group, "number": number, "operation": operation, "sizes": [[size]], "dtypes": ["Float"],
        "done": done, "age": 1.0,
    }  # fmt: skip


def _rank(rank: int, *collectives: dict[str, Any], ranks: int = 2, groups: Any = WORLD, **other: Any) -> dict[str, Any]:
    numbers = {one["group"]: one["number"] for one in collectives}
    about = {"schema": 1, "rank": rank, "ranks": ranks, "step": 12, "seconds": 64.2, "longest": 3.0}
    place = {"state": "stalled", "place": f"train.py:{rank} in main", "error": ""}
    known = {name: {**groups[name], "reached": number} for name, number in numbers.items()}
    return {**about, **place, "groups": known, "collectives": list(collectives), **other}


def _written(run: Path, *rows: dict[str, Any]) -> Path:
    (run / "ranks").mkdir()
    for row in rows:
        (run / f"ranks/flight-{row['rank']:05}.json").write_text(json.dumps(row))
    return run


def _found(run: Path, *rows: dict[str, Any]) -> Any:
    facts, remarks = read_facts(_written(run, *rows))
    assert remarks == ()
    found = detect_stall(TRACE, facts)
    assert len(found) <= 1
    for one in found:
        for language in ("en", "ja"):
            assert "64 " in (said := catalogue(language).text(one.sentence)) or "64秒" in said
            assert "none" not in said.replace("none of them", "")
            for part in filter(None, (*one.alternatives, one.test)):
                assert catalogue(language).text(part)
    return found[0] if found else None


def test_a_rank_that_has_not_come_is_named_with_the_collective_and_its_place(tmp_path: Path) -> None:
    waits = [_rank(rank, _collective(5), _collective(6, done=False), ranks=3) for rank in (0, 2)]
    found = _found(tmp_path, waits[0], _rank(1, _collective(5), ranks=3), waits[1])
    assert (found.kind, found.severity, found.first_step, found.evidence) == ("hang", "warning", 12, {"seconds": 64.2})
    assert catalogue("en").text(found.sentence) == (
        "rank 1 has not come to all_reduce of 7 Float, number 6 of all ranks, and 2 ranks wait (64 s or more after "
        "step 12): it was at train.py:1 in main"
    )
    said = catalogue("ja").text(found.sentence)
    for part in (
        "ランク1が全ランクの6番目のall_reduce",
        "に来ず、2個のランクが待っている",
        "はtrain.py:1 in mainにいた",
    ):
        assert part in said
    assert detect_stall(TRACE, Facts()) == []
    facts, _ = read_facts(tmp_path)
    hung = Facts(stall=facts.stall, hangs=(Hang((1,), "losses", 12, 600.0),))
    assert detect_stall(TRACE, hung) == [], "newllm train says it itself"


def test_the_first_of_many_that_wait_counts(tmp_path: Path) -> None:
    """A backward pass begins many before it waits for one."""
    many = [_collective(number, done=number < 5) for number in range(4, 9)]
    found = _found(tmp_path, _rank(0, *many), _rank(1, *many[:1]))
    assert "number 5 of all ranks" in str(found.sentence)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([], "it wrote nothing: it was killed or stopped, is stuck in a call outside Python, or does not record"),
        ([_rank(1, state="ended", place="", step=9)], "it had ended its recording after step 9"),
        ([_rank(1, state="failed", error="KeyError", step=9)], "it had left after step 9 with KeyError, at train.py:1"),
        ([_rank(1, place="")], "it was at a place that is not known"),
    ],
)
def test_a_rank_that_is_gone_is_told_as_that(tmp_path: Path, rows: list[dict[str, Any]], said: str) -> None:
    found = _found(tmp_path, _rank(0, _collective(6, done=False)), *rows)
    assert str(found.sentence).startswith("rank 1 has not come to all_reduce of 7 Float, number 6 of all ranks")
    assert f": {said}" in str(found.sentence)


@pytest.mark.parametrize("other", [_collective(6, "broadcast", done=False), _collective(6, size=8, done=False)])
def test_another_collective_at_the_same_number_is_a_mistake_of_the_program(
    tmp_path: Path, other: dict[str, Any]
) -> None:
    rows = [_rank(rank, _collective(5), _collective(6, done=False), ranks=3) for rank in (1, 2)]
    found = _found(tmp_path, _rank(0, _collective(5), other, ranks=3), *rows)
    assert str(found.sentence) == (
        "the ranks wait in different collectives: rank 1 in all_reduce of 7 Float, number 6 of all ranks (at "
        f"train.py:1 in main), rank 0 in {other['operation']} of {other['sizes'][0][0]} Float, number 6 of all ranks "
        "(at train.py:0 in main); no step came after step 12 for 64 s or more"
    )
    assert found.test.id == "finding-hang.apart-test"


def test_sizes_may_differ_where_a_rank_has_its_own(tmp_path: Path) -> None:
    sizes = [_collective(6, "all_to_all", size=size, done=False) for size in (3, 4)]
    found = _found(tmp_path, *(_rank(rank, one) for rank, one in enumerate(sizes)))
    assert found.severity == "warning"
    assert str(found.sentence).startswith("all ranks have come to all_to_all of 3 Float, number 6 of all ranks, and it")


def test_a_failed_program_with_two_collectives_needs_nobody_that_waits(tmp_path: Path) -> None:
    rows = [_rank(rank, _collective(6, name), state="failed") for rank, name in enumerate(("reduce", "all_reduce"))]
    assert "rank 1 in all_reduce" in str(_found(tmp_path, *rows).sentence)


def test_ranks_outside_a_group_are_not_awaited_and_the_root_of_a_chain_is_named(tmp_path: Path) -> None:
    """Rank 0 waits for 1, and that for 3, in a group that 0 and 2 are not in; 2 has nothing to do with it."""
    groups = {"a": {"about": "mesh_a", "ranks": [0, 1]}, "b": {"about": "undefined", "ranks": [1, 3]}}
    known: dict[str, Any] = {"ranks": 4, "groups": groups}
    first = _rank(0, _collective(2, done=False, group="a"), **known)
    second = _rank(1, _collective(1, group="a"), _collective(1, "broadcast", done=False, group="b"), **known)
    found = _found(tmp_path, first, second, _rank(2, **known), _rank(3, **known))
    assert str(found.sentence).startswith("rank 3 has not come to broadcast of 7 Float, number 1 of the group b, and 3")


def test_collectives_of_two_groups_in_different_orders(tmp_path: Path) -> None:
    groups = {"a": {"about": "mesh_a", "ranks": None}, "b": {"about": "mesh_b", "ranks": None}}
    rows = [_rank(rank, _collective(1, done=False, group=name), groups=groups) for rank, name in enumerate("ab")]
    said = str(_found(tmp_path, *rows).sentence)
    assert "rank 0 in all_reduce of 7 Float, number 1 of the group mesh_a" in said
    assert "rank 1 in all_reduce of 7 Float, number 1 of the group mesh_b" in said


def test_a_pause_in_which_nobody_waits_or_that_is_usual_is_a_note(tmp_path: Path) -> None:
    for name in ("slow", "usual", "off"):
        (tmp_path / name).mkdir()
    found = _found(tmp_path / "slow", _rank(0, _collective(5)), _rank(1, _collective(5)))
    assert found.severity == "note"
    assert str(found.sentence).endswith(
        "the ranks were at: 0 (train.py:0 in main), 1 (train.py:1 in main); none of them waited in a collective, so "
        "it may be slow work"
    )
    found = _found(tmp_path / "usual", _rank(0, _collective(6, done=False), longest=40.0), _rank(1, _collective(5)))
    assert found.severity == "note"
    found = _found(tmp_path / "off", _rank(0), _rank(1))
    assert found.severity == "warning"
    assert "TORCH_FR_BUFFER_SIZE=2000" in str(found.sentence)


def test_without_a_wait_there_is_nothing_to_say(tmp_path: Path) -> None:
    rows = [_rank(0, state="ended"), _rank(1, _collective(5), state="failed", error="ValueError")]
    assert _found(tmp_path, *rows) is None


@pytest.mark.parametrize(
    "damaged",
    [
        *({"rank": 0}, {"rank": True}, {"ranks": 1}, {"step": -1}, {"step": 2**60}, {"seconds": "long"}),
        *({"seconds": float("nan")}, {"longest": -1}, {"state": "asleep"}, {"place": 7}, {"error": None}),
        *({"groups": []}, {"groups": {"0": {}}}, {"groups": {"0": {"reached": 1, "ranks": ["a"], "about": ""}}}),
        *({"collectives": 3}, {"collectives": [{}]}, {"collectives": [_collective(6, group="9")]}),
        *({"collectives": [_collective(1) | damage]} for damage in ({"done": 1}, {"sizes": [[-1]]}, {"dtypes": []})),
    ],
)
def test_a_damaged_file_is_passed_over_and_said(tmp_path: Path, damaged: dict[str, Any]) -> None:
    _written(tmp_path, _rank(0, _collective(6, done=False)))
    (tmp_path / "ranks/flight-00001.json").write_text(json.dumps(_rank(1, _collective(5)) | damaged))
    stall, remarks = read_stall(tmp_path)
    assert [one.parameters["file"] for one in (remark.sentence for remark in remarks)] == ["ranks/flight-00001.json"]
    assert stall is not None
    assert [one.state for one in stall.missing] == ["silent"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\x80\x04N.", b"[" * 100_000, b'{"a": "' + b"a" * 300_000])
def test_what_is_no_such_file_is_said(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ranks").mkdir()
    (tmp_path / "ranks/flight-00001.json").write_bytes(content)
    stall, remarks = read_stall(tmp_path)
    assert stall is None
    assert len(remarks) == 1


def test_names_of_a_file_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    row = _rank(1, place="\x1b[2Jtrain.py" + "a" * 1000)
    said = str(_found(tmp_path, _rank(0, _collective(6, done=False)), row).sentence)
    assert "at ?[2Jtrain.py" in said
    assert len(said) < 500

"""Fingerprints that ranks wrote, compared."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from newllm.diagnosis.detectors.rank_outlier import detect_other_batches
from newllm.diagnosis.detectors.ranks import detect_hang, detect_ranks_alike, detect_ranks_apart, detect_straggler
from newllm.diagnosis.facts import Facts, Layer
from newllm.diagnosis.layer_names import with_named_layers
from newllm.diagnosis.ranks.fingerprints import Apart, read_ranks
from newllm.diagnosis.ranks.hangs import EXCHANGES, Hang, read_hangs
from newllm.diagnosis.run_facts import read_facts
from newllm.messages import catalogue, message
from newllm.trace import Series, Trace

NAMES = ["a.weight", "a.bias", "b.weight"]
Rows = dict[int, tuple[list[int], list[int | None]]]
SAME: Rows = {0: ([1, 2, 3], [None] * 3), 1: ([4, 5, 6], [7, 8, None]), 10: ([7, 8, 9], [10, 11, None])}


def _written(
    run: Path,
    ranks: Sequence[Rows],
    *,
    names: Sequence[Sequence[str]] = (),
    pieces: Sequence[Sequence[int | None]] = (),
    world: int = 0,
    **head: Any,
) -> Path:
    folder = run / "ranks"
    folder.mkdir(parents=True)
    for rank, rows in enumerate(ranks):
        about = {"schema": 1, "rank": rank, "ranks": world or len(ranks), "wrapped": False, "left_out": 0, **head}
        lines: list[dict[str, Any]] = [about | {"parameters": names[rank] if names else NAMES}]
        lines[0] |= {"pieces": pieces[rank]} if pieces else {}
        lines += [{"step": step, "weights": weights, "moments": moments} for step, (weights, moments) in rows.items()]
        (folder / f"rank-{rank:05}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def _apart(run: Path) -> tuple[Apart, ...]:
    ranks, _ = read_ranks(run)
    assert ranks is not None
    return ranks.apart


def _with(step: int, weights: list[int], moments: list[int | None] | None = None) -> Rows:
    return SAME | {step: (weights, SAME[step][1] if moments is None else moments)}


def _said(run: Path) -> list[str]:
    return [remark.sentence.id for remark in read_ranks(run)[1]]


def test_equal_ranks_have_nothing_apart(tmp_path: Path) -> None:
    ranks, remarks = read_ranks(_written(tmp_path, [SAME, SAME, SAME]))
    assert ranks is not None
    assert (ranks.count, ranks.compared, ranks.apart, remarks) == (3, 3, (), ())
    assert detect_ranks_apart(Trace({}), Facts(ranks=ranks)) == []


def test_a_run_of_one_process_says_nothing(tmp_path: Path) -> None:
    assert read_ranks(tmp_path) == (None, ())
    assert read_facts(tmp_path)[0].ranks is None


def test_the_first_difference_is_told_with_the_rank_that_most_disagree_with(tmp_path: Path) -> None:
    run = _written(tmp_path, [_with(10, [7, 8, 0]), SAME, SAME])
    assert _apart(run) == (Apart("b.weight", "weights", 1, 10, (0,), again=False),)
    (finding,) = detect_ranks_apart(Trace({}), read_facts(run)[0])
    assert (
        str(finding.sentence)
        == "The ranks stop being identical after step 1, by step 10: a parameter differs on rank 0 (b.weight)"
    )
    assert (finding.severity, finding.first_step) == ("warning", 10.0)
    assert catalogue("ja").text(finding.sentence).startswith("ステップ1と10の間にランクどうしの値が一致しなくなった")


def test_a_rank_is_no_layer_that_has_its_number(tmp_path: Path) -> None:
    run = _written(tmp_path, [SAME, _with(10, [7, 0, 9])])
    found = detect_ranks_apart(Trace({}), read_facts(run)[0])
    (finding,) = with_named_layers(found, Facts(layers=(Layer("1", "Linear"),)))
    assert "differs on rank 1 (a.bias)" in str(finding.sentence)


def test_moments_that_differ_alone_are_told(tmp_path: Path) -> None:
    run = _written(tmp_path, [SAME, _with(10, [7, 8, 9], [10, 0, None])])
    (finding,) = detect_ranks_apart(Trace({}), read_facts(run)[0])
    assert str(finding.sentence) == (
        "The ranks stop being identical after step 1, by step 10: "
        "the optimizer's moments of a parameter differ on rank 1 (a.bias)"
    )


def test_moments_that_never_were_equal_are_divided_between_the_ranks(tmp_path: Path) -> None:
    other = SAME | {step: (SAME[step][0], [0, None, 0]) for step in (1, 10)}
    assert _apart(_written(tmp_path, [SAME, other])) == ()


def test_ranks_that_are_equal_once_more_are_a_note(tmp_path: Path) -> None:
    run = _written(tmp_path, [SAME, _with(1, [0, 5, 6])])
    (finding,) = detect_ranks_apart(Trace({}), read_facts(run)[0])
    assert finding.severity == "note"


def test_a_parameter_that_is_sharded_is_compared_between_ranks_with_the_same_piece(tmp_path: Path) -> None:
    other = {step: ([*weights[:2], weights[2] + 90], moments) for step, (weights, moments) in SAME.items()}
    apart, other_apart = _with(10, [7, 8, 0]), other | {10: ([7, 8, 0], SAME[10][1])}
    pieces = [[None, None, 0], [None, None, 1]] * 2
    ranks, remarks = read_ranks(_written(tmp_path / "healthy", [SAME, other] * 2, pieces=pieces))
    assert ranks is not None
    assert (ranks.compared, ranks.apart, remarks) == (3, (), ())
    one = _written(tmp_path / "one", [SAME, other, SAME, other_apart], pieces=pieces)
    assert _apart(one) == (Apart("b.weight", "weights", 1, 10, (3,), again=False),)
    both = _written(tmp_path / "both", [SAME, other, apart, other_apart], pieces=pieces)
    assert _apart(both) == (Apart("b.weight", "weights", 1, 10, (2, 3), again=False),)
    whole = _written(tmp_path / "whole", [SAME, other, SAME, _with(10, [7, 0, 99])], pieces=pieces)
    assert _apart(whole) == (Apart("a.bias", "weights", 1, 10, (3,), again=False),)
    assert _said(_written(tmp_path / "cut", [SAME, SAME], pieces=[[0]] * 2)) == ["remark-unread-file"]


def test_a_layer_that_differs_from_the_start_is_each_ranks_own(tmp_path: Path) -> None:
    """The bias of a layer that is split may be zero everywhere at the start."""
    other = {
        step: ([0, weights[1] * 9 if step else 2, weights[2]], moments) for step, (weights, moments) in SAME.items()
    }
    run = _written(tmp_path / "free", [SAME, other])
    ranks, remarks = read_ranks(run)
    assert ranks is not None
    assert (ranks.compared, ranks.apart) == (1, ())
    assert [str(remark) for remark in remarks] == [
        "2 parameters, or others of their layers, differ between the ranks from the start: each rank holds a part or "
        "one of its own, or nothing made them equal; between ranks they are not compared"
    ]
    wrapped = _written(tmp_path / "wrapped", [SAME, other], wrapped=True)  # which makes them equal, or should
    assert _apart(wrapped)[0] == Apart("a.weight", "weights", None, 0, (1,), again=False)


@pytest.mark.parametrize(
    ("ranks", "head", "said"),
    [
        ([SAME], {"world": 2}, ["remark-ranks-missing"]),
        ([SAME, SAME], {"left_out": 4}, ["remark-ranks-sharded"]),
        ([SAME, SAME], {"names": [NAMES, [*NAMES[:2], "c"]]}, ["remark-ranks-of-other-models"]),
        ([SAME, {}], {}, []),
        ([SAME, {0: ([1, 2], [None])}], {}, ["remark-unread-file"]),
    ],
)
def test_what_is_not_compared_is_said(tmp_path: Path, ranks: list[Rows], head: dict[str, Any], said: list[str]) -> None:
    run = _written(tmp_path, ranks, **head)
    assert _said(run) == said


def test_a_rank_that_ended_early_is_compared_up_to_there(tmp_path: Path) -> None:
    ended = {step: SAME[step] for step in (0, 1)}
    run = _written(tmp_path, [_with(10, [0, 0, 0]), ended])
    assert _apart(run) == ()
    file = run / "ranks" / "rank-00001.jsonl"
    file.write_text(file.read_text() + '{"step":10,"weig')  # killed while it wrote
    assert _apart(run) == ()


HEAD = '{"schema":1,"rank":1,"ranks":2,"wrapped":false,"left_out":0,"parameters":["a.weight","a.bias","b.weight"]}\n'
VALUES = '"weights":[1,2,3],"moments":[null,null,null]}\n'


@pytest.mark.parametrize(
    "text",
    [
        "[]\n",
        "{}\n",
        "not json\n",
        '{"parameters":[],"rank":{}}\n',
        "[" * 100_000 + "\n",
        HEAD.replace('"rank":1', '"rank":1e999'),
        HEAD + '{"step":1e999,' + VALUES,
        HEAD + '{"step":1' + "0" * 400 + "," + VALUES,
        HEAD + '{"step":-1,' + VALUES,
        HEAD + '{"step":0,"weights":[[1],2,3],"moments":[null,null,null]}\n',
        HEAD + '{"step":0,"weights":[NaN,2,3],"moments":[null,null,null]}\n',
        HEAD + '{"step":0,"weights":"abc","moments":[null,null,null]}\n',
    ],
)
def test_a_damaged_file_is_passed_over_and_said(tmp_path: Path, text: str) -> None:
    run = _written(tmp_path, [SAME, SAME])
    (run / "ranks" / "rank-00001.jsonl").write_text(text)
    assert read_ranks(run)[0] is None
    assert _said(run) == ["remark-unread-file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    run = _written(tmp_path, [SAME])
    os.mkfifo(run / "ranks" / "rank-00001.jsonl")
    (remark,) = read_ranks(run)[1]
    assert str(remark) == "'ranks' cannot be read (not a regular file): passed over"


def _reading(run: Path, ranks: Sequence[Sequence[int | None]], *, wrapped: bool = True) -> Path:
    """Write ranks that hold the same weights and read what is given, at steps 0, 1, 10, 20 and so on."""
    _written(run, [{0: SAME[0]}] * len(ranks), wrapped=wrapped)
    for rank, inputs in enumerate(ranks):
        steps = [0, 1, *range(10, 10 * len(inputs), 10)]
        rows = [{"step": step, "weights": [1, 2, 3], "moments": [None] * 3} for step in steps[: len(inputs)]]
        head = (run / f"ranks/rank-{rank:05}.jsonl").read_text().splitlines()[0]
        lines = [head, *(json.dumps(row | {"inputs": read}) for row, read in zip(rows, inputs, strict=True))]
        (run / f"ranks/rank-{rank:05}.jsonl").write_text("".join(f"{line}\n" for line in lines))
    return run


def test_ranks_that_read_the_same_at_each_step_are_told(tmp_path: Path) -> None:
    same = [None, 5, 6, 7]
    (finding,) = detect_ranks_alike(Trace({}), read_facts(_reading(tmp_path, [same, same]))[0])
    assert (finding.severity, finding.first_step, finding.last_step) == ("warning", 1.0, 20.0)
    assert str(finding.sentence).startswith("at each of 3 steps that were compared, from step 1 to 20, all 2 ranks")
    assert "ビットまで同じ入力" in catalogue("ja").text(finding.sentence)


@pytest.mark.parametrize(
    ("ranks", "wrapped"),
    [
        pytest.param([[None, 5, 6, 7], [None, 5, 6, 8]], True, id="once another"),
        pytest.param([[None, 5, 6, 7], [None, 5, 6, 7], [None, 1, 2, 3]], True, id="a third reads another"),
        pytest.param([[None, 5, 5, 5], [None, 5, 5, 5]], True, id="one batch, learnt by heart"),
        pytest.param([[None, 5, 6], [None, 5, 6]], True, id="too few steps"),
        pytest.param([[None, 5, 6, 7], [None, 5, 6, 7]], False, id="parts of a split model"),
        pytest.param([[None] * 4, [None] * 4], True, id="no inputs"),
    ],
)
def test_other_ranks_that_read_are_not(tmp_path: Path, ranks: list[list[int | None]], wrapped: bool) -> None:
    assert detect_ranks_alike(Trace({}), read_facts(_reading(tmp_path, ranks, wrapped=wrapped))[0]) == []


def _drawing(run: Path, ranks: Sequence[Sequence[int | None]], *, names: Sequence[str] = NAMES) -> Path:
    """Write ranks that draw such batches by steps 0, 10, 20 and so on; without parameters, what is shared out."""
    _written(run, [{}] * len(ranks), names=[names] * len(ranks))
    held = {"weights": [1, 2, 3], "moments": [None] * 3} if names else {}
    for rank, drawn in enumerate(ranks):
        rows = [{"step": 10 * number, **held, "batches": one} for number, one in enumerate(drawn) if one is not None]
        with (run / f"ranks/rank-{rank:05}.jsonl").open("a") as file:
            file.write("".join(json.dumps(row) + "\n" for row in rows))
    return run


@pytest.mark.parametrize("names", [NAMES, []])
@pytest.mark.parametrize(
    ("ranks", "said"),
    [
        ([[None, 5, 6, 7]] * 3, []),
        ([[None, 5, 6, 7], [None, 5, 0, 1]], ["rank 1 draws other batches than rank 0, first by step 20 (2 of 3 "]),
        ([[None, 5, 6, 7], [None, 5, 6, 7], [None, 0, 6, 7]], ["rank 2 draws other batches than rank 0, first by "]),
        ([[None, 0, 6, 7], [None, 5, 6, 7], [None, 5, 6, 7]], ["rank 0 draws other batches than rank 1, first by "]),
        ([[None, 5, 6, 7], [None, 5, 6]], []),
        ([[None, 5, 6, 7], [None, None, None]], []),
    ],
    ids=["alike", "two", "one of three", "the first of three", "ended early", "an older newllm"],
)
def test_ranks_that_draw_other_batches_are_told(
    tmp_path: Path, ranks: list[list[int | None]], said: list[str], names: list[str]
) -> None:
    run = _drawing(tmp_path, ranks, names=names)
    assert _said(run) == []
    found = detect_other_batches(Trace({}), read_facts(run)[0])
    assert [str(one.sentence)[: len(words)] for one, words in zip(found, said, strict=True)] == said
    assert all("別のバッチ" in catalogue("ja").text(one.sentence) for one in found)


def test_a_step_alone_says_nothing_and_ends_no_comparison(tmp_path: Path) -> None:
    """An earlier newllm wrote it of a measured step of ranks that share rows."""
    run = _drawing(tmp_path, [[None, 5], [None, 6]])
    file = run / "ranks/rank-00001.jsonl"
    file.write_text(file.read_text() + '{"step":11}\n')
    assert _said(run) == []
    assert len(detect_other_batches(Trace({}), read_facts(run)[0])) == 1


def test_a_digest_of_batches_that_is_no_number_is_a_damaged_file(tmp_path: Path) -> None:
    run = _drawing(tmp_path, [[None, 5], [None, 5]])
    file = run / "ranks/rank-00001.jsonl"
    file.write_text(file.read_text().replace('"batches": 5', '"batches": "5"'))
    assert _said(run) == ["remark-unread-file"]


def _timed(run: Path, seconds: Sequence[Sequence[float]]) -> Path:
    """Ranks that are equal, and took so many seconds at steps 10, 20 and so on."""
    (run / "ranks").mkdir(parents=True)
    for rank, each in enumerate(seconds):
        head = {"schema": 1, "rank": rank, "ranks": len(seconds), "wrapped": False, "left_out": 0, "parameters": ["w"]}
        rows = [
            {"step": 10 * (number + 1), "weights": [number], "moments": [None], "seconds": one}
            for number, one in enumerate(each)
        ]
        (run / "ranks" / f"rank-{rank:05}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (head, *rows)))
    return run


def test_a_rank_that_all_wait_for_is_a_note(tmp_path: Path) -> None:
    ranks, _ = read_ranks(_timed(tmp_path, [[1.0] * 20, [0.9] * 20, [1.0] * 8 + [2.0] * 12, [1.8] * 20]))
    assert ranks is not None
    assert ranks.straggler is None, "now one is the slowest, now another"
    slow = _timed(tmp_path / "slow", [[1.0] * 20, [0.9] * 20, [1.5] * 19 + [0.8]])
    ranks, _ = read_ranks(slow)
    (found,) = detect_straggler(Trace({}), Facts(ranks=ranks))
    assert (found.kind, found.severity, found.first_step, found.last_step) == ("straggler", "note", 10, 200)
    assert found.evidence["ratio"] == pytest.approx(1.5 / 0.95)
    assert catalogue("en").text(found.sentence) == (
        "rank 2 computes 1.6 times as long as the others, and was the slowest at 19 of 20 updates that were timed "
        "(step 10 to 200): all wait for it"
    )


@pytest.mark.parametrize(
    "seconds",
    [
        [[1.0] * 20, [1.2] * 20],  # a fifth: a noisy machine
        [[1.0] * 9, [2.0] * 9],  # too few to tell
        [[1.0] * 20],
    ],
)
def test_what_is_no_straggler(tmp_path: Path, seconds: list[list[float]]) -> None:
    ranks, _ = read_ranks(_timed(tmp_path, seconds))
    assert ranks is None or ranks.straggler is None


@pytest.mark.parametrize("damaged", [-1.0, float("inf"), "long", True])
def test_a_damaged_time_is_not_believed(tmp_path: Path, damaged: object) -> None:
    ranks, remarks = read_ranks(_timed(tmp_path, [[1.0] * 20, [damaged] * 20]))  # type: ignore[list-item]
    assert ranks is None
    assert len(remarks) == 1


def _hung(run: Path, *rows: dict[str, object]) -> Path:
    (run / "ranks").mkdir(parents=True, exist_ok=True)
    (run / "ranks/hangs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + '{"ranks": [')
    return run


HUNG: dict[str, object] = {
    "ranks": [2],
    "what": "losses",
    "step": 12,
    "seconds": 600.0,
    "last": "order",
    "last_step": 11,
    "waits": False,
    "place": "data/corpus.py:7 in read",
    "answers": False,
}


def test_a_rank_that_did_not_come_is_a_warning_and_a_note_once_the_run_went_past(tmp_path: Path) -> None:
    facts, remarks = read_facts(_hung(tmp_path, HUNG | {"step": 3}, HUNG))
    assert remarks == ()
    stood = Trace({"loss": Series(np.arange(1, 13), np.ones(12))})
    (found,) = detect_hang(stood, facts)
    assert (found.kind, found.severity, found.first_step) == ("hang", "warning", 12)
    assert catalogue("en").text(found.sentence) == (
        "rank 2 did not come to the losses of step 12 within 600 s, and all ended: it was last seen computing, after "
        "the order that follows step 11, at data/corpus.py:7 in read, and did not run any more (stopped, or stuck "
        "in a call); it is the last of 2 such waits"
    )
    assert "ランク2が600秒たってもステップ12の損失に来ず" in catalogue("ja").text(found.sentence)
    (past,) = detect_hang(Trace({"loss": Series(np.arange(1, 14), np.ones(13))}), facts)
    assert past.severity == "note"
    assert "went past it" in catalogue("en").text(past.sentence)
    assert detect_hang(stood, Facts()) == []


@pytest.mark.parametrize("what", EXCHANGES)
def test_every_exchange_has_a_name_in_every_language(what: str) -> None:
    for language in ("en", "ja"):
        for ranks in ((), (1,), (1, 2), (1, 2, 3)):
            said = catalogue(language).text(message("training-hangs", **Hang(ranks, what, 4, 5.0).numbers()))
            assert "exchange" not in said
            assert "4" in said or what in ("begin", "weights", "end")


@pytest.mark.parametrize(
    "damaged",
    [{"what": "tea"}, {"step": -1}, {"ranks": [True]}, {"seconds": "long"}, {"place": 7}, {"waits": "no"}, {"last": 1}],
)
def test_a_damaged_hang_is_passed_over_and_said(tmp_path: Path, damaged: dict[str, object]) -> None:
    hangs, remarks = read_hangs(_hung(tmp_path, HUNG | damaged))
    assert hangs == ()
    assert len(remarks) == 1

"""What a guard did, as the next start and the replays read it."""

import json
from typing import Any

import pytest

from newllm.errors import UserError
from newllm.trace import Recovery, load_recoveries, save_recoveries
from newllm.trace.recovery import followed_by, marks


def recovery(number: int = 1, back: int | None = 40, **others: Any) -> Recovery:
    known: dict[str, Any] = {"policy": "guard", "action": "remedy", "sentence": "s", "detected": 50, "onset": 45}
    known |= {"base": 2.0, "last": 45, "back": back, "remedy": "clip-half", "in_force": True}
    return Recovery(number=number, **(known | others))


def test_one_that_goes_back_as_far_or_farther_puts_others_out_of_force() -> None:
    before = (recovery(1, 10), recovery(2, 40), recovery(3, 60))
    for back, in_force in ((40, [True, False, False, True]), (41, [True, True, False, True]), (61, [True] * 4)):
        assert [one.in_force for one in followed_by(before, recovery(4, back))] == in_force
    stopped = recovery(4, None, action="asked", remedy="", in_force=False)
    assert followed_by(before, stopped) == (*before, stopped)
    out = (recovery(1, 10, in_force=False),)
    assert not followed_by(out, recovery(2, 20))[0].in_force


def test_a_mark_stands_where_the_run_was_taken_back_to() -> None:
    assert marks([recovery(1, 10), recovery(2, 40), recovery(3, None), recovery(4, 30)]) == {10: 1, 30: 4}
    assert marks([recovery(1, 10), recovery(2, 10)]) == {10: 2}
    assert marks([]) == {}


def test_they_are_read_as_they_were_written_and_none_where_there_is_no_file(tmp_path) -> None:
    path = tmp_path / "recoveries.json"
    assert load_recoveries(path) == ()
    made = (recovery(), recovery(2, None, action="stopped", remedy="", base=None, seconds=1.5, nulls={"n": 2}))
    save_recoveries(path, made)
    assert load_recoveries(path) == made


@pytest.mark.parametrize(
    "change",
    [{"schema": 2}, {"recoveries": 3}, {"recoveries": [{}]}, {"recoveries": None}, {"action": "dance"}, {"back": None},
     {"more": 1}],
)  # fmt: skip
def test_what_is_no_recovery_is_damage(tmp_path, change: dict[str, Any]) -> None:
    path = tmp_path / "recoveries.json"
    save_recoveries(path, [recovery()])
    content = json.loads(path.read_text())
    known = change.keys() & content.keys()
    (content if known else content["recoveries"][0]).update(change)
    path.write_text(json.dumps(content))
    with pytest.raises(UserError, match=r"recoveries.json' is damaged"):
        load_recoveries(path)


def test_what_is_so_of_a_recovery_unless_it_is_said_otherwise() -> None:
    bare = Recovery(number=1, policy="ask", action="asked", sentence="s", detected=5, onset=4, base=None, last=4)
    assert bare.as_dict() == {
        "number": 1, "policy": "ask", "action": "asked", "sentence": "s", "detected": 5, "onset": 4, "base": None,
        "last": 4, "back": None, "remedy": "", "setting": None, "in_force": False, "done": True, "nulls": {},
        "tried": [], "updates": 0, "seconds": 0.0, "message": {"id": "quoted", "parameters": {"text": "s"}},
    }  # fmt: skip

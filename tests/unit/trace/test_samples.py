"""What a model wrote, line by line; steps that a trace lost; and what a verdict is as plain data."""

import contextlib
import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from newllm.errors import UserError
from newllm.trace import Series, Tried, Verdict, lost_steps
from newllm.trace.replay_states import states_of
from newllm.trace.rows import opened_line, sealed_line
from newllm.trace.samples import Sample, add_sample, lost_samples, read_samples, samples_of, truncate_samples_after

TEXTS = [Sample(step, "the", f"whale {step}\n\u2028 é", step % 3) for step in range(10, 100, 10)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    for sample in TEXTS:
        add_sample(tmp_path / "samples.jsonl", sample)
    return tmp_path / "samples.jsonl"


def test_samples_are_read_as_they_were_written(file: Path) -> None:
    assert samples_of(read_samples(file)) == TEXTS
    assert lost_samples(read_samples(file)) == ()
    assert read_samples(file.with_name("none")) == b""
    assert samples_of(b"") == []
    assert len(samples_of(read_samples(file)[:-1])) == len(TEXTS) - 1  # a line counts once its newline is there


@pytest.mark.parametrize(
    "content",
    [{"step": 1}, {"step": 1.0, "prompt": "", "text": "", "seed": 0},
     {"step": 1, "prompt": "", "text": "", "seed": True},
     {"step": 1, "prompt": "", "text": None, "seed": 0}, {"step": 1, "prompt": "", "text": "", "seed": 0, "more": 1},
     [1], 3],
)  # fmt: skip
def test_a_line_that_is_no_sample_is_passed_over_and_told(content: object) -> None:
    line = json.dumps(content).encode() + b"\n"
    assert samples_of(line) == []
    assert tuple(map(str, lost_samples(line))) == (
        "samples.jsonl is damaged in line 1: what the model wrote there is lost",
    )


def test_five_damaged_lines_are_named(file: Path) -> None:
    lines = read_samples(file).splitlines(keepends=True)
    for count, named in ((5, "2, 3, 4, 5, 6:"), (6, "2, 3, 4, 5, 6 ...:")):
        torn = [line.replace(b"whale", b"while") if 1 <= at <= count else line for at, line in enumerate(lines)]
        assert f"damaged in line {named}" in str(lost_samples(b"".join(torn))[0])
        assert len(samples_of(b"".join(torn))) == len(TEXTS) - count


def test_a_run_that_goes_on_takes_the_later_samples_away(file: Path) -> None:
    whole = read_samples(file)
    before = file.stat()
    assert truncate_samples_after(file, 90) == truncate_samples_after(file, 95) == 9
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (
        before.st_mtime_ns,
        before.st_ino,
    )  # it is not written anew
    assert truncate_samples_after(file, 50) == 5
    assert samples_of(read_samples(file)) == TEXTS[:5]
    assert whole.startswith(read_samples(file))
    assert truncate_samples_after(file, 49) == 4
    assert truncate_samples_after(file, 9) == 0
    assert read_samples(file) == b""
    assert truncate_samples_after(file.with_name("none"), 5) == 0


def test_a_damaged_line_stays_where_it_is_and_a_torn_one_goes(file: Path) -> None:
    lines = read_samples(file).splitlines(keepends=True)
    file.write_bytes(b"".join([lines[0], b"garbage\n", *lines[2:4]]) + b'{"step": 50')
    assert truncate_samples_after(file, 30) == 3
    assert read_samples(file) == lines[0] + b"garbage\n" + lines[2]


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "samples.jsonl").mkdir()
    with pytest.raises(UserError, match="cannot go on writing"):
        read_samples(tmp_path / "samples.jsonl")


def test_a_line_bears_its_checksum() -> None:
    line = sealed_line('{"a": 1}')
    assert line == b'{"a": 1, "crc32": "#%s"}\n' % line[-11:-3]
    assert opened_line(line[:-1]) == {"a": 1}
    assert opened_line(b'{"a": 1}\r') == {"a": 1}
    for at in range(len(line) - 2):
        torn = bytearray(line[:-1])
        torn[at] ^= 1
        with contextlib.suppress(ValueError):
            assert opened_line(bytes(torn)) != {"a": 1}


@pytest.mark.parametrize(
    ("steps", "come_to", "said"),
    [
        ([1, 2, 3], None, None), ([1, 2, 3], 3, None), ([], None, None), ([], 2, "steps 1 to 2"),
        ([2, 3], None, "step 1"),
        ([1, 2, 4], None, "step 3"), ([1, 2], 5, "steps 3 to 5"), ([1, 2], 3, "step 3"), ([0, 1, 2, 9], 2, None),
        ([1, 3, 5, 8], None, "step 2, step 4, steps 6 to 7"),
        ([1, 3, 5, 8, 10], None, "step 2, step 4, steps 6 to 7 and 1 more range"),
        ([1, 2000], None, "steps 2 to 1,999"),
    ],
)  # fmt: skip
def test_steps_without_a_loss_are_lost(steps: list[int], come_to: int | None, said: str | None) -> None:
    found = lost_steps(Series(np.array(steps, np.int64), np.ones(len(steps))), come_to)
    assert tuple(map(str, found)) == (
        () if said is None else (f"the trace holds nothing of {said}: what was recorded there is lost",)
    )


def test_states_lie_with_their_spikes(tmp_path: Path) -> None:
    for name in ("step-00000020/states", "step-00000003/states", "step-00000004/other", "best/states"):
        (tmp_path / "replays" / name).mkdir(parents=True)
    assert [place.parent.name for place in states_of(tmp_path)] == ["step-00000003", "step-00000020"]
    assert states_of(tmp_path / "none") == []


TRIED = Tried(
    name="clip", kind="optimizer", change="c", hypothesis="h", price="p", start=3, stage="confirmed",
    effect_class="removes", n=8, spiked=0,
    effect=1.0, interval=(0.5, 1.0), p=math.nan, severity=0.1, null_severity=2.0, later=None,
    cost=-math.inf,
    signals={"loss": {"severity": math.inf}}, moved=None,
)  # fmt: skip
VERDICT = Verdict(
    run="r", spike={"onset": 5}, reproduction={"identical": True}, nulls={"n": 2}, interventions=(TRIED,),
    not_tried={"x": "why"},
    cause=None, suspects=({"name": "beta2"},), missing=("m",), sentences=("one", "two"), seconds=3.5,
)  # fmt: skip


def test_a_verdict_is_plain_data_and_comes_back() -> None:
    data = VERDICT.as_dict()
    json.dumps(data, allow_nan=False)
    assert data["schema"] == 1
    assert data["null"] == {"identical": True}
    assert data["interventions"][0]["class"] == "removes"
    assert "effect_class" not in data["interventions"][0]
    assert (data["interventions"][0]["p"], data["interventions"][0]["cost"]) == (None, None)
    assert data["interventions"][0]["signals"] == {"loss": {"severity": None}}
    back = Verdict.from_dict(data)
    finite = dataclasses.replace(TRIED, p=None, cost=None, signals={"loss": {"severity": None}})  # pyrefly: ignore
    assert back == dataclasses.replace(VERDICT, interventions=(finite,))
    assert Verdict.from_dict({**data, "novelty": 1}).run == "r"
    bare = dataclasses.replace(TRIED, interval=None)
    assert Tried.from_dict(bare.as_dict()).interval is None


@pytest.mark.parametrize(("null", "same"), [({"identical": True}, True), ({"identical": False}, False), ({}, True)])
def test_a_replay_that_could_not_be_compared_is_not_said_to_differ(null: dict, same: bool) -> None:
    assert dataclasses.replace(VERDICT, reproduction=null).identical is same
    assert dataclasses.replace(VERDICT, reproduction={"identical": None}).identical

"""What a model writes while it is trained: a line an evaluation, the same whatever happens, and no bit of the run."""

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

import newllm
from newllm.api.run_recording import RunRecording
from newllm.checksum import read_checked, write_checked
from newllm.trace import read_trace
from newllm.trace.samples import Sample, add_sample, lost_samples, samples_of, truncate_samples_after
from newllm.training.observer import Observer

Train = Callable[..., newllm.TrainedRun]


@pytest.fixture
def short_samples() -> None:
    """Here they are as long as they are."""


class Ears(Observer):
    def __init__(self) -> None:
        self.heard: list[object] = []

    def sampled(self, sample: Sample) -> None:
        self.heard.append(sample)

    def noticed(self, notice: object) -> None:
        self.heard.append(notice)

    def evaluated(self, step: int, evaluation: object, *, best: bool) -> None:  # noqa: ARG002 (an observer's form)
        self.heard.append(step)


def lines_of(run: newllm.TrainedRun) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run.path / "samples.jsonl").read_text().splitlines()]


def test_every_evaluation_has_a_line_an_ear_and_a_row(train: Train):
    ears = Ears()
    run = train("training.evaluate_every=8", "seed=5", observers=[ears])
    lines = lines_of(run)
    assert [line["step"] for line in lines] == [0, 8, 16, 20]
    assert all(line.keys() == {"step", "prompt", "text", "seed", "crc32"} for line in lines)
    assert all((line["prompt"], line["seed"]) == ("", 5) for line in lines)
    told = [one for one in ears.heard if isinstance(one, Sample)]
    assert [vars(one) for one in told] == [{k: v for k, v in line.items() if k != "crc32"} for line in lines]
    assert ears.heard[::2] == told  # each before its evaluation
    series = read_trace(run.path / "trace.jsonl").series("sample")
    assert dict(zip(series.step.tolist(), series.value.tolist(), strict=True)) == {0: 1, 8: 2, 16: 3, 20: 4}


def test_a_sample_can_be_written_again(train: Train):
    run = train("training.evaluate_every=20", "seed=3")
    last = lines_of(run)[-1]
    again = newllm.load(run.path, "last").generate("", 100, seed=3)
    assert again.text == last["text"] != ""


def test_the_same_run_writes_the_same_and_without_samples_has_the_same_bits_and_rows(
    train: Train, weights, monkeypatch: pytest.MonkeyPatch
):
    settings = ("model.dropout=0.1", "data.carry=true", "training.evaluate_every=7")
    first, second = train(*settings), train(*settings)
    assert (first.path / "samples.jsonl").read_bytes() == (second.path / "samples.jsonl").read_bytes()
    monkeypatch.setattr("newllm.api.training_session.RunRecording", lambda *given: RunRecording(*given[:3]))
    bare = train(*settings)
    assert not (bare.path / "samples.jsonl").exists()
    assert weights(first) == weights(bare)
    mine, other = (read_trace(run.path / "trace.jsonl").signals for run in (first, bare))
    assert mine.keys() - other.keys() == {"sample"}
    for name, series in other.items():
        assert series.value.tobytes() == mine[name].value.tobytes(), name


@pytest.mark.slow
def test_a_run_that_was_killed_between_a_sample_and_its_snapshot_writes_it_once(train: Train):
    settings = ("training.evaluate_every=5", "training.snapshot_every=5", "training.keep=20")
    whole = train(*settings)
    cut = train(*settings)
    summary = cut.path / "summary.json"
    write_checked(summary, read_checked(summary) | {"status": "running"})
    for step in (15, 20):
        for file in (cut.path / "snapshots" / f"step-{step:08d}").iterdir():
            file.unlink()
        (cut.path / "snapshots" / f"step-{step:08d}").rmdir()
    with (cut.path / "samples.jsonl").open("ab") as file:
        file.write(b'{"step": 25, "prompt": "", "te')
    newllm.resume(cut.path)
    assert (cut.path / "samples.jsonl").read_bytes() == (whole.path / "samples.jsonl").read_bytes()


def test_a_torn_end_is_cut_off_and_damaged_lines_before_the_last_sample_stay(tmp_path: Path):
    place = tmp_path / "samples.jsonl"
    for step in (0, 10, 20):
        add_sample(place, Sample(step, "", f"a\nb\x1b\u2028 {step} 海", 1))
    sound = place.read_bytes()
    assert "海" in sound.decode()
    first, second, third = sound.splitlines(keepends=True)
    place.write_bytes(sound + b'[1]\n{"step": "x", "prompt": "", "text": "", "seed": 0}\n\xff\n{"step": 30, "pro')
    assert [sample.step for sample in samples_of(place.read_bytes())] == [0, 10, 20]
    assert tuple(map(str, lost_samples(place.read_bytes()))) == (
        "samples.jsonl is damaged in line 4, 5, 6: what the model wrote there is lost",
    )
    assert truncate_samples_after(place, 10) == 2
    assert place.read_bytes() == first + second
    assert lost_samples(place.read_bytes()) == ()
    place.write_bytes(first + b"[1]\n" + third + second)
    assert truncate_samples_after(place, 20) == 4  # the trace says that step 20 is line 3
    assert truncate_samples_after(tmp_path / "none.jsonl", 10) == 0


def test_no_flipped_bit_is_taken_for_what_a_model_wrote(tmp_path: Path):
    place = tmp_path / "samples.jsonl"
    add_sample(place, Sample(20, "the", "white whale", 1))
    line = place.read_bytes()
    for bit in range(8 * (len(line) - 1)):
        flipped = bytearray(line)
        flipped[bit // 8] ^= 1 << bit % 8
        assert samples_of(bytes(flipped)) == [], flipped
        assert len(lost_samples(bytes(flipped))) == 1
    assert lost_samples(line[:-1]) == ()  # somebody may be writing it
    assert tuple(map(str, lost_samples(line + line[:-1], ended=True))) == (
        "samples.jsonl is damaged in line 2: what the model wrote there is lost",
    )
    assert lost_samples(line, ended=True) == lost_samples(b"", ended=True) == ()
    assert samples_of(b'{"step": 20, "prompt": "the", "text": "white whale", "seed": 1}\n')  # before checksums


def test_a_run_that_goes_on_tells_of_damaged_samples(train: Train):
    run = train("training.evaluate_every=8", "training.steps=16", "training.snapshot_every=8")
    place = run.path / "samples.jsonl"
    first, second, third = place.read_bytes().splitlines(keepends=True)
    place.write_bytes(first + second.replace(b"8", b"9", 1) + third)
    ears = Ears()
    newllm.resume(run.path, budget=newllm.Budget(steps=24), observers=[ears])
    assert "samples.jsonl is damaged in line 2: what the model wrote there is lost" in map(str, ears.heard)
    assert [line["step"] for line in lines_of(run)] == [0, 9, 16, 24]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="POSIX")
def test_a_pipe_in_its_place_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "samples.jsonl")
    with pytest.raises(newllm.UserError, match=r"cannot go on writing .*not a regular file"):
        truncate_samples_after(tmp_path / "samples.jsonl", 0)


def test_a_model_that_diverged_writes_nothing(train: Train):
    run = train("optimizer.learning_rate=1e30", "optimizer.clip=0.0", "optimizer.warmup=0", "training.evaluate_every=1")
    assert run.summary.status == "diverged"
    assert len(lines_of(run)) >= 1

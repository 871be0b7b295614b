"""What a snapshot holds, which ones stay, and what makes one unreadable."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
import safetensors.numpy

import newllm
from newllm.errors import UserError
from newllm.training.snapshots import choose_snapshot, list_snapshots, load_progress


@pytest.fixture
def run(train) -> newllm.TrainedRun:
    return train("training.snapshot_every=4", "training.keep=3", "training.evaluate_every=10")


def test_the_last_and_the_best_stay(run) -> None:
    steps = list(list_snapshots(run.path / "snapshots"))
    assert len(steps) <= 4
    assert steps[-1] == 20
    assert run.summary.best_validation is not None
    assert run.summary.best_validation.step in steps


@pytest.mark.slow
def test_the_best_stays_when_later_ones_are_worse(train) -> None:
    options = ["optimizer.learning_rate=3.0", "optimizer.schedule=constant", "optimizer.clip=0", "training.steps=30"]
    options += ["model.ngram_rows=0"]
    run = train(*options, "optimizer.warmup=0", "training.evaluate_every=1", "training.keep=1")
    best = run.summary.best_validation
    assert best is not None
    assert best.step < 29, "this run was to get worse"
    assert set(list_snapshots(run.path / "snapshots")) == {best.step, run.summary.step}
    assert choose_snapshot(run.path / "snapshots", "best").name == f"step-{best.step:08d}"
    assert newllm.load(run.path).step == best.step
    assert newllm.load(run.path, "last").step == run.summary.step


def test_moments_have_the_parameters_names(run) -> None:
    last = run.path / "snapshots/step-00000020"
    model = safetensors.numpy.load_file(last / "model.safetensors")
    moments = safetensors.numpy.load_file(last / "optimizer.safetensors")
    assert {name.rpartition("/")[2] for name in moments} == {"step", "exp_avg", "exp_avg_sq"}
    assert {name.rpartition("/")[0] for name in moments} <= set(model)
    assert all(value == 20 for name, value in moments.items() if name.endswith("/step"))
    assert all(np.isfinite(value).all() for value in moments.values())


def test_the_carried_context_is_in_the_snapshot(train) -> None:
    last = train("data.carry=true").path / "snapshots/step-00000020"
    carried = [n for n in safetensors.numpy.load_file(last / "optimizer.safetensors") if n.startswith("carried/")]
    assert any(name.endswith("context") for name in carried)


@pytest.mark.slow
@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json"])
@pytest.mark.parametrize("how", ["flip", "cut", "empty", "absent"])
def test_a_damaged_file_is_refused_by_name(run, file, how) -> None:
    place = run.path / "snapshots/step-00000020" / file
    content = bytearray(place.read_bytes())
    content[len(content) // 2] ^= 1
    {
        "flip": lambda: place.write_bytes(content),
        "cut": lambda: place.write_bytes(content[:-10]),
        "empty": lambda: place.write_bytes(b""),
        "absent": place.unlink,
    }[how]()
    if (file, how) == ("state.json", "absent"):  # no whole snapshot: the one before it is the last
        assert max(list_snapshots(run.path / "snapshots")) == 16
        return
    (run.path / "summary.json").unlink()
    with pytest.raises(UserError, match=r"step-00000020' is damaged \(" + file):
        newllm.resume(run.path)


def test_every_byte_of_state_json_counts(run) -> None:
    place = run.path / "snapshots/step-00000020"
    content = (place / "state.json").read_bytes()
    compact = json.loads(content)
    for index in range(0, len(content), 7):
        changed = bytearray(content)
        changed[index] ^= 1
        (place / "state.json").write_bytes(changed)
        try:
            same = json.loads(changed) == compact  # white space, or a digit past a float's last place
        except ValueError:
            same = False
        if same:
            load_progress(place)
        else:
            with pytest.raises(UserError, match="is damaged"):
                load_progress(place)


def test_a_renamed_snapshot_is_refused(run) -> None:
    shutil.copytree(run.path / "snapshots/step-00000020", run.path / "snapshots/step-00000024")
    with pytest.raises(UserError, match="it is of step 20"):
        newllm.load(run.path, "last")


@pytest.mark.parametrize("setting", ["model.width=16", "model.rule=lstm", "model.layers=2"])
def test_a_snapshot_of_another_model_is_refused(run, train, setting) -> None:
    other = train(setting)
    shutil.rmtree(run.path / "snapshots/step-00000020")
    shutil.copytree(other.path / "snapshots/step-00000020", run.path / "snapshots/step-00000020")
    with pytest.raises(UserError, match="belongs to another model"):
        newllm.load(run.path, "last")


@pytest.mark.slow
@pytest.mark.parametrize(
    "difference", ["seed=1", "optimizer.beta2=0.9", "data.batch=3", "training.accumulate=2", "text"]
)
def test_a_snapshot_of_the_same_model_from_another_run_is_not_gone_on_with(
    run, train, text, tmp_path, difference
) -> None:
    own = ("training.snapshot_every=4", "training.keep=3")
    if difference == "text":
        (tmp_path / "other.txt").write_bytes(text.read_bytes()[::-1])
        other = train(*own, texts=(str(tmp_path / "other.txt"),))
    else:
        other = train(difference, *own)
    for step in (16, 20):
        shutil.rmtree(run.path / f"snapshots/step-{step:08d}")
    shutil.copytree(other.path / "snapshots/step-00000016", run.path / "snapshots/step-00000016")
    (run.path / "summary.json").unlink()
    with pytest.raises(UserError, match="step-00000016' belongs to another run"):
        newllm.resume(run.path)


@pytest.mark.parametrize("wanted", ["3", "x", "-1", "²", "", "20.0"])
def test_an_unknown_snapshot_names_those_there_are(run, wanted) -> None:
    with pytest.raises(UserError, match=f"--snapshot '{wanted}'.* best, last and the steps .*20"):
        newllm.load(run.path, wanted)


@pytest.mark.parametrize("tokenizer", ["bytes", "word", "bpe"])
def test_a_runs_own_snapshot_is_gone_on_with(tokenizer, train, weights) -> None:
    """Also where the tokenizer, made at the start, is read at the resume."""
    run = train(f"data.tokenizer={tokenizer}", "data.vocabulary=300", "training.snapshot_every=4", "training.keep=3")
    expected = weights(run)
    shutil.rmtree(run.path / "snapshots/step-00000020")
    (run.path / "summary.json").unlink()
    assert weights(newllm.resume(run.path)) == expected


def test_a_damaged_last_snapshot_removed_as_told_gives_the_same_end(run, weights) -> None:
    expected = weights(run)
    shutil.rmtree(run.path / "snapshots/step-00000020")
    (run.path / "summary.json").unlink()
    assert weights(newllm.resume(run.path)) == expected


def test_a_snapshot_of_the_first_version_is_read(tmp_path) -> None:
    place = tmp_path / "step-00000020"
    place.mkdir()
    state = {"schema": 1, "step": 20, "tokens": 640, "seconds": 1.5, "best": None, "last": None, "identity": "ab"}
    # The checksum is of this content as `to_json` writes it, with the checksums of the other files.
    digests = {
        "model.safetensors": "00",
        "state.json": "b84e96ea6f31f0b5ed11f0a4176b3b878a06958225ae9bc8d4512a4196514cb7",
    }
    (place / "state.json").write_text(json.dumps({**state, "sha256": digests}))
    assert dataclasses.asdict(load_progress(place)) == {
        **{name: state[name] for name in state if name != "schema"},
        "tokenizer": "",  # not known: it is not checked
    }

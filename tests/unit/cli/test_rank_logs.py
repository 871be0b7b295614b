"""`newllm doctor` on the logs of a training's ranks: read as one, compared, and never guessed."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

import newllm
from newllm.errors import UserError

POINTS = 160
SHARED = 1 + 0.1 * np.random.default_rng(1).normal(size=POINTS)


def _loss(rank: int) -> np.ndarray:
    return 2 + 3 * np.exp(-np.arange(POINTS) / 40) + 0.05 * np.random.default_rng(rank).normal(size=POINTS)


def _log(path: Path, loss: np.ndarray, norm: np.ndarray = SHARED) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = [f"{10 * at},{one:.5f},{norm[at]:.5f}" for at, one in enumerate(loss)]
    path.write_text("\n".join(["step,loss,grad_norm", *rows]) + "\n")
    return path


def _logs(place: Path, name: str, losses: Sequence[np.ndarray], norms: Sequence[np.ndarray] = ()) -> list[Path]:
    norms = norms or [SHARED] * len(losses)
    return [
        _log(place / name.format(rank), loss, norm) for rank, (loss, norm) in enumerate(zip(losses, norms, strict=True))
    ]


def _own_norms(ranks: int) -> list[np.ndarray]:
    return [1 + 0.1 * np.random.default_rng(50 + rank).normal(size=POINTS) for rank in range(ranks)]


def test_the_logs_of_ranks_are_one_training(call, tmp_path: Path) -> None:
    losses = [_loss(rank) for rank in range(3)]
    paths = _logs(tmp_path, "train_rank{}.csv", losses)
    done = call("doctor", *reversed(paths), "--json")
    said = json.loads(done.out)
    assert (done.code, said["findings"]) == (0, [])
    assert said["logs_of_ranks"] == {str(rank): str(path) for rank, path in enumerate(paths)}
    assert "the logs of 3 ranks are read as one training" in done.out
    trace = newllm.doctor(paths).trace
    np.testing.assert_allclose(trace.series("loss").value, np.mean(losses, axis=0), atol=1e-5)
    assert newllm.doctor(tmp_path).logs == newllm.doctor(paths).logs, "their directory says the same"


def test_a_rank_that_is_broken_is_named(call, tmp_path: Path) -> None:
    broken = 4 + 0.05 * np.random.default_rng(8).normal(size=POINTS)
    paths = _logs(tmp_path, "rank_{}.csv", [_loss(0), broken, _loss(2)])
    done = call("doctor", *paths, "--quiet")
    assert done.code == 1
    assert "the loss of rank 1 stays at 4.0" in done.out.replace("3.99", "4.0")


def test_the_rank_whose_log_ends_first_is_named(call, tmp_path: Path) -> None:
    paths = _logs(tmp_path, "rank{}.csv", [_loss(0)[:120], _loss(1)[:100], _loss(2)[:120]])
    done = call("doctor", *paths, "--quiet")
    assert "the log of rank 1 ends at step 990, those of the other ranks go on to 1190" in done.out


def test_other_names_are_of_ranks_where_the_logs_show_it(tmp_path: Path) -> None:
    """Gradients that are summed over the ranks have the same norm on all; those of other seeds never have."""
    ranks = _logs(tmp_path / "ranks", "log.{}.csv", [_loss(0), _loss(1)])
    assert list(newllm.doctor(ranks).logs) == [0, 1]
    seeds = _logs(tmp_path / "seeds", "log.{}.csv", [_loss(0), _loss(1)], _own_norms(2))
    with pytest.raises(UserError, match=r"log\.0\.csv.*cannot be seen: --ranks says so"):
        newllm.doctor(seeds)
    assert list(newllm.doctor(seeds, ranks=True).logs) == [0, 1]
    same = _logs(tmp_path / "same", "log.{}.csv", [_loss(0), _loss(0)])
    with pytest.raises(UserError, match="cannot be seen"):  # one training that was logged twice, perhaps
        newllm.doctor(same)


def test_a_directory_of_seeds_is_judged_log_by_log(call, tmp_path: Path) -> None:
    _logs(tmp_path, "seed{}.csv", [_loss(0), _loss(1)], _own_norms(2))
    said = json.loads(call("doctor", tmp_path, "--json").out)
    assert len(said["logs"]) == 2
    said = json.loads(call("doctor", tmp_path, "--ranks", "--json").out)
    assert list(said["logs_of_ranks"]) == ["0", "1"]


def test_the_directory_of_torchrun_is_read_by_rank(call, tmp_path: Path) -> None:
    for attempt, points in ((0, 30), (1, 120)):
        for rank in range(2):
            place = tmp_path / f"none_x/attempt_{attempt}/{rank}"
            place.mkdir(parents=True)
            (place / "stderr.log").write_text("W1130 10:00:00 a warning\n")
            lines = [f"step {at} | loss {one:.4f}" for at, one in enumerate(_loss(rank)[:points])]
            (place / "stdout.log").write_text("\n".join(lines) + "\n")
    done = call("doctor", tmp_path, "--json")
    said = json.loads(done.out)
    expected = {str(rank): str(tmp_path / f"none_x/attempt_1/{rank}/stdout.log") for rank in range(2)}
    assert (done.code, said["logs_of_ranks"]) == (0, expected)
    assert len(newllm.doctor(tmp_path).trace.series("loss").step) == 120


def test_ranks_with_other_steps_are_refused_unless_said(tmp_path: Path) -> None:
    paths = _logs(tmp_path, "rank{}.csv", [_loss(0), _loss(1)])
    lines = paths[1].read_text().splitlines()
    paths[1].write_text("\n".join([lines[0], *(f"{int(line.partition(',')[0]) + 3},2.5,1" for line in lines[1:])]))
    with pytest.raises(UserError, match="have a loss at other steps"):
        newllm.doctor(paths)
    assert newllm.doctor(paths, ranks=True).logs


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["rank0.csv", "rank0.csv"], "is given twice"),
        (["--ranks", "rank0.csv"], "give the logs of two ranks or more"),
        (["rank0.csv", "rank1.csv", "--watch"], "--watch follows one run or log"),
        (["rank0.csv", "text.csv"], "no loss to compare"),
        (["rank0.csv", "absent.csv"], "no such file"),
    ],
)
def test_mistakes_are_one_line(call, tmp_path: Path, given: list[str], said: str) -> None:
    _logs(tmp_path, "rank{}.csv", [_loss(0), _loss(1)])
    (tmp_path / "text.csv").write_text("step,accuracy\n" + "".join(f"{at},0.5\n" for at in range(20)))
    done = call("doctor", *(one if one.startswith("--") else tmp_path / one for one in given))
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1


def test_a_directory_of_ranks_that_wrote_nothing_readable_says_so(call, tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("no log\n")
    done = call("doctor", tmp_path, "--ranks")
    assert (done.code, done.err.count("\n")) == (2, 1)

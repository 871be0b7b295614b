"""The parts of a batch: what several processes compute, computed by one."""

import dataclasses
import json

import numpy as np
import pytest
import torch
import torch.distributed as dist
from hypothesis import given
from hypothesis import strategies as st

from newllm.data import IGNORED, Batch, part_of
from newllm.errors import UserError
from newllm.launcher import launched_rank, launched_size
from newllm.messages import catalogue
from newllm.trace import read_trace
from newllm.training.config import NumericsConfig, RunConfig
from newllm.training.config_file import load_config, save_config
from newllm.training.joining import Gathering, Patience
from newllm.training.launch import joined, with_ranks
from newllm.training.peers import how_many_unlike, meet, unlike_notices

NO_DROPOUT = ("model.dropout=0", "data.batch=6")


def _with(trained, tmp_path, *ranks):
    """Return a copy of a run's configuration with ranks, as a file."""
    config = load_config(trained.path / "config.toml")
    config = dataclasses.replace(config, numerics=dataclasses.replace(config.numerics, ranks=ranks))
    save_config(config, tmp_path / "changed.toml")
    return tmp_path / "changed.toml"


@given(rows=st.integers(1, 9), parts=st.integers(1, 12), carried=st.booleans())
def test_the_parts_of_a_batch_are_the_batch(rows, parts, carried) -> None:
    inputs = np.arange(rows * 3).reshape(rows, 3)
    batch = Batch(inputs, inputs + 1, inputs % 2 == 0, np.arange(rows) % 2 == 0 if carried else None)
    each = [part_of(batch, part, parts) for part in range(parts)]
    assert all(len(one.inputs) >= 1 for one in each), "every process has something to compute"
    full = [one for one in each if (one.targets != IGNORED).any()]
    for name in ("inputs", "targets", "reset", *(["fresh"] if carried else [])):
        np.testing.assert_array_equal(np.concatenate([getattr(one, name) for one in full]), getattr(batch, name))
    sizes = {len(one.inputs) for one in full}
    assert len(full) == min(rows, parts)
    assert max(sizes) - min(sizes) <= 1


def test_two_ranks_are_two_accumulated_batches_to_the_bit(train, weights, tmp_path) -> None:
    twice = train("data.batch=3", "training.accumulate=2", "model.dropout=0")
    whole = train("data.batch=6", "training.accumulate=1", "model.dropout=0")
    ranks = train(config=_with(whole, tmp_path, (0, 2)))
    assert weights(ranks) == weights(twice)
    assert weights(ranks) != weights(whole), "the order of the sums is another, so the test can tell"


@pytest.mark.parametrize("options", [("model.dropout=0",), ("data.carry=true",), ("model.body=cell", "data.window=8")])
@pytest.mark.parametrize("number", [2, 3, 4])
def test_the_losses_of_ranks_are_those_of_one_process_but_for_rounding(train, tmp_path, number, options) -> None:
    alone = train("data.batch=5", *options)
    ranks = train(config=_with(alone, tmp_path, (0, number)))
    losses = [read_trace(run.path / "trace.jsonl").series("loss").value for run in (alone, ranks)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)
    assert ranks.summary.ranks == number


@pytest.mark.parametrize("number", [2, 3, 4])
def test_the_first_losses_of_ranks_in_bf16_are_those_of_one_process_but_for_rounding(train, tmp_path, number) -> None:
    alone = train("data.batch=5", "model.dropout=0", "numerics.precision=bf16")
    ranks = train(config=_with(alone, tmp_path, (0, number)))
    losses = [read_trace(run.path / "trace.jsonl").series("loss").value for run in (alone, ranks)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-3)


def test_each_part_has_dropout_of_its_own(train, tmp_path, monkeypatch) -> None:
    seeds = []
    monkeypatch.setattr("newllm.training.step.seed_torch", seeds.append)
    alone = train(*NO_DROPOUT, "training.steps=2")
    once = list(seeds)
    seeds.clear()
    train(config=_with(alone, tmp_path, (0, 3)))
    assert len(set(seeds)) == 6
    assert seeds[::3] == once, "the first part has that of a run without ranks"


def test_what_is_recorded_is_the_first_part(train, tmp_path) -> None:
    """So that the trace does not tell whether one process computed the parts, or several (tests/faults/test_ranks)."""
    alone = train("data.batch=4", "training.steps=50")
    parts = train(config=_with(alone, tmp_path, (0, 2)))
    names = [set(read_trace(run.path / "trace.jsonl").signals) for run in (alone, parts)]
    assert names[0] == names[1]


def test_a_run_keeps_the_ranks_that_it_had() -> None:
    config = RunConfig()
    assert with_ranks(config, 0, 1) is config
    two = with_ranks(config, 0, 2)
    assert two.numerics.ranks == ((0, 2),)
    assert with_ranks(two, 40, 1) is two, "one process computes both parts"
    more = with_ranks(two, 40, 4)
    assert [more.numerics.ranks_at(step) for step in (0, 39, 40, 999)] == [2, 2, 4, 4]
    assert with_ranks(more, 40, 3).numerics.ranks == ((0, 2), (40, 3))
    assert with_ranks(more, 30, 2).numerics.ranks == ((0, 2),), "taken back to before the change"
    assert with_ranks(more, 30, 4).numerics.ranks == ((0, 2), (30, 4))
    assert with_ranks(more, 0, 2).numerics.ranks == ((0, 2),), "begun anew from that configuration"
    assert [NumericsConfig().ranks_at(step) for step in (0, 7)] == [1, 1]


def test_ranks_that_round_otherwise_are_written_down_from_the_step_that_they_came() -> None:
    two = with_ranks(RunConfig(), 0, 2)
    mixed = with_ranks(two, 40, 2, unlike=1)
    assert (mixed.numerics.ranks, mixed.numerics.unlike) == (((0, 2),), ((40, 1),))
    assert [mixed.numerics.unlike_at(step) for step in (0, 39, 40)] == [0, 0, 1]
    assert with_ranks(mixed, 60, 2, unlike=1) is mixed
    assert with_ranks(mixed, 60, 1).numerics.unlike == ((40, 1), (60, 0)), "one process cannot come to those bits"
    assert with_ranks(mixed, 30, 1).numerics.unlike == (), "taken back to before"
    assert with_ranks(mixed, 30, 2, unlike=2).numerics.unlike == ((30, 2),)
    with pytest.raises(UserError, match=r"numerics\.unlike has \[3, 1\], which cannot be"):
        RunConfig(numerics=NumericsConfig(unlike=((5, 1), (3, 1)))).check()


PEER = {
    "device": "cpu",
    "python": "3.11",
    "newllm": "1.0",
    "torch": "2.13.0",
    "numpy": "2.0",
    "numba": "0.68",
    "processor": "A",
    "cpu_capability": "AVX2",
    "gpu": "none",
}


@pytest.mark.parametrize(
    ("other", "line"),
    [
        ({"newllm": "1.1"}, r"newllm 1.1 where rank 0 has newllm 1.0: pip install newllm==1.0 on its machine"),
        ({"python": "3.12"}, r"python 3.12 where rank 0 has python 3.11: start all ranks with Python 3.11 and the"),
        ({"device": "cuda", "gpu": "B"}, r"device cuda where rank 0 has device cpu: give --device cpu, or a GPU"),
        ({"processor": "B", "numpy": "1.9"}, r"numpy 1.9 where rank 0 has numpy 2.0: pip install numpy==2.0 on"),
    ],
)
def test_what_ends_the_start_is_named_with_its_mend(other, line) -> None:
    assert line in str(_met(PEER, {**PEER, **other})[0])


def test_a_package_that_rank_0_lacks_is_uninstalled() -> None:
    why, _ = _met({**PEER, "numba": "absent"}, PEER)
    assert str(why).endswith("where rank 0 has numba absent: pip uninstall numba on its machine")


def test_other_processors_end_nothing_and_count_on_the_device_that_computes() -> None:
    others = [PEER, {**PEER, "cpu_capability": "AVX512", "processor": "B"}, {**PEER, "gpu": "G"}]
    why, unlike = _met(PEER, *others)
    assert why is None
    assert [(one.rank, one.name) for one in unlike] == [(2, "processor"), (2, "cpu_capability"), (3, "gpu")]
    assert [how_many_unlike(unlike, device) for device in ("cpu", "cuda:0", "mps")] == [1, 1, 0]
    (told,) = unlike_notices(unlike, "cpu")
    assert catalogue("en").text(told).startswith("rank 2 has processor B where rank 0 has A, and rounds otherwise")
    assert unlike_notices((), "cpu") == []


def _met(first, *others):
    """Return what a rank 0 says of others, which a store stands for."""
    store = dist.HashStore()
    for rank, other in enumerate(others, 1):
        store.set(f"peer-{rank}", json.dumps(other))
        store.add("peers-read", 1)
    try:
        unlike = meet(_gathering(store, 0, len(others) + 1), first)
    except UserError as error:
        return str(error), ()
    assert meet(_gathering(store, 1, len(others) + 1), others[0]) == unlike, "all know of it"
    return None, unlike


def _gathering(store, rank: int, size: int) -> Gathering:
    return Gathering(store, rank, size, Patience(rank, 60.0))


def test_a_batch_has_a_row_for_every_rank() -> None:
    config = RunConfig(data=dataclasses.replace(RunConfig().data, batch=3))
    with pytest.raises(
        UserError, match=r"data\.batch 3 has fewer rows than 4 ranks: --set data\.batch=4, or fewer ranks"
    ):
        with_ranks(config, 0, 4)


@pytest.mark.parametrize("rows", [((0, 0),), ((0, 2), (0, 3)), ((5, 2), (3, 1))])
def test_ranks_that_no_run_can_have_had_are_refused(rows) -> None:
    config = RunConfig(numerics=NumericsConfig(ranks=rows))
    with pytest.raises(UserError, match=r"numerics\.ranks has .* which cannot be"):
        config.check()


def test_ranks_are_rows_of_two_numbers(train) -> None:
    with pytest.raises(UserError, match=r"numerics.ranks is 2: it must be rows of two whole numbers, .*\[\[0, 2\]\]"):
        train("numerics.ranks=2")


def test_a_launcher_is_known_by_all_that_it_sets(monkeypatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"):
        monkeypatch.delenv(name, raising=False)
    assert (launched_rank(), launched_size()) == (0, 1)
    monkeypatch.setenv("WORLD_SIZE", "4")  # some clusters set it alone
    monkeypatch.setenv("RANK", "3")
    assert (launched_rank(), launched_size()) == (0, 1)
    monkeypatch.setenv("MASTER_ADDR", "localhost")
    monkeypatch.setenv("MASTER_PORT", "1")
    assert (launched_rank(), launched_size()) == (3, 4)
    monkeypatch.setenv("WORLD_SIZE", "four")
    with pytest.raises(UserError, match="WORLD_SIZE is 'four' in the environment: it must be a whole number"):
        launched_size()


def test_a_launcher_that_cannot_be_reached_is_one_line(monkeypatch) -> None:
    launched = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "256.0.0.1", "MASTER_PORT": "no number"}
    for name, value in launched.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UserError, match="the processes cannot be connected"), joined("cpu"):
        pass
    assert not torch.distributed.is_initialized()

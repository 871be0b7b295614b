"""Rows that several ranks share, computed by one process piece by piece (several processes: tests/faults)."""

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from newllm.data import IGNORED, Batch, Batches, piece_of
from newllm.errors import UserError
from newllm.model.config import ModelConfig
from newllm.model.language_model import LanguageModel
from newllm.trace import read_trace
from newllm.training.config import NumericsConfig, RunConfig
from newllm.training.config_file import load_config, save_config
from newllm.training.configure import configure
from newllm.training.launch import with_mode, with_ranks
from newllm.training.optimizer import build_optimizer
from newllm.training.step import Stepper
from newllm.training.world import World

MODELS = {
    "gated": {},
    "dual, three blocks": {"rule": "dual", "layers": 3},
    "norm on write": {"norm": "write"},
    "matrices": {"rule": "delta,kda"},
    "control": {"body": "zero-stack"},
    "n-grams": {"ngram_rows": 9},
    "pairs": {"ngram_rows": 9, "ngram_longest": 2},
    "cell": {"body": "cell", "norm": "read"},
    "lstm": {"body": "lstm"},
}


AT_ONCE = ("numerics.handover=parallel",)


class _Random(Batches):
    """Tokens by chance, whose contexts are carried on or not; documents begin at some positions."""

    tokens_per_batch = 48.0
    batches_per_epoch = 1

    def __init__(self, *, carried: bool, resets: bool) -> None:
        self._carried, self._resets = carried, resets

    def batch(self, index: int) -> Batch:
        chance = np.random.default_rng(index)
        tokens = chance.integers(11, size=(4, 13))
        targets = np.where(chance.random((4, 12)) < 0.1, IGNORED, tokens[:, 1:])
        reset = chance.random((4, 12)) < 0.2 if self._resets else None
        fresh = (chance.random(4) < 0.3) | (index == 0) if self._carried else None
        return Batch(tokens[:, :-1], targets, reset, fresh)


def _stepper(
    model: dict, batches: Batches, *, ranks: int = 1, pieces: int = 1, handover="serial", **training
) -> Stepper:
    small = ModelConfig(vocabulary=11, layers=2, width=16, hidden=24, context=16, head_width=8)
    shape = dataclasses.replace(small, **model)
    numerics = NumericsConfig("cpu", 1, "fp32", "torch", ((0, ranks),), ((0, pieces),), handover)
    config = RunConfig(model=shape, numerics=numerics)
    config = dataclasses.replace(config, training=dataclasses.replace(config.training, **training))
    made = LanguageModel(shape, 1).train()
    made.use_scan("torch")
    if training.get("recompute"):
        made.body.recompute = True  # type: ignore[assignment]
    return Stepper(made, build_optimizer(made, config.optimizer), batches, config)


def _gradients(stepper: Stepper) -> list[torch.Tensor]:
    """Return the gradients of two updates that change nothing, but carry contexts on."""
    stepper.rate, found = (lambda _: 0.0), []
    for step in range(2):
        stepper.update(step)
        found += [p.grad.clone() for p in stepper.model.parameters() if p.grad is not None]
    return found


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("model", MODELS)
def test_the_gradient_of_pieces_is_that_of_the_whole_row(model, resets, carried) -> None:
    """Nothing is cut off where one piece ends: in float64 nothing but the order of sums is another."""
    batches = _Random(carried=carried, resets=resets and model != "lstm")
    expected = _gradients(_double(_stepper(MODELS[model], batches)))
    for ranks, pieces in ((2, 2), (3, 3), (4, 2)):
        stepper = _double(_stepper(MODELS[model], batches, ranks=ranks, pieces=pieces))
        found = _gradients(stepper)
        assert len(found) == len(expected)
        for one, other in zip(found, expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
    assert (stepper.carried is not None) == carried


@pytest.mark.parametrize("carried", [False, True])
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("backend", ["torch", "numba"])
@pytest.mark.parametrize("model", ["dual, three blocks", "matrices between", "control"])
def test_pieces_that_scan_at_once_come_to_the_gradient_of_the_whole_row(model, backend, resets, carried) -> None:
    if backend == "numba":
        pytest.importorskip("numba")
    shape = {"rule": "gated,delta,ema", "layers": 3, "norm": "read"} if model == "matrices between" else MODELS[model]
    batches = _Random(carried=carried, resets=resets)
    whole = _double(_stepper(shape, batches))
    expected = _gradients(whole)
    for ranks, pieces in ((2, 2), (4, 4)):
        cut = _double(_stepper(shape, batches, ranks=ranks, pieces=pieces, handover="parallel"))
        cut.model.use_scan(backend)
        for one, other in zip(_gradients(cut), expected, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)
        for name, value in (whole.carried or {}).items():
            assert cut.carried is not None
            torch.testing.assert_close(cut.carried[name], value, rtol=1e-9, atol=1e-12)


def _double(stepper: Stepper) -> Stepper:
    """Return it in float64, with no weight at zero: convolutions begin there, and would pass no gradient on."""
    stepper.model.double()
    chance = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in stepper.model.parameters():
            parameter += 0.1 * torch.randn(parameter.shape, generator=chance, dtype=parameter.dtype)
    stepper.clip = lambda _: 1.0
    return stepper


def test_a_gradient_that_ended_with_the_piece_would_be_seen(monkeypatch) -> None:
    """The test above can tell."""
    monkeypatch.setattr("newllm.training.sequence._Piece.back", _without_gradient)
    batches = _Random(carried=False, resets=False)
    whole = _gradients(_double(_stepper({}, batches)))
    cut = _gradients(_double(_stepper({}, batches, ranks=2, pieces=2)))
    assert max(float((one - other).abs().max()) for one, other in zip(whole, cut, strict=True)) > 1e-4


def _without_gradient(piece, gradients) -> None:
    piece._world.send(torch.zeros_like(piece.flat(gradients)), piece._part, piece.before)


@pytest.mark.parametrize("settings", [{"recompute": True}, {"accumulate": 2}])
def test_pieces_go_with_recomputing_and_with_accumulated_batches(settings) -> None:
    batches = _Random(carried=True, resets=True)
    expected = _gradients(_double(_stepper({"layers": 3}, batches, **settings)))
    stepper = _double(_stepper({"layers": 3}, batches, ranks=3, pieces=3, **settings))
    for one, other in zip(_gradients(stepper), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-12)


def test_recomputing_changes_no_bit_and_no_context_that_is_reported() -> None:
    batches = _Random(carried=True, resets=True)
    for pieces in (1, 3):
        plain, again = (
            _stepper({"dropout": 0.2}, batches, ranks=pieces, pieces=pieces, recompute=on) for on in (False, True)
        )
        for step in range(3):
            each = [dataclasses.replace(one.update(step), seconds=()) for one in (plain, again)]
            assert each[0] == each[1]


def test_a_row_that_is_gone_on_with_begins_where_the_last_piece_ended() -> None:
    batches = _Random(carried=True, resets=True)
    whole, cut = _double(_stepper({}, batches)), _double(_stepper({}, batches, ranks=4, pieces=2))
    for step in range(3):
        whole.update(step)
        cut.update(step)
    assert whole.carried is not None
    assert cut.carried is not None
    assert whole.carried.keys() == cut.carried.keys()
    for name, value in whole.carried.items():
        torch.testing.assert_close(cut.carried[name], value, rtol=1e-9, atol=1e-12)


@given(positions=st.integers(1, 20), pieces=st.integers(1, 20), carried=st.booleans())
def test_the_pieces_of_a_batch_are_its_rows(positions, pieces, carried) -> None:
    pieces = min(pieces, positions)
    inputs = np.arange(2 * positions).reshape(2, positions)
    batch = Batch(inputs, inputs + 1, inputs % 3 == 0, np.array([True, False]) if carried else None)
    each = [piece_of(batch, piece, pieces) for piece in range(pieces)]
    for name in ("inputs", "targets", "reset"):
        np.testing.assert_array_equal(np.concatenate([getattr(one, name) for one in each], 1), getattr(batch, name))
    assert each[0].fresh is batch.fresh
    assert all(one.fresh is not None and not one.fresh.any() for one in each[1:]), "they go on"


@pytest.mark.parametrize("options", [("model.dropout=0",), ("data.carry=true", "data.resets=true")])
@pytest.mark.parametrize(("ranks", "pieces"), [(2, 2), (4, 2)])
def test_a_run_in_pieces_has_the_losses_of_one_in_whole_rows_but_for_rounding(
    train, tmp_path, ranks, pieces, options
) -> None:
    alone = train("data.batch=4", "data.window=18", *options)
    config = load_config(alone.path / "config.toml")
    numerics = dataclasses.replace(config.numerics, ranks=((0, ranks),), sequence=((0, pieces),))
    save_config(dataclasses.replace(config, numerics=numerics), tmp_path / "changed.toml")
    cut = train(config=tmp_path / "changed.toml")
    losses = [read_trace(run.path / "trace.jsonl").series("loss").value for run in (alone, cut)]
    np.testing.assert_allclose(losses[1], losses[0], rtol=1e-6)


def test_each_piece_of_each_batch_has_dropout_of_its_own(monkeypatch) -> None:
    seeds = []
    monkeypatch.setattr("newllm.training.step.seed_torch", seeds.append)
    stepper = _stepper({}, _Random(carried=True, resets=False), ranks=4, pieces=2, accumulate=2)
    for step in range(2):
        stepper.update(step)
    assert len(set(seeds)) == len(seeds) == 2 * 4 * 2


def test_the_contexts_of_a_run_are_those_at_the_ends_of_rows() -> None:
    batches = _Random(carried=False, resets=False)
    whole, cut = _double(_stepper({}, batches)), _double(_stepper({}, batches, ranks=3, pieces=3))
    each = [stepper.update(0).context for stepper in (whole, cut)]
    found, expected = ([one.mean, one.std, one.norm] for one in each if one is not None)
    assert found == pytest.approx(expected, rel=1e-9)


def test_a_run_keeps_the_pieces_that_it_had() -> None:
    shared = configure(None, None, None, ["parallel.sequence=2", "parallel.mode=ddp"], {})
    two = with_ranks(shared, 0, 2)
    assert (two.numerics.ranks, two.numerics.sequence) == (((0, 2),), ((0, 2),))
    assert with_ranks(two, 40, 1) is two, "one process computes all pieces"
    four = with_ranks(two, 40, 4)
    assert (four.numerics.ranks, four.numerics.sequence) == (((0, 2), (40, 4)), ((0, 2),))
    parallel = dataclasses.replace(shared.parallel, sequence=1)
    whole = with_ranks(dataclasses.replace(four, parallel=parallel), 60, 4)
    assert (whole.numerics.ranks, whole.numerics.sequence) == (four.numerics.ranks, ((0, 2), (60, 1)))
    assert [whole.numerics.sequence_at(step) for step in (0, 59, 60)] == [2, 2, 1]
    assert with_ranks(whole, 30, 4).numerics.sequence == ((0, 2), (30, 1)), "taken back to before the change"


@pytest.mark.parametrize(
    ("size", "settings", "line"),
    [
        (3, (), r"parallel.sequence 2 shares each row among 2 processes, and 3 train: start a multiple of 2, or"),
        (
            1,
            (),
            r"and one trains: start torchrun --nproc-per-node 2 -m newllm train \.\.\., or --set parallel.sequence=1",
        ),
        (2, ("data.window=63",), r"data.window 63 cannot be cut into 2 equal pieces .*: --set data.window=64, or"),
        (2, ("data.window=4",), r"data.window 4 cannot be cut into 2 equal pieces of at least 3 .* data.window=6,"),
        (2, ("model.body=attention",), r"body 'attention' looks back at all positions, .* drop parallel.sequence, or"),
        (2, ("data.format=sentences",), r"those of data.format=sentences are not: drop it"),
        (2, ("parallel.mode=fsdp",), r"parallel.mode=fsdp gathers .*: --set parallel.mode=ddp"),
        (2, (*AT_ONCE, "model.body=cell"), r"body 'cell' has no scan, and numerics.handover=parallel .*: take serial"),
        (2, (*AT_ONCE, "model.norm=write"), r"model.norm 'write' makes the recurrence nonlinear, and"),
        (2, (*AT_ONCE, "training.recompute=true"), r"training.recompute would exchange contexts .* again, and"),
        (2, (*AT_ONCE, "numerics.scan_backend=reference"), r"'reference' differentiates itself, and"),
        (2, ("numerics.handover=quick",), r"handover 'quick'"),
        (2, ("parallel.sequence=0",), r"parallel.sequence is 0: it must be at least 1"),
        (2, ("numerics.sequence=[[0, 3]]", "data.window=66"), r"numerics.sequence has 3 pieces of a row for 1 ranks"),
        (6, ("data.batch=2",), r"data.batch 2 has fewer rows than 3 ranks of 2 ranks a row: --set data.batch=3, or"),
    ],
)
def test_rows_that_cannot_be_shared_are_refused_in_a_line(size, settings, line) -> None:
    with pytest.raises(UserError, match=line):
        with_ranks(_checked("parallel.sequence=2", *settings), 0, size)


def _checked(*settings: str) -> RunConfig:
    config = configure(None, None, None, list(settings), {})
    config.check()
    return config


def test_ranks_that_wait_for_one_another_hold_whole_models() -> None:
    world = World()
    world.size = 2
    config = with_ranks(_checked("parallel.sequence=2", "model.vocabulary=50"), 0, 2)
    chosen = with_mode(config, world)
    assert (chosen.parallel.mode, chosen.parallel.sequence) == ("ddp", 2)


def test_the_precision_is_timed_on_what_one_rank_reads(monkeypatch) -> None:
    from newllm.training import precision_timing

    read = []
    monkeypatch.setattr(Stepper, "update", lambda stepper, step: read.append(stepper.batches.batch(step).inputs.shape))
    stepper = _stepper({}, _Random(carried=True, resets=True), ranks=6, pieces=3)
    precision_timing.time_precisions(stepper.model, stepper.batches, stepper.config)
    assert set(read) == {(2, 4)}

"""One rank unlike the others: planted in losses and gradients of ranks that are alike, or that differ and are sound."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from newllm.diagnosis.detectors.rank_outlier import detect_rank_outlier, detect_rank_stopped, detect_same_batch
from newllm.diagnosis.detectors.ranks import detect_ranks_alike
from newllm.diagnosis.diagnose import diagnose
from newllm.diagnosis.facts import Facts
from newllm.diagnosis.ranks.fingerprints import Ranks
from newllm.diagnosis.ranks.outliers import find_outliers
from newllm.diagnosis.ranks.signals import RankSignals, find_straggler
from newllm.messages import catalogue
from newllm.trace import Series, Trace

STEPS = np.arange(1, 301)
AT = 150


def _losses(ranks: int = 3, *, seed: int = 0, levels: Sequence[float] = (2.0,) * 4) -> np.ndarray:
    chance = np.random.default_rng(seed)
    falling = np.array([[one] for one in levels[:ranks]]) * (1 + 1.5 * np.exp(-STEPS / 60))
    return falling + 0.12 * chance.normal(size=(ranks, len(STEPS)))


def _norms(ranks: int = 3, *, seed: int = 0) -> np.ndarray:
    return np.exp(0.3 * np.random.default_rng(seed).normal(size=(ranks, len(STEPS))))


def _signals(
    loss_RS: np.ndarray, norm_RS: np.ndarray | None = None, *, of_logs: bool = False, every: int = 1
) -> RankSignals:
    norm_RS = _norms(len(loss_RS)) if norm_RS is None else norm_RS
    series = {
        "loss": tuple(Series(STEPS[: len(one)], np.array(one)) for one in loss_RS),
        "gradient_norm": tuple(Series(STEPS[::every], one[::every]) for one in norm_RS),
    }
    return RankSignals(tuple(range(len(loss_RS))), series, of_logs=of_logs)


def _found(loss_RS: np.ndarray, norm_RS: np.ndarray | None = None, *, every: int = 1) -> list[tuple[str, int, int]]:
    return [(one.form, one.rank, one.first) for one in find_outliers(_signals(loss_RS, norm_RS, every=every))]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("levels", [(2.0, 2.0, 2.0, 2.0), (2.0, 3.0, 2.2, 2.6), (1.0, 3.5, 1.1, 1.0)])
def test_ranks_that_scatter_or_read_shards_of_other_kinds_are_no_outliers(seed: int, levels: tuple[float, ...]) -> None:
    for ranks in (2, 3, 4):
        assert _found(_losses(ranks, seed=seed, levels=levels), _norms(ranks, seed=seed)) == []


def test_losses_that_were_averaged_say_nothing() -> None:
    jumps = np.where(STEPS == AT, 9.0, _losses()[:1])
    assert _found(np.repeat(jumps, 3, axis=0), np.ones((3, len(STEPS)))) == []


def _stays(loss_RS: np.ndarray) -> None:
    loss_RS[1] = 4.0 + 0.12 * np.random.default_rng(9).normal(size=len(STEPS))


def _learnt(loss_RS: np.ndarray) -> None:
    loss_RS[1] *= np.exp(-STEPS / 80)


def _jumps(loss_RS: np.ndarray) -> None:
    loss_RS[1, AT] += 6
    loss_RS[:, AT + 1 : AT + 20] += 2


def _is_nan(loss_RS: np.ndarray) -> None:
    loss_RS[1, AT] = np.nan
    loss_RS[:, AT + 1 :] = np.nan


@pytest.mark.parametrize(
    ("plant", "form", "first"),
    [(_stays, "stays", 76), (_learnt, "memorised", 76), (_jumps, "jump", AT + 1), (_is_nan, "not-a-number", AT + 1)],
)
@pytest.mark.parametrize("ranks", [2, 3, 4])
def test_what_is_planted_in_a_loss_is_found_on_its_rank(
    plant: Callable[[np.ndarray], None], form: str, first: int, ranks: int
) -> None:
    loss_RS = _losses(ranks)
    plant(loss_RS)
    assert _found(loss_RS) == [(form, 1, first)]


def test_beside_a_rank_that_learns_nothing_one_that_learns_much_has_learnt_nothing_by_heart() -> None:
    loss_RS = _losses(2)
    _stays(loss_RS)
    loss_RS[0] *= np.exp(-STEPS / 80)
    assert _found(loss_RS) == [("stays", 1, 76)]


def test_beside_a_rank_that_learns_one_batch_one_that_learns_less_does_not_stay() -> None:
    """As seen of two ranks: 2.92 to 2.78 nats of a text, while the other comes from 1.8 to 0.85 on its one batch."""
    falls = np.exp(-np.maximum(STEPS - 40, 0) / 100)
    noise = 0.05 * np.random.default_rng(5).normal(size=(2, len(STEPS)))
    assert _found(np.array([0.75 + 1.5 * falls, 2.74 + 0.3 * falls]) + noise) == []
    assert _found(np.array([0.75 + 1.5 * falls, 2.74 + 0.05 * falls]) + noise) == [("stays", 1, 76)]


def test_a_jump_of_all_ranks_is_of_none() -> None:
    loss_RS = _losses()
    loss_RS[:, AT : AT + 10] += 5
    assert _found(loss_RS) == []


@pytest.mark.parametrize("language", ["en", "ja"])
def test_a_jump_of_all_is_of_the_rank_whose_gradient_came_before(language: str) -> None:
    loss_RS, norm_RS = _losses(), _norms()
    loss_RS[:, AT : AT + 10] += 2
    norm_RS[2, AT - 1] *= 1e4
    assert _found(loss_RS, norm_RS) == [("gradient-jump", 2, AT)]
    signals = _signals(loss_RS, norm_RS)
    findings = diagnose(_trace(signals), Facts(ranks=Ranks(3, 0, signals=signals)))
    assert [(one.kind, one.follows) for one in findings] == [("rank-outlier", None), ("spike", "rank-outlier")]
    assert str(AT) in catalogue(language).text(findings[0].sentence)
    norm_RS[1, AT - 1] *= 1e4
    assert _found(loss_RS, norm_RS) == [], "two ranks, or all"


def test_a_loss_that_is_no_number_on_all_at_once_is_of_none() -> None:
    loss_RS = _losses()
    loss_RS[:, AT:] = np.nan
    assert _found(loss_RS) == []


@pytest.mark.parametrize(
    ("factor", "form"), [(0.0, "zero-gradient"), (100.0, "large-gradient"), (12.0, "large-gradient")]
)
@pytest.mark.parametrize("every", [1, 10])
def test_a_gradient_that_is_zero_or_far_larger_is_found(factor: float, form: str, every: int) -> None:
    norm_RS = _norms()
    norm_RS[2] *= factor
    expected = form if factor != 12.0 else None  # a factor of ten is not exceeded nearly always
    assert [one[:2] for one in _found(_losses(), norm_RS, every=every)] == ([(expected, 2)] if expected else [])


def test_a_single_large_gradient_is_a_batch() -> None:
    norm_RS = _norms()
    norm_RS[2, ::7] *= 100
    assert _found(_losses(), norm_RS) == []


def _trace(signals: RankSignals) -> Trace:
    steps, loss_RS = signals.common("loss")
    return Trace({"loss": Series(steps, loss_RS.mean(axis=0))})


@pytest.mark.parametrize("language", ["en", "ja"])
@pytest.mark.parametrize("plant", [_stays, _learnt, _jumps, _is_nan])
def test_the_finding_names_the_rank_in_every_language(plant: Callable[[np.ndarray], None], language: str) -> None:
    loss_RS = _losses()
    plant(loss_RS)
    signals = _signals(loss_RS)
    (found,) = detect_rank_outlier(_trace(signals), Facts(ranks=Ranks(3, 0, signals=signals)))
    said = catalogue(language).text(found.sentence)
    assert ("rank 1" if language == "en" else "ランク1") in said
    assert found.severity == "warning"


@pytest.mark.parametrize("plant", [_jumps, _is_nan])
def test_what_all_see_follows_from_the_rank_where_it_began(plant: Callable[[np.ndarray], None]) -> None:
    loss_RS = _losses()
    plant(loss_RS)
    signals = _signals(loss_RS)
    findings = diagnose(_trace(signals), Facts(ranks=Ranks(3, 0, signals=signals)))
    assert findings[0].kind == "rank-outlier"
    assert [one.follows for one in findings[1:] if one.kind in ("spike", "not-finite")] == ["rank-outlier"]
    assert findings[0].severity == ("fault" if plant is _is_nan else "warning")


def test_a_rank_that_is_given_one_batch_is_told_once_and_by_its_inputs() -> None:
    loss_RS = _losses()
    _learnt(loss_RS)
    facts = Facts(ranks=Ranks(3, 0, same_batch=((1, 30),), signals=_signals(loss_RS)))
    trace = _trace(_signals(loss_RS))
    assert detect_rank_outlier(trace, facts) == []
    (found,) = detect_same_batch(trace, facts)
    assert str(found.sentence).startswith("rank 1 is given the same inputs to the bit at each of 30 steps")


@pytest.mark.parametrize(("points", "severity"), [(0, None), (1, "note"), (5, "warning")])
def test_the_log_that_ends_first_is_named(points: int, severity: str | None) -> None:
    loss_RS = [one[: 200 - (points if rank == 1 else 0)] for rank, one in enumerate(_losses())]
    signals = _signals(loss_RS, of_logs=True)  # type: ignore[arg-type]
    found = detect_rank_stopped(Trace({}), Facts(ranks=Ranks(3, 0, signals=signals)))
    assert [one.severity for one in found] == ([severity] if severity else [])
    if found:
        expected = f"the log of rank 1 ends at step {200 - points}, those of the other ranks go on to 200"
        assert str(found[0].sentence) == expected
    in_one = _signals(loss_RS)  # type: ignore[arg-type]
    assert detect_rank_stopped(Trace({}), Facts(ranks=Ranks(3, 0, signals=in_one))) == []


def test_logs_with_equal_losses_are_a_note_that_says_both() -> None:
    signals = _signals(np.repeat(_losses(1), 2, axis=0), of_logs=True)
    (found,) = detect_ranks_alike(_trace(signals), Facts(ranks=Ranks(2, 0, signals=signals)))
    assert found.severity == "note"
    assert "averaged over the ranks before it was logged, or all read the same data" in str(found.sentence)
    other = _signals(_losses(2), of_logs=True)
    assert detect_ranks_alike(_trace(other), Facts(ranks=Ranks(2, 0, signals=other))) == []


@pytest.mark.parametrize(("excess", "found"), [(0.01, None), (0.1, 0)])
def test_a_rank_that_records_beside_is_no_straggler_for_that(excess: float, found: int | None) -> None:
    seconds = tuple(Series(STEPS, np.full(len(STEPS), 0.02 + (excess if rank == 0 else 0))) for rank in range(2))
    signals = RankSignals((0, 1), {"seconds": seconds}, recording=frozenset({0}))
    slow = find_straggler(signals)
    assert (None if slow is None else slow.rank) == found
    if found is None:
        assert find_straggler(RankSignals((0, 1), {"seconds": seconds})) is not None

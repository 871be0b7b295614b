import itertools
import json
import math
from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from newllm.statistics import (
    Interval,
    holm,
    kaplan_meier,
    logrank,
    mean_interval,
    median_time,
    paired_interval,
    sign_flip_test,
    smallest_p,
    wilson,
)
from newllm.statistics.distributions import normal_share_below, students_reach

# Sums of such numbers are exact, so that ties are ties; others come from `rough`.
exact_numbers = st.integers(-64, 64).map(lambda number: number / 8)
rough = st.floats(-1e6, 1e6).filter(lambda number: number == 0 or abs(number) > 1e-6)
differences = st.lists(st.one_of(exact_numbers, rough), min_size=1, max_size=10)


# The sign-flip test


def test_the_sign_flip_test_counts_every_pattern() -> None:
    # Of the sums of +-1 +-2 +-3 only 6 and -6 are as far from 0 as 6; 4, -4 and beyond are four of eight.
    assert sign_flip_test([1, 2, 3]).p == 2 / 8
    assert sign_flip_test([-1, 2, 3]).p == 4 / 8
    assert sign_flip_test([0, 0, 0]).p == 1
    assert sign_flip_test([2.0]).p == 1


@pytest.mark.parametrize("n", [5, 9, 12])
def test_the_sign_flip_test_agrees_with_scipy(n: int) -> None:
    values = np.random.default_rng(n).normal(0.4, 1, n)
    expected = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=2**n)
    assert sign_flip_test(list(values)).p == pytest.approx(expected.pvalue, abs=1e-12)


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=40))
def test_on_pairs_of_booleans_the_sign_flip_test_is_mc_nemar_s(pairs: list[tuple[bool, bool]]) -> None:
    only_first = sum(a and not b for a, b in pairs)
    discordant = sum(a != b for a, b in pairs)
    expected = stats.binomtest(only_first, discordant).pvalue if discordant else 1.0
    found = sign_flip_test([float(a) - float(b) for a, b in pairs])
    assert found.exact == (discordant <= 16)
    assert found.p == pytest.approx(expected, abs=1e-12 if found.exact else 0.01)


@given(differences, st.floats(1e-3, 1e3))
def test_p_is_the_same_for_all_signs_flipped_and_at_any_scale(values: list[float], scale: float) -> None:
    p = sign_flip_test(values).p
    assert sign_flip_test([-value for value in values]).p == p
    assert sign_flip_test([value * scale for value in values]).p == p
    assert sign_flip_test([*values, 0.0, 0.0]).p == p


@given(differences)
def test_p_is_never_below_the_smallest_p(values: list[float]) -> None:
    assert smallest_p(len(values)) <= sign_flip_test(values).p <= 1


def test_rounding_does_not_drop_the_observed_pattern() -> None:
    # 0.1 + 0.2 + 0.3 differs from 0.3 + 0.2 + 0.1 in its last bit; so do most orders of these.
    for order in ([0.1, 0.2, 0.3, 0.7, 1.1], [1.1, 0.7, 0.3, 0.2, 0.1], [0.3, 1.1, 0.1, 0.7, 0.2]):
        assert sign_flip_test(order).p == smallest_p(5)
        assert sign_flip_test([-0.3, *order]).p == sign_flip_test([0.3 - 0.6, *order[::-1]]).p
    assert sign_flip_test([0.3, 0.1 + 0.2, 0.3]).p == 2 / 8
    assert sign_flip_test([0.1 + 0.2, -0.3, 0.5]).p == 1 / 2 + 2 / 8


def test_huge_and_tiny_differences_are_as_good_as_others() -> None:
    assert sign_flip_test([1e308] * 6).p == sign_flip_test([5e-324] * 6).p == 2 / 64


def test_beyond_sixteen_pairs_patterns_are_drawn() -> None:
    at_the_limit = sign_flip_test([1.0] * 16)
    assert (at_the_limit.p, at_the_limit.exact, at_the_limit.units) == (2 / 2**16, True, 16)
    values = list(np.random.default_rng(0).normal(0.3, 1, 40))
    found = sign_flip_test(values, seed=3)
    assert not found.exact
    assert found == sign_flip_test(values, seed=3) != sign_flip_test(values, seed=4)
    expected = stats.permutation_test((values,), np.mean, permutation_type="samples", n_resamples=50_000, rng=0)
    assert found.p == pytest.approx(expected.pvalue, abs=0.01)
    # However large the effect, the observed pattern counts as one of those drawn.
    assert sign_flip_test([1.0] * 60).p == 1 / 2**16
    assert sign_flip_test([1.0] * 17).p >= smallest_p(17)
    assert sign_flip_test([1.0] * 3 + [0.0] * 40).exact


def test_clusters_flip_together() -> None:
    values = [1.0, 2.0, 3.0, 4.0, -1.0, 5.0]
    sets = ["a", "a", "b", "b", "c", "c"]
    assert sign_flip_test(values, sets).p == sign_flip_test([3, 7, 4]).p == 2 / 8
    assert sign_flip_test(values, sets).units == 3
    assert sign_flip_test(values, range(6)) == sign_flip_test(values)
    assert sign_flip_test([1.0] * 100, ["one"] * 100).p == 1


def test_with_set_effects_only_clusters_keep_the_level() -> None:
    chance = np.random.default_rng(0)
    sets = np.repeat(np.arange(8), 2)
    false_alarms = np.zeros(2)
    for _ in range(200):
        values = list(chance.normal(size=8)[sets] + 0.2 * chance.normal(size=16))
        false_alarms += [sign_flip_test(values).p <= 0.05, sign_flip_test(values, list(sets)).p <= 0.05]
    by_pair, by_cluster = false_alarms / 200
    assert by_pair > 0.1
    assert by_cluster < 0.08


def test_the_smallest_p() -> None:
    assert [smallest_p(n) for n in (0, 1, 2, 5, 6)] == [1, 1, 0.5, 0.0625, 0.03125]
    assert [smallest_p(n, "greater") for n in (0, 1, 2, 5)] == [1, 0.5, 0.25, 0.03125]


def share_as_large(values: list[float]) -> float:
    """Return the share of all sign patterns whose sum is at least the observed one, in exact arithmetic."""
    eighths = [round(value * 8) for value in values]
    patterns = itertools.product((1, -1), repeat=len(eighths))
    sums = [sum(sign * value for sign, value in zip(signs, eighths, strict=True)) for signs in patterns]
    return sum(one >= sum(eighths) for one in sums) / len(sums)


@given(st.lists(exact_numbers, min_size=1, max_size=10))
def test_one_sided_the_sign_flip_test_is_brute_force(values: list[float]) -> None:
    found = sign_flip_test(values, alternative="greater")
    assert found.p == share_as_large(values) >= smallest_p(len(values), "greater")
    assert found.exact


@given(differences)
def test_the_two_sides_count_the_observed_pattern_twice(values: list[float]) -> None:
    above = sign_flip_test(values, alternative="greater").p
    below = sign_flip_test([-value for value in values], alternative="greater").p
    two_sided = sign_flip_test(values).p
    assert above + below > 1
    assert two_sided == pytest.approx(min(1, 2 * min(above, below)))


def test_one_sided_by_hand_by_cluster_and_drawn() -> None:
    assert sign_flip_test([1, 2, 3], alternative="greater").p == 1 / 8
    assert sign_flip_test([-1, -2, -3], alternative="greater").p == 1
    assert sign_flip_test([0.1 + 0.2, -0.3], alternative="greater").p == 3 / 4  # rounding makes no difference
    assert sign_flip_test([0, 0], alternative="greater").p == 1
    assert sign_flip_test([3, 1, 2], ["a", "a", "b"], alternative="greater").p == 1 / 4
    assert sign_flip_test([1.0] * 40, alternative="greater").p == 1 / 2**16
    values = list(np.random.default_rng(0).normal(0.2, 1, 40))
    expected = stats.permutation_test(
        (values,), np.mean, permutation_type="samples", n_resamples=50_000, alternative="greater", rng=0
    )
    assert sign_flip_test(values, alternative="greater").p == pytest.approx(expected.pvalue, abs=0.01)


@pytest.mark.parametrize("bad", [math.inf, -math.inf, math.nan])
def test_a_difference_that_is_not_finite_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="difference 1 is"):
        sign_flip_test([1.0, bad])
    with pytest.raises(ValueError, match="difference 1 is"):
        paired_interval([1.0, bad], [0, 1], [0, 1])


def test_mistakes_of_the_call_are_told() -> None:
    with pytest.raises(ValueError, match="at least one pair"):
        sign_flip_test([])
    with pytest.raises(ValueError, match="2 clusters for 3 differences"):
        sign_flip_test([1, 2, 3], ["a", "b"])
    with pytest.raises(ValueError, match="1 seeds for 2 differences"):
        paired_interval([1, 2], [0, 1], [0])
    with pytest.raises(ValueError, match="'mode': give one of mean, median"):
        paired_interval([1, 2], [0, 1], [0, 1], statistic="mode")
    with pytest.raises(ValueError, match="level 95"):
        paired_interval([1, 2], [0, 1], [0, 1], level=95)
    with pytest.raises(ValueError, match="0 draws"):
        paired_interval([1, 2], [0, 1], [0, 1], draws=0)
    with pytest.raises(ValueError, match="'less': give one of two-sided, greater"):
        sign_flip_test([1, 2], alternative="less")  # pyrefly: ignore
    with pytest.raises(ValueError, match="level 0"):
        mean_interval([1, 2], level=0)
    with pytest.raises(ValueError, match="difference 1 is nan"):
        mean_interval([1, math.nan])
    with pytest.raises(ValueError, match="-1 pairs"):
        smallest_p(-1)


# The interval over data sets and seeds


def grid(sets: int, seeds: int) -> tuple[np.ndarray, np.ndarray]:
    return np.repeat(np.arange(sets), seeds), np.tile(np.arange(seeds), sets)


def test_two_by_two_cells_reach_from_the_least_to_the_largest_cell() -> None:
    found = paired_interval([1, 2, 4, 9], ["a", "a", "b", "b"], [0, 1, 0, 1])
    assert found == Interval(4.0, 1.0, 9.0)
    assert paired_interval([1, 2, 4, 9], ["a", "a", "b", "b"], [0, 1, 0, 1], statistic="median").estimate == 3


def test_without_two_data_sets_and_two_seeds_there_is_no_interval() -> None:
    assert paired_interval([1, 2, 6], ["a"] * 3, [0, 1, 2]) == Interval(3.0, None, None)
    assert paired_interval([1, 2, 6], ["a", "b", "c"], [0] * 3, statistic="median") == Interval(2.0, None, None)
    assert paired_interval([5], [0], [0]) == Interval(5.0, None, None)


def test_draws_without_a_pair_are_left_out() -> None:
    assert paired_interval([1, 2, 4], ["a", "a", "b"], [0, 1, 1]) == Interval(7 / 3, 1.0, 4.0)


def crossed_draw(sets: np.ndarray, seeds: np.ndarray, chance: np.random.Generator) -> list[int]:
    some_sets = chance.choice(np.unique(sets), len(np.unique(sets)))
    some_seeds = chance.choice(np.unique(seeds), len(np.unique(seeds)))
    return [i for a in some_sets for b in some_seeds for i in np.flatnonzero((sets == a) & (seeds == b)).tolist()]


def nested_draw(sets: np.ndarray, seeds: np.ndarray, chance: np.random.Generator) -> list[int]:
    drawn: list[int] = []
    for one in chance.choice(np.unique(sets), len(np.unique(sets))):
        own = np.flatnonzero(sets == one)
        drawn += [i for b in chance.choice(seeds[own], len(own)) for i in own[seeds[own] == b].tolist()]
    return drawn


CROSSED = grid(6, 3)
MISSING = tuple(np.delete(labels, [0, 7, 8, 14]) for labels in CROSSED)
NESTED = np.array([0, 0, 1, 1, 1, 2, 3, 3, 4, 5, 5, 5]), np.arange(12)


@pytest.mark.parametrize("statistic", ["mean", "median"])
@pytest.mark.parametrize(
    ("design", "draw"),
    [(CROSSED, crossed_draw), (MISSING, crossed_draw), (NESTED, nested_draw)],
    ids=["crossed", "missing", "nested"],
)
def test_the_interval_is_that_of_resampling_one_by_one(
    design: tuple[np.ndarray, np.ndarray], draw: Callable[..., list[int]], statistic: str
) -> None:
    sets, seeds = design
    chance = np.random.default_rng(0)
    values = np.array([3.0, -1, 0, 1, 2, -2])[sets] + 2.0 * (seeds % 3) + chance.normal(size=len(sets))
    draws = (draw(sets, seeds, chance) for _ in range(3000))
    drawn = [getattr(np, statistic)(values[pairs]) for pairs in draws if pairs]
    n = 6 if draw is nested_draw else 3
    tail = stats.norm.cdf(-math.sqrt(n / (n - 1)) * stats.t.ppf(0.75, n - 1))
    found = paired_interval(list(values), list(sets), list(seeds), level=0.5, statistic=statistic)
    assert found.estimate == pytest.approx(getattr(np, statistic)(values))
    for end, share in ((found.low, tail), (found.high, 1 - tail)):
        least, most = np.quantile(drawn, [share - 0.03, share + 0.03])
        assert least - 1e-9 <= end <= most + 1e-9


def test_the_interval_is_a_function_of_its_seed_and_not_of_names() -> None:
    sets, seeds = grid(4, 3)
    values = list(np.random.default_rng(0).normal(size=12))
    found = paired_interval(values, list(sets), list(seeds), seed=1)
    assert found == paired_interval(values, [f"set {s}" for s in sets], [f"seed {s}" for s in seeds], seed=1)
    assert found != paired_interval(values, list(sets), list(seeds), seed=2)


def coverage(sets: np.ndarray, seeds: np.ndarray, set_effect: float, naive: bool = False) -> float:
    """Return how often 95 % intervals hold the truth, 0; `naive` takes every pair for a set of its own."""
    chance = np.random.default_rng(5)
    labels = (list(range(len(sets))),) * 2 if naive else (list(sets), list(seeds))
    hits = 0
    for repetition in range(200):
        values = set_effect * chance.normal(size=sets.max() + 1)[sets]
        values += 0.5 * chance.normal(size=seeds.max() + 1)[seeds] + chance.normal(size=len(sets))
        found = paired_interval(list(values), *labels, seed=repetition, draws=500)
        assert found.low is not None
        assert found.high is not None
        hits += found.low <= 0 <= found.high
    return hits / 200


def test_with_set_effects_the_interval_covers_and_a_bootstrap_of_cells_does_not() -> None:
    sets, seeds = grid(10, 10)
    assert 0.92 <= coverage(sets, seeds, set_effect=1.0) <= 0.99
    assert coverage(sets, seeds, set_effect=1.0, naive=True) < 0.6


def test_few_data_sets_of_few_seeds_are_covered_too() -> None:
    seeds = np.arange(12)
    assert coverage(seeds % 6, seeds, set_effect=1.0) >= 0.92  # seed s on set s modulo 6


# The interval of a mean


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_the_interval_of_a_mean_agrees_with_scipy(level: float) -> None:
    values = np.random.default_rng(0).normal(2, 3, 7)
    expected = stats.ttest_1samp(values, 0).confidence_interval(level)
    found = mean_interval(list(values), level)
    assert (found.estimate, found.low, found.high) == pytest.approx((values.mean(), expected.low, expected.high))


@pytest.mark.parametrize("n", [3, 4, 8, 16])
def test_the_interval_of_a_mean_covers_normal_numbers_however_few(n: int) -> None:
    samples = np.random.default_rng(n).normal(1, 2, (4000, n))
    found = [mean_interval(list(sample)) for sample in samples]
    covered = np.mean([one.low <= 1 <= one.high for one in found if one.low is not None and one.high is not None])
    assert covered == pytest.approx(0.95, abs=0.014)  # four standard errors


def test_the_interval_of_a_mean_where_there_is_nothing_to_spread() -> None:
    assert mean_interval([3.0]) == Interval(3.0, None, None)
    assert mean_interval([3.0, 3.0, 3.0]) == Interval(3.0, 3.0, 3.0)


# Shares


def test_wilson_s_interval() -> None:
    z2 = stats.norm.ppf(0.975) ** 2
    none, half = wilson(0, 10), wilson(5, 10)
    assert (none.estimate, none.low) == (0, 0)
    assert none.high == pytest.approx(z2 / (10 + z2))
    assert (half.estimate, half.low) == (0.5, pytest.approx(0.5 - 0.5 * math.sqrt(z2 / (10 + z2))))
    assert wilson(10, 10).low == pytest.approx(1 - z2 / (10 + z2))
    assert wilson(3, 10, level=0.5).low == pytest.approx(0.2127, abs=1e-4)


def test_wilson_refuses_counts_that_cannot_be() -> None:
    for successes, n in ((0, 0), (3, 2), (-1, 4)):
        with pytest.raises(ValueError, match=f"{successes} successes of {n} trials"):
            wilson(successes, n)


# Several claims


def test_holm_by_hand() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "b": 0.06, "c": 0.06})
    assert holm({"a": 0.5, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_holm_counts_an_undecided_claim_and_leaves_it_undecided() -> None:
    found = holm({"a": 0.01, "untested": None, "b": 0.03})
    assert found == {"a": pytest.approx(0.03), "untested": None, "b": pytest.approx(0.06)}
    assert list(found) == ["a", "untested", "b"]


@given(st.dictionaries(st.text(max_size=3), st.one_of(st.none(), st.floats(0, 1)), max_size=20))
def test_holm_keeps_the_order_and_never_lowers(p_values: dict[str, float | None]) -> None:
    adjusted = holm(p_values)
    assert adjusted.keys() == p_values.keys()
    known = sorted((p, adjusted[name] or 0.0) for name, p in p_values.items() if p is not None)
    assert all(p <= corrected <= min(1, len(p_values) * p) for p, corrected in known)
    assert [corrected for _, corrected in known] == sorted(corrected for _, corrected in known)


def test_holm_refuses_what_is_no_p_value() -> None:
    for bad in (1.5, -0.1, math.nan):
        with pytest.raises(ValueError, match="of 'claim'"):
            holm({"claim": bad})


# Survival


def test_the_kaplan_meier_curve_by_hand() -> None:
    found = kaplan_meier([3, 1, 4, 2], [True, True, True, False])
    assert found.times == (1, 2, 3, 4)
    assert found.probability == pytest.approx((3 / 4, 3 / 4, 3 / 8, 0))
    error = math.sqrt(1 / (4 * 3)) / math.log(3 / 4)
    z = stats.norm.ppf(0.975)
    assert found.low[0] == pytest.approx(0.75 ** math.exp(-z * error))
    assert found.high[0] == pytest.approx(0.75 ** math.exp(z * error))
    assert (found.low[3], found.high[3]) == (None, None)
    assert median_time(found).time == 3


def test_the_median_time_and_its_interval() -> None:
    # Bland & Altman 2004 (BMJ 328:1073), weeks after surgery with astrocytoma.
    times = [6, 13, 21, 30, 37, 38, 49, 50, 63, 79, 86, 98, 202, 219, 31, 47, 80, 82, 82, 149]
    survival = kaplan_meier(times, [True] * 14 + [False] * 6)
    found = median_time(survival)
    assert found.time is not None
    assert found.low is not None
    assert found.high is not None
    assert found.low < found.time < found.high
    at = survival.times.index(found.time)
    assert survival.probability[at] <= 0.5 < survival.probability[at - 1]


def test_a_curve_that_stays_above_one_half_has_no_median() -> None:
    found = median_time(kaplan_meier([5.0] + [50.0] * 9, [True] + [False] * 9))
    assert (found.time, found.high) == (None, None)
    never = kaplan_meier([50.0] * 4, [False] * 4)
    assert (never.probability, never.low, never.high) == ((1.0,), (None,), (None,))
    assert median_time(never).time is None


def test_a_curve_that_comes_to_one_half_has_reached_it() -> None:
    for n in range(2, 60, 2):  # at 24 and others the product comes out above 0.5
        times = [float(time) for time in range(1, n + 1)]
        assert median_time(kaplan_meier(times, [time <= n / 2 for time in times])).time == n / 2


def test_the_log_rank_test_of_bland_and_altman() -> None:
    astrocytoma = [6, 13, 21, 30, 37, 38, 49, 50, 63, 79, 86, 98, 202, 219, 31, 47, 80, 82, 82, 149]
    glioblastoma = [10, 10, 12, 13, 14, 15, 16, 17, 18, 20, 24, 24, 25, 28, 30, 33, 35, 37, 40, 40, 46, 48, 76, 81]
    glioblastoma += [82, 91, 112, 181, 34, 40, 70]
    observed, other = [True] * 14 + [False] * 6, [True] * 28 + [False] * 3
    found = logrank(astrocytoma, observed, glioblastoma, other)
    assert (found.statistic, found.p) == pytest.approx((-2.73799, 0.00618), abs=1e-5)
    assert logrank(glioblastoma, other, astrocytoma, observed).statistic == pytest.approx(-found.statistic)


def test_the_log_rank_test_without_an_event_tells_nothing_apart() -> None:
    assert logrank([50, 50], [False, False], [50], [False]).p == 1


def test_runs_that_cannot_be_are_refused() -> None:
    with pytest.raises(ValueError, match="2 times, 1 observed"):
        kaplan_meier([1, 2], [True])
    with pytest.raises(ValueError, match="0 times"):
        logrank([1], [True], [], [])
    with pytest.raises(ValueError, match="a time is inf: a run without the event is censored at its end"):
        kaplan_meier([1, math.inf], [True, False])


def test_every_result_is_plain_data() -> None:
    survival = kaplan_meier([1, 2, 3], [True, False, True])
    results = [
        sign_flip_test([1, 2]),
        mean_interval([1, 2]),
        paired_interval([1, 2], [0, 1], [0, 1]),
        wilson(1, 2),
        survival,
    ]
    for result in [*results, median_time(survival), logrank([1, 2], [True, True], [3, 4], [True, False])]:
        json.dumps(asdict(result), allow_nan=False)


@pytest.mark.parametrize("level", [0.5, 0.8, 0.95, 0.999])
@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 9, 10, 63, 200, 1001])
def test_students_distribution_agrees_with_scipy(freedom: int, level: float) -> None:
    assert students_reach(freedom, level) == pytest.approx(stats.t.ppf((1 + level) / 2, freedom), rel=1e-11)


@pytest.mark.parametrize("x", [-30.0, -6.5, -1.96, 0.0, 0.3, 5.0])
def test_the_normal_distribution_agrees_with_scipy(x: float) -> None:
    assert normal_share_below(x) == pytest.approx(stats.norm.cdf(x), rel=1e-12)


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (1, 1), (0, 10), (3, 10), (10, 10), (29, 60)])
def test_wilson_s_interval_agrees_with_scipy(successes: int, n: int) -> None:
    expected = stats.binomtest(successes, n).proportion_ci(0.9, method="wilson")
    found = wilson(successes, n, 0.9)
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high), abs=1e-14)
    assert (found.low == 0) == (successes == 0)
    assert (found.high == 1) == (successes == n)

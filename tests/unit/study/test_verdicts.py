"""Where a claim begins to hold: runs that agree by ten or by some of them, at every bound."""

from typing import Any

import pytest
from studies.founding import verdicts
from studies.founding.arms import CONTEXT_RUNS, TRANSFORMER

from newllm.study import Arm, Claim, Decision, Study, claims_table, decide


def rows(arms: tuple[str, ...], count: int = 10, **values: Any) -> dict[str, list[dict[str, Any]]]:
    """Rows of each arm; a value that is a list is one a seed. The interval of a share that all have is 0.72 to 1."""
    made = [
        {name: one[seed] if isinstance(one, list) else one for name, one in values.items()} for seed in range(count)
    ]
    return {arm: [{"seed": seed, "data": f"set {seed % 6}", **row} for seed, row in enumerate(made)] for arm in arms}


def spiking(**values: Any) -> dict[str, list[dict[str, Any]]]:
    return rows(CONTEXT_RUNS, **{"validation_spiked": True, "probe_spiked": False, **values})


@pytest.mark.parametrize(
    ("onset", "verdict"),
    [
        (17.0, "holds"), (22.0, "holds"), (16.9, "does not hold"), (22.1, "does not hold"),
        ([19.0] * 9 + [30.0], "holds in part"),  # its interval reaches below 0.7
        ([19.0] * 5 + [30.0] * 5, "holds in part"),
        (None, "does not hold"),
    ],
)  # fmt: skip
def test_claim_1(onset: Any, verdict: str) -> None:
    assert verdicts.every_run_spikes(spiking(validation_onset=onset)).verdict == verdict


@pytest.mark.parametrize(
    ("jump", "verdict"),
    [
        (2.0, "holds"), (9.0, "holds"), (1.99, "does not hold"), (9.01, "does not hold"),
        ([1.0, 3.0] * 5, "holds in part"), ([8.0, 10.0] * 5, "holds in part"),
    ],
)  # fmt: skip
def test_claim_2(jump: Any, verdict: str) -> None:
    found = verdicts.two_to_nine_times(spiking(validation_jump=jump))
    assert (found.verdict, found.numbers["largest"]) == (verdict, max(jump) if isinstance(jump, list) else jump)


@pytest.mark.parametrize(
    ("recovery", "verdict"),
    [(5, "holds"), (0, "holds"), (5.1, "does not hold"), (None, "does not hold"), ([5, 9] * 5, "holds in part")],
)
def test_claim_3(recovery: Any, verdict: str) -> None:
    found = verdicts.heals_itself(spiking(validation_recovery=recovery))
    assert found.verdict == verdict
    assert "share_healed_on_the_probe" not in found.numbers
    probe = spiking(validation_recovery=recovery, probe_spiked=True, probe_recovery=[5, 6] * 5)
    assert verdicts.heals_itself(probe).numbers["share_healed_on_the_probe"] == 0.5


@pytest.mark.parametrize("decide_it", [verdicts.two_to_nine_times, verdicts.heals_itself])
def test_six_seeds_must_spike(decide_it: Any) -> None:
    def found(spikes: int) -> Decision:
        spiked = [seed < spikes for seed in range(10)]
        return decide_it(spiking(validation_spiked=spiked, validation_jump=3.0, validation_recovery=2))

    assert found(6).verdict != "undecided"
    assert (found(5).verdict, found(5).numbers) == ("undecided", {"seeds": 5, "needed": 6})


@pytest.mark.parametrize(
    ("fall", "verdict"),
    [(0.0625, "holds"), (0.125, "does not hold"), ([0.0, 0.25] * 5, "undecided")],
)
def test_claim_10(fall: Any, verdict: str) -> None:
    at_best = [2.0 + one for one in fall] if isinstance(fall, list) else 2.0 + fall
    made = rows(CONTEXT_RUNS, probe_at_best=at_best, lowest_probe_after_best=2.0, best_epoch=[18, 20] * 5)
    found = verdicts.expressiveness_used_up(made)
    assert (found.verdict, found.numbers["best_epoch"]) == (verdict, dict.fromkeys(CONTEXT_RUNS, 19.0))


@pytest.mark.parametrize(
    ("best", "spiked", "verdict"),
    [
        (45, False, "holds"), (44, False, "holds in part"), (45, True, "does not hold"),
        ([45, 44] * 5, False, "holds in part"),
    ],
)  # fmt: skip
def test_claim_12(best: Any, verdict: str, *, spiked: bool) -> None:
    made = rows((TRANSFORMER,), best_epoch=best, probe_spiked=spiked, validation_spiked=[True, False] * 5)
    found = verdicts.transformer_is_calm(made)
    assert (found.verdict, found.numbers["share_validation_spiking"]) == (verdict, 0.5)
    assert found.numbers["share_best_late"] == (0.5 if isinstance(best, list) else float(best >= 45))


def test_claims_are_told_in_a_table_with_what_decided_them() -> None:
    arms = (Arm("a", "One.", "founding-baseline"), Arm("b", "Two.", "seed-baseline"))

    def claim(name: str, numbers: dict[str, Any], p: float | None = None, **more: Any) -> Claim:
        given: dict[str, Any] = {"arms": ("a",), "needs": 2, **more}
        return Claim(name, f"Claim {name}.", "By this.", decide=lambda _: Decision("holds", numbers, p), **given)

    claims = (
        claim("1", {"share_of_it": [0.51234, 0.25, 0.75]}, 0.01),
        claim("2", {"count": 7}, 0.02),
        claim("3", {"share": [0.5, None, None]}, 0.04),  # three tests: 0.03, 0.04 and 0.04
        claim("4", {}, compares=True, arms=("a", "c")),  # never run, and counted all the same: 0.04, 0.06, 0.08
        claim("5", {"name": "x"}, needs=3),
    )
    study = Study("s", "S.", arms, ("set",), claims)
    of_arms = [{"arm": "a", "seed": seed, "data": "set"} for seed in range(2)]
    found = decide(study, of_arms)
    assert [one["p_holm"] for one in found] == [
        pytest.approx(0.04),
        pytest.approx(0.06),
        pytest.approx(0.08),
        None,
        None,
    ]
    assert [one["verdict"] for one in found] == ["holds", *["undecided"] * 4]
    table = claims_table({"claims": found})
    assert [row[3] for row in table.rows] == [
        "share of it 0.512 [0.25, 0.75]", "count 7", "", "not run: c", "2 seeds, 3 are needed",
    ]  # fmt: skip
    alone = decide(Study("s", "S.", arms, ("set",), claims[:3]), of_arms)
    assert [one["verdict"] for one in alone] == ["holds"] * 3

"""The verdict in words, as it is printed."""

from typing import Any

import pytest

from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.sentences import sentences
from newllm.trace import Tried

SPIKE = {"signal": "loss", "base": 5.4321, "height": 3.25, "onset": 38, "peak": 41}
NULLS = {"n": 3, "spiked": 3, "depends_on_seed": False}


def tried(
    outcome: Any, name: str = "half", *, stage: Any = "confirmed", effect: float | None = 0.6, **more: Any
) -> Tried:
    given: dict[str, Any] = {
        "name": name, "kind": "data", "change": f"the {name} changed", "hypothesis": "", "price": "", "start": 0,
        "stage": stage, "outcome": outcome, "n": 8, "spiked": 0, "effect": effect, "interval": None, "p": 0.004,
        "severity": 0.0, "null_severity": 1.0, "later": None, "cost": None, **more,
    }  # fmt: skip
    return Tried(**given)


@pytest.mark.parametrize(
    ("spike", "nulls", "said"),
    [
        (
            SPIKE,
            NULLS,
            "The training loss leaves its trend at step 38 (from 5.43 by 3.25 nats, worst at step 41), and it comes "
            "back: 3 of 3 replays with other chance spike.",
        ),
        (
            {**SPIKE, "signal": "validation", "height": None},
            {"n": 3, "spiked": 1, "depends_on_seed": True},
            "The validation loss leaves its trend at step 38 (without end, worst at step 41), and it depends on the "
            "seed: 1 of 3 replays with other chance spike.",
        ),
    ],
)
def test_what_happened(spike: dict[str, Any], nulls: dict[str, Any], said: str) -> None:
    assert sentences(spike, nulls, (), None, ())[0] == said


def test_a_signal_of_another_name_is_called_by_it() -> None:
    assert sentences({**SPIKE, "signal": "gradient_norm"}, NULLS, (), None, ())[0].startswith("The gradient_norm ")


UNSURE = "Nothing removes it for sure; with the half changed "


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ([], "No change was tried."),
        ([tried("no effect")], "Nothing that was tried takes it away."),
        ([tried("delays", stage="screened")], "Nothing that was tried takes it away."),
        ([tried("removes")], "With the half changed it is gone: no spike in 8 fresh replays (p 0.004)."),
        (
            [tried("reduces", "other"), tried("removes"), tried("removes"), *[tried("removes", "clip")] * 2],
            "With the half changed it is gone: no spike in 8 fresh replays (p 0.004); the same with clip.",
        ),
        (
            [tried("removes"), tried("removes", "clip"), tried("removes", "b", p=0.06), tried("removes", "a")],
            "With the half changed it is gone: no spike in 8 fresh replays (p 0.004); the same with clip and a.",
        ),
        ([tried("removes", p=0.05)], UNSURE + "it is gone, unsurely (60% of its severity is gone, 8 fresh replays)."),
        ([tried("removes", p=None)], UNSURE + "it is gone, unsurely (60% of its severity is gone, 8 fresh replays)."),
        ([tried("reduces")], UNSURE + "it is smaller (60% of its severity is gone, 8 fresh replays)."),
        ([tried("delays", effect=None)], UNSURE + "it comes later (delays, 8 fresh replays)."),
        *(
            (
                [tried("no effect", "other", stage="screened"), tried(outcome, stage="screened")],
                "Nothing is confirmed; in the screen, from which nothing can be claimed, half did best.",
            )
            for outcome in ("removes", "reduces")
        ),
    ],
)
def test_which_change_does_what(what: list[Tried], said: str) -> None:
    assert sentences(SPIKE, NULLS, what, None, ())[1] == said


@pytest.mark.parametrize(
    ("cost", "said"),
    [
        (0.0, ", at no cost in loss"),
        (-0.009, ", at no cost in loss"),
        (0.01, ", 0.01 nats behind at equal steps"),
        (-0.256, ", 0.26 nats ahead at equal steps"),
    ],
)
def test_what_it_costs(cost: float, said: str) -> None:
    assert f"(p 0.004{said})." in sentences(SPIKE, NULLS, [tried("removes", cost=cost)], None, ())[1]


CONFIRMED, SCREENED = [tried("reduces"), tried("removes")], [tried("removes", stage="screened")]


@pytest.mark.parametrize(
    ("what", "missing", "said"),
    [
        (CONFIRMED, ["Try this.", "And that."], "That is a remedy and no proof of a cause yet. Try this."),
        (CONFIRMED, [], "No cause is shown."),
        (SCREENED, ["Try this.", "And that."], "No cause is shown. Try this."),
        ([tried("reduces")], ["Try this."], "No cause is shown. Try this."),
        (SCREENED, [], "No cause is shown."),
    ],
)
def test_what_it_says_of_the_cause(what: list[Tried], missing: list[str], said: str) -> None:
    assert sentences(SPIKE, NULLS, what, None, missing)[2] == said


def test_the_cause_is_told_with_its_evidence() -> None:
    planted = {"spiked": 3, "n": 4}
    cause = {"name": "learning-rate", "intervention": "beta2 + clip-tenth", "rivals": ["a", "b"], "planted": planted}
    why = INTERVENTIONS["beta2"].hypothesis
    assert sentences(SPIKE, NULLS, CONFIRMED, cause, ["Never said."])[2] == (
        f"The cause is learning-rate ({why[0].lower()}{why[1:-1]}): 2 rival changes as strong leave the spike, and "
        "planted into a healthy stretch it brings one about in 3 of 4 replays."
    )

"""A verdict in English, as it is printed."""

from collections.abc import Sequence
from typing import Any

import pytest

from newllm.messages import Message, message
from newllm.trace import Tried, Verdict
from newllm.trace.verdict import VerdictMessages
from newllm.words.verdicts import change, compose

SPIKE = {"signal": "loss", "base": 5.4321, "height": 3.25, "onset": 38, "peak": 41}
NULLS = {"n": 3, "spiked": 3, "depends_on_seed": False}


def said(
    spike: dict[str, Any],
    nulls: dict[str, Any],
    tried: Sequence[Tried],
    cause: dict[str, Any] | None = None,
    missing: Sequence[Message] = (),
) -> list[str]:
    verdict = Verdict(
        run="", spike=spike, reproduction={"identical": True}, nulls=nulls, interventions=tuple(tried), cause=cause,
        suspects=(), seconds=1.0, messages=VerdictMessages(missing=tuple(missing)),
    )  # fmt: skip
    return [str(one) for one in compose(verdict) if one is not None]


def tried(
    outcome: Any, name: str = "half-learning-rate", *, stage: Any = "confirmed", effect: float | None = 0.6, **more: Any
) -> Tried:
    given: dict[str, Any] = {
        "name": name, "kind": "data", "change": "", "hypothesis": "", "price": "", "start": 0,
        "stage": stage, "effect_class": outcome, "n": 8, "spiked": 0, "effect": effect, "interval": None, "p": 0.004,
        "severity": 0.0, "null_severity": 1.0, "later": None, "cost": None, **more,
    }  # fmt: skip
    return Tried(**given)


@pytest.mark.parametrize(
    ("spike", "nulls", "text"),
    [
        (
            SPIKE,
            NULLS,
            "The training loss spikes at step 38: it rises from 5.43 by 3.25 nats (worst at step 41). The spike "
            "recurs: 3 of 3 replays with another seed spike too.",
        ),
        (
            {**SPIKE, "signal": "validation", "height": None},
            {"n": 3, "spiked": 1, "depends_on_seed": True},
            "The validation loss spikes at step 38: it rises from 5.43 without end (worst at step 41). Whether it does "
            "so depends on the seed: 1 of 3 replays with another seed spike too.",
        ),
    ],
)
def test_what_happened(spike: dict[str, Any], nulls: dict[str, Any], text: str) -> None:
    assert said(spike, nulls, ())[0] == text


def test_a_signal_of_another_name_is_called_by_it() -> None:
    assert said({**SPIKE, "signal": "gradient_norm"}, NULLS, ())[0].startswith("The gradient_norm ")
    assert said({**SPIKE, "signal": "aux_loss"}, NULLS, ())[0].startswith("The aux_loss ")


UNSURE = "Nothing removes it for sure; with the learning rate halved "


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ([], "No change was tried."),
        ([tried("no effect")], "Nothing that was tried takes it away."),
        ([tried("delays", stage="screened")], "Nothing that was tried takes it away."),
        ([tried("removes")], "With the learning rate halved it is gone: no spike in 8 fresh replays (p 0.004)."),
        (
            [
                tried("reduces", "tenth-learning-rate"),
                tried("removes"),
                tried("removes"),
                *[tried("removes", "clip-half")] * 2,
            ],
            "With the learning rate halved it is gone: no spike in 8 fresh replays (p 0.004); the same with clip-half.",
        ),
        (
            [
                tried("removes"),
                tried("removes", "clip-half"),
                tried("removes", "beta2", p=0.06),
                tried("removes", "adagc"),
            ],
            "With the learning rate halved it is gone: no spike in 8 fresh replays (p 0.004); "
            "the same with clip-half and adagc.",
        ),
        ([tried("removes", p=0.05)], UNSURE + "it is gone, unsurely (60% of its severity is gone, 8 fresh replays)."),
        ([tried("removes", p=None)], UNSURE + "it is gone, unsurely (60% of its severity is gone, 8 fresh replays)."),
        ([tried("reduces")], UNSURE + "it is smaller (60% of its severity is gone, 8 fresh replays)."),
        ([tried("delays", effect=None)], UNSURE + "it comes later (delays, 8 fresh replays)."),
        *(
            (
                [tried("no effect", "tenth-learning-rate", stage="screened"), tried(outcome, stage="screened")],
                "Nothing is confirmed; in the screen, from which nothing can be claimed, half-learning-rate did best.",
            )
            for outcome in ("removes", "reduces")
        ),
    ],
)
def test_which_change_does_what(what: list[Tried], text: str) -> None:
    assert said(SPIKE, NULLS, what)[1] == text


@pytest.mark.parametrize(
    ("cost", "text"),
    [
        (0.0, ", at no cost in loss"),
        (-0.009, ", at no cost in loss"),
        (0.01, ", 0.01 nats behind at equal steps"),
        (-0.256, ", 0.26 nats ahead at equal steps"),
    ],
)
def test_what_it_costs(cost: float, text: str) -> None:
    assert f"(p 0.004{text})." in said(SPIKE, NULLS, [tried("removes", cost=cost)])[1]


TRY = message("missing-reverse", name="x")
LACK = str(TRY)
CONFIRMED, SCREENED = [tried("reduces"), tried("removes")], [tried("removes", stage="screened")]


@pytest.mark.parametrize(
    ("what", "missing", "text"),
    [
        (
            CONFIRMED,
            [TRY, message("missing-remedy")],
            "That is a remedy and no proof of a cause yet. " + LACK,
        ),
        (CONFIRMED, [], "No cause is shown."),
        (
            SCREENED,
            [TRY, message("missing-remedy")],
            "No cause is shown. " + LACK,
        ),
        (
            [tried("reduces")],
            [TRY],
            "No cause is shown. " + LACK,
        ),
        (SCREENED, [], "No cause is shown."),
    ],
)
def test_what_it_says_of_the_cause(what: list[Tried], missing: list[Message], text: str) -> None:
    assert said(SPIKE, NULLS, what, None, missing)[2] == text


def test_the_cause_is_told_with_its_evidence() -> None:
    injected = {"spiked": 3, "n": 4}
    cause = {"name": "learning-rate", "intervention": "beta2 + clip-tenth", "rivals": ["a", "b"], "planted": injected}
    why = str(change("hypothesis", ["beta2"], {}))
    assert said(SPIKE, NULLS, CONFIRMED, cause, [TRY])[2] == (
        f"The cause is learning-rate ({why[0].lower()}{why[1:-1]}): 2 rival changes as strong leave the spike, and "
        "injected into a healthy segment it causes one in 3 of 4 replays."
    )

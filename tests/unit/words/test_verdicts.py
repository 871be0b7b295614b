"""A verdict in English, as it is printed."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import pytest

from newllm.messages import Message, catalogue, message
from newllm.trace import Tried, Verdict
from newllm.trace.verdict import VerdictMessages
from newllm.words.verdicts import change, compose, in_english, recorded_of, replays_show, sentences_of

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
            "The training loss spikes at step 38: it rises by 3.25 nats from 5.43 (peak at step 41). The spike "
            "recurs: 3 of 3 replays with another seed spike too.",
        ),
        (
            {**SPIKE, "signal": "validation", "height": None},
            {"n": 3, "spiked": 1, "depends_on_seed": True},
            "The validation loss spikes at step 38: it rises from 5.43 without end (peak at step 41). Whether it "
            "spikes depends on the seed: 1 of 3 replays with another seed spike too.",
        ),
    ],
)
def test_what_happened(spike: dict[str, Any], nulls: dict[str, Any], text: str) -> None:
    assert said(spike, nulls, ())[0] == text


def test_a_signal_of_another_name_is_called_by_it() -> None:
    assert said({**SPIKE, "signal": "gradient_norm"}, NULLS, ())[0].startswith("The gradient_norm ")
    assert said({**SPIKE, "signal": "aux_loss"}, NULLS, ())[0].startswith("The aux_loss ")


UNSURE = "No change surely removes the spike; with the learning rate halved "


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ([], "No change was tried."),
        ([tried("no effect")], "No change that was tried removes the spike."),
        ([tried("delays", stage="screened")], "No change that was tried removes the spike."),
        ([tried("removes")], "With the learning rate halved the spike is gone: no spike in 8 fresh replays (p 0.004)."),
        (
            [
                tried("reduces", "tenth-learning-rate"),
                tried("removes"),
                tried("removes"),
                *[tried("removes", "clip-half")] * 2,
            ],
            "With the learning rate halved the spike is gone: no spike in 8 fresh replays (p 0.004). "
            "The change clip-half removes it too.",
        ),
        (
            [
                tried("removes"),
                tried("removes", "clip-half"),
                tried("removes", "beta2", p=0.06),
                tried("removes", "adagc"),
            ],
            "With the learning rate halved the spike is gone: no spike in 8 fresh replays (p 0.004). "
            "The changes clip-half and adagc remove it too.",
        ),
        (
            [tried("removes", p=0.05)],
            UNSURE + "it is gone, but perhaps by chance (60% of its severity is gone, 8 fresh replays).",
        ),
        (
            [tried("removes", p=None)],
            UNSURE + "it is gone, but perhaps by chance (60% of its severity is gone, 8 fresh replays).",
        ),
        ([tried("reduces")], UNSURE + "it is smaller (60% of its severity is gone, 8 fresh replays)."),
        ([tried("delays", effect=None)], UNSURE + "it comes later (8 fresh replays)."),
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
        (0.01, ", loss 0.01 nats higher at equal steps"),
        (-0.256, ", loss 0.26 nats lower at equal steps"),
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
            "A remedy is found, but no cause is shown yet. " + LACK,
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
        f"The cause is learning-rate ({why[0].lower()}{why[1:-1]}): none of 2 alternative changes, each comparably "
        "strong, removes the spike, and this cause, injected into a healthy segment, makes 3 of 4 replays spike."
    )


@pytest.mark.parametrize(
    ("signals", "text"),
    [
        (
            {"validation/unknown": {"spiked": 8, "null_spiked": 8}},
            "it stays in the validation loss of unknown tokens (8 of 8)",
        ),
        (
            {"probe": {"spiked": 1, "null_spiked": 3}, "aux": {"spiked": 2, "null_spiked": 8}},
            "it stays in the probe loss (1 of 8) and aux (2 of 8)",
        ),
    ],
)
def test_a_loss_on_which_the_spike_stays_is_named(signals: dict[str, dict[str, float]], text: str) -> None:
    gone = {"loss": {"spiked": 0, "null_spiked": 8}}
    helps = said(SPIKE, NULLS, [tried("removes", signals=gone | signals), tried("removes", "clip-half")])[1]
    assert helps == (
        "With the learning rate halved the spike is gone from the training loss: no spike there in 8 fresh replays "
        f"(p 0.004), but {text}. The change clip-half removes it too."
    )
    calm = {"probe": {"spiked": 0, "null_spiked": 8}, "validation": {"spiked": 1, "null_spiked": 0}}
    assert "stays" not in said(SPIKE, NULLS, [tried("removes", signals=gone | calm)])[1]


def test_a_spike_that_no_replay_shows_is_said_to_be_too_small() -> None:
    unseen = NULLS | {"spiked": 0, "seen": False, "peak": 0.428, "limit": 0.798}
    happened, _, cause = said(SPIKE, unseen, (), missing=[message("missing-unseen")])
    assert "too little to be told from the noise of this loss: there it rises to 1.5 times its level" in happened
    assert "up to 2.2 times could be chance" in happened
    assert "seed" not in happened
    assert cause.startswith("No cause is shown. What cannot be seen cannot be seen to go")


def test_another_loss_that_decides_is_named() -> None:
    (happened, *_) = said(SPIKE | {"decides": "probe"}, NULLS, ())
    assert happened.endswith("That loss is too noisy to show it in every replay, so the probe loss decides.")
    assert "decides" not in said(SPIKE | {"decides": "loss"}, NULLS, ())[0]


@pytest.mark.parametrize("peak", [1e9, -1e9, "inf", None, True, [1]])
def test_a_damaged_file_of_an_unseen_spike_is_told_all_the_same(peak: Any) -> None:
    (happened, *_) = said(SPIKE | {"height": None}, NULLS | {"seen": False, "peak": peak, "limit": 0.5}, ())
    assert "without end" in happened
    assert "to ? times its level" in happened


@pytest.mark.parametrize(
    ("about", "told"),
    [
        ({"batches_differ": True}, "read different batches there"),
        ({"batches_differ": False, "random_state": "numpy"}, "the training draws from numpy's random numbers"),
        ({"batches_differ": False, "random_state": None}, "keeps something beside model and optimizer"),
        ({}, "Fix what differs"),  # an earlier newllm wrote it
        ({"batches_differ": False, "replays_differ": None}, "Fix what differs"),
    ],
)
def test_what_to_mend_is_said_by_what_two_replays_show(about: dict[str, Any], told: str) -> None:
    found = {"step": 7, "signal": "loss", "parameter": None, "replays_differ": 7, "random_state": None, **about}
    for tolerance, expected in ((None, told), (0.1, "Fix what differs")):
        verdict = Verdict(
            run="", spike=SPIKE, reproduction={"identical": False, "first_difference": found, "tolerance": tolerance},
            nulls=NULLS, interventions=(), cause=None, suspects=(), seconds=1.0,
        )  # fmt: skip
        assert expected in str(compose(verdict)[2])
        assert replays_show(catalogue("en"), in_english(verdict)).startswith(
            "Its replays: The unmodified replay does not"
        )


def test_what_removes_it_for_another_reason_is_told_behind_the_cause() -> None:
    injected = {"n": 4, "spiked": 4, "null_spiked": 0, "start": 5}
    cause = {"name": "corrupted-batch", "intervention": "beta2", "rivals": ["a"], "planted": injected}
    told = said(SPIKE, NULLS, CONFIRMED, {**cause, "explained": ["clip-half", "other-order"]}, [])[2]
    assert "makes 4 of 4 replays spike. The spike is also removed by clip-half and other-order." in told
    assert "also removed" not in said(SPIKE, NULLS, CONFIRMED, {**cause, "explained": []}, [])[2]


@pytest.mark.parametrize(
    ("why", "told", "untold"),
    [
        ("updates", "they weaken every large update or spike, whatever its cause.", "batches are"),
        ("batches", "other batches are read then, too.", "weaken"),
        ("both", "whatever its cause, or have other batches read, too.", "batches are"),
        (None, "it limits all updates, or it leaves out the same batches.", "weaken"),  # an earlier newllm's
    ],
)
def test_why_other_changes_remove_it_too_is_said_of_their_kind(why: str | None, told: str, untold: str) -> None:
    injected = {"n": 4, "spiked": 4, "null_spiked": 0, "start": 5}
    cause = {"name": "corrupted-batch", "intervention": "beta2", "rivals": ["a"], "planted": injected}
    explained = {"explained": ["a", "b"], **({"explained_by": why} if why else {})}
    sentence = said(SPIKE, NULLS, CONFIRMED, cause | explained, [])[2]
    assert told in sentence
    assert untold not in sentence


@pytest.mark.parametrize(
    ("screened", "n", "told"),
    [
        (["a"], 1, "removes the spike (1 of them were replayed once), and"),
        (["a", "b"], 1, "removes the spike (each was replayed once), and"),
        (["a", "b", "c"], 1, "removes the spike (each was replayed once), and"),  # the last is no rival
        (["a", "b"], 2, "removes the spike, and"),
    ],
)
def test_how_many_rivals_had_a_single_replay_is_said(screened: list[str], n: int, told: str) -> None:
    injected = {"n": 4, "spiked": 4, "null_spiked": 0, "start": 5}
    cause = {"name": "x", "intervention": "beta2", "rivals": ["a", "b"], "planted": injected, "batches": None}
    rivals = [tried("no effect", name, stage="screened", n=n) for name in screened]
    rivals += [tried("no effect", name) for name in {"a", "b"} - set(screened)]
    assert told in said(SPIKE, NULLS, [*CONFIRMED, *rivals], cause)[2]
    del cause["batches"]  # by an earlier newllm, whose words stay
    assert "removes the spike, and" in said(SPIKE, NULLS, [*CONFIRMED, *rivals], cause)[2]


@pytest.mark.parametrize(
    ("batches", "told"),
    [
        (
            {"first": 300, "last": 304, "count": 5, "step": 301},
            "Look at batches 300 to 304, counted from 0: the update of step 301 is the first that reads one of them.",
        ),
        (
            {"first": 330, "last": 330, "count": 1, "step": 331},
            "Look at batch 330, counted from 0, which the update of step 331 reads.",
        ),
        ({"first": "x", "last": None}, "Look at batches ? to ?, counted from 0: the update of step ? is"),
    ],
)
def test_which_batches_are_the_cause_is_said(batches: dict[str, Any], told: str) -> None:
    injected = {"n": 4, "spiked": 4, "null_spiked": 0, "start": 5}
    cause = {"name": "x", "intervention": "beta2", "rivals": ["a"], "planted": injected, "batches": batches}
    assert told in said(SPIKE, NULLS, CONFIRMED, cause)[2]


def test_a_comparison_with_a_recording_stands_ahead_and_is_no_answer() -> None:
    plain = in_english(
        Verdict(
            run="x", spike=SPIKE, reproduction={"identical": True}, nulls=NULLS, interventions=tuple(CONFIRMED),
            cause=None, suspects=(), seconds=1.0,
        )
    )  # fmt: skip
    compared = message("recorded-spike", spike=7, replayed=7)
    messages = dataclasses.replace(plain.messages, sentences=(compared, *plain.messages.sentences))
    with_it = dataclasses.replace(
        plain, recorded={"path": "x"}, sentences=(str(compared), *plain.sentences), messages=messages
    )
    assert list(map(str, sentences_of(with_it))) == list(plain.sentences)
    assert list(map(str, recorded_of(with_it))) == [str(compared)]
    assert recorded_of(plain) == []
    assert str(with_it) == "\n".join([str(compared), *plain.sentences])

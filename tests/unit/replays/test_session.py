"""Whole sessions on a small training that is not ours, with a fault that is injected and known."""

import functools
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import newllm
from newllm.replays.session import session
from newllm.replays.session.investigate import investigate
from newllm.replays.session.request import ReplayRequest
from newllm.replays.session.session import NO_TIME
from newllm.replays.session.store import read_verdict
from newllm.replays.session.task import Replayer
from newllm.replays.subjects.loop import Loop
from newllm.replays.subjects.original import choose_spike, record_original
from newllm.replays.watcher import Watcher
from newllm.time_limit import TimeLimit
from newllm.trace import Tried, Verdict

STEPS, BAD = 80, (50, 51)
_TRUE = torch.randn(6, 3, generator=torch.Generator().manual_seed(0))


def build(seed: int) -> tuple[nn.Module, torch.optim.Optimizer]:  # noqa: ARG001 (torch is seeded from it)
    model = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Dropout(0.1), nn.Linear(16, 3))
    return model, torch.optim.Adam(model.parameters(), 1e-2)


def batch(step: int, *, bad: tuple[int, ...]) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(step)
    x = torch.randn(32, 6, generator=generator)
    y = (x @ _TRUE).argmax(-1)
    return (20 * x, (y + 1) % 3) if step in bad else (x, y)


def loss(model: nn.Module, given: tuple[Tensor, Tensor]) -> Tensor:
    return nn.functional.cross_entropy(model(given[0]), given[1])


class Told(Watcher):
    def __init__(self) -> None:
        self.stages: list[str] = []
        self.planned_replays: list[tuple[str, int]] = []
        self.replays: list[tuple[str, str, int]] = []
        self.results: list[Tried] = []

    def planned(self, stage: str, replays: int) -> None:
        self.stages.append(stage)
        self.planned_replays.append((stage, replays))

    def replayed(self, stage: str, name: str, replay: int, spiked: bool | None, seconds: float) -> None:  # noqa: ARG002
        self.replays.append((stage, name, replay))

    def tried(self, tried: Tried) -> None:
        self.results.append(tried)


@pytest.fixture(scope="module")
def told() -> Told:
    return Told()


@pytest.fixture(scope="module")
def verdict(told: Told) -> Verdict:
    only = ("replace-batches", "skip-batches", "half-learning-rate", "clip-tenth")
    return newllm.replay(Loop(build, functools.partial(batch, bad=BAD), loss, STEPS), only=only, watcher=told)


def test_a_short_session_confirms_the_remedy():
    """All stages from end to end, among the quick tests: what no part shows alone ends here."""
    loop = Loop(build, functools.partial(batch, bad=(30, 31)), loss, 50)
    heard = Told()
    verdict = newllm.replay(loop, only=("replace-batches", "half-learning-rate"), watcher=heard)
    assert verdict.reproduction["identical"] is True
    done = Counter(stage for stage, _, _ in heard.replays)
    for stage, planned in dict(heard.planned_replays).items():
        assert 0 < done[stage] <= planned, stage
    assert (done["reproduction"], done["null replays"]) == (1, 6)
    # Of three null replays from each start one has the run's own chance: it says nothing about other chance.
    assert (verdict.nulls["n"], verdict.nulls["other_chance"]) == (6, {"n": 4, "spiked": 4})
    assert "4 of 4 replays with another seed spike" in verdict.sentences[0]
    remedy = verdict.interventions[0]
    assert (remedy.name, remedy.stage, remedy.effect_class, remedy.spiked) == (
        "replace-batches",
        "confirmed",
        "removes",
        0,
    )
    assert any(one.name == "half-learning-rate" and one.effect_class != "removes" for one in verdict.interventions)


@pytest.mark.slow
def test_a_narrower_replay_loses_nothing_of_an_earlier_one(tmp_path: Path):
    loop = Loop(build, functools.partial(batch, bad=(30, 31)), loss, 50)
    original = record_original(loop)

    def verdict_of(*only: str, seconds: float) -> Verdict:
        limit = TimeLimit(seconds)
        request = ReplayRequest(
            "x", loop, original, choose_spike(original, None), limit, only, tmp_path / "replays", {}
        )
        return investigate(request, lambda store: Replayer(loop, store.state), None, Watcher())

    first = verdict_of("replace-batches", "clip-half", seconds=300)
    confirmed = {(one.name, one.start): one.p for one in first.interventions if one.stage == "confirmed"}
    assert {name for name, _ in confirmed} >= {"replace-batches"}
    second = verdict_of("half-learning-rate", seconds=300)
    later = {(one.name, one.start): one for one in second.interventions}
    assert {"half-learning-rate", "clip-half"} <= {name for name, _ in later}
    assert {key for key, one in later.items() if one.stage == "confirmed"} >= set(confirmed)
    assert second.suspects[0] == first.suspects[0]
    # The other order, with hardly any time: what is there costs none.
    third = verdict_of("replace-batches", seconds=300)
    assert {(one.name, one.start) for one in third.interventions} == set(later)
    written = read_verdict(tmp_path / "replays")
    assert written is not None
    assert {one.name for one in written.interventions} == {name for name, _ in later}


@pytest.mark.slow
def test_bad_batches_are_found_and_nothing_else_is_blamed(verdict: Verdict):
    by_name = {(one.name, one.start > 0): one for one in verdict.interventions}
    remedy = by_name["replace-batches", True]
    assert (remedy.effect_class, remedy.stage, remedy.n, remedy.spiked) == ("removes", "confirmed", 8, 0)
    assert remedy.p is not None
    assert remedy.p < 0.05
    assert by_name["half-learning-rate", True].effect_class in ("no effect", "undecided")  # two replays each
    assert verdict.suspects[0]["name"] == "corrupted-batch"
    assert verdict.spike["onset"] in range(BAD[0] + 1, BAD[1] + 2)


@pytest.mark.slow
def test_the_null_replay_is_the_run(verdict: Verdict):
    assert verdict.reproduction["identical"] is True
    assert verdict.reproduction["tolerance"] is None
    assert verdict.nulls["spiked"] == verdict.nulls["n"] == 6


@pytest.mark.slow
def test_confirmed_replays_are_fresh(told: Told, verdict: Verdict):  # noqa: ARG001 (it has run)
    screened = {replay for stage, _, replay in told.replays if stage == "screen"}
    confirmed = {replay for stage, _, replay in told.replays if stage == "confirm"}
    assert screened == {0, 1, 2}
    assert confirmed == set(range(3, 11))


@pytest.mark.slow
def test_stages_come_in_their_order(told: Told, verdict: Verdict):  # noqa: ARG001 (it has run)
    assert told.stages[:4] == ["reproduction", "null replays", "null replays", "screen"]
    assert told.stages.index("screen") < told.stages.index("confirm")


@pytest.mark.slow
def test_a_verdict_survives_json(verdict: Verdict):
    assert Verdict.from_dict(verdict.as_dict()).as_dict() == verdict.as_dict()


@pytest.mark.slow
def test_a_screen_claims_nothing(verdict: Verdict):
    assert all(one.p is None for one in verdict.interventions if one.stage == "screened")


@pytest.mark.slow
def test_two_together_are_tried_on_request():
    verdict = Timed().replay(600, "half-learning-rate+replace-batches")
    (first, *_) = verdict.interventions
    assert first.name == "half-learning-rate + replace-batches"
    assert first.effect_class == "removes"


class Timed:
    """The training, by a clock on which every batch takes a second and nothing else takes any."""

    def __init__(self) -> None:
        self.now, self.told = 0.0, Told()
        self.loop = Loop(build, self._batch, loss, STEPS)

    def _batch(self, step: int) -> tuple[Tensor, Tensor]:
        self.now += 1.0
        return batch(step, bad=BAD)

    def replay(self, seconds: float, *only: str) -> Verdict:
        """Replay with so many seconds, which begin when the training has run."""
        limit = TimeLimit(seconds, lambda: max(0.0, self.now - STEPS))
        return newllm.replay(self.loop, budget=limit, only=only, watcher=self.told)


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [150, 500, 1200])
def test_a_budget_is_kept_whatever_it_reaches(seconds: int):
    timed = Timed()
    verdict = timed.replay(seconds)
    assert timed.now - STEPS <= seconds
    assert verdict.seconds <= seconds
    assert verdict.reproduction["identical"] is True


@pytest.mark.slow
def test_what_time_remains_goes_to_what_was_not_tried():
    timed = Timed()
    verdict = timed.replay(800)
    assert timed.now - STEPS > 0.9 * 800  # none of it is given away
    assert "reverse test" not in timed.told.stages
    confirmed = [one for one in verdict.interventions if one.stage == "confirmed"]
    assert all(one.effect_class == "removes" for one in confirmed)  # while others wait, nothing less is confirmed
    waiting = [name for name, why in verdict.not_tried.items() if why == str(NO_TIME)]
    assert len(waiting) + len(verdict.interventions) > len(waiting) > 0


@pytest.mark.slow
def test_a_screen_that_goes_on_after_a_confirmation_is_the_same_screen(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(session, "CONFIRMED", 2)  # so that time for more of the screen is left
    monkeypatch.setattr(session, "INJECTED", 1)
    timed = Timed()
    timed.replay(900)
    totals = [replays for stage, replays in timed.told.planned_replays if stage == "screen"]
    assert len(totals) > 1
    assert totals == sorted(totals)
    assert totals[0] == 21, "of each change one replay comes first"
    assert totals[-1] <= 63
    assert sum(stage == "screen" for stage, _, _ in timed.told.replays) <= 63


@pytest.mark.slow
def test_what_is_confirmed_to_remove_the_spike_is_injected_at_once(told: Told, verdict: Verdict):
    confirmed = [
        one.name for one in verdict.interventions if one.stage == "confirmed" and one.effect_class == "removes"
    ]
    assert {"replace-batches", "skip-batches"} <= set(confirmed)
    assert told.stages[told.stages.index("confirm") :][:4] == ["confirm", "reverse test", "confirm", "reverse test"]


def test_no_time_is_said_and_claims_nothing():
    verdict = Timed().replay(200)
    assert all(one.stage == "screened" for one in verdict.interventions)
    assert "give a larger --budget" in " ".join(verdict.not_tried.values())
    assert verdict.cause is None


@pytest.mark.parametrize(
    ("seconds", "says"), [(5, "before the run was replayed once as it was"), (36, "before one null replay was done")]
)
def test_a_time_that_is_too_short_for_a_null_replay_is_one_line(seconds: int, says: str):
    timed = Timed()
    with pytest.raises(newllm.UserError, match=says) as raised:
        timed.replay(seconds)
    assert f"--budget {seconds}" in str(raised.value)
    assert timed.now - STEPS <= seconds


def test_a_batch_that_is_another_one_each_time_is_told():
    asked = [0]

    def drifting(step: int) -> tuple[Tensor, Tensor]:
        asked[0] += 1
        x, y = batch(step, bad=BAD)
        return x + 1e-3 * asked[0], y

    verdict = newllm.replay(Loop(build, drifting, loss, STEPS))
    assert verdict.identical is False
    assert verdict.reproduction["first_difference"]["signal"] == "batch"
    assert verdict.interventions == ()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"only": ("half-learning-rat",)}, "did you mean 'half-learning-rate'"),
        ({"only": ("half-learning-rate+half-learning-rate",)}, "two different ones"),
        ({"budget": 0.0}, "--budget 0.0"),
        ({"spike": 9}, "--spike 9"),
    ],
)
def test_mistakes_are_one_line(arguments: dict[str, Any], says: str):
    loop = Loop(build, functools.partial(batch, bad=BAD), loss, STEPS)
    with pytest.raises(newllm.UserError, match=says) as raised:
        newllm.replay(loop, **arguments)
    assert "\n" not in str(raised.value)


def test_a_healthy_training_has_nothing_to_replay():
    with pytest.raises(newllm.UserError, match="nothing to replay"):
        newllm.replay(Loop(build, functools.partial(batch, bad=()), loss, STEPS))

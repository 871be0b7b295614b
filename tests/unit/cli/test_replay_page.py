"""The page of a verdict: what stands on it, at every width, with and without colour. The verdicts are made by hand."""

import dataclasses
import io
import re

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from newllm.cli.paper import Paper
from newllm.cli.replay_page import verdict_page
from newllm.messages import catalogue
from newllm.trace import Series, Tried, Verdict
from newllm.trace.verdict import EFFECT_CLASSES

SENTENCES = ("The training loss leaves its trend.", "Residual connections remove it.", "No cause is shown.")
LOSS = Series(np.arange(1, 101), np.where(np.abs(np.arange(1, 101) - 40) < 3, 10.0, 5.0))


def _tried(name: str, **changed) -> Tried:
    made = Tried(
        name=name, kind="optimizer", change="the learning rate halved", hypothesis="The updates were too large.",
        price="Training takes longer.", start=31, stage="screened", effect_class="no effect", n=3, spiked=3,
        effect=0.02, interval=(-0.2, 0.25), p=None, severity=1.0, null_severity=1.0, later=1.0, cost=0.01,
    )  # fmt: skip
    return dataclasses.replace(made, **changed)


CONFIRMED = _tried(
    "residual-fnn", stage="confirmed", effect_class="removes", n=8, spiked=0, effect=0.998, interval=(0.97, 1.01),
    p=0.0117, later=None, cost=-0.31, start=0,
    moved={"signal": "activation_rms", "ratio": 0.07, "moved": True, "strength": 2.6},
    signals={"validation/unknown": {"severity": 1.0, "spiked": 5, "null": 1.0, "null_spiked": 8}},
)  # fmt: skip
SCREENED = _tried("warm-up")


def _verdict(*tried: Tried, **changed) -> Verdict:
    made = Verdict(
        run="runs/海の文章", spike={"onset": 38, "peak": 40, "end": 44, "signal": "loss", "base": 5.0, "height": 5.0},
        reproduction={"identical": True, "compared": 100, "weights": True, "tolerance": None, "first_difference": None},
        nulls={"n": 6, "spiked": 6, "share": 1.0, "depends_on_seed": False, "starts": [0, 31]},
        interventions=tried, not_tried={"sgd": "no time", "beta2": "no time", "qk-norm": "no attention"}, cause=None,
        suspects=(), missing=("Plant it.",), sentences=SENTENCES, seconds=287.0,
    )  # fmt: skip
    return dataclasses.replace(made, **changed)


def _shown(verdict: Verdict, width: int = 80, *, unicode: bool = True, colour: bool = False) -> str:
    stream = io.StringIO()
    console = Console(file=stream, width=width, force_terminal=colour, color_system="truecolor" if colour else None)
    console.print(verdict_page(verdict, "loss", LOSS, Paper(width, unicode, catalogue("en"))))
    return stream.getvalue()


def _rows(page: str, name: str) -> list[str]:
    return [line for line in page.splitlines() if line.startswith(name)]


def test_what_was_confirmed_stands_apart_from_what_was_only_screened() -> None:
    page = _shown(_verdict(CONFIRMED, SCREENED))
    confirmed, screened = page.index("Confirmed  on 8 fresh seeds each"), page.index("Screened only  on 3 seeds each")
    assert confirmed < page.index("residual-fnn") < screened < page.index("warm-up")
    assert re.split(r"\s{2,}", _rows(page, "residual-fnn")[0].rstrip()) == [
        *("residual-fnn", "✔ removes", ">99 %", "[97, 101]", "0.012", "0/8", "-", "-0.31")
    ]
    assert re.split(r"\s{2,}", _rows(page, "warm-up")[0].rstrip()) == [
        *("warm-up", "= no effect", "2 %", "3/3", "x1.00", "+0.01", "31")
    ]
    assert "[-20, 25]" in _rows(_shown(_verdict(CONFIRMED, SCREENED), 110), "warm-up")[0]


def test_screened_changes_that_decide_nothing_are_named_in_one_line_where_others_decide() -> None:
    decided = [_tried(f"decided-{at}", effect_class="reduces") for at in range(4)]
    undecided = [_tried(f"undecided-{at}", effect_class="undecided", effect=0.1 - at / 100) for at in range(4)]
    page = _shown(_verdict(*decided, *undecided, _tried("worse", effect_class="worsens")))
    assert [len(_rows(page, one.name)) for one in (*decided, *undecided)] == [1] * 4 + [0] * 4
    assert (
        "4 more are undecided: undecided-0, undecided-1, undecided-2, undecided-3 (their numbers: --json)"
        in " ".join(page.split())
    )
    assert (
        len(_rows(_shown(_verdict(*decided, *undecided[:2])), "undecided-1")) == 1
    )  # two rows are no more than a line
    alone = _shown(_verdict(*undecided))
    assert [len(_rows(alone, one.name)) for one in undecided] == [1] * 4
    assert "more are undecided" not in alone


def test_a_confirmed_change_says_what_it_moved_what_it_left_and_its_price() -> None:
    flat = " ".join(_shown(_verdict(CONFIRMED)).split())
    assert "The learning rate halved, from step 0." in flat
    assert "It moved what it aims at, activation RMS, to 0.07 times that of the null replays." in flat
    assert "The spike stays in the validation loss of unknown tokens (5 of 8)." in flat
    assert "If kept: training takes longer." in flat


@pytest.mark.parametrize("unicode", [True, False])
@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_class_is_readable_without_colour_at_every_width(width: int, unicode: bool) -> None:
    names = ("cut-gradient-through-time", "sgd", "half-learning-rate + replace-batches")
    tried = [
        _tried(
            f"{names[at % 3]}", effect_class=outcome, effect=None if at == 6 else -34.0, later=None if at == 6 else 12.5
        )
        for at, outcome in enumerate(EFFECT_CLASSES)
    ]
    both = [*tried, *(dataclasses.replace(one, stage="confirmed", n=8, p=1.0) for one in tried)]
    page = _shown(_verdict(*both), width, unicode=unicode)
    assert max(map(cell_len, page.splitlines())) <= width
    assert "\x1b" not in page
    for outcome in EFFECT_CLASSES:
        assert page.count(outcome) >= 2
    assert width < 80 or page.count("+0.01") == len(both)  # no row lost its end
    assert unicode or page.replace("海の文章", "").isascii()


def test_columns_stand_below_their_headings_in_any_script() -> None:
    lines = _shown(_verdict(_tried("海の文章"), _tried("sgd"))).splitlines()
    places = [cell_len(line[: line.index("=")]) for line in lines if "= no effect" in line]
    head = next(line for line in lines if "class" in line and "effect" in line)
    assert places == [head.index("class")] * 2


def test_colour_is_only_added() -> None:
    verdict = _verdict(CONFIRMED, SCREENED)
    coloured = _shown(verdict, colour=True)
    assert "\x1b[" in coloured
    assert re.sub(r"\x1b\[[\d;]*m", "", coloured) == _shown(verdict)


def test_a_replay_that_differs_shows_where_and_nothing_more() -> None:
    first = {"step": 31, "signal": "loss", "recorded": 0.1 + 0.2, "replayed": 0.3, "parameter": None}
    null = {"identical": False, "compared": 3, "weights": False, "tolerance": None, "first_difference": first}
    flat = " ".join(_shown(_verdict(reproduction=null, nulls={}, not_tried={}, missing=())).split())
    assert "differs from the run: step 31, signal loss, recorded 0.30000000000000004, replayed 0.3" in flat
    assert "Confirmed" not in flat
    assert "Missing" not in flat


def test_where_nothing_could_be_compared_the_page_does_not_say_that_it_is_well() -> None:
    null = {"identical": None, "compared": 0, "weights": False, "tolerance": None, "first_difference": None}
    flat = " ".join(_shown(_verdict(SCREENED, reproduction=null)).split())
    assert "reproduction ? there was nothing to compare it with" in flat
    other = {"identical": True, "compared": 9, "weights": False, "tolerance": 2e-5, "first_difference": None}
    flat = " ".join(_shown(_verdict(SCREENED, reproduction=other)).split())
    assert "the same within 2e-5 over 9 steps, losses alone: no later weights were kept" in flat


def test_a_cause_stands_with_its_three_proofs() -> None:
    cause = {
        "name": "no-residuals", "intervention": "residual-fnn", "moved": {"signal": "activation_rms", "ratio": 0.07},
        "rivals": ["half-learning-rate", "gate"],
        "planted": {"name": "residual-fnn", "n": 4, "spiked": 4, "null_spiked": 0, "start": 13},
    }  # fmt: skip
    flat = " ".join(_shown(_verdict(CONFIRMED, cause=cause, missing=())).split())
    assert "Cause no-residuals" in flat
    assert "activation RMS, to 0.07 times that of the null replays" in flat
    assert "half-learning-rate, gate" in flat
    assert "4 of 4 replays spike (0 without it), in a healthy segment from step 13" in flat


def test_what_was_not_tried_is_told_by_reason_and_what_is_missing_once() -> None:
    page = _shown(_verdict(SCREENED))
    assert "sgd, beta2: no time" in page
    assert "qk-norm: no attention" in page
    assert "- Plant it." in page
    said = (*SENTENCES[:2], "No cause is shown. Plant it.")
    assert _shown(_verdict(SCREENED, sentences=said)).count("Plant it.") == 1


def test_a_spike_that_depends_on_the_seed_is_told() -> None:
    nulls = {"n": 6, "spiked": 2, "share": 0.33, "depends_on_seed": True, "starts": [31]}
    flat = " ".join(_shown(_verdict(SCREENED, nulls=nulls)).split())
    assert "2 of 6 spike with another seed, from step 31: it depends on the seed, so shares are compared" in flat


def test_what_a_loop_says_cannot_reach_the_terminal() -> None:
    hostile = "\x1b[2J[red]x"
    page = _shown(_verdict(_tried(hostile, change=hostile, stage="confirmed"), run=hostile, sentences=(hostile,) * 3))
    assert "\x1b" not in page
    assert "[red]x" in page

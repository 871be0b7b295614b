"""The replays of the founding spike beside the study's arms, on the committed results."""

import dataclasses
import json
import re
from pathlib import Path

import pytest
from studies.founding.__main__ import main
from studies.founding.arms import ARMS, BASELINE
from studies.founding.labels import labels
from studies.founding.page import PAGES, page
from studies.founding.replay_file import FILE, read_replay
from studies.founding.replayed import ARM_OF, compared
from studies.founding.replayed_section import CAUSES, _outcome
from studies.founding.tables import rows_by_arm

from newllm.errors import UserError
from newllm.files import write_json
from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.interventions.optimizer.adam import BETA2_VALUE, EPSILON_VALUE, SGD_RATE
from newllm.replays.interventions.optimizer.clipping import CLIP_HALF_NORM, CLIP_TENTH_NORM
from newllm.replays.interventions.optimizer.learning_rate import HALF, TENTH
from newllm.replays.replica.setup import Setup
from newllm.study import load_results
from newllm.trace import Tried, Verdict
from newllm.trace.verdict import EffectClass
from newllm.training.configure import configure

FOLDER = Path(__file__).parents[3] / "studies/founding"
ARM = {arm.name: arm for arm in ARMS}
ONSET, LATE = 39, 31
TITLES = {"README.md": "## The spike, replayed\n", "README.ja.md": "## スパイクのリプレイ\n"}


@pytest.fixture(scope="module")
def results():
    return load_results(FOLDER / "results.json")


@pytest.fixture(scope="module")
def few(results):
    """The results of two arms: a page of all takes seconds."""
    arms = (BASELINE, "gate")
    kept = {
        name: [one for one in results[name] if one[key] in arms] for name, key in (("arms", "name"), ("rows", "arm"))
    }
    return {**results, **kept}


@pytest.fixture(scope="module")
def arms(results):
    return rows_by_arm(results)


def tried(name: str, outcome: EffectClass = "undecided", start: int = 0, **changes) -> Tried:
    """Return three replays that all spiked where the null did and as high, but for `changes`."""
    about = {"severity": 0.5, "spiked": 3, "null": 0.5, "null_spiked": 3}
    plain = Tried(
        name=name, kind="model", change="x", hypothesis="", price="", start=start, stage="screened",
        effect_class=outcome, n=3, spiked=3, effect=0.2, interval=(-1.0, 0.9), p=None, severity=0.5,
        null_severity=0.5, later=1.0, cost=0.0,
        signals={"loss": about, "probe": about, "validation": about}, moved={"signal": "x", "moved": True},
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


def gone(name: str, outcome: EffectClass = "removes", *, validation: int = 0, **changes) -> Tried:
    about = {"severity": 0.0, "spiked": 0, "null": 0.5, "null_spiked": 3}
    signals = {"loss": about, "probe": about, "validation": {**about, "spiked": validation}}
    return tried(name, outcome, spiked=0, effect=1.0, interval=(1.0, 1.0), later=None, signals=signals, **changes)


def verdict(*interventions: Tried, **changes) -> Verdict:
    plain = Verdict(
        run="runs/founding-baseline",
        spike={"onset": ONSET, "peak": 43, "end": 46, "signal": "loss", "base": 5.4, "height": 5.1},
        reproduction={"identical": True, "compared": 26, "weights": True, "tolerance": None, "first_difference": None},
        nulls={"n": 6, "spiked": 6, "share": 1.0, "depends_on_seed": False, "starts": [0, LATE]},
        interventions=interventions,
        not_tried={"fp32": "the run computes in fp32"},
        cause=None,
        suspects=(),
        missing=(),
        sentences=("It spikes.", "Nothing removes it.", "No cause is shown."),
        seconds=231.4,
    )
    return dataclasses.replace(plain, **changes)


def section(results, replayed: Verdict, name: str = "README.md") -> str:
    """Return the section of a page on the replays."""
    text = page(results, name, replayed)
    begin = text.index(TITLES[name])
    return text[begin : text.index("\n## ", begin) + 1]


def said(arms, *interventions: Tried) -> list[tuple[str, str]]:
    return [(one.agreement, one.why) for one in compared(verdict(*interventions), arms)]


# --- The same change ---------------------------------------------------------------------------------------------


def test_every_pair_and_every_change_of_a_cause_exists() -> None:
    assert set(ARM_OF) <= set(INTERVENTIONS)
    assert set(ARM_OF.values()) <= set(ARM)
    assert {name for names in CAUSES.values() for name in names} <= set(INTERVENTIONS)


CONFIGURED = [
    "context-cut-off", "norm-on-write", "norm-on-read", "gate", "ema", "residual-fnn", "initialisation-he",
    "initialisation-scaled", "dropout-off", "word-dropout",
]  # fmt: skip


@pytest.mark.parametrize("name", CONFIGURED)
def test_an_intervention_on_the_configuration_makes_the_change_of_its_arm(name: str) -> None:
    arm = ARM[ARM_OF[name]]
    setup = Setup(0, 0, ONSET, 43, config=configure("founding-baseline", None, None, [], {"seed": 0}))
    INTERVENTIONS[name].apply(setup)
    assert setup.config == configure(arm.preset, None, None, list(arm.settings), {"seed": 0})


def test_an_intervention_on_the_optimizer_has_the_dose_of_its_arm() -> None:
    own = configure("founding-baseline", None, None, [], {}).optimizer
    doses = {
        "beta2": ("beta2", BETA2_VALUE),
        "epsilon": ("epsilon", EPSILON_VALUE),
        "clip-half": ("clip", CLIP_HALF_NORM),
        "clip-tenth": ("clip", CLIP_TENTH_NORM),
        "sgd": ("learning_rate", SGD_RATE),
        "half-learning-rate": ("learning_rate", HALF * own.learning_rate),
        "tenth-learning-rate": ("learning_rate", TENTH * own.learning_rate),
    }
    for name, (field, value) in doses.items():
        arm = ARM[ARM_OF[name]]
        assert getattr(configure(arm.preset, None, None, list(arm.settings), {}).optimizer, field) == value


def test_every_pair_is_checked_by_one_of_these_tests() -> None:
    other = {"beta2", "epsilon", "clip-half", "clip-tenth", "sgd", "half-learning-rate", "tenth-learning-rate"}
    assert set(ARM_OF) - set(CONFIGURED) - other == {"warm-up", "known-evaluation"}  # another dose; an evaluation


# --- Whether they agree, and why not -----------------------------------------------------------------------------


def test_what_removes_the_spike_in_both_agrees(arms) -> None:
    assert said(arms, gone("residual-fnn")) == [("agree", "")]


def test_where_the_spike_goes_is_counted_from_step_0(arms) -> None:
    assert said(arms, tried("half-learning-rate", "delays", later=1.58)) == [("agree", "")]
    # Two updates later than eight from the start are a quarter; of the whole way they are a twentieth.
    assert said(arms, tried("beta2", "delays", LATE, later=1.25)) == [("agree", "")]


def test_a_late_start_that_step_0_contradicts_is_told_as_shown(arms) -> None:
    late, early = tried("half-learning-rate", "no effect", LATE), tried("half-learning-rate", "delays", later=1.58)
    assert said(arms, late) == [("disagree", "start")]
    assert said(arms, late, early) == [("agree", ""), ("disagree", "start, shown")]
    assert [one.tried.start for one in compared(verdict(late, early), arms)] == [0, LATE]
    stays = dataclasses.replace(early, later=1.0)
    assert said(arms, late, stays) == [("disagree", "few"), ("disagree", "few")]


def test_a_height_that_the_arm_has_on_the_same_sentences_only(arms) -> None:
    assert said(arms, tried("gate", effect=0.66, interval=None)) == [("in part", "set")]
    assert said(arms, tried("gate", effect=0.66, interval=(-0.5, 1.8))) == [("agree", "")]
    late = tried("clip-tenth", start=LATE, effect=-3.0, interval=None)
    assert said(arms, late) == [("in part", "start")]
    assert said(arms, late, tried("clip-tenth")) == [("agree", ""), ("in part", "start, shown")]
    assert said(arms, tried("clip-tenth", effect=-3.0, interval=None, stage="confirmed")) == [("in part", "open")]


def test_the_other_differences(arms) -> None:
    assert said(arms, gone("initialisation-he")) == [("disagree", "progress")]
    assert said(arms, gone("sgd")) == [("disagree", "validation")]
    assert said(arms, gone("sgd", "reduces", validation=3)) == [("agree", "")]
    assert said(arms, tried("warm-up")) == [("disagree", "dose")]
    probe = {"severity": 0.0, "spiked": 0, "null": 0.5, "null_spiked": 3}
    noisy = tried("residual-fnn", later=1.8, signals={**tried("x").signals, "probe": probe})
    assert said(arms, noisy) == [("disagree", "measure")]
    assert said(arms, gone("ema")) == [("disagree", "few")]
    assert said(arms, gone("ema", stage="confirmed")) == [("disagree", "open")]


def test_what_one_of_them_is_not_sure_of_neither_agrees_nor_disagrees(arms) -> None:
    assert said(arms, tried("tenth-learning-rate", later=4.0)) == [("", "")]  # the arm is unclear
    assert said(arms, tried("ema", spiked=1)) == [("", "")]


def test_an_evaluation_is_compared_on_the_validation_loss(arms) -> None:
    validation = {"severity": 0.1, "spiked": 0, "null": 0.5, "null_spiked": 3}
    one = tried("known-evaluation", "no effect", signals={**tried("x").signals, "validation": validation})
    (found,) = compared(verdict(one), arms)
    assert found.height == pytest.approx(0.2)
    whole = [row["validation_onset"] for row in arms["validation-known"]]
    assert found.whole.onset == sorted(whole)[len(whole) // 2]


# --- The page ----------------------------------------------------------------------------------------------------


def test_the_page_has_the_section_where_there_is_a_replay_and_is_else_the_same(few, tmp_path: Path) -> None:
    assert read_replay(tmp_path) is None
    write_json(tmp_path / FILE, verdict(tried("gate")).as_dict())
    whole, bare = (page(few, "README.md", replay) for replay in (read_replay(tmp_path), None))
    assert whole.replace(section(few, verdict(tried("gate"))), "") == bare != whole


@pytest.mark.parametrize("name", PAGES)
def test_a_changed_replay_changes_the_section(few, name: str, tmp_path: Path) -> None:
    sections = set()
    for one in (tried("gate"), tried("gate", later=1.5), tried("gate", "stops learning"), tried("adagc")):
        write_json(tmp_path / FILE, verdict(one).as_dict())
        read = read_replay(tmp_path)
        assert read is not None
        sections.add(section(few, read, name))
    assert len(sections) == 4


@pytest.mark.parametrize("name", PAGES)
def test_the_section_tells_the_sentences_the_null_and_the_three_causes(few, name: str) -> None:
    words = labels(PAGES[name])
    found = section(few, verdict(gone("gate"), tried("clip-half", start=LATE)), name)
    for sentence in verdict().sentences:
        assert f"> {sentence}\n" in found
    for claim in CAUSES:
        assert f"- **{words.claim_texts[claim]}**" in found
    assert {"README.md": "26 updates, weights too.", "README.ja.md": "重みも同じ"}[name] in found
    assert words.conclusions["untested"] in found  # of the third cause nothing was tried
    lines = [line for line in found.splitlines() if line.startswith("| `gate`")]
    assert len(lines) == 1
    assert words.outcomes["removes"] in lines[0]
    assert "`fp32`" in found


def test_a_cause_is_called_by_what_was_shown(few) -> None:
    words = labels("en")

    def cause(one: Tried, **changes) -> str:
        found = section(few, verdict(one, **changes))
        return next(line for line in found.splitlines() if line.startswith(f"- **{words.claim_texts['6']}"))

    sure = {"stage": "confirmed", "p": 0.004, "n": 8}
    assert "do not bear it out" in cause(tried("clip-half"))
    assert "removed the spike in the screen" in cause(gone("clip-half"))
    assert "a remedy" in cause(gone("clip-half", **sure))
    assert "name it" in cause(gone("clip-half", **sure), cause={"intervention": "clip-half"})
    assert "feeds the spike" in cause(tried("clip-half", "reduces", **sure))
    unmoved = {"signal": "gradient_norm_clipped", "moved": False}
    assert "do not bear it out" in cause(tried("clip-half", "reduces", moved=unmoved, **sure))


@pytest.mark.parametrize(
    ("null", "line"),
    [
        ({"identical": False, "compared": 3}, "it is not the run, so nothing was changed and nothing can be said."),
        ({"identical": None}, "there was nothing to compare it with."),
        ({"identical": True, "compared": 3, "tolerance": 0.00012}, "the unmodified run again within 0.00012, over 3 "),
    ],
)
def test_where_nothing_was_changed_there_is_no_table(few, null: dict, line: str) -> None:
    found = section(few, verdict(reproduction=null, nulls={"n": 0, "spiked": 0}))
    assert f"**Null replay**: {line}" in found
    assert "With another seed" not in found
    assert "###" not in found


def test_the_section_counts_what_agrees_and_accounts_for_what_does_not(few) -> None:
    found = section(few, verdict(tried("gate", effect=0.66, interval=None), tried("adagc", start=LATE)))
    assert "Of 1 comparisons 0 agree, 1 agree on where the spike goes and not on its height, 0 disagree" in found
    assert "- **One set of sentences, not six**: `gate` (0). " in found
    assert re.search(r"is \d+\.\d nats high there and \d+\.\d on the other sets", found)
    assert "| `adagc` | 31        | undecided   | 3/3   |" in found
    assert "Not tried, for want of time or because there is nothing to change in this run: `fp32`." in found


def break_it(data: dict, *path, value=None) -> bytes:
    *way, last = path
    inner = data
    for key in way:
        inner = inner[key]
    inner[last] = value
    return json.dumps(data).encode()


@pytest.mark.parametrize(
    "path",
    [
        ("schema",), ("spike",), ("spike", "onset"), ("null",), ("nulls",), ("nulls", "n"), ("interventions",),
        ("interventions", 0), ("interventions", 0, "class"), ("interventions", 0, "start"),
        ("interventions", 0, "spiked"), ("sentences",),
    ],
)  # fmt: skip
def test_a_damaged_replay_is_told_in_one_line(path, tmp_path: Path) -> None:
    place = tmp_path / FILE
    place.write_bytes(break_it(verdict(tried("gate")).as_dict(), *path))
    with pytest.raises(UserError, match=FILE) as caught:
        read_replay(tmp_path)
    assert "\n" not in str(caught.value)
    assert "newllm replay RUN --json" in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"schema": 1}'])
def test_what_is_no_verdict_is_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(UserError, match=FILE):
        read_replay(tmp_path)


def test_the_pages_are_written_again_without_running_the_study(few, tmp_path: Path, capsys) -> None:
    assert main([str(tmp_path)]) == 2
    assert "results.json" in capsys.readouterr().err
    write_json(tmp_path / "results.json", few)
    write_json(tmp_path / FILE, verdict(tried("gate")).as_dict())
    assert main([str(tmp_path)]) == 0
    for name, title in TITLES.items():
        assert title in (tmp_path / name).read_text()
    assert (tmp_path / "replay.png").stat().st_size > 0
    (tmp_path / FILE).write_bytes(b"{")
    assert main([str(tmp_path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_only_what_was_confirmed_is_printed_bold() -> None:
    screened = tried("beta2", "removes")
    confirmed = dataclasses.replace(screened, stage="confirmed")
    words = labels("en")
    said = words.outcomes["removes"]
    assert [_outcome(one, words) for one in (screened, confirmed)] == [said, f"**{said}**"]

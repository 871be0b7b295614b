"""What replays have shown of a run: the doctor says it, and no finding beside it names another cause of the same."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import newllm
from newllm.demo import demo_run
from newllm.diagnosis.replayed import is_shown, proved_first, taken_up
from newllm.messages import catalogue, message, quoted
from newllm.trace import Cause, Finding, Verdict
from newllm.words.diagnosis import causes, would_tell
from newllm.words.finding_data import finding_data, read_finding

EN = catalogue("en")
NAMED = Cause("weight-decay", 0.79, message("because-frozen"))


@pytest.fixture
def verdict() -> Verdict:
    """The demo's: plain-depth is the cause of a spike at steps 39 to 45."""
    found = newllm.doctor(demo_run("founding-baseline")).verdict
    assert found is not None
    return found


def found(kind: str, first: float, last: float, **more: object) -> Finding:
    about = {"severity": "warning", "sentence": quoted(kind), "causes": (), **more}
    return Finding(kind=kind, first_step=first, last_step=last, **about)  # pyrefly: ignore


def test_the_finding_whose_cause_was_shown_stands_first_with_it_and_nothing_is_left_to_tell_apart(
    verdict: Verdict,
) -> None:
    spike = found("spike", 39, 44, causes=(NAMED,), follows="leak", test=quoted("try"), alternatives=(quoted("or"),))
    leak = found("leak", 2, 90)
    first, second = proved_first([leak, spike], verdict)
    assert second == leak
    assert (first.kind, first.follows, first.test, first.alternatives) == ("spike", None, None, ())
    assert (first.supported_causes, first.open_causes) == (("plain-depth",), (NAMED,))
    assert is_shown(first)
    assert not is_shown(spike)
    run = newllm.doctor(demo_run("founding-baseline"))
    assert causes(EN, first) == "plain-depth (replays of this run have shown it)"
    assert would_tell(EN, first, run.trace, run.facts) == []
    assert would_tell(EN, spike, run.trace, run.facts) != []
    assert proved_first([first, second], verdict) == (first, second)  # said once more it is the same


def test_what_began_with_it_follows_from_it_and_names_no_other_cause(verdict: Verdict) -> None:
    spike = found("spike", 39, 44)
    beside = found("gradient-explosion", 40, 42, causes=(NAMED,))
    before, after = replace(beside, first_step=38), replace(beside, first_step=90, last_step=95)
    same = replace(beside, causes=(replace(NAMED, name="plain-depth"),))
    unnamed = found("dead-units", 40, 90)
    _, *others = proved_first([spike, beside, before, after, same, unnamed], verdict)
    assert others == [
        replace(beside, causes=(), open_causes=(NAMED,), follows="spike"), before, after, same, unnamed
    ]  # fmt: skip


def test_the_signals_root_stays_where_it_is_the_cause_that_was_shown(verdict: Verdict) -> None:
    jump = found("learning-rate-jump", 38, 40, causes=(replace(NAMED, name="plain-depth"),), test=quoted("try"))
    spike = found("spike", 39, 44, causes=(replace(NAMED, name="plain-depth"),), follows="learning-rate-jump")
    first, second = proved_first([jump, spike], verdict)
    assert (first.kind, first.follows, first.test) == ("learning-rate-jump", None, None)
    assert (second.kind, second.follows) == ("spike", "learning-rate-jump")
    assert is_shown(first)
    assert is_shown(second)
    assert proved_first([first, second], verdict) == (first, second)


def test_a_verdict_without_a_cause_or_of_another_spike_changes_nothing(verdict: Verdict) -> None:
    spike = found("spike", 39, 44, causes=(NAMED,))
    elsewhere = replace(verdict, spike={**verdict.spike, "onset": 80, "end": 90})
    hostile = replace(verdict, spike={"onset": "39", "end": None})
    for one in (None, replace(verdict, cause=None), elsewhere, hostile):
        assert proved_first([spike], one) == (spike,)
    assert taken_up([spike], elsewhere) is taken_up([spike], hostile) is None
    assert taken_up([found("leak", 1, 90), spike], verdict) is spike


def test_what_follows_in_the_demos_run() -> None:
    """What the signals alone took for the root of its spike was not what the replays found."""
    findings = newllm.doctor(demo_run("founding-baseline")).findings
    assert (findings[0].kind, findings[0].first_step, findings[0].follows) == ("spike", 38, None)
    follow = {(one.kind, one.first_step): one.follows for one in findings[1:]}
    assert follow["worse-than-uniform", 38] == follow["spike", 56] == "spike"
    assert follow["context-growth", 28] is None
    assert follow["one-predicted-class", 2] is None  # it begins before what it was held to follow from
    assert [read_finding(finding_data(one)).causes for one in findings] == [one.causes for one in findings]


def test_the_doctor_of_a_replayed_run_says_what_replays_show(tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(demo_run("founding-baseline"), run)
    said = newllm.doctor(run)
    assert "Its replays: The cause is plain-depth" in str(said)
    replays = said.as_dict()["replays"]
    assert (replays["cause"], len(replays["sentences"])) == ("plain-depth", 3)
    (file,) = run.glob("replays/*/verdict.json")
    file.write_text(file.read_text()[:200])
    damaged = newllm.doctor(run)
    assert damaged.verdict is None
    assert "replays" not in damaged.as_dict()
    assert any("verdict.json" in str(one.sentence) for one in damaged.trace.remarks)
    shutil.rmtree(run / "replays")
    assert "replays" not in str(newllm.doctor(run))

"""The Japanese sentences of a verdict say what the English ones say, of every verdict that we have."""

# ruff: noqa: RUF001 (Japanese has its own brackets)

import dataclasses
import json
import re
from pathlib import Path
from typing import Any, get_args

import pytest

from newllm.messages import Message, catalogue, message, quoted
from newllm.messages.catalogue import earlier_english
from newllm.replays.interventions import INTERVENTIONS
from newllm.report.markup import said_in
from newllm.report.source.replays import ill_typed
from newllm.trace import Tried, Verdict
from newllm.trace.verdict import EffectClass, VerdictMessages
from newllm.words import replays as evidence
from newllm.words.verdicts import Part, change, change_of, checked, missing_of, not_tried_of, sentences_of
from newllm.words.verdicts import compose as messages_of

HOUSE = Path(__file__).parents[3]
FOUNDING = json.loads((HOUSE / "studies" / "founding" / "replay.json").read_text())
JA = catalogue("ja")
BENCHMARKS = ("replay-report.jsonl", "replay-tuning.jsonl")
TRIED = dataclasses.replace(Verdict.from_dict(FOUNDING).interventions[0])


def whole(data: dict) -> Verdict:
    """Make a verdict of what a benchmark kept of one: it dropped what the sentences don't need."""
    of_all = {"hypothesis": "", "price": "", "interval": None, "severity": 0.0, "null_severity": 1.0}
    tried = [
        {**of_all, "kind": "model", "change": "", "later": None, "cost": None, **one,
         "values": {name: dict(INTERVENTIONS[name].values) for name in one["name"].split(" + ")}}
        for one in data["interventions"]
    ]  # fmt: skip
    return Verdict.from_dict({"run": "", "seconds": 0.0, **data, "interventions": tried})


def benchmarked() -> list[Verdict]:
    if not (HOUSE / "benchmarks").exists():
        pytest.skip("a source distribution has no benchmarks, of whose verdicts this is")
    lines = [line for name in BENCHMARKS for line in (HOUSE / "benchmarks" / "results" / name).read_text().splitlines()]
    return [whole(verdict) for line in lines if (verdict := json.loads(line)["verdict"])]


def sentences(verdict: Verdict) -> list[str]:
    return ["" if one is None else JA.text(one) for one in messages_of(verdict)]


def english_left(text: str) -> list[str]:
    """Return the English words in a Japanese text that are no names of the code."""
    return re.findall(r"\b[A-Za-z]+ [a-z]+ [a-z]+\b", text)


def numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![A-Za-z\d.-])\d+(?:\.\d+)?(?:e[-+]\d+)?(?![A-Za-z\d])", text))


def with_change(missing: tuple[Message, ...] = (), **changed: Any) -> list[str]:
    verdict = dataclasses.replace(Verdict.from_dict(FOUNDING), cause=None, messages=VerdictMessages(missing=missing))
    return sentences(dataclasses.replace(verdict, **changed))


def test_the_founding_runs_verdict():
    what, remedy, cause = sentences(Verdict.from_dict(FOUNDING))
    assert what.startswith("ステップ39で訓練損失が傾向から上に外れた")
    assert "5.36から+5.06 nat" in what
    assert what.endswith("シードを変えても再現する（4回のリプレイのうち4回）。")
    assert remedy.startswith(
        "フィードフォワード層の内部に残差接続と正規化を入れる変更で訓練損失、検証損失のスパイクはなくなる。新しい8回の"
    )
    assert "p = 0.016、同じステップ数での損失は1.5 nat低い" in remedy
    assert cause.startswith("原因はplain-depthである")
    assert "同程度に強く変えた19件の変更" in cause
    assert "4回のリプレイのうち4回" in cause


def test_no_english_is_left_in_any_verdict_of_the_benchmarks():
    verdicts = benchmarked()
    assert len(verdicts) > 40
    assert [text for verdict in verdicts for text in sentences(verdict) if english_left(text)] == []


def test_the_numbers_are_those_of_the_english_sentences():
    for verdict in [Verdict.from_dict(FOUNDING), *benchmarked()]:
        for one in filter(None, messages_of(verdict)):
            text, translated = str(one), JA.text(one)
            assert numbers(text) <= numbers(translated), (text, translated)


def test_a_spike_without_end_that_depends_on_the_seed():
    spike, nulls = {**FOUNDING["spike"], "height": None}, {"n": 6, "spiked": 3, "depends_on_seed": True}
    what = with_change(spike=spike, nulls=nulls)[0]
    assert "際限なく上昇" in what
    assert what.endswith("起こるかどうかはシードによる（6回のリプレイのうち3回）。")


def test_the_validation_loss_and_another_loss():
    assert with_change(spike={**FOUNDING["spike"], "signal": "validation"})[0].startswith("ステップ39で検証損失が")
    assert with_change(spike={**FOUNDING["spike"], "signal": "aux_loss"})[0].startswith("ステップ39でaux_lossが")


@pytest.mark.parametrize(
    ("outcome", "said"), [("reduces", "小さくなる"), ("delays", "遅れて起こる"), ("removes", "偶然かもしれない")]
)
def test_what_is_confirmed_and_does_not_remove_it_for_sure(outcome: EffectClass, said: str):
    one = dataclasses.replace(TRIED, effect_class=outcome, effect=0.98, p=0.2)
    remedy = with_change(interventions=(one,))[1]
    assert remedy.startswith("確実になくす変更はない。")
    assert said in remedy
    assert "激しさの98%が消える" in remedy


def test_what_was_only_screened_and_what_did_nothing():
    screened = dataclasses.replace(TRIED, stage="screened", p=None)
    assert "予備選別ではresidual-fnnが最もよかった" in with_change(interventions=(screened,))[1]
    nothing = dataclasses.replace(TRIED, effect_class="no effect")
    assert with_change(interventions=(nothing,))[1] == "試した変更のどれもスパイクをなくさない。"
    assert with_change(interventions=(nothing,), missing=())[2] == "原因は示されていない。"


def test_where_time_was_up_before_a_change_was_tried_nothing_is_said_of_what_was_tried():
    assert with_change(interventions=())[1] == "試した変更はない。"


def test_the_price_of_a_remedy():
    assert "1.5 nat高い" in with_change(interventions=(dataclasses.replace(TRIED, cost=1.5),))[1]
    assert "損失は変わらない" in with_change(interventions=(dataclasses.replace(TRIED, cost=0.001),))[1]
    assert "nat" not in with_change(interventions=(dataclasses.replace(TRIED, cost=None),))[1]


def test_others_that_do_the_same_are_named():
    others = [dataclasses.replace(TRIED, name=name) for name in ("residual-fnn", "gate", "ema", "gate")]
    assert with_change(interventions=(TRIED, *others))[1].endswith("gate、emaでもなくなる。")


MISSING = [
    (
        message("missing-not_moved", name="x", signal="update_ratio"),
        "x: it did not move what it aims at (update ratio), so it tests nothing.",
        "xは狙った信号（更新比）を動かさなかったので、何も検証していない。",
    ),
    (
        message("missing-others", name="x", names=["a", "b", "c"]),
        "x: a, b and c removed the spike too, by another mechanism.",
        "xのほかに、別の仕組みに働くa、b、cもスパイクをなくした。",
    ),
    (
        message("missing-rivals", name="x", least=2),
        "x: fewer than 2 alternative mechanisms were changed as strongly; more changes have to be tried.",
        "xと同じ強さで変えた別の仕組みが2種類に満たない。ほかの変更も試す必要がある。",
    ),
    (
        message("missing-reverse", name="x"),
        "x: there was no reverse test (nothing to inject, no healthy segment, or no time).",
        "xには逆の検証がない（注入するもの、正常な区間、時間のいずれかがなかった）。",
    ),
    (
        message("missing-planted", name="x", spiked=3, n=4, without=1),
        "x: its reverse test did not succeed. With its cause injected into a healthy segment 3 of 4 replays spike, "
        "without it 1: all would have to, and none without it.",
        "xの逆の検証は成功しなかった。狙う原因を正常な区間に注入すると、4回のリプレイのうち3回、注入しないと1回でスパイクが"
        "起こった。注入すればすべてで起こり、しなければ一度も起こらない必要がある。",
    ),
    (
        message("missing-confirmation", names=["a"]),
        "a removed the spike in the screen only: a longer budget (--budget, budget=) would show whether that holds.",
        "aは予備選別でだけスパイクをなくした。時間を長くすれば（--budget、budget=）、本当になくすかどうかが分かる。",
    ),
    (
        message("missing-time", untried=3, n=5),
        "3 of 5 changes had no time: a longer budget (--budget, budget=) would try them.",
        "5件の変更のうち3件は、試す時間がなかった。時間を長くすれば（--budget、budget=）試せる。",
    ),
    (
        message("missing-remedy"),
        "No change that was tried removes the spike: its cause is not among what was changed, or two causes act "
        "together.",
        "試した変更のどれもスパイクをなくさない。原因は変えたものの中にないか、二つの原因が同時に働いている。",
    ),
]


@pytest.mark.parametrize(("lack", "en", "ja"), MISSING)
def test_what_is_missing_for_a_cause(lack: Message, en: str, ja: str):
    assert (str(lack), JA.text(lack)) == (en, ja)
    said = with_change(interventions=(TRIED,), missing=(lack,))[2]
    assert said == f"対策は見つかったが、原因はまだ示されていない。{ja}"
    screened = dataclasses.replace(TRIED, stage="screened", p=None)
    assert with_change(interventions=(screened,), missing=(lack,))[2] == f"原因は示されていない。{ja}"


def test_what_an_earlier_newllm_wrote_in_english_alone_stays_english():
    old = dataclasses.replace(Verdict.from_dict(FOUNDING), cause=None, missing=("It lacks.",))
    old = dataclasses.replace(old, messages=VerdictMessages())
    assert messages_of(old)[2] is None
    assert [one.id for one in sentences_of(old)] == ["happened", "helps-removes", "quoted"]
    assert missing_of(old) == [quoted("It lacks.")]
    assert said_in(JA, quoted("It lacks.")) == '<span lang="en">It lacks.</span>'
    other = dataclasses.replace(old, sentences=("It spikes.", *old.sentences[1:]))
    assert sentences_of(other)[0] == quoted("It spikes.")


def test_what_an_earlier_newllm_said_of_the_same_comes_in_todays_words_and_in_japanese():
    founding = Verdict.from_dict(FOUNDING)
    assert "planted into a healthy stretch" in founding.sentences[2]
    assert [one.id for one in sentences_of(founding)] == ["happened", "helps-removes", "cause-shown"]
    assert "injected into a healthy segment, makes 4 of 4 replays spike." in str(sentences_of(founding)[2])
    assert "注入" in JA.text(sentences_of(founding)[2])
    lately = (
        "20 rival changes as strong leave the spike, and injected into a healthy segment it causes one in "
        "4 of 4 replays."
    )
    cause = messages_of(founding)[2]
    assert cause is not None
    then = next(text for one in earlier_english() if "rival changes as strong" in (text := one.text(cause)))
    head = then.partition(": ")[0]
    assert checked(cause, f"{head}: {lately.replace('20', '19')}") == cause, "it was written in three ways"
    assert checked(cause, f"{head}: {lately}") == quoted(f"{head}: {lately}"), "its number is another"
    lack = message("missing-planted", name="x", spiked=3, n=4, without=1)
    said = "x: planted into a healthy stretch, its cause made 3 of 4 replays spike (1 without it)."
    assert checked(lack, said) == lack
    open_ = message("cause-open", missing=lack)
    assert checked(open_, f"No cause is shown. {said}") == open_
    assert checked(open_, f"No cause was shown. {said}") == quoted(f"No cause was shown. {said}")


def test_every_change_has_japanese_words_and_its_number():
    for name, one in INTERVENTIONS.items():
        for part in get_args(Part):
            said = change(part, [name], {name: one.values})
            assert JA.text(said) != str(said), name
            assert not english_left(JA.text(said)), name
    assert JA.text(change("what", ["beta2"], {"beta2": {"value": 0.95}})) == "beta2を0.95にする変更"


def test_two_changes_together_and_one_that_we_do_not_know():
    pair: Tried = dataclasses.replace(TRIED, name="clip-half + gate", values={"clip-half": {"value": 0.5}})
    assert JA.text(change_of(pair)) == "勾配を0.5でクリッピングする変更と加算的な更新を更新ゲートに替える変更"
    assert str(change_of(pair)) == ("the gradient clipped at 0.5 and an update gate instead of the additive rule")
    new = dataclasses.replace(TRIED, name="new-one", change="something else", price="Nothing.")
    said = [said_in(JA, about) for about in (evidence.change(new), evidence.price(new))]
    assert said == [
        '<span lang="en">Something else, from step 0.</span>',
        '<span lang="en">If kept: nothing.</span>',
    ]
    old = dataclasses.replace(pair, values={}, change="the gradient clipped at 0.5 and more")
    assert checked(change_of(old), old.change) == quoted("the gradient clipped at 0.5 and more")


def test_hostile_words_of_a_verdict_leave_harmless():
    new = dataclasses.replace(TRIED, name="x", change="\u202eevil\x1b[2J")
    said = said_in(JA, evidence.change(new)) + said_in(JA, checked(change_of(new), new.change))
    assert "evil" in said
    assert "\u202e" not in said
    assert "\x1b" not in said


@pytest.mark.parametrize(
    "change",
    [
        {"cause": {"name": "x", "planted": 3}}, {"cause": {"name": "x", "rivals": "x"}}, {"cause": {"moved": []}},
        {"cause": 3}, {"spike": None}, {"nulls": []}, {"interventions": {"values": 3}},
        {"interventions": {"values": {"beta2": 3}}},
    ],
)  # fmt: skip
def test_a_verdict_that_cannot_be_put_into_words_is_told_apart(change: dict[str, Any]):
    tried = [{**FOUNDING["interventions"][0], **change.pop("interventions", {})}]
    assert ill_typed(Verdict.from_dict({**FOUNDING, "interventions": tried, **change})) is not None
    assert ill_typed(Verdict.from_dict(FOUNDING)) is None


@pytest.mark.parametrize(
    "messages", [None, 3, {}, {"sentences": [3], "missing": [], "not_tried": {}}, {"sentences": [], "missing": []}]
)
def test_of_messages_that_cannot_be_read_the_english_holds(messages: Any):
    read = Verdict.from_dict({**FOUNDING, "messages": messages})
    assert read.messages == VerdictMessages()
    happened, helps, cause = map(str, sentences_of(read))
    assert happened.startswith("The training loss spikes at step 39: it rises by 5.06 nats from 5.36")
    assert helps.startswith(
        "With residual connections and norms in the feed-forward network the spike is gone from the"
    )
    assert cause.startswith("The cause is plain-depth")
    why, names = not_tried_of(read)[0]
    assert (str(why), names) == ("the planned learning rate never rises", ["hold-learning-rate"])


def test_the_evidence_beside_the_sentences():
    verdict = Verdict.from_dict(FOUNDING)
    told = [text for pair in [*evidence.cause(JA, verdict), *evidence.suspects(JA, verdict.suspects)] for text in pair]
    told += [made(JA, one) for one in verdict.interventions for made in (evidence.moved, evidence.left)]
    assert [text for text in told if english_left(text)] == []
    assert dict(evidence.cause(JA, verdict))["動かした信号"] == f"活性値の大きさ{chr(0xFF08)}対照の21.1倍{chr(0xFF09)}"
    assert evidence.cause(JA, verdict)[3][1].startswith("4回のリプレイのうち4回でスパイクが起こる")
    assert evidence.suspects(JA, verdict.suspects)[0][0].startswith("plain-depth")


def test_what_is_left_of_a_spike_on_other_losses():
    losses: dict[str, dict[str, float]] = {
        "validation/unknown": {"spiked": 3, "null_spiked": 8},
        "probe": {"spiked": 0, "null_spiked": 8},
    }
    one = dataclasses.replace(TRIED, signals=losses)
    assert evidence.left(JA, one).startswith("スパイクは未知語の検証損失")
    assert "8回のうち3回" in evidence.left(JA, one)
    assert "プローブ" not in evidence.left(JA, one)
    assert evidence.left(JA, dataclasses.replace(one, spiked=1)) == ""
    assert evidence.moved(JA, dataclasses.replace(TRIED, moved=None)) == ""

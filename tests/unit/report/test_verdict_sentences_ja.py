"""The Japanese sentences of a verdict say what the English ones say, of every verdict that we have."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

from newllm.replays.interventions import INTERVENTIONS
from newllm.replays.sentences import sentences as english
from newllm.report.language import changes_ja
from newllm.report.language import verdict_evidence_ja as evidence
from newllm.report.language.verdict_sentences_ja import missing, sentences
from newllm.trace import Tried, Verdict
from newllm.trace.verdict import Outcome

HOUSE = Path(__file__).parents[3]
FOUNDING = json.loads((HOUSE / "studies" / "founding" / "replay.json").read_text())
BENCHMARKS = ("replay-report.jsonl", "replay-tuning.jsonl")
TRIED = dataclasses.replace(Verdict.from_dict(FOUNDING).interventions[0])


def whole(data: dict) -> Verdict:
    """Make a verdict of what a benchmark kept of one: it dropped what the sentences don't need."""
    of_all = {"hypothesis": "", "price": "", "interval": None, "severity": 0.0, "null_severity": 1.0}
    tried = [
        {**of_all, "kind": "model", "change": INTERVENTIONS[one["name"].split(" + ")[0]].change, "later": None,
         "cost": None, **one}
        for one in data["interventions"]
    ]  # fmt: skip
    return Verdict.from_dict({"run": "", "seconds": 0.0, **data, "interventions": tried})


def benchmarked() -> list[Verdict]:
    lines = [line for name in BENCHMARKS for line in (HOUSE / "benchmarks" / "results" / name).read_text().splitlines()]
    return [whole(verdict) for line in lines if (verdict := json.loads(line)["verdict"])]


def english_left(text: str) -> list[str]:
    """Return the English words in a Japanese text that are no names of the code."""
    return re.findall(r"\b[A-Za-z]+ [a-z]+ [a-z]+\b", text)


def numbers(text: str) -> set[str]:
    return set(re.findall(r"(?<![A-Za-z\d.-])\d+(?:\.\d+)?(?:e[-+]\d+)?(?![A-Za-z\d])", text))


def with_change(**changed: Any) -> tuple[str, str, str]:
    verdict = Verdict.from_dict(FOUNDING)
    return sentences(dataclasses.replace(verdict, cause=None, **changed))


def test_the_founding_runs_verdict():
    what, remedy, cause = sentences(Verdict.from_dict(FOUNDING))
    assert what.startswith("訓練損失がステップ39で傾向から上に外れ")
    assert "5.36から5.06 nat上昇" in what
    assert what.endswith("6回のリプレイのうち6回でスパイクが起こる。")
    assert remedy.startswith("FNNの内部に残差接続と正規化を入れる変更でスパイクはなくなる。新しい8回のリプレイ")
    assert "p = 0.016、同じステップ数での損失は1.5 nat低い" in remedy
    assert cause.startswith("原因はplain-depthである")
    assert "対立する変更19件" in cause
    assert "4回のリプレイのうち4回" in cause


def test_no_english_is_left_in_any_verdict_of_the_benchmarks():
    verdicts = benchmarked()
    assert len(verdicts) > 40
    assert [text for verdict in verdicts for text in sentences(verdict) if english_left(text)] == []
    assert [one for verdict in verdicts for one in verdict.missing if english_left(missing(one))] == []


def test_the_numbers_are_those_of_the_english_sentences():
    for verdict in [Verdict.from_dict(FOUNDING), *benchmarked()]:
        first = english(verdict.spike, verdict.nulls, verdict.interventions, verdict.cause, verdict.missing)
        for text, translated in zip(first, sentences(verdict), strict=True):
            assert numbers(text) <= numbers(translated), (text, translated)


def test_a_spike_without_end_that_depends_on_the_seed():
    spike, nulls = {**FOUNDING["spike"], "height": None}, {"n": 6, "spiked": 3, "depends_on_seed": True}
    what = with_change(spike=spike, nulls=nulls)[0]
    assert "際限なく上昇" in what
    assert what.endswith("シードによる。乱数を変えた6回のリプレイのうち3回でスパイクが起こる。")


def test_the_validation_loss_and_another_loss():
    assert with_change(spike={**FOUNDING["spike"], "signal": "validation"})[0].startswith("検証損失が")
    assert with_change(spike={**FOUNDING["spike"], "signal": "aux_loss"})[0].startswith("aux_lossが")


@pytest.mark.parametrize(
    ("outcome", "said"), [("reduces", "小さくなる"), ("delays", "遅れて起こる"), ("removes", "確かではない")]
)
def test_what_is_confirmed_and_does_not_remove_it_for_sure(outcome: Outcome, said: str):
    one = dataclasses.replace(TRIED, outcome=outcome, effect=0.98, p=0.2)
    remedy = with_change(interventions=(one,))[1]
    assert remedy.startswith("確実になくす変更はない。")
    assert said in remedy
    assert "激しさの98%が消える" in remedy


def test_what_was_only_screened_and_what_did_nothing():
    screened = dataclasses.replace(TRIED, stage="screened", p=None)
    assert "予備選別ではresidual-fnnが最もよかった" in with_change(interventions=(screened,))[1]
    nothing = dataclasses.replace(TRIED, outcome="no effect")
    assert with_change(interventions=(nothing,))[1] == "試した変更のどれもスパイクをなくさない。"
    assert with_change(interventions=(nothing,), missing=())[2] == "原因は示されていない。"


def test_where_time_was_up_before_a_change_was_tried_nothing_is_said_of_what_was_tried():
    assert with_change(interventions=())[1] == "試した変更はない。"
    verdict = Verdict.from_dict(FOUNDING)
    assert english(verdict.spike, verdict.nulls, (), None, ())[1] == "No change was tried."


def test_the_price_of_a_remedy():
    assert "1.5 nat高い" in with_change(interventions=(dataclasses.replace(TRIED, cost=1.5),))[1]
    assert "損失の代償なし" in with_change(interventions=(dataclasses.replace(TRIED, cost=0.001),))[1]
    assert "nat" not in with_change(interventions=(dataclasses.replace(TRIED, cost=None),))[1]


def test_others_that_do_the_same_are_named():
    others = [dataclasses.replace(TRIED, name=name) for name in ("residual-fnn", "gate", "ema", "gate")]
    assert with_change(interventions=(TRIED, *others))[1].endswith("gate、emaでも同じである。")


def test_a_remedy_that_is_no_cause_says_what_is_missing():
    lack = "residual-fnn: fewer than 2 rival mechanisms were changed as strongly; try more of them."
    said = with_change(interventions=(TRIED,), missing=(lack,))[2]
    assert said.startswith("これは対策であり、原因の証明にはまだならない。")
    assert "2種類に満たない" in said


def test_what_is_missing_in_words_that_we_do_not_know_stays_as_it_is():
    assert missing("Something new is missing.") == "Something new is missing."


def test_every_change_has_japanese_words_and_its_number():
    assert set(changes_ja.CHANGES) == set(INTERVENTIONS)
    for name, one in INTERVENTIONS.items():
        tried = dataclasses.replace(TRIED, name=name, change=one.change, price=one.price)
        assert changes_ja.change(tried) != one.change, name
        assert not english_left(changes_ja.change(tried) + changes_ja.price(tried)), name
        assert "{" not in changes_ja.change(tried), name
    assert changes_ja.change(dataclasses.replace(TRIED, name="beta2", change="beta2 0.95")) == "beta2を0.95にする変更"


def test_two_changes_together_and_one_that_we_do_not_know():
    pair: Tried = dataclasses.replace(TRIED, name="clip-half + gate", change="the gradient clipped at 0.5 and a gate")
    assert changes_ja.change(pair) == "勾配を0.5でクリッピングする変更と加算的な更新を更新ゲートに替える変更"
    new = dataclasses.replace(TRIED, name="new-one", change="something else", price="Nothing.")
    assert (changes_ja.change(new), changes_ja.price(new)) == ("something else", "Nothing.")


def test_hostile_words_of_a_verdict_leave_harmless():
    new = dataclasses.replace(TRIED, name="x", change="\u202eevil\x1b[2J")
    assert "\u202e" not in with_change(interventions=(new,))[1]
    assert "\x1b" not in with_change(interventions=(new,))[1]


def test_the_evidence_beside_the_sentences():
    verdict = Verdict.from_dict(FOUNDING)
    told = [text for pair in [*evidence.cause(verdict), *evidence.suspects(verdict.suspects)] for text in pair]
    told += [made(one) for one in verdict.interventions for made in (evidence.moved, evidence.left)]
    assert [text for text in told if english_left(text)] == []
    assert dict(evidence.cause(verdict))["動かした信号"] == f"活性の大きさ{chr(0xFF08)}無変更の21.1倍{chr(0xFF09)}"
    assert evidence.cause(verdict)[3][1].startswith("4回のリプレイのうち4回でスパイクが起こる")
    assert evidence.suspects(verdict.suspects)[0][0].startswith("plain-depth")


def test_what_is_left_of_a_spike_on_other_losses():
    losses: dict[str, dict[str, float]] = {
        "validation/unknown": {"spiked": 3, "null_spiked": 8},
        "probe": {"spiked": 0, "null_spiked": 8},
    }
    one = dataclasses.replace(TRIED, signals=losses)
    assert evidence.left(one).startswith("検証損失")
    assert "8回のうち3回" in evidence.left(one)
    assert "プローブ" not in evidence.left(one)
    assert evidence.left(dataclasses.replace(one, spiked=1)) == ""
    assert evidence.moved(dataclasses.replace(TRIED, moved=None)) == ""

"""A verdict's three sentences in Japanese, made from its plain data alone (English: `replays/sentences.py`)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from newllm.report.language.changes_ja import change, hypothesis
from newllm.report.language.terms_ja import OWN, SIGNALS
from newllm.report.plain import plain
from newllm.trace.verdict import HELPS, Tried, Verdict

_LEVEL = 0.05
_LEFT = {"reduces": "スパイクは小さくなる", "delays": "スパイクは遅れて起こる"}


def sentences(verdict: Verdict) -> tuple[str, str, str]:
    """Return what happened and whether it comes back, which change does what, and what that says of the cause."""
    return (
        _what(verdict.spike, verdict.nulls),
        _remedies(verdict.interventions),
        _cause(verdict.interventions, verdict.cause, verdict.missing),
    )


def missing(sentence: str) -> str:
    """Return what is missing for a cause; the English sentence where it is none that we know."""
    for pattern, text in _MISSING.items():
        if found := re.fullmatch(pattern, sentence):
            named = {name: _named(name, value) for name, value in found.groupdict().items()}
            return text.format(**named)
    return plain(sentence, 2000)


def _what(spike: Mapping[str, Any], nulls: Mapping[str, Any]) -> str:
    name = str(spike.get("signal"))
    rise = "際限なく上昇"
    if spike.get("height") is not None:
        rise = f"{_three(spike.get('base'))}から{_three(spike['height'])} nat上昇"
    again = f"{nulls.get('n')}回のリプレイのうち{nulls.get('spiked')}回でスパイクが起こる"
    end = "起こるかどうかはシードによる。乱数を変えた" if nulls.get("depends_on_seed") else "乱数を変えても起こる。"
    where = f"ステップ{spike.get('onset')}で傾向から上に外れ（{rise}、最大はステップ{spike.get('peak')}）"
    return f"{SIGNALS.get(name, plain(name))}が{where}、{end}{again}。"


def _remedies(tried: Sequence[Tried]) -> str:
    confirmed = [one for one in tried if one.stage == "confirmed"]
    removes = [one for one in confirmed if one.outcome == "removes" and one.p is not None and one.p < _LEVEL]
    if removes:
        best = removes[0]
        others = list(dict.fromkeys(one.name for one in removes[1:] if one.name != best.name))
        also = f"{'、'.join(map(plain, others))}でも同じである。" if others else ""
        return (
            f"{_change(best)}でスパイクはなくなる。新しい{best.n}回のリプレイで一度も起こらない"
            f"（p = {best.p:.2g}{_price(best)}）。{also}"
        )
    reduces = [one for one in confirmed if one.outcome in HELPS]
    if reduces:
        best = reduces[0]
        did = _LEFT.get(best.outcome, "スパイクはなくなるが、確かではない")
        share = OWN[best.outcome] if best.effect is None else f"激しさの{best.effect:.0%}が消える"
        return f"確実になくす変更はない。{_change(best)}では、{did}（{share}、新しい{best.n}回のリプレイ）。"
    screened = [one.name for one in tried if one.outcome in ("removes", "reduces")]
    if screened:
        return (
            f"確認できた変更はない。予備選別では{plain(screened[0])}が最もよかったが、予備選別からは何も主張できない。"
        )
    return "試した変更のどれもスパイクをなくさない。" if tried else "試した変更はない。"


def _cause(tried: Sequence[Tried], cause: Mapping[str, Any] | None, lacking: Sequence[str]) -> str:
    if cause is not None:
        return _named_cause(tried, cause)
    lacks = missing(lacking[0]) if lacking else ""
    if any(one.outcome == "removes" and one.stage == "confirmed" for one in tried):
        return f"これは対策であり、原因の証明にはまだならない。{lacks}" if lacks else "原因は示されていない。"
    return f"原因は示されていない。{lacks}"


def _named_cause(tried: Sequence[Tried], cause: Mapping[str, Any]) -> str:
    name, by, planted = str(cause.get("name")), str(cause.get("intervention")), cause.get("planted") or {}
    english = next((one.hypothesis for one in tried if one.name == by), "").rstrip(".")
    why = hypothesis(by) or plain(english, 2000)
    told = "。".join(part for part in (OWN.get(name, ""), why) if part)
    return (
        f"原因は{plain(name)}である（{told}）。同じ強さの対立する変更{len(cause.get('rivals') or ())}件では"
        f"スパイクが残り、正常な区間に植え込むと{planted.get('n')}回のリプレイのうち{planted.get('spiked')}回で"
        "スパイクが起こる。"
    )


def _change(tried: Tried) -> str:
    return plain(change(tried), 2000)


def _price(one: Tried) -> str:
    if one.cost is None:
        return ""
    if abs(one.cost) < 0.01:
        return "、損失の代償なし"
    return f"、同じステップ数での損失は{abs(one.cost):.2g} nat{'高い' if one.cost > 0 else '低い'}"


def _three(number: Any) -> str:
    return f"{number:.3g}" if isinstance(number, int | float) else "?"


def _named(group: str, value: str) -> str:
    """Return what stands in a place: of names joined by ", " and " and " a Japanese list."""
    if group == "names":
        return "、".join(map(plain, re.split(r", | and ", value)))
    return SIGNALS.get(value, plain(value)) if group == "signal" else plain(value)


_ONE = r"(?P<name>[^:]+): "
_MISSING = {
    _ONE + r"it did not move what it aims at \((?P<signal>.+)\), so it tests nothing\.": (
        "{name}は狙った信号（{signal}）を動かさなかったので、何も検証していない。"
    ),
    _ONE + r"(?P<names>.+) removed the spike too, by another mechanism\.": (
        "{name}のほかに、別の仕組みに働く{names}もスパイクをなくした。"
    ),
    _ONE + r"fewer than (?P<n>\d+) rival mechanisms were changed as strongly; try more of them\.": (
        "{name}と同じ強さで変えた対立する仕組みが{n}種類に満たない。ほかの変更も試す必要がある。"
    ),
    _ONE + r"there was no reverse test \(nothing to plant, no healthy stretch, or no time\)\.": (
        "{name}には逆の検証がない（植え込むもの、正常な区間、時間のいずれかがなかった）。"
    ),
    _ONE
    + r"planted into a healthy stretch, its cause made (?P<spiked>\d+) of (?P<n>\d+) replays spike "
    + r"\((?P<without>\d+) without it\)\.": (
        "{name}が狙う原因を正常な区間に植え込むと、{n}回のリプレイのうち{spiked}回でスパイクが起こった"
        "（植え込まないときは{without}回）。"
    ),
    r"(?P<names>.+) removed the spike in the screen only: a longer --budget would confirm it or not\.": (
        "{names}は予備選別でだけスパイクをなくした。--budgetを長くすれば、確認できるかどうかが分かる。"
    ),
    r"(?P<untried>\d+) of (?P<n>\d+) changes had no time: a longer --budget would try them\.": (
        "{n}件の変更のうち{untried}件は、試す時間がなかった。--budgetを長くすれば試せる。"
    ),
    r"Nothing that was tried removes the spike: its cause is not among what was changed, or two act together\.": (
        "試した変更のどれもスパイクをなくさない。原因は変えたものの中にないか、二つが同時に働いている。"
    ),
}

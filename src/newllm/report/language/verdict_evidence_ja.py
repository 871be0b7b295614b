"""What a verdict's tables say in Japanese beside its sentences: the cause's evidence, suspects, what a change moved."""

from collections.abc import Mapping, Sequence
from typing import Any

from newllm.report.language.terms_ja import OWN, SIGNALS
from newllm.report.plain import plain
from newllm.trace.verdict import Tried, Verdict

_CLASSES = {"unknown": "未知語", "end": "文末", "seen": "既知語"}
_DID = {"removes": "でなくなる", "reduces": "で小さくなる", "delays": "で遅れる", "no effect": "ではほとんど変わらない"}


def cause(verdict: Verdict) -> list[tuple[str, str]]:
    """Return what speaks for the cause that is named: the three things that it must show, each with its label."""
    about = verdict.cause or {}
    moved, planted = about.get("moved") or {}, about.get("planted") or {}
    found = [("なくした変更", plain(about.get("intervention", "")))]
    if moved:
        ratio = f"（無変更の{moved['ratio']:.3g}倍）" if _is_number(moved.get("ratio")) else ""
        found.append(("動かした信号", f"{signal(moved.get('signal', ''))}{ratio}"))
    if about.get("rivals"):
        found.append(("スパイクが残る対立する変更", "、".join(plain(name) for name in about["rivals"])))
    if planted:
        found.append(("植え込み", _planted(planted)))
    return found


def suspects(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return what speaks for which cause."""
    return [(_named(str(item.get("name", ""))), _evidence(item)) for item in items]


def moved(tried: Tried) -> str:
    """Return what became of the signal that it aims at, a sentence; empty where it was not looked at."""
    about = tried.moved
    if not about:
        return ""
    times = f"（無変更の{about['ratio']:.3g}倍）" if _is_number(about.get("ratio")) else ""
    did = "動かした" if about.get("moved") else "動かさなかった"
    return f"狙った信号（{signal(about.get('signal', ''))}）を{did}{times}。"


def left(tried: Tried) -> str:
    """Return on which other losses the spike is still there, a sentence; empty where it is on none."""
    still = [
        f"{signal(name)}（{tried.n}回のうち{about.get('spiked')}回）"
        for name, about in tried.signals.items()
        if tried.spiked == 0 and about.get("spiked") and about.get("null_spiked")
    ]
    return f"{'、'.join(still)}にはまだスパイクがある。" if still else ""


def signal(name: object) -> str:
    """Return what a signal that was followed is called; "validation/unknown" is a class of targets."""
    whole, _, part = plain(name).partition("/")
    known = SIGNALS.get(whole, whole)
    return f"{known}（{_CLASSES.get(part, part)}）" if part else known


def _planted(planted: Mapping[str, Any]) -> str:
    said = f"{planted.get('n')}回のリプレイのうち{planted.get('spiked')}回でスパイクが起こる"
    without = f"植え込まないときは{planted.get('null_spiked')}回"
    return f"{said}（{without}、ステップ{planted.get('start')}からの正常な区間）"


def _named(name: str) -> str:
    return f"{plain(name)}（{OWN[name]}）" if name in OWN else plain(name)


def _evidence(item: Mapping[str, Any]) -> str:
    stage = "（予備選別のみ）" if item.get("stage") == "screened" else ""
    parts = [
        f"{plain(item.get('intervention', ''))}{_DID.get(str(item.get('class')), 'では判定できない')}{stage}",
        "狙った信号を動かした" if item.get("moved") else "狙った信号を動かさなかった",
        "植え込むとスパイクが起こる" if item.get("planted_spikes") else "",
    ]
    return "、".join(part for part in parts if part)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

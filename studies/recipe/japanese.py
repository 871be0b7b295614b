"""The study's English texts in Japanese."""

from collections.abc import Iterator

from .arms import CHANGES, DEFAULTS, LONG, UPDATES
from .claims import CLAIMS, EQUAL, SEEDS, measure_of, text_of
from .tables import HEADER, TEXT, TITLE

_PURPOSES = {
    "matrices": "4ブロックに1つが行列を保つ。",
    "ngrams": "8,192行のn-gramの表を二つ置く。",
    "ngrams-decay": "n-gramの表を二つ置き、その重み減衰を3.1にする。",
    "pairs": "8,192行の表を一つ、直前の2トークンについてだけ置く。",
    "together": "4ブロックに1つの行列と、n-gramの表。",
    "muon": "Muon。",
    "decay": "重み減衰を1にし、学習率を0まで下げる。",
    "muon-decay": "Muon。重み減衰を1にし、学習率を0まで下げる。",
    "tied": "出力層に埋め込みの行列を使う。",
    "embedding": "埋め込みの初期値をN(0, 1/width)から引く。",
}
_NAMES = {
    "matrices": "4ブロックに1つの行列",
    "ngrams": "n-gramの表",
    "ngrams-decay": "重み減衰を強くしたn-gramの表",
    "pairs": "2トークンだけの表",
    "together": "行列とn-gramの表の両方",
    "muon": "Muon",
    "decay": "強い重み減衰",
    "muon-decay": "Muonと強い重み減衰",
    "tied": "埋め込みの共有",
    "embedding": "大きい初期値の埋め込み",
}
_EQUAL = {"time": "等しい時間で", "tokens": "等しいトークン数で", "both": "等しいトークン数（時間も等しい）で"}
_LENGTHS = {DEFAULTS: "300回の更新", LONG: "1,800回の更新"}
_HEADER = ("条件", "パラメータ数", "更新", "テキストを読んだ回数", "秒", "損失", "対照より低い分")


def _pairs() -> Iterator[tuple[str, str]]:
    yield from {
        "Which settings give the lowest loss on a text, at equal tokens and at equal time?": (
            "等しいトークン数と等しい時間で、テキストの損失が最も低くなる設定はどれか"
        ),
        TITLE: "等しいトークン数（NAME）と等しい時間（NAME-time）での損失",
        TEXT: (
            "損失は1トークンあたりのナットでの検証損失で、シードの平均である。差は対の平均で、95 %区間を添える。"
            "秒は評価を含む実行全体の中央値で、ほかに何も動いていない計算機でだけ比べられる。条件NAME-timeの更新の回数は、"
            "測ったコストで同じ時間になるものである。"
        ),
    }.items()
    yield from zip(HEADER, _HEADER, strict=True)
    for control, updates in UPDATES.items():
        yield (
            f"The preset without tables of n-grams, {updates:,} updates.",
            f"n-gramの表を置かないプリセット、{_LENGTHS[control]}。",
        )
        for change in CHANGES:
            for equal in EQUAL:
                text = (
                    f"{_NAMES[change]}は、{_EQUAL[equal]}表を置かないプリセットより損失が低い（{_LENGTHS[control]}）。"
                )
                yield text_of(change, control, equal), text
    for change, (purpose, _) in CHANGES.items():
        yield purpose, _PURPOSES[change]
    for claim in CLAIMS:
        changed, control = claim.arms
        said = f"{control}の最後の検証損失から{changed}のそれを引いた差（1トークンあたりのナット、シードごとの対）。"
        yield measure_of(changed, control), f"{said}Studentの検定、{SEEDS}シード以上。"


JAPANESE = dict(_pairs())

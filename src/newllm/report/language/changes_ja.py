"""The changes of a replay in Japanese: what each does, what is true if it removes the spike, and what it costs to keep.

English stands in the verdict itself, and the number of a change (`{value}`) is read there.
"""

import re
from dataclasses import dataclass

from newllm.trace.verdict import Tried

TOGETHER = " + "


@dataclass(frozen=True)
class Change:
    """One change in words.

    Attributes:
        what: a noun phrase.
        hypothesis: a clause in plain form.
        price: a sentence.
        value: where the English words have the number that stands in `what`, a regular expression with one group.
    """

    what: str
    hypothesis: str
    price: str
    value: str = ""


_FORGETS_NEVER = "加算的な更新は何も忘れず、文脈ベクトルが際限なく増大した"
_LARGE_FEW = "少数の勾配がほかよりはるかに大きく、そのまま通った"
_CLIPPED = r"clipped at (\S+)"
_ANEW = "訓練を最初からやり直す。"

CHANGES = {
    "half-learning-rate": Change("学習率を半分にする変更", "更新が大きすぎた", "訓練に最大2倍のステップがかかる。"),
    "tenth-learning-rate": Change(
        "学習率を10分の1にする変更", "更新が何倍も大きすぎた", "訓練に最大10倍のステップがかかる。"
    ),
    "warm-up": Change(
        "学習率を最初に0から上げるウォームアップ",
        "勾配をまだ知らないオプティマイザーには、最初の更新が大きすぎた",
        "ウォームアップの間の更新は、半分の働きしかしない。",
    ),
    "hold-learning-rate": Change(
        "学習率を以前の値に保つ変更",
        "学習率が上がりすぎた（跳んだか、スケジュールが最初から始まった）",
        "スケジュールを立て直す必要がある。",
    ),
    "beta2": Change(
        "beta2を{value}にする変更",
        "増大する勾配にAdamの二次モーメントが追いつかなかった",
        "二次モーメントが平均するバッチが減り、更新の雑音がやや増える。",
        r"beta2 (\S+)",
    ),
    "epsilon": Change(
        "Adamのイプシロンを{value}にする変更",
        "勾配が非常に小さくなり、そのわずかな情報をAdamが拡大した",
        "勾配が小さいところでは学習が遅くなる。",
        r"epsilon (\S+)",
    ),
    "reset-moments": Change(
        "Adamのモーメントを0に戻し、短くウォームアップする変更",
        "オプティマイザーの記憶が、現在の勾配に合わなくなっていた",
        "短いウォームアップを一度行う。",
    ),
    "update-clipping": Change(
        "更新の二乗平均平方根によるクリッピング",
        "勾配がAdamの二次モーメントの知る範囲を超え、更新が大きくなりすぎた",
        "更新のたびに、重みの写しと1回の走査が要る。",
    ),
    "adamw": Change(
        "オプティマイザーをAdamWに替える変更",
        "オプティマイザーによる更新の大きさの決め方、または重み減衰が引き起こした",
        "重みごとに二つのモーメントが要る。学習率を選び直す必要がありうる。",
    ),
    "stable-adamw": Change(
        "オプティマイザーをStableAdamWに替える変更",
        "更新の大きさが、既知の勾配の大きさに収まっていなかった",
        "重みごとに二つのモーメントと、更新のたびに重みの写しが要る。",
    ),
    "sgd": Change(
        "オプティマイザーをモーメンタム付きSGDに替える変更",
        "Adamが二次モーメントで割ることが引き起こした",
        "学習が数倍遅くなり、学習率を選び直す必要がある。",
    ),
    "clip-half": Change(
        "勾配を{value}でクリッピングする変更",
        _LARGE_FEW,
        "まれで難しい例のものも含め、大きい勾配の影響が小さくなる。",
        _CLIPPED,
    ),
    "clip-tenth": Change(
        "勾配を{value}でクリッピングする変更",
        _LARGE_FEW,
        "大半の勾配が同じ長さに切られる。SGDでは学習率を下げることにもなる。",
        _CLIPPED,
    ),
    "z-clip": Change(
        "ノルムが外れ値である勾配のクリッピング（ZClip）",
        _LARGE_FEW,
        "二つの数を保持する。常に大きい勾配はクリッピングされない。",
    ),
    "adagc": Change(
        "各テンソルの勾配を、それぞれの通常のノルムでクリッピングする変更（AdaGC）",
        "ある層の勾配が通常よりはるかに大きかった",
        "テンソルごとに一つの数を保持する。勾配は一度に20分の1しか増えられない。",
    ),
    "skip-batches": Change(
        "該当する区間のバッチを飛ばす変更",
        "それらのバッチに原因があった",
        "それらのバッチを読まない。何が悪いかは別に調べる必要がある。",
    ),
    "replace-batches": Change(
        "該当する区間のバッチを後のバッチに替える変更",
        "それらのバッチに原因があった",
        "一部のバッチを読まない。何が悪いかは別に調べる必要がある。",
    ),
    "reorder-batches": Change(
        "該当する区間以降のバッチの順序を変える変更",
        "それらのバッチが来る順序が引き起こした",
        "なし。同じバッチを読む。",
    ),
    "other-order": Change("バッチの順序を変える変更", "データの順序が引き起こした", "なし。同じデータを読む。"),
    "known-evaluation": Change(
        "評価から未知語を除く変更",
        "上がっているのは訓練に一度も現れない語の損失であり、ほかの語の損失ではない",
        "訓練には影響しない。未知語をどう予測するかは、評価から分からなくなる。",
    ),
    "word-dropout": Change(
        "訓練する単語の10分の1を未知語にする変更",
        "モデルは未知語というものを一度も学ばなかった",
        "文章の10分の1は、読むたびに学習されない。",
    ),
    "fp32": Change("fp32での計算", "必要な桁がbf16の丸めで失われた", "計算時間と活性のメモリーが最大2倍になる。"),
    "fp64": Change(
        "fp64での計算", "丸め誤差が無視できない大きさになった", "計算時間が2倍から30倍、メモリーが2倍になる。"
    ),
    "deterministic-kernels": Change(
        "決定的なカーネルだけを使う変更",
        "実行のたびに和の順序が変わるカーネルが引き起こした",
        "一部の演算が遅くなり、一部は使えない。",
    ),
    "context-cut-off": Change(
        "文脈を断つ変更",
        "文脈ベクトルを通して起こった",
        "モデルは現在のトークンしか知らない。対照であり、対策ではない。",
    ),
    "norm-on-write": Change(
        "文脈ベクトルに、書き込むときにLayerNormをかける変更",
        "文脈ベクトルが際限なく増大した",
        "再帰が線形でなくなり、stackも1位置ずつ計算する。",
    ),
    "norm-on-read": Change(
        "文脈ベクトルに、読み出すときにLayerNormをかける変更",
        "増大した文脈ベクトルに、モデルのほかの部分が耐えられなかった",
        "チャネルごとに重みが二つ増え、文脈ベクトルの長さは見えなくなる。",
    ),
    "bounded-decay": Change(
        "文脈ベクトルの減衰を{value}以下に抑える変更",
        "文脈ベクトルがすべてを保持し、際限なく増大した",
        "10トークン程度より前のことは忘れる。",
        r"at most (\S+)",
    ),
    "gate": Change(
        "加算的な更新を更新ゲートに替える変更", _FORGETS_NEVER, "ゲートのために、入力を読む層が一つ増える。"
    ),
    "ema": Change("加算的な更新を指数移動平均に替える変更", _FORGETS_NEVER, "cellは10トークン程度で忘れる。"),
    "cut-gradient-through-time": Change(
        "時間方向の勾配を文脈の更新1回で断つ変更",
        "勾配が、位置を遡るうちに爆発した",
        "何トークンも後で役立つことは学習されない。",
    ),
    "residual-fnn": Change(
        "FNNの内部に残差接続と正規化を入れる変更",
        "残差接続のない層を重ねるうちに、信号がいったん消え、その後爆発した",
        "層ごとに正規化が一つ要る。cellは層ごとに計算するため、約2倍の時間がかかる。",
    ),
    "dropout-off": Change(
        "ドロップアウトをなくす変更",
        "ドロップアウトで除かれたものが、なくてはならないものだった",
        "過学習が早まる。",
    ),
    "freeze-embedding": Change(
        "埋め込みを固定する変更",
        "埋め込みの更新が暴走した",
        "埋め込みはそれ以上学習しない。危険が過ぎれば解除できる。",
    ),
    "freeze-layer": Change(
        "開始前に勾配が最も増えた層を固定する変更",
        "一つの層が暴走し、ほかの層を巻き込んだ",
        "その層はそれ以上学習しない。危険が過ぎれば解除できる。",
    ),
    "qk-norm": Change(
        "クエリとキーの正規化",
        "注意のロジットが増大し、一つの位置しか見なくなった",
        "層ごとに正規化が二つ要る。注意は、ヘッドの幅が許す以上には鋭くならない。",
    ),
    "z-loss": Change(
        "ロジットへのz-lossの追加", "ロジットがそろってずれていき、損失だけではそれを抑えられなかった", "ほぼなし。"
    ),
    "initialisation-he": Change(
        "重みをN(0, 2/fan-in)で初期化する変更", "初期の重みが小さすぎて、信号が途中で消えた", _ANEW
    ),
    "initialisation-scaled": Change(
        "重みをN(0, 1/fan-in)で初期化する変更", "初期の重みの大きさが適切でなかった", _ANEW
    ),
    "depth-scaled-residuals": Change(
        "残差枝の出力を、深さに応じて小さく初期化する変更", "残差枝を経るたびに信号が増大した", _ANEW
    ),
    "smaller-initialisation": Change(
        "すべての行列を半分の大きさで初期化する変更",
        "初期の重みが大きすぎた",
        "訓練を最初からやり直す。残差接続のない深いモデルは、学習を始めないことがある。",
    ),
}


def change(tried: Tried) -> str:
    """Return what a replay changed, a noun phrase; in the verdict's own English where we do not know it."""
    parts = [_what(name, tried.change) for name in tried.name.split(TOGETHER)]
    return "と".join(part for part in parts if part) if all(parts) else tried.change


def hypothesis(name: str) -> str | None:
    """Return what is true if the change of that name removes the spike; None where we do not know it."""
    known = CHANGES.get(name.split(TOGETHER)[0])
    return None if known is None else known.hypothesis


def price(tried: Tried) -> str:
    """Return what a change costs if it is kept, in the verdict's own English where we do not know it."""
    parts = [CHANGES.get(name) for name in tried.name.split(TOGETHER)]
    return "".join(part.price for part in parts if part) if all(parts) else tried.price


def _what(name: str, english: str) -> str:
    known = CHANGES.get(name)
    if known is None or not known.value:
        return known.what if known else ""
    found = re.search(known.value, english)
    return known.what.format(value=found[1]) if found else ""

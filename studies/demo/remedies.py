"""The demo's study: is it the context that makes the founding baseline spike? Three arms, eight seeds.

    newllm study spike-remedies

The founding study asks this among much else; here it is small enough to be read at once.
"""

from dataclasses import replace

from newllm.study import Arm, Claim, Decision, Study, compare
from newllm.study.design import Rows

_BASELINE, _SPIKED = "baseline", "probe_spiked_by_equal_progress"
_MEASURE = (
    "Runs that spike on the probe batch by equal progress, baseline minus this arm, paired sign-flip test. Does not "
    "hold where half of this arm's runs, or more, spike too."
)
_LONGER = 100  # epochs of the other arms: who only learns more slowly is to be as far as the baseline


def _removes(rows: Rows, arm: str) -> Decision:
    """Decide whether runs of an arm spike less often; where half of them spike too, they do not."""
    decision = compare(rows, _BASELINE, arm, lambda row: row[_SPIKED])
    still = sum(row[_SPIKED] for row in rows[arm])
    return replace(decision, otherwise="does not hold" if 2 * still >= len(rows[arm]) else "undecided")


def _claim(id: str, text: str, arm: str) -> Claim:
    return Claim(id, text, _MEASURE, (_BASELINE, arm), lambda rows: _removes(rows, arm), compares=True)


STUDY = Study(
    name="spike-remedies",
    title="Is it the context that makes the founding baseline spike?",
    arms=(
        Arm(_BASELINE, "As it is.", "founding-baseline"),
        Arm(
            "no-context",
            "The context is always read as 0.",
            "founding-baseline",
            ("model.body=zero-cell",),
            _LONGER,
            control=_BASELINE,
        ),
        Arm(
            "residual",
            "Residual connections in the network; the context as it is.",
            "founding-baseline",
            ("model.fnn=residual",),
            _LONGER,
            control=_BASELINE,
        ),
    ),
    sets=("bundled:sentences", "bundled:sentences-sea", "bundled:sentences-city", "bundled:sentences-forest"),
    claims=(
        _claim("1", "Without the context the spike is gone.", "no-context"),
        _claim("2", "With residual connections the spike is gone.", "residual"),
    ),
    seeds=8,
    translations={
        "ja": {
            "Is it the context that makes the founding baseline spike?": "ベースラインのスパイクの原因は文脈ベクトルか",
            "As it is.": "変更なし。",
            "The context is always read as 0.": "文脈ベクトルを常に0として読む。",
            "Residual connections in the network; the context as it is.": (
                "ネットワークに残差接続を入れる。文脈ベクトルはそのまま。"
            ),
            "Without the context the spike is gone.": "文脈ベクトルがなければスパイクは起きない。",
            "With residual connections the spike is gone.": "残差接続があればスパイクは起きない。",
            _MEASURE: (
                "同じ進度までにプローブバッチの損失がスパイクした実行の数。ベースラインからこの条件を引いた差を、"
                "対応のある符号反転検定で調べる。この条件でも半数以上の実行がスパイクすれば、成り立たない。"
            ),
        }
    },
)

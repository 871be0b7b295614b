"""The Japanese texts of what shows several runs: the same keys and places as `several_en`."""

TEXTS = {
    "signal_of": "{signal}（{part}）",
    # comparison
    "axis.tokens": "トークン",
    "axis.seconds": "秒",
    "axis.progress": "nat",
    "compare.lead": "{runs}実行、{arms}条件。対照は{control}。",
    "compare.lead_of_one": "{runs}実行、1条件（{control}）。",
    "compare.intervals": (
        "シードだけが異なる実行を一つの条件とし、その平均にシードにわたる95%区間をつける。区間は、"
        "同じデータでの別のシードについて述べる。"
    ),
    "compare.other_tokens": (
        "これらの実行が予測するトークン（バイト、単語、または語彙）は同じではない。1トークンあたりのnatは同じ尺度ではないため、差は示さない。"
    ),
    "compare.other_texts": "これらの実行が学んだテキストは同じではない。違いはテキストによるのかもしれない。",
    "compare.repeated": "同じシードをもう一度実行したもの（一度だけ数える）：{runs}。",
    "compare.unknown": "設定が分からないため、それぞれを一つの条件とするもの：{runs}。",
    "compare.other_axis": "ステップの数え方が異なるため除いたもの：{runs}。",
    "compare.run": "実行",
    "compare.control": "対照",
    "compare.seed": "シード",
    "compare.arm_name": "条件",
    "compare.bits_per_byte": "バイトあたりの最良ビット数",
    "compare.best_validation": "最良の検証損失",
    "compare.to_control": "対照との差",
    "compare.as_far": "対照の最良値に届いたステップ",
    "compare.last_validation": "最後の検証損失",
    "compare.steps": "ステップ数",
    "compare.tokens_per_second": "トークン/秒",
    "compare.parameters": "パラメーター数",
    "compare.arm": "{name}（{n}シード）",
    "compare.seeds": "{n}シード",
    "compare.pairs": "{n}組",
    "compare.lower": "低い",
    "compare.higher": "高い",
    "compare.never": "届かない",
    "compare.some": "{step}（{of}実行のうち{n}）",
    "compare.nothing": "なし",
    "compare.unexamined": "未診断",
    "compare.examined": "{found}（{of}実行のうち{n}実行を診断）",
    "compare.each": "実行ごとの値",
    "compare.settings": "設定の違い",
    "compare.setting": "項目",
    "compare.same": "シードのほかに違いはない。",
    "compare.settings_unknown": "不明。ログには設定がない。",
    "compare.more_settings": "ほか{count}項目",
    "compare.validation": "検証損失",
    "compare.training": "訓練損失",
    "compare.validation_by": "検証損失（横軸：{by}）",
    "compare.progress": "同じ進度での検証損失",
    "compare.difference_validation": "検証損失：{control}との差",
    "compare.difference_training": "訓練損失：{control}との差",
    "compare.about_band": "帯はシードにわたる平均の95%区間、細い線は個々の実行。",
    "compare.about_mean_pace": "ステップ数に、条件全体での1ステップあたりの平均をかけたもの。",
    "compare.about_progress": (
        "横軸は、訓練損失が最初から下がった量。垂直な動きは、スパイクのように訓練が進まない間のもの。"
    ),
    "compare.about_difference": "0より下は対照より良い。帯は、シードが同じ実行の差の95%区間。",
    # study
    "study.size": "{arms}条件、{runs}実行。シードは{seeds}個、データは{sets}組、{hours}コア時間。",
    "study.claims": "主張",
    "study.claim": "主張",
    "study.verdict": "判定",
    "study.by": "判定の根拠",
    "study.interval": "推定値［95%区間］",
    "study.about_claims": (
        "各主張を、実行の前に定めた一つの測度で検証した。図は推定値と95%区間で、目盛はそれぞれ異なる。"
        "点線は0（割合では2分の1。両端は0と1）を示す。"
    ),
    "study.each_claim": "各主張の測度とすべての数値",
    "study.p": "p",
    "study.p_holm": "主張全体で補正したp（Holm法）",
    "study.arms_of_claim": "条件：",
    "claim.holds": "成り立つ",
    "claim.holds in part": "部分的に成り立つ",
    "claim.does not hold": "成り立たない",
    "claim.undecided": "このデータでは判定できない",
    "study.arms": "条件",
    "study.arm": "条件",
    "study.runs": "実行数",
    "study.spiking": "検証損失がスパイクを起こす実行の割合",
    "study.onset": "開始エポック",
    "study.height": "高さ（nat）",
    "study.best": "最良の検証損失",
    "study.beside": "同じ進度での対照との比較",
    "study.control": "対照：",
    "study.calm": "プローブのスパイクなしで届く割合",
    "study.calm_on_validation": "検証にもない割合",
    "study.about_calm": (
        "対照が到達した最低の損失まで、プローブのスパイクなしで届く実行の割合（丸）と、"
        "検証損失にもスパイクのない割合（菱形）。95%区間をつけ、0から1までの範囲に描く。探索的な結果であり、"
        "条件の数に対する補正はしていない。"
    ),
    "study.curves": "曲線",
    "study.about_curves": "横軸はエポック。条件の全実行にわたる中央値と、四分位の範囲（帯）。",
    "study.more_curves": "ほか{count}条件（それぞれ対照と並べる）",
    "study.failed": "失敗した実行",
    "study.replay": "スパイクのリプレイ",
}

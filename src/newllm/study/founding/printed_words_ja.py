"""The Japanese words of the page's section on every figure that the document prints: keys of `printed_words_en.py`."""

MEASURES = {
    "validation_loss": "エポック{epoch}の検証損失",
    "train_loss": "エポック{epoch}の訓練損失",
    "rise": "エポック{epoch}への検証損失の上昇",
    "validation_perplexity": "エポック{epoch}の検証パープレキシティ",
    "train_perplexity": "エポック{epoch}の訓練パープレキシティ",
    "times_the_usual": "エポック{epoch}のパープレキシティの、通常の値（最良エポックの値）に対する倍率",
    "context_mean": "エポック{epoch}の文脈ベクトルの平均",
    "context_std": "エポック{epoch}の文脈ベクトルの標準偏差",
    "context_norm": "エポック{epoch}の文脈ベクトルのノルム",
    "best_validation": "最良の検証損失",
    "best_epoch": "最良エポック",
    "epochs_after_best": "最良エポックの後に訓練したエポック数",
    "accuracy": "検証の正解率（エポック1から50の平均）",
    "epochs_at_that_accuracy": "正解率がちょうどその値であるエポックの割合",
    "parameters": "パラメータ数",
    "parameters_by_the_baseline's": "ベースラインに対するパラメータ数の倍率",
    "vocabulary": "語彙サイズ（単語と特殊トークン）",
    "train_targets": "訓練の予測対象の数",
    "validation_targets": "検証の予測対象の数",
}

REASONS_NOT_COMPARED = {
    "claim-1": "すべての実行がスパイクを起こすとされるエポックであり、測定値ではない（主張1）",
    "claim-2": "損失が上昇するとされる倍率であり、測定値ではない（主張2）",
    "no-number": "文脈ベクトルが臨界点に達するとされるエポックであり、文脈ベクトルの数値は示されていない（主張5）",
    "claim-10": "すべての実行で改善が止まるとされるおおよそのエポックである（主張10）",
    "rounded": "上の最良の損失を丸めたものである",
    "arithmetic": "測定値ではなく計算である。正解率0.1714は6/35である",
    "setting": "設定であり、本研究も同じである",
    "remedy": "原文書が提案する対策の設定であり、本研究の条件にある",
}

CANDIDATES = {
    "validation, ends": "検証文、各文の最後のトークンの後",
    "validation, all positions": "検証文、すべてのトークンの後",
    "validation, ends of the padding": "検証文、31位置までのパディングの後",
    "validation, all positions and the padding": "検証文、パディングを含むすべての位置の後",
    "training, ends": "訓練文16文、各文の最後のトークンの後",
    "training, all positions": "訓練文16文、すべてのトークンの後",
}

PRINTED = {
    "title": "原文書のすべての数値と本研究の値",
    "lead": (
        "原文書の数値は、それぞれ1回の実行の値である。本研究の95%予測区間、すなわち、別のシードと別の文でもう1回実行したとき"
        "100回中95回はその値が入る範囲に原文書の数値があれば、**再現した**とする（実行にわたるスチューデントのt。損失、"
        "パープレキシティ、ノルムなどの大きさは対数で、その他はそのまま扱う。個数は等しくなければならない。印字の丸めは許す）。"
        "なければ**再現しない**とし、本研究の中央値からどれだけ離れているかを表に示す。この規則は、数値を比べる前に定めた。"
        "スパイクの途中のように実行ごとの差が大きいところでは区間が広く、区間に入っていてもほとんど何も意味しない。"
        "実行は独立とみなしたが、6回を超える実行には文が共通のものがある。原文書の文は本研究の文とは異なる。"
        "数値の個数についての補正はしていない。"
    ),
    "runs": (
        "値は{cpu}、torch {torch}、1実行1スレッド、{sets}組の文での{seeds}シードのものであり"
        "、`newllm study founding-figures`による"
        "（[figures.json](figures.json)）。*を付けた値は、本研究の{study_seeds}シードをその機械で実行したものである"
        "（[results.json](results.json)）。プロセッサが違えば下位の桁は異なる。両方で行った{pairs}回の実行の最良の検証損失の差は、"
        "中央値で{middle:.2g} nat、最大で{most:.2g} natである。"
    ),
    "tally": (
        "{all}個の数値のうち、再現したもの{reproduced}個、再現しないもの{not_reproduced}個、"
        "比べられないもの{not_compared}個。"
    ),
    "header": "数値|原文書|判定|本研究、中央値|もう1回の実行、95%|実行数",
    "all_runs": "全実行",
    "section": "{text}（{place}節）",
    "table": "{text}（実行の表）",
    "factor": "本研究の{value:.3g}倍",
    "difference": "本研究との差{value:+.3g}",
    "reasons_header": "数値|理由",
    "losses": "損失",
    "perplexities": "パープレキシティ",
    "contexts": "文脈ベクトルの統計量",
    "best": "最良の損失とエポック",
    "accuracy": "正解率",
    "sizes": "モデルとデータ",
    "settings": "比べられないもの",
    "contexts_text": (
        "本研究の値は、各検証文の最後のトークンの後の文脈ベクトルのものである。"
        "平均と標準偏差は、それらの全成分にわたる。"
        "ノルムは、それぞれのユークリッドノルムの平均である。"
        "`newllm train`が自分のバッチについて記録する値と同じ定義である。"
        "原文書は、どのベクトルの値かを述べていない。n成分の1本のベクトルなら、ノルム² = n（標準偏差² + 平均²）となる。"
        "ここからnを求めると、成分が256のベースラインで{n_baseline:.0f}、成分が512の隠れ次元1024で{n_experiment2:.0f}となる。"
        "したがって、長さの異なる複数のベクトルの値であり、"
        "ノルムはその平均である。"
        "平均と標準偏差から求まる二乗平均平方根の"
        "ノルムに対する割合は、{share_baseline:.3f}と{share_experiment2:.3f}である（すべて同じ長さなら1であり、1を超えない）。"
        "隠れ次元1024の文脈が256成分である可能性はない（その場合は{impossible:.2f}となる）。"
        "候補となるベクトルごとに、本研究の同じ割合と、原文書のノルムと標準偏差が予測区間に入るかを示す。"
    ),
    "candidates_header": "ベクトル|割合、ベースライン（原文書{share_baseline:.3f}）|ノルム / 標準偏差"
    "|割合、隠れ次元1024（原文書{share_experiment2:.3f}）|ノルム / 標準偏差",
    "norms_text": (
        "訓練文16文の最初の数トークンの後の、本研究の文脈ベクトルのノルム（中央値と、原文書の値が予測区間に入るか）。"
        "原文書の値ほど短い文脈ベクトルが、何トークン目の後に現れるかを示す。"
    ),
    "norms_header": "読んだトークン数|ベースライン（原文書7.1440）|隠れ次元1024（原文書8.6724）",
    "inside": "区間内",
    "outside": "区間外",
    "accuracy_text": "いくつかのエポックの後の検証の正解率。実行の中央値 [最小, 最大]。",
    "epoch": "エポック",
}

REPRODUCED = {
    "reproduced": "再現した",
    "not reproduced": "再現しない",
    "cannot be compared": "比べられない",
}

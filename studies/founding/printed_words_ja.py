"""The Japanese words of the page's section on every figure that the document prints: keys of `printed_words_en.py`."""

MEASURES = {
    "validation_loss": "エポック{epoch}の検証損失",
    "train_loss": "エポック{epoch}の訓練損失",
    "rise": "エポック{epoch}への検証損失の上昇",
    "validation_perplexity": "エポック{epoch}の検証パープレキシティ",
    "train_perplexity": "エポック{epoch}の訓練パープレキシティ",
    "times_the_usual": "エポック{epoch}のパープレキシティの、最良エポックの値に対する倍率",
    "context_mean": "エポック{epoch}の文脈ベクトルの平均",
    "context_std": "エポック{epoch}の文脈ベクトルの標準偏差",
    "context_norm": "エポック{epoch}の文脈ベクトルのノルム",
    "best_validation": "最良の検証損失",
    "best_epoch": "最良エポック",
    "epochs_after_best": "最良エポックの後に訓練したエポック数",
    "accuracy": "検証の正解率（エポック1から50の平均）",
    "epochs_at_that_accuracy": "正解率がちょうどその値であるエポック",
    "parameters": "パラメータ数",
    "parameters_by_the_baseline's": "ベースラインに対するパラメータ数の倍率",
    "vocabulary": "語彙サイズ（単語と特殊トークン）",
    "train_targets": "訓練の予測対象の数",
    "validation_targets": "検証の予測対象の数",
}

REASONS_NOT_COMPARED = {
    "claim-1": "すべての実行がスパイクを起こすとされるエポック（主張1で検証）",
    "claim-2": "損失が上昇するとされる倍率（主張2で検証）",
    "no-number": "文脈ベクトルが小さい、大きい、爆発するとされるエポック。値は示されていない（主張5）",
    "claim-10": "すべての実行で改善が止まるとされるおおよそのエポック（主張10で検証）",
    "rounded": "上の最良の損失を丸めたもの",
    "arithmetic": "測定値ではなく計算。正解率0.1714は6/35である",
    "setting": "設定。本研究も同じ",
    "remedy": "原文書が提案する対策の設定。同じ設定の条件が本研究にある",
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
    "tally": "原文書の数値との比較{compared}件のうち、再現は{reproduced}件、再現せずは{not_reproduced}件。"
    "ほかに比較できない数値が{not_compared}個ある。",
    "not": "再現しなかったのは、{figures}である。",
    "lead": (
        "原文書の数値は、それぞれ1回の実行の値である。本研究の95%予測区間、すなわち、別のシードと別の文でもう1回実行したとき"
        "100回中95回はその値が入る範囲に原文書の数値があれば、**再現**とする。予測区間は実行間のばらつきからスチューデントの"
        "t分布で求め、損失、パープレキシティ、ノルムなどの大きさは対数をとる。個数は一致しなければならない。"
        "原文書の数値の丸めは考慮する。"
        "中央値に添えた区間は、文とシードを再標本化した95%区間である。原文書の数値の後に節を記す。「表」は原文書に付属する実行の表を指す。"
        "そのエポックより前に終わった実行には値がない。"
    ),
    "worth": (
        "再現したことの意味は一様ではない。{counts}件は設定から決まる個数であり、{accuracy}件はまったく変化しない正解率である。"
        "{wide}件では予測区間の上端が下端の3倍を超える。スパイクの途中では、ほとんどどんな値でも区間に入る。"
        "パープレキシティは対応する損失と同じことを述べ、実験3の前半は実験2と同じである。原文書の他の数値と矛盾する数値が二つある。"
        "66,436は実験1ではなくベースラインのエポック19のパープレキシティであり、"
        "ベースラインの最良エポックとされる18の損失は最小ではない。いずれも、書かれているとおりに比較した。"
        "実行は独立とみなしたが、6回を超える実行には文が共通のものがある。原文書の文は本研究の文とは異なる。"
        "比較の件数についての補正はしていない。"
    ),
    "runs": (
        "値は{cpu}、torch {torch}、1実行1スレッドで、{sets}組の文と{seeds}シードについて"
        "`newllm study founding-figures`で得た"
        "（[figures.json](figures.json)）。*を付けた値は、本研究の{study_seeds}シードを研究時の機械で実行したものである"
        "（[results.json](results.json)）。プロセッサが違えば下位の桁は異なる。両方で行った{pairs}回の実行の最良の検証損失の差は、"
        "中央値で{middle:.2g} nat、最大で{most:.2g} natである。"
    ),
    "header": "数値|原文書|判定|本研究の中央値 [95%]|もう1回の実行 [95%]|実行数",
    "all_runs": "全実行",
    "section": "{text}（{place}節）",
    "table": "{text}（表）",
    "every_epoch": "全エポック",
    "factor": "本研究の{value:.2g}倍",
    "difference": "本研究との差{value:+.3g}",
    "reasons_header": "数値|理由",
    "losses": "損失",
    "perplexities": "パープレキシティ",
    "contexts": "文脈ベクトルの統計量",
    "best": "最良の損失とエポック",
    "accuracy": "正解率",
    "sizes": "モデルとデータ",
    "settings": "比較できない数値",
    "contexts_text": (
        "本研究の値は、各検証文の最後のトークンの後の文脈ベクトルのものである。平均と標準偏差は全ベクトルの全成分にわたり、"
        "ノルムは各ベクトルのユークリッドノルムの平均である（`newllm train`がバッチについて記録する値と同じ定義）。"
        "原文書は、どのベクトルの値かを述べていない。三つの値は1本のベクトルのものではない。n成分のベクトルなら"
        "ノルム² = n（標準偏差² + 平均²）であり、ここから求めたnは、256成分のベースラインで{n_baseline:.0f}、"
        "512成分のexperiment2で{n_experiment2:.0f}となる。複数のベクトルの値で、ノルムがその平均だとすれば、"
        "二乗平均平方根のノルムに対する割合は{share_baseline:.3f}と{share_experiment2:.3f}である。"
        "この割合は、すべて同じ長さなら1であり、1を超えない（experiment2が256成分なら{impossible:.2f}となってしまう）。"
        "下の表では、候補となるベクトルごとに、本研究の割合（中央値 [最小, 最大]）と、"
        "ノルムと標準偏差の予測区間、原文書の値がそこに入るかを示す。"
    ),
    "candidates_header": "ベクトル|実行|割合|ノルム|標準偏差",
    "document": "原文書の値",
    "norms_text": (
        "何トークンを読んだ後なら本研究の文脈ベクトルが原文書の値ほど短いか。訓練文16文の最初の数トークンの後のノルムの、"
        "中央値と予測区間。"
    ),
    "norms_header": "読んだトークン数|baseline（原文書7.1440）|experiment2（原文書8.6724）",
    "inside": "区間内",
    "outside": "区間外",
    "accuracy_text": "いくつかのエポックの後の検証の正解率。実行の中央値 [最小, 最大]。",
    "epoch": "エポック",
}

REPRODUCED = {
    "reproduced": "● 再現",
    "not reproduced": "○ 再現せず",
    "cannot be compared": "比較できない",
}

# ログの読み取りについての注記：どのように解釈し、何を読み取らなかったか。

remark-times = { $remark }（{ $count }回）

remark-many-signals = 最初の{ $count }個を超える信号

remark-many-values = 最初の{ $count }個の値より後の部分

remark-own-signals = ログ独自の信号{ $count }個（値が{ $most }個を超えるため）

remark-repeated-steps = 同じステップの重複した値（最後の値を使う）

remark-gone-over-again = ログは{ axis-unit }{ $first }に戻り、{ $first }〜{ $last }をたどり直している。訓練はそこで再開された

remark-loss-of-perplexity = { $loss }は{ $perplexity }の対数である（損失の列がないため）

remark-blank-cells = 列「{ $column }」で数値の間にnanと書かれた{ $count }個のセル（空とみなす）

remark-other-runs = ほかの{ $count ->
    [1] 1個
   *[other] { $count }個
}の実行（値が最も多いのは「{ $chosen }」）。PATH#RUNの形で指定できる：{ $names }

remark-error-as-loss = 損失という名の列がないため、「{ $column }」を{ $loss }とみなす（--loss COLUMNで別の列を指定できる）
remark-error-as-validation = 検証損失という名の列がないため、訓練損失と同じ大きさで始まる「{ $column }」を{ $loss }とみなす
remark-score = 「{ $column }」は0から1の間にあり、損失が下がる間に上がっている。正答の割合かもしれないので、損失とは見なさない（--role validation_loss={ $column }または--role validation_accuracy={ $column }で指定できる）
remark-no-steps = ステップやエポックの列がないため、行を数える
remark-no-steps_named = ステップやエポックという名の列がないため、行を数える。「{ $column }」はステップのように増える（--step { $column }で指定できる）
remark-steps-of-bars = ステップの列がないため、進捗バーから読み取る。進捗バーはステップごとには描かれないので、最大で{ $off }ほどずれていることがある

remark-epochs-place-nothing = { $why ->
    [several] 一つのエポックに複数の行があり
   *[fractions] エポックが整数でなく
}、ステップの列もないため、行を数える

remark-steps-begin-anew = エポックごとにステップが最初から始まるため、通して数える

remark-no-header = ヘッダーがないため、列を{ $columns }とみなす

remark-row-unlike-header = セルの数がヘッダーと異なる行

remark-row-without-number = 数値のない行

remark-line-above-table = 表より上の行

remark-many-columns = 最初の{ $count }個を超える列

remark-many-lines = 最初の{ $count }行より後の部分

remark-long-line = { $count }文字を超える行

remark-damaged-packing = 圧縮ファイルが破損した位置より後の部分

remark-long-text = 最初の{ $megabytes } MBのテキストより後の部分

remark-no-json-line = JSONでない行

remark-nested-too-deep = 入れ子が深すぎる行より後の部分

remark-json-breaks-off = JSONが途切れた位置より後の部分

remark-no-json-object = JSONオブジェクトでない行

remark-event-file-breaks-off = イベントファイルが途切れた位置より後の部分

remark-large-event = { $megabytes } MBを超えるレコード（画像、グラフ）

remark-damaged-event = 破損したレコード

remark-long-event-file = イベントファイルの最初の{ $gigabytes } GBより後の部分

remark-no-event = イベントでないレコード

remark-large-step = ステップが2^53を超えるレコード

remark-no-number = 数値でない値

remark-no-mlflow-metric = MLflowの指標でない行

remark-no-trackio-row = trackioのものでない行

remark-no-wandb-record = W&Bのものでないレコード

remark-damaged-piece = レコードの破損した断片

remark-large-record = { $megabytes } MBを超えるレコード

remark-long-file = 最初の{ $megabytes } MBより後の部分

remark-no-trace-row = trace.jsonlにトレースの行でない行があり、読み飛ばした

remark-unread-file = 「{ $file }」を読めないため（{ $reason }）、読み飛ばした

remark-ranks-sharded = { COUNT($count) }個のパラメータは分割されており、各ランクが異なる部分を持つため、ランクの間で比べていない

remark-logs-of-ranks = { COUNT($count) }個のランクのログを、一つの訓練として読んでいる。{ $mean ->
    [yes] 損失は全ランクの平均、それ以外
   *[no] 値
}はランク{ $first }のログのものである

remark-ranks-missing = ここに重みを記録したランクは{ COUNT($ranks) }個中{ COUNT($count) }個だけで、ほかのランクとは比べていない（各ランクで、同じディレクトリを指定してnewllm.recordを呼ぶ）

remark-ranks-of-other-models = ランクによってパラメータの名前が異なるため、ランクの間で比べていない

remark-ranks-own = { COUNT($count) }個のパラメータ（または同じ層の別のパラメータ）は、最初からランクの間で異なる。各ランクが一部または独自の値を持つか、最初に揃えられていない。ランクの間で比べていない

remark-hidden-layers = コンパイルされたモデルの内部や、model(x)の代わりにmodel.forward(x)を呼ぶループなど、層の動作を観測できなかったため、活性値、アテンション、ゲート、文脈ベクトルは記録されていない

remark-model-not-called = model(x)の代わりにmodel.loss(x)を呼ぶループなど、モデル自身は呼ばれず、その部分だけが呼ばれたため、入力、出力、損失が求めるものは記録されていない

remark-recorder-part = { $part }の記録を中止した。訓練は続いている（{ $error }）

remark-recorder-argument = recorder.{ $call }()に記録できないものが渡された（最初はステップ{ $step }）。訓練は続いている（{ $error }）

remark-recorder-gap = ステップ{ $first }から{ $last }までは、訓練を再開する前に行われ、記録されていない

remark-judged-evaluation = 複数の評価（{ $names }）のうち、{ $name }を診断に用いる

remark-no-validation-loss = 検証で記録された値（{ $names }）に損失と分かるものがない。val_lossという名前にするか、monitorに指定する

remark-fewer-batches = エポックの最後の更新は{ $batches }個ではなく{ $fewer }個のバッチからなるが、Lightningはそれでも和を{ $batches }で割るため、勾配が小さくなる

remark-recorder-room = 記録を書き込めず、書き込みを待っている。訓練は続いている（{ $error }）

remark-check-begun = 「{ $out }」では訓練がすでに始まっている。この検査は訓練前のものではないため、結果をそこに保存しない

remark-steps = { $last ->
    [none] ステップ{ COUNT($first) }
   *[other] ステップ{ COUNT($first) }から{ COUNT($last) }
}

remark-listed = { $before }、{ $following }

remark-lost-steps = トレースに{ $steps }{ $more ->
    [0] { "" }
   *[other] 、ほか{ $more }区間
}の記録がない。そこで記録されたものは失われた

remark-lost-samples = samples.jsonlの{ $lines }行目が破損している。モデルがそこに書いた文は失われた

# 実行のファイルのうち、読めなかったもの。

problem-unread = 「{ $file }」を読めない（{ $reason }）

problem-link = 「{ $file }」はリンクである。リンク先は表示しない

problem-no-file = 「{ $file }」はファイルでない

problem-large-file = 「{ $file }」は{ $mebibytes } MiBより大きいため、表示しない

problem-no-text = 「{ $file }」は破損しており、テキストでないバイトを含む

problem-damaged = 「{ $file }」は破損している（{ $reason }）

problem-newer-schema = 「{ $file }」は新しい版のnewllmで書かれている（スキーマ{ $schema }、この版が知るのは{ $known }）。わかる範囲を表示する

problem-damaged-blocks = 「{ $file }」は破損しており、その後は表示しない：{ $reason }

problem-damaged-lines = 「{ $file }」は破損している。{ $count ->
    [1] 1行
   *[other] { COUNT($count) }行
}がトレースの行でないため、除いた

problem-many-replays = リプレイしたスパイク{ $count }件のうち、新しい{ $shown }件を表示する

problem-no-verdict = 「{ $file }」は、この版のnewllmが理解できる判定でない（{ $reason }）

problem-damaged-replay = 「{ $file }」は破損しているため、そのリプレイを除いた

problem-trace-ends = トレースはステップ{ COUNT($last) }で終わるが、実行は{ COUNT($step) }まで進んだ。その間の記録は失われた

problem-unjudged-data = データについての情報を判定できなかった（{ $error }）。信号だけを判定した

problem-trace-link = トレースがディレクトリの外を指すリンクであるため、読まない

problem-trace-pipe = trace.jsonlはパイプであり、ファイルでない

problem-trace-unread = trace.jsonlを読めない（{ $reason }）

# 判定できなかった理由と、調べられなかったもの。

unjudged-no-loss = 損失が見つからない{ $among ->
    [none] { "" }
   *[other] （信号は{ $among }）
}。--loss COLUMNで指定できる

unjudged-few-points = 「{ $signal }」の点が{ $count ->
    [1] 1個
   *[other] { $count }個
}しかない（{ $least }個以上あるログを与える）

unseen = ログにないため調べていないもの：{ $parts }。

unseen-also = { $before }、{ $following }

unseen-training-loss = 訓練損失（--loss COLUMNで指定できる）

unseen-unrecorded = { $what }（newllm.recordで記録できる）

unseen-validation-uncalled = 評価（recorder.validation(loss)で記録できる）

unseen-few = 検証損失の推移（評価が{ $count }回では少なすぎる）

unseen-data-uncalled = データ（recorder.data(training, validation)で検査できる）

unseen-check = ログには現れないもの（{ $masked ->
    [yes] バッチの行どうしの依存
   *[no] 漏れのあるマスク
}など。newllm.checkが最初のステップの前に調べる）

unseen-validation = 検証

unseen-gradients = 勾配

unseen-layers = 層

unseen-data = データ

unseen-columns = 意味の分からない列 { $columns }{ $more ->
    [0] { "" }
   *[other] { " " }ほか{ $more }列
}（{ $signal ->
    [none] --role ROLE=COLUMNで指定できる
   *[other] { $column }が{ SIGNAL($signal) }なら、--role { $signal }=COLUMNで指定する
}）

unseen-vocabulary = 語彙数（--vocab Nで指定できる）

# 実行や研究のディレクトリの問題（一覧での表示）。

entry-unread = 読み取れない（{ $reason }）

entry-link = { $files }はディレクトリの外を指すリンクのため、たどっていない

entry-missing = { $file }がない

entry-process_gone = 状態は実行中だが、プロセス{ $pid }は存在しない

entry-silent = 状態は実行中だが、5分間応答がない

entry-norm = { $norm ->
    [write] 書き込み時に正規化
   *[read] 読み出し時に正規化
}

entry-seed = シード{ $seed }

problem-results-link = results.jsonはリンクである

problem-results-unread = results.jsonを読み取れない（{ $reason }）

problem-study-no_list = 「{ $file }」に{ $name }の一覧がない

problem-study-damaged_items = 「{ $file }」の{ $name } { $count }件のうち{ $damaged }件は破損しているため、除いた

problem-study-damaged_file = 「{ $file }」は破損している（{ $reason }）ため、除いた

remark-training-kind = { $training ->
    [reinforcement] 方策の訓練（強化学習。損失は進み具合を表さない）
    [adversarial] 敵対的な訓練（GAN。損失は進み具合を表さない）
    [preference] 選好の訓練
    [vae] 変分オートエンコーダの訓練
    [contrastive] 対照学習
   *[other] 回帰または密度の尤度（損失が0を下回る）
}とみなす（根拠の列：{ $columns }）。違う場合は--kindで指定する
remark-against = { axis-unit }{ $first }から{ $last }までを{ $other }と比べた（設定と信号{ COUNT($count) }個）
remark-chosen = 同じプログラムの以前の実行のうち、{ $usual ->
    [yes] 大半の実行に共通する警告しかない
   *[no] 単独では警告のない
}{ $other }と、{ axis-unit }{ $first }から{ $last }までを比べた（設定と信号{ COUNT($count) }個）。{ $before ->
    [0] { "" }
    [one] 警告になるのは、{ $earlier }にも劣るときだけである。
   *[other] 警告になるのは、{ $earlier }のどれかにも劣るときだけである。
}--aloneで比べず、--againstで相手を選ぶ
remark-doubtful = 同じプログラムの隣の実行には、どれにも警告がある。そのうち最新の{ $other }と、{ axis-unit }{ $first }から{ $last }までを比べた（設定と信号{ COUNT($count) }個）。この実行の所見はそのまま示す。正常だった実行は--againstで選ぶ
remark-same-program = プログラム、その設定、コマンドラインは{ $other }と同じ。違いは別のところから来ている（乱数の種、データ、別のバージョン、計算機）
remark-reference-lost = { $other }は正常な実行ではない（モデルが失われている）

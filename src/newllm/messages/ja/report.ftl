# What a report says: headings, charts, tables.

# What somebody else wrote, and stays as it is.
quoted = { $text }

## ページ全体
report = 訓練レポート
report-by = newllm reportが作成した。このファイルは外部から何も読み込まない。このまま保存し、送ることができる。
sections = 目次
runs = { $count }実行
more_runs = ほか{ $count }実行は、上で比較するだけで、すべては示さない。
table = 数値
sentence-gap = { "" }
list = 、
list-last = 、
span = { $first }〜{ $last }
at = { $axis }{ $span }
first = 最初
last = 最後
lowest = 最小
highest = 最大
highest_at = 最大の{ $axis }
problems = この実行には読み取れないものがあった。以下は分かる範囲の内容である。
problems-more = ほか{ $count }件
section-failed = この部分は表示できなかった。実行のファイルに、newllmが理解できない内容がある（{ $error }）。

## 数と根拠
list-more = { $listed }、ほか{ COUNT($more) }件
infinite = 無限大
minus_infinite = 負の無限大
value-unknown = 不明
value-yes = はい
value-no = いいえ
value-recovered = 回復
value-new-plateau = より高い水準に落ち着いた
value-diverged = 発散
duration-seconds = { $seconds }秒
duration-minutes = { $minutes }分{ $seconds }秒

## 節
verdict = 判定
curves = 訓練
more-curves = その他の曲線
findings = 所見
check = 訓練前の検査
findings-too_long = 長い実行のため、ページの読み込み時には診断しない。「doctor」を押すと診断する。
replay = リプレイ
classes = トークンの種類別
context = 文脈ベクトル
layers = 層
others = その他の信号
data = データ
samples = モデルの書く文章
samples-step = ステップ { $step }
samples-earlier = それ以前の { $count } 件
samples-empty = （なし：すぐに文を終えた）
samples-about = 評価のたびに、いつも同じ乱数（シード { $seed }）で書かれたもの。全件は samples.jsonl
samples-about_recorded = 訓練が記録したもの。全件は samples.jsonl
configuration = 再現の方法
comparison = 比較
study = 研究

## 見出し
state-finished = 完了
state-running = 実行中
state-interrupted = 中断
state-diverged = 発散
state-failed = 失敗
state-silent = 実行中とあるが、{ $when }から応答がない
state-log = ログ
state-checked = 検査済み、訓練はまだ
state-recorded = 記録された実行
state-unknown = 状態の分からない実行
head-model = モデル
head-parameters = パラメータ数
head-steps = ステップ数
head-tokens = 読んだトークン数
head-best = 最良の検証損失
head-best_at = { $loss }（ステップ{ $step }）
head-bits = バイトあたりの最良ビット数
head-pace = トークン/秒
head-seed = シード
head-machine = デバイス

## 図の内容（図が見えない人のため）
chart-marked = 印：{ $marks }。
line-shows = { $label }：最初{ $first }、最後{ $last }、最小{ $low }（{ $axis }{ $at_low }）、最大{ $high }（{ $axis }{ $at_high }）。
line-nothing = { $label }：有限の値がない。
line-not_finite = 有限でない値が{ $count }個ある。
heat-shows = { $title }：{ $rows }行、{ $axis }の{ $columns }列の図。
mark-from = { $label } →

## 軸と単位
axis-step = ステップ
axis-epoch = エポック
axis-position = 位置
unit-loss = nat/トークン
unit-gradient = { "" }
unit-learning-rate = { "" }
unit-bits-per-byte = ビット/バイト
unit-accuracy = { "" }
unit-perplexity = { "" }
unit-pace = 秒

## 図
chart-loss = 損失
about-found = 陰影は所見の範囲、矢印は終わりまで続く所見の始まり。
about-planned = 旗は予定されていた変化。
chart-gradient = 勾配ノルム
about-gradient = クリッピング前の値と、オプティマイザが受けとる値。
chart-learning-rate = 学習率
about-learning-rate = { "" }
chart-bits-per-byte = 検証、バイトあたりのビット数
about-bits-per-byte = トークナイザーが異なっても比べられる。
chart-accuracy = 正解率
about-accuracy = { "" }
chart-perplexity = パープレキシティ
about-perplexity = { "" }
chart-pace = 1ステップの時間
about-pace = { "" }
chart-by-class = 予測対象のトークンの種類別の損失
about-by-class = 一つの種類だけが上がるなら、モデル全体ではなく、データか確信の強さの問題である。
dashed-by-class = 破線は同じ種類の訓練損失（測定したステップのバッチでの値）。
chart-context-by-position = 位置別の文脈ベクトルのノルム
about-context-by-position = 行は文章の中の位置、色は対数目盛。右ほど明るければ訓練とともに、上ほど明るければ文章に沿って、文脈ベクトルが増大している。
chart-context-along = 文章に沿ったノルム
about-context-along = 最初から最後までのいくつかの評価。両軸とも対数目盛。直線なら単純な加算、上に反れば1トークンごとに一定の倍率で増大、横ばいなら有界である。
chart-context-norm = 文脈ベクトルのノルム
about-context-norm = 各系列の終わりでの値の、バッチにわたる平均。
chart-context-spread = 文脈ベクトルの平均と標準偏差
about-context-spread = 各系列の終わりでの文脈ベクトルの、バッチの全成分にわたる値。
chart-context-growth = 1位置ごとの増大率
about-context-growth = 文脈ベクトルまたはその変化量が、1トークンごとに何倍になるか。破線の1を超え続ければ発散し、1なら単純な加算である。
chart-lyapunov = リアプノフ指数
about-lyapunov = 破線の0より大きければ、わずかに異なる二つの文脈ベクトルが指数関数的に離れていく。
layer-update_ratio = 更新比
layer-activation_rms = 活性値の大きさ
layer-second_moment_mismatch = 二次モーメントの遅れ
layer-gradient_norm = 勾配ノルム
layer-read_error = 行列の読み出し誤差
layer-context_rank = 行列の実効ランク
position = { $number }トークン後

## 所見
severity-fault = 異常
severity-warning = 警告
severity-note = 注記
findings-none = なし
notes-count = 知っておくとよいこと（{ $count }件）
further_findings = ほか{ COUNT($count) }件の所見：{ $names }
more_findings = ほか{ $count }件はnewllm doctor --jsonにある。
tested = ブラインド評価{ COUNT($said) }件中{ COUNT($right) }件で正解
hardly_tested = ブラインド評価はわずか：{ $said }件中{ $right }件で正解
untested = ブラインド評価なし
percent = { $percent }%
evidence = 原因と見分ける方法
consequences = その結果（{ $count }件）
sound-count = 調べて異常のなかったもの（{ $count }件）
unseen-count = 調べられなかったもの（{ $count }件）
doubtful-one = { $subject }：警告はないが、ほとんど下がっていないか、最低値より高く終わった
ledger = 更新の間の状態（ステップ{ $first }〜{ $last }）：{ $changes ->
    [0] 重みとモーメントを変えたのはオプティマイザだけである
    [1] ステップ{ $step }の前に1回、オプティマイザ以外のものが状態を変えた
   *[other] オプティマイザ以外のものが状態を{ $changes }回変えた（最初はステップ{ $step }の前）
}{ $all ->
    [yes] {""}
   *[other] （1回の更新につき{ $percent }%ずつ、順に監視）
}。
alternatives = ほかに考えられること
would_tell = 見分ける方法
causes = 考えられる原因
causes-heading = 原因
cause-speaks = 裏づけ
cause-replayed = リプレイ
cause-other_by_replays = リプレイは別の原因を示した：{ $name }
cause-shown_of = リプレイで示された原因：{ $name }
cause-shown_by_replays = { $evidence ->
    [none] これが原因であることを示した
   *[other] これが原因であることを示した：{ $evidence }
}
cause-against = 反証
cause-none_named = 不明：この実行には、一つに決める根拠がない。残る候補：

## 判定
verdict-what = 起こったこと
verdict-helps = 効く対策
verdict-cause = 原因
verdict-shown = 根拠
verdict-next = すること
verdict-null = 信頼できるか
verdict-recorded = 記録との照合

## doctorの判定
doctor-fault = 異常がある：{ $tally }。
doctor-warning = 疑わしい点がある：{ $tally }。
doctor-ends_above = { $signal }は{ $last }で終わった。最低は{ $axis }{ $step }の{ $lowest }。
doctor-replay = 以上は推測である。何がスパイクをなくすかは検証できる：
doctor-rerun = プログラムを実行し直した結果
doctor-bisect = どの変更が原因か：
doctor-bisected = newllm bisectの結果

## トークンの種類
classes-why = 訓練と検証の乖離は、種類別に分けて見るまで何も意味しない。訓練に一度も現れない語は予測できないが、文末は予測できることが多い。
validation_of = 検証、{ $target }
training_of = 訓練、{ $target }
class = 種類
targets = 予測対象の数
share = 割合

## 層
layers-how = 上が入力、下が出力、左から右へ訓練が進む。色は対数目盛。最初に変わる行を探す。
about-gradient_norm = 入力側ほど暗ければ、勾配が途中で消失している。すべての行が同時に変われば、悪いバッチか、大きすぎる更新である。
about-update_ratio = 1回の更新が重みを動かす量の、重みの大きさに対する比。通常は千分の1程度。
about-activation_rms = 各層の出力の二乗平均平方根。深さとともに、または訓練中に増大し続ければ、訓練は不安定になる。
about-second_moment_mismatch = g / sqrt(v)の二乗平均平方根。1前後なら、勾配はオプティマイザの予期する大きさである。1よりはるかに大きければ、勾配が予期より大きく、更新が大きすぎる。
about-read_error = 行列へ書き込む前に、キーのもとにあるものが値からどれだけ離れているか。0ならすでに書かれており、1なら何も見つからず、1より大きければ別のものが見つかった。
about-context_rank = 系列の終わりで行列が保持している方向の数。最大で行列の幅。
more_layers = 記録された層がほかに{ $count }ある（図にはない）。

## 文脈ベクトル
context-how = このモデルが文章から覚えているのは、文脈ベクトル（畳み込みがあれば、その直前の数個の入力も）である。トークン数ごとの大きさから、有界にとどまるかどうかが分かる。
context-how_recorded = ここでの文脈ベクトルとは、再帰層がトークンからトークンへ渡す隠れ状態である。その大きさから、有界にとどまるかどうかが分かる。

## その他の信号
more_signals = ログにはほかに{ $count }個の信号がある：{ $names }。

## リプレイ
null-same = 完全再現：元の実行とビット単位で同じ。
null-within = 完全再現：元の実行と{ $tolerance }以内で同じ。
null-steps = { $count }ステップを比べた（{ $weights }）。リプレイを信頼できる。
null-weights = 重みも含む
null-losses = 損失のみ。後の重みは保存されていない
null-differs = 再現した結果が元の実行と異なるため、どのリプレイからも何も言えない：
null-unknown = 再現した結果と比べるものがなかった。
replay-gist = 確認した変更{ $confirmed }件、予備選別{ $screened }件
replay-spike = ステップ{ $step }のスパイク
replay-mark = 元の実行のスパイク
replay-how = 太線はリプレイの中央値、帯は最小から最大まで。灰色は、同じステップから、シードのほかは何も変えずに行ったリプレイ。
replay-nulls = シードのほかに何も変えなければ、{ $n }回のリプレイのうち{ $spiked }回でスパイクが起こる。
replay-null = 対照（{ $count }回）
replay-changed = { $name }（{ $count }回）
replay-loss = { $name }、ステップ{ $step }から：訓練損失
replay-probe = { $name }、ステップ{ $step }から：プローブ損失
replay-unfinished = { $name }のリプレイにはまだ判定がない（{ $count }回が済んでいる）。
replay-confirmed = 新しいシードで確認したもの
replay-screened = 予備選別のみ（{ $count }件）：ここからは何も主張しない
replay-legend = 効果：スパイクの激しさのうち消えた割合と、その95%信頼区間（左の線が0%、右の線が100%）。100%ならスパイクは完全に消えており、それを超えることはない。区間が100%を超えるのは、区間が左右対称で、対照のスパイクの激しさのばらつきに応じて広がるためである。p：片側の正確な符号反転検定、多重比較はHolm法で補正。スパイク：スパイクが起こったリプレイの数と全体の数。開始（倍）：リプレイの開始からスパイクまでのステップ数が、対照の何倍か。損失差：同じステップ数でのプローブ損失が、対照より何nat高いか。
replay-head-change = 変更
replay-head-class = 判定
replay-head-effect = 効果［95%信頼区間］
replay-head-p = p
replay-head-spiked = スパイク
replay-head-later = 開始（倍）
replay-head-cost = 損失差（nat）
replay-head-from = 開始ステップ
replay-curves = 確認した変更と対照の比較
replay-details = 変更の内容、動かした信号、採用時のコスト
replay-cause = 原因：
replay-suspects = 各原因を裏づけるもの
replay-missing = 原因と言うために足りないもの
replay-not_tried = 試さなかった変更とその理由
replay-took = リプレイにかかった時間：{ $time }。
outcome-removes = なくす
outcome-reduces = 小さくする
outcome-delays = 遅らせる
outcome-undecided = 判定できない
outcome-no-effect = ほとんど変えない
outcome-worsens = 悪化させる
outcome-stops-learning = 学習が止まる

## データ
data-text = 文章
data-bytes = バイト数
data-more = ほか{ $count }件の文章
data-counts = トークンと分割
data-tokenizer = トークナイザー
data-vocabulary = 語彙数
data-format = 形式
data-fraction = 検証の割合
data-blocks = 検証の区間数
data-fingerprint = フィンガープリント
data-audits = データ検査
data-sound = データ検査で異常は見つからなかった。
data-facts = 数えたものすべて

## 設定
config-commands = コマンド
config-replays = リプレイを続けるには、この訓練のnewllm.Loopを使ってPythonで
config-recoveries = 途中でガードが変えたもの
config-at = ステップ{ $step }
config-detected = 検出
config-remedy = 対策
config-did = 行ったこと
config-environment = 環境
config-recording = newllm.recordによる記録
config-settings = 設定

# コマンドが1行ずつ表示するもの：訓練、評価、生成、キャッシュ、ページのアドレス、研究の進行。

## 所要時間
about-seconds = { FIXED($time) }秒
about-minutes = { FIXED($time) }分
about-hours = { FIXED($time, digits: 1) }時間
about-left = 残り{ $time }

## 大きさ
size-bytes = { $count }バイト

## 訓練中
train-begins = パラメータ{ COUNT($parameters) }個のモデルを訓練する：{ $length }（{ $device }、{ $precision }{ $scan ->
    [none] {""}
   *[other] 、スキャンは{ $scan }
}{ $ranks ->
    [1] {""}
   *[other] 、{ COUNT($ranks) }ランク
}）
train-from = ステップ{ COUNT($step) }から再開
train-from_to = ステップ{ COUNT($step) }から{ COUNT($steps) }まで
train-for = { COUNT($steps) }ステップ
train-for_seconds = 全体で{ G($seconds, digits: 6) }秒、約{ COUNT($steps) }ステップ
train-step = ステップ{ $step }
train-loss = 損失{ " " }{ $loss }
train-bits = { FIXED($bits, digits: 3) }ビット/バイト
train-speed = { COUNT($speed) }トークン/秒
train-validation = 検証{ " " }{ FIXED($loss, digits: 4) } nat、パープレキシティ{ " " }{ FIXED($perplexity, digits: 2) }{ $bits ->
    [none] {""}
   *[other] 、{ FIXED($bits, digits: 4) }ビット/バイト
}
train-best_so_far = これまでの最良
train-writes = 生成例：{ $text }
train-curve = 訓練損失
train-curve_validation = 検証損失
train-curve_off_trend = 傾向から外れた区間

## 終了時
train-ended = { $state }：{ $run }、{ COUNT($steps) }ステップ、{ COUNT($tokens) }トークン、訓練{ FIXED($seconds) }秒、全体{ FIXED($wall) }秒
train-best = 最良の検証損失：1トークンあたり{ FIXED($loss, digits: 4) } nat、パープレキシティ{ FIXED($perplexity, digits: 2) }{ $bits ->
    [none] {""}
   *[other] 、{ FIXED($bits, digits: 4) }ビット/バイト
}（ステップ{ COUNT($step) }）
train-curves = 損失曲線：{ $file }
train-spike = ステップ{ COUNT($step) }にスパイクがある。何で消えるかを調べるには：newllm replay { $run }
train-spikes = スパイクが{ COUNT($count) }個ある（ステップ{ $steps }）。何で消えるかを調べるには：newllm replay { $run }
train-steps_from_to = { COUNT($first) }〜{ COUNT($last) }
train-go_on = 続きから再開するには：newllm train --resume { $run }
train-no_sample = 生成例なし：ステップ数が少なく、意味のある文にならない。さらに訓練するには：newllm train --resume { $run } --seconds S
train-no_time = 生成例なし：時間が尽きた。生成するには：newllm generate { $run }
train-sample = 生成例（温度0.8、シード0）：
train-sample_at = ステップ{ COUNT($step) }での生成例：
train-write_on = 続きを書かせるには：newllm generate { $run } --prompt "..."
train-other_time = { G($seconds, digits: 6) }秒ではなく、全体で{ FIXED($wall, digits: 1) }秒かかった。訓練と損失曲線に{ FIXED($trained, digits: 1) }秒、生成例に{ FIXED($sample, digits: 1) }秒

## 途中で終わった理由（summary.jsonにも入る）
ended-stopped = ステップ{ $step }の後、{ $signal }で停止した
ended-stopped_lost = ステップ{ $step }の後、{ $signal }で停止した。{ $lost }
ended-stopped_in_replays = 対策のリプレイ中に{ $signal }で停止した
ended-stopped_in_replays_lost = 対策のリプレイ中に{ $signal }で停止した。{ $lost }
ended-not_finite = ステップ{ $step }で値が有限でなくなった：損失{ $loss }、勾配ノルム{ $norm }
ended-asked = { $sentence } 続けるには--resumeに--guard（対策をリプレイする）、--guard rollback-and-skip、--guard offのいずれかを付ける

## 評価と生成
eval-read = { COUNT($total) }バイトのうち{ COUNT($done) }バイトを読み込んだ{ $left ->
    [none] {""}
   *[other] 、{ $left }
}
eval-size = { COUNT($tokens) }トークン、{ $bytes ->
    [none] バイト数は不明（トークナイザーで失われる）
   *[other] { COUNT($bytes) }バイト
}、{ $nats } nat
eval-loss = 1トークンあたり{ FIXED($loss, digits: 4) } nat、パープレキシティ{ FIXED($perplexity, digits: 2) }{ $bits ->
    [none] {""}
   *[other] 、{ FIXED($bits, digits: 4) }ビット/バイト
}
generate-positions = このモデルが学習した位置は{ $positions }個しかないため、文章はそこで終わる
bench-run = { $model }、シード{ $seed }：更新{ COUNT($steps) }回、{ FIXED($seconds) }秒、正答率：{ $scores }
bench-guessing = 当て推量での正答率：{ $scores }

## 他のフレームワーク
export-written = { $directory }：ステップ{ COUNT($step) }のパラメータ{ COUNT($parameters) }個
export-load = 読み込むには：import newllm.hf, transformers; transformers.AutoModelForCausalLM.from_pretrained({ $directory })
export-load_remote = 読み込むには：transformers.AutoModelForCausalLM.from_pretrained({ $directory }, trust_remote_code=True)
export-load_onnx = これを使って文章を書くプログラムが、出力先のREADME.mdにある
import-written = { $run }：ステップ{ COUNT($step) }のモデル

## キャッシュ
cache-tokens = トークン化したテキスト（{ $folder }、上限{ $limit }）：{ $count }件、{ $size }
cache-states = リプレイの状態（1実行あたりの上限{ $limit }）：{ $count }件、{ $size }
cache-used = 最終使用{ " " }{ $date }
cache-cleared = { $size }を削除した
cache-cleared_but = { $size }を削除した。{ $used }件は、実行中のプロセスが使っているか、削除する権限がない

## ページ
page-written = { $file }（{ $size }）
page-runs_below = （./runs以下の実行）
page-no_runs = （カレントディレクトリ以下の実行。フォルダ「runs」はない。付属のデモを見るには newllm ui --demo）
page-demo = （付属のデモ、読み取り専用）
page-no_browser = ブラウザーを開けなかった。表示したアドレスを自分で開く必要がある

## モデルのサーバー
serve-ready = newllm serve：{ $address }v1（{ $models }）
serve-in_memory = 応答はサーバーが終わるまで保存する。--store DIRを付けると、その後も残る。
serve-new_key = { $name }のキー。表示はこの一度だけ：{ $key }
serve-key_file = --keysのファイルに書く行：

## issueに添付する一つのファイル
zip-folder = { $folder }（{ COUNT($count) }ファイル）
zip-left_out = 重み、トークナイザー、訓練テキストは含まない。
zip-texts = 共有する前に中を確かめること。{ $files }にはモデルの書いた文章があり、訓練テキストがそのまま現れることがある。
zip-paths = パスは最後の部分だけを残した。ファイル名、メモ、すべての設定はそのまま含まれる。

## 研究の実行中
study-planned = { COUNT($count) }実行{ $done ->
    [0] {""}
   *[other] （うち{ COUNT($done) }実行は完了済み）
}
study-done = { COUNT($done) }/{ COUNT($total) }実行
study-running = 実行中：{ $runs }
study-run = { $arm }（シード{ $seed }）
study-cell_failed = 失敗：{ $arm }、シード{ $seed }：{ $why }
study-cell_died = 注：{ $death }。この実行はやり直す
study-worker_died = 作業プロセスが終了コード{ $code }で落ちた（{ $run }）
study-worker_lost = 作業プロセスが失われた（{ $run }）
study-spent = 最大{ $most }のうち{ $spent }
study-left = 残り約{ $time }

stopped = 停止した
stopped-by_launcher = SIGTERMで停止した（torchrunは、プロセスが1つ終了すると全プロセスにこれを送る）

## デモ
demo-doctor = 1  ある訓練のステップ240で、学習率を誤って2倍にした。doctorの診断：
demo-verdict = 2  別の訓練では損失にスパイクがある。一度に一つだけ変えてリプレイした。その判定：
demo-writes = 3  『白鯨』を読んだ小さなモデルが続きを書く：
demo-no_model = これにはパッケージ{ $package }が必要だが、インストールされていない：pip install 'newllm[train]'
demo-next = 次に試すこと：
demo-next_page = これらすべてと、それ以上のことをブラウザーで見る
demo-next_log = 自分の訓練のログから、何が起きたかを調べる
demo-next_train = 付属の小説でモデルを訓練する

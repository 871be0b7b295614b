# 訓練の実行中に知らせる一行。

## 開始時
notice-precision = 精度{ $precision }：1回の更新は{ $took }（{ $rounds }回の計測）{ $agreed ->
    [yes] {""}
   *[no] 。計測値が十分にそろっていない（機械が混んでいるか、時間が短い）
}
notice-took_in = { $precision }で{ G($seconds, digits: 3) }秒
notice-took_and = { $before }、{ $following }
notice-not_in_bf16 = 精度{ $precision }：このプロセッサーでは、このアーキテクチャをbf16で速く計算できない
notice-no_time_to_measure = 精度{ $precision }：bf16を計測する時間またはメモリーが足りない
notice-shortened = { $setting }を{ COUNT($before) }から{ COUNT($now) }にした。実行は全部で{ COUNT($steps) }ステップしかなく、元の値では占める割合が大きすぎる
notice-getting_ready = 準備に{ G($seconds, digits: 6) }秒のうち{ $took }かかった
notice-sequential = 書き込み時に正規化するstackは、スキャンではなく位置を一つずつ計算するため遅い

## 再開時
notice-trace_cut = trace.jsonlは最後のスナップショットより後で破損していたため、そこで切り、書き直す
notice-done = 強制終了で途中だった処理を済ませた：{ $what }
notice-finished = 「{ $run }」はすでに完了している。newllm train --resume { $run } --steps N（または--seconds S）でさらに訓練できる
notice-no_curves = 「{ $file }」がなく、描画もできない：{ $error }
notice-other_bits = { $environment }。続けられるが、ビット単位では一致しない
notice-other_ranks = ステップ{ COUNT($step) }からは{ COUNT($ranks) }個のプロセスで計算する（それまでは{ COUNT($before) }個）。バッチは同じで損失も丸め誤差の範囲で同じだが、ビット単位では一致しない
notice-other_sequence = ステップ{ COUNT($step) }からは行を{ $ranks ->
    [1] 切らない
   *[other] { COUNT($ranks) }区間に切る
}（それまでは{ $before ->
    [1] 切らなかった
   *[other] { COUNT($before) }区間
}）。バッチは同じで損失も丸め誤差の範囲で同じだが、ビット単位では一致しない
notice-one_for_all_ranks = 1つのプロセスが{ COUNT($ranks) }ランク分を順に計算する。{ $alike ->
    [yes] 結果は{ COUNT($ranks) }個のプロセスとビット単位で同じになる
   *[no] 元のランクはプロセッサーの種類がそろっていなかったため、ビット単位では一致しない
}
notice-sharded = モデルを{ COUNT($ranks) }個のプロセスに分割している（{ $copies ->
    [1] parallel.mode fsdp
   *[other] parallel.mode hsdp、複製{ COUNT($copies) }組
}）。評価時の文章生成はしない（スナップショットからnewllm generateで生成できる）
notice-unlike = ランク{ $rank }{ $more ->
    [0] {""}
   *[other] （ほか{ COUNT($more) }個）
}の{ $name }は{ $value }、ランク0は{ $first }で、丸め方が異なる。更新のたびにランク0の重みを全員に送る。同じビットは、同じ構成のマシンでしか再現できない
notice-remaining = ステップ{ COUNT($step) }で、{ G($seconds, digits: 6) }秒のうち{ FIXED($left) }秒が残っている
notice-follows_clock = スケジュールは{ COUNT($was) }ステップ{ $in_seconds ->
    [none] {""}
   *[other] （{ G($in_seconds, digits: 6) }秒）
}だった。ステップ{ COUNT($step) }からは{ G($seconds, digits: 6) }秒の時間に従う
notice-extended = スケジュールを{ COUNT($was) }ステップ{ $in_seconds ->
    [none] {""}
   *[other] （{ G($in_seconds, digits: 6) }秒）
}から{ COUNT($steps) }ステップに変える。学習率はステップ{ COUNT($by) }までに{ G($before, digits: 3) }から{ G($warm, digits: 3) }になり、最後は{ G($end, digits: 3) }になる

## 実行中
notice-slow_step = ステップ{ COUNT($step) }に{ FIXED($took) }秒かかった（通常は{ G($usual, digits: 2) }秒）。機械が混んでいたか、スリープしていた
notice-few_updates = { G($seconds, digits: 6) }秒では{ $updates }回しか更新できない。1回の更新に{ G($update, digits: 2) }秒、評価に{ G($evaluation, digits: 2) }秒、準備に{ G($ready, digits: 2) }秒かかった
notice-time_over = 計画の{ PERCENT($share) }%、学習率{ G($rate, digits: 2) }で時間が尽きた。最後のほうの更新に、それまでより長い時間がかかった
notice-left_trend = ステップ{ $onset }で{ SIGNAL($signal) }が傾向から上に外れた：{ $kept }
notice-states_kept = ステップ{ $steps }の後の状態を残す
notice-no_state = その前の状態がないため、残せない
notice-state_not_kept = スパイクの前の状態を残せなかった。訓練は続ける：{ $failure }
notice-pin_damaged = 「{ $file }」は破損している。スナップショットは残すが、どのスパイクのためのものかは分からない
notice-few_states = この実行の状態は{ COUNT($size) } MiBである。メモリには{ $states }個ではなく{ $capacity }個しか置けず（最大{ COUNT($limit) } MiB）、スパイクが分かったときには、その前の状態が失われていることがある
notice-large_state = この実行の状態は{ COUNT($size) } MiBで、メモリに置くには大きすぎる（最大{ COUNT($limit) } MiB）。スパイクの前の状態はディスクのスナップショットだけになる。training.snapshot_everyを小さくすると間隔が狭まる

## トラッカー
notice-tracking = { $tracker }：{ $where }
notice-tracker_refused = このセッションはトラッカーに記録しない：{ $error }
notice-tracker_failed = { $tracker }でエラー（{ $call }）。訓練は続く：{ $error }
notice-tracker_died = { $tracker }のプロセスが異常終了した。訓練は続いた。ログはRUN/trackersにある
notice-tracker_hung = { $tracker }が時間内に終わらなかったため、止めた。ログはRUN/trackersにある
notice-tracker_dropped = { $tracker }に送れなかった行が{ COUNT($count) }行ある。すべての行はtrace.jsonlにある
alert-off_trend = 訓練損失が傾向から外れた
alert-off_trend_since = ステップ{ COUNT($onset) }から。それまでの通常の値は{ G($base, digits: 4) } nat

## 訓練のプロセスが互いに送るもの
exchange-order = ステップ{ COUNT($step) }に続く指示
exchange-begin = 開始
exchange-weights = 開始時にランク0が送る重み
exchange-parts = ステップ{ COUNT($step) }の重みの断片
exchange-losses = ステップ{ COUNT($step) }の損失
exchange-gradients = ステップ{ COUNT($step) }の勾配の和
exchange-level = ステップ{ COUNT($step) }のランク0の重み
exchange-carried = ステップ{ COUNT($step) }の後の引き継ぐ文脈
exchange-snapshot = ステップ{ COUNT($step) }のスナップショット
exchange-evaluation = ステップ{ COUNT($step) }の後の評価
exchange-end = 終了
exchange-contexts = ステップ{ COUNT($step) }の2ランク間の文脈
training-missing_yet = { $size }個のプロセスのうち{ COUNT($count) }個（ランク{ $ranks }）がまだ来ていない{ $address ->
    [none] {""}
   *[other] （{ $address }が応答しない）
}。{ $until }まで待つ（待つ秒数は環境変数{ $variable }で変えられる）
training-missing = { $size }個のプロセスのうち{ COUNT($count) }個（ランク{ $ranks }）が{ G($seconds, digits: 6) }秒以内に来ず{ $address ->
    [none] {""}
   *[other] （{ $address }が応答しない）
}、全プロセスが終了した。全プロセスを一緒に起動するか、環境変数{ $variable }で待つ秒数を長くする
training-lost = この訓練の{ $rank ->
    [none] 別のプロセス
   *[other] ランク{ $rank }
}{ $more ->
    [0] {""}
   *[other] （ほか{ COUNT($more) }個）
}がなくなった（{ $error }）
training-lost_go_on = { $why }{ $words ->
    [none] {""}
   *[other] 。そのプロセスの最後の言葉: { $words }
}。全プロセスを--resume { $run }で起動し直せば続きから訓練できる
training-lost_seen = { $what }で：{ $why }
training-hangs = { $rank ->
    [none] あるランク
   *[other] ランク{ $rank }
}{ $more ->
    [0] {""}
   *[other] （ほか{ COUNT($more) }個）
}が{ G($seconds, digits: 6) }秒たっても{ $what }に来ず、全員が終わった。{ $rank ->
    [none] RUN/ranksに書き込んでいないため、どのランクかはわからない
   *[other] { $waits ->
        [yes] 最後の記録では{ $last }にいて
       *[no] 最後の記録では{ $last }を終えて計算しており
    }{ $place ->
        [none] {""}
       *[other] （{ $place }）
    }{ $answers ->
        [yes] 、プロセスは動いていた
       *[no] 、プロセスは動いていなかった（停止しているか、呼び出しから戻らない）
    }
}

# 端末のページと行：doctor、リプレイ、変更の一覧。

terminal-colon = ：

## doctorのページ
terminal-evidence = 根拠
terminal-alternative = ほかの可能性
terminal-test = 見分ける方法
terminal-causes = 考えられる原因
terminal-more = ほか{ COUNT($count) }件
terminal-more_in_json = ほか{ COUNT($count) }件（全件は--jsonにある）
terminal-same_program = { $other }は同じプログラムの実行である{ $more ->
        [0] { "" }
       *[other] （ほかに{ COUNT($more) }個）
    }。正常だったなら、次のコマンドで違いがわかる：newllm doctor { $run } --against { $other }
terminal-bisect = プログラムのどの変更が原因か、実行して確かめる：{ $command }
terminal-rerun = プログラムを一つだけ変えて実行し直し、上昇がどうなるかを見る：{ $command }
terminal-more_of_kind = { $kind }、ほか{ COUNT($count) }件（全件は--jsonにある）
terminal-more_remarks = 同様の注記、ほか{ COUNT($count) }件（全件は--jsonにある）
terminal-in_short = まとめ：
terminal-waiting = 最初のステップを待っている
terminal-read_at = { $time }に読み込み。Ctrl-Cで終了
terminal-read_before = { $why }：表示しているのは、その前に読み込んだ内容である

## 曲線
curve-nothing = 記録がない
curve-not_finite = 有限の値がない

## 判定のページ
terminal-reproduction = 完全再現
terminal-nulls = 対照
terminal-confirmed = 確認済み
terminal-confirmed_on = それぞれ{ $least ->
    [none] {""}
   *[other] { $least }〜
}{ COUNT($most) }個の新しいシード
terminal-screened = 予備選別のみ
terminal-screened_on = それぞれ{ $least ->
    [none] {""}
   *[other] { $least }〜
}{ COUNT($most) }個のシード。ここからは何も主張できない
terminal-screened_left = ほかの{ $count }個は判定できない: { $names }（数値は--jsonで見られる）
terminal-class = 分類
terminal-effect = 効果
terminal-interval = 95%信頼区間
terminal-p = p
terminal-spiked = スパイク
terminal-later = 遅れ
terminal-cost = 損失差
terminal-from = 開始
terminal-outcome-removes = なくす
terminal-outcome-reduces = 小さくする
terminal-outcome-delays = 遅らせる
terminal-outcome-undecided = 判定できない
terminal-outcome-no-effect = 効果なし
terminal-outcome-worsens = 悪化させる
terminal-outcome-stops-learning = 学習が止まる
terminal-legend = 効果：スパイクの激しさのうち消えた割合と、その95%信頼区間（100は完全に消えたことを示す。区間は左右対称なので100を超えることがあるが、効果が100を超えることはない）。スパイク：スパイクが起きたリプレイの数と全体の数。遅れ：リプレイの開始からスパイクまでのステップ数が、対照の何倍か。損失差：同じステップ数での損失が、対照より何nat高いか。
terminal-legend_p = p：片側の正確な符号反転検定、多重比較はHolm法で補正。
terminal-cause = 原因
terminal-suspects = 疑わしい原因
terminal-not_tried = 試さなかった変更
terminal-took = 所要時間：{ $time }
terminal-took_in = 所要時間：{ $time }。すべての結果の保存先：

## リプレイの実行中
terminal-stage-reproduction = 完全再現
terminal-stage-null-replays = 対照（変更なし）
terminal-stage-screen = 予備選別
terminal-stage-control-spikes = 無関係なスパイク（対照）
terminal-stage-confirm = 確認
terminal-stage-reverse-test = 逆の検証
terminal-stage-screened = 予備選別
terminal-stage-confirmed = 確認済み
terminal-planned = { $stage }：最大{ COUNT($count) }回のリプレイ
terminal-done = { COUNT($count) }回完了
terminal-replayed = { $name ->
    [none] 変更なし
   *[other] { $name }
} #{ $number }{ $spiked ->
    [none] {""}
    [yes] 、スパイクあり
   *[no] 、スパイクなし
}
terminal-injected = { $name }（原因を注入）
terminal-spiked_of = 、スパイク{ $spiked }
terminal-trained = 訓練を1回実行中：{ COUNT($steps) }ステップのうち{ COUNT($step) }
terminal-seconds = { $spent }秒
terminal-seconds_of = { $seconds }秒のうち{ $spent }秒
terminal-kept = リプレイの結果は保存してある。同じコマンドで続きから再開できる

## 変更の一覧
terminal-kind = { CAPITAL(NAMED($kind, kind: "term")) }
terminal-from_start = （ステップ0からのみ）
terminal-misfit = 適用できない
terminal-hypothesis = 検証する仮説
terminal-price = 採用時のコスト
terminal-listed = 変更{ $count }件。--only NAMEで一つ、--only NAME+NAMEで二つを組み合わせて試す
terminal-listed_of = 変更{ $count }件のうち{ $fitting }件を適用できる。--only NAMEで一つ、--only NAME+NAMEで二つを組み合わせて試す
